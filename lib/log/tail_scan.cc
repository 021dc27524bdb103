#include "log/tail_scan.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/mutant.h"
#include "base/status_macros.h"
#include "log/segment_scanner.h"

namespace weir::internal {
namespace {

// A log that is durable up to the first record behind a cut is durable up to the cut: between the
// two there is nothing.
LogPosition StepBackOverCuts(const Segments& segments, LogPosition durable) {
  const std::vector<SegmentEntry> entries = segments.entries();
  for (size_t i = entries.size(); i-- > 1;) {
    if (!entries[i - 1].cut) continue;
    if (durable == entries[i].begin() + kSegmentHeaderBytes) durable = *entries[i - 1].cut;
  }
  return durable;
}

void NoteOffsets(const char* record, LogPosition position, TailScan& scan) {
  const RecordHeader header = LoadHeader(record);
  if (header.queue_number == kNoQueue) return;
  scan.offsets.push_back({position, header.queue_number, header.queue_offset});
  const auto queues = DecodeQueues(record);
  for (uint32_t i = 0; queues && i < queues->further_queue_count; ++i) {
    const FurtherQueue further = queues->further_queue(i);
    scan.offsets.push_back({position, further.number, further.offset});
  }
}

void NoteRecord(const ScannedRecord& record, TailScan& scan) {
  scan.records.push_back(record.position);
  if (record.header.type != RecordType::kGroup) {
    return NoteOffsets(record.bytes, record.position, scan);
  }
  for (uint32_t at = kRecordHeaderBytes; at < record.header.bytes();) {
    NoteOffsets(record.bytes + at, record.position + at, scan);
    at += LoadHeader(record.bytes + at).bytes();
  }
}

}  // namespace

LogPosition StepOverCuts(const Segments& segments, LogPosition end) {
  const std::vector<SegmentEntry> entries = segments.entries();
  for (size_t i = 0; i + 1 < entries.size(); ++i) {
    if (entries[i].cut == end) end = entries[i + 1].begin() + kSegmentHeaderBytes;
  }
  return end;
}

absl::StatusOr<TailScan> ScanTail(Segments& segments, LogPosition durable_end,
                                  uint64_t durable_incarnation, uint64_t incarnation) {
  TailScan scan;
  scan.watermark = durable_end;
  scan.end = durable_end;
  // The gap that is open, as far as `in_gap`.
  bool in_gap = false;
  LogPosition gap;
  for (const SegmentEntry& entry : segments.entries()) {
    if (entry.limit <= durable_end) continue;
    const LogPosition start = entry.begin() + kSegmentHeaderBytes;
    const absl::StatusOr<std::shared_ptr<SegmentFile>> file = segments.Find(entry.begin());
    if (!file.ok()) {
      // Too few descriptors are no damage: the next open may have them.
      if (!IsUnreadable(file.status())) return file.status();
      if (IsFromDevice(file.status())) scan.unread = file.status();
      // Only what the log has reached: a file prepared further on holds nothing, and may have been
      // on its way to another name when the power went.
      if (scan.end >= entry.begin()) scan.unreadable.push_back(entry);
      if (!in_gap) gap = scan.end;
      in_gap = true;
      continue;
    }
    if (durable_end > start && (*file)->IncarnationAt(durable_end) != durable_incarnation) {
      (*file)->ChangeIncarnation(durable_end, durable_incarnation);
    }
    SegmentScanner scanner(
        **file,
        [&](LogPosition at, absl::Span<char> out) {
          scan.bytes_read += out.size();
          return (*file)->ReadZeroFilled(at, out);
        },
        std::max(durable_end, start), std::max(durable_end, entry.end()),
        Without(Protection::kWholeGroups) ? Groups::kMembers : Groups::kWhole);
    // Without an answer the zeros behind the file are looked at too.
    const absl::StatusOr<FileStatus> status = (*file)->Stat();
    if (status.ok()) scanner.set_data_end(entry.begin() + status->size);
    scanner.AddIncarnation(incarnation);
    scanner.AddIncarnation(durable_incarnation);
    for (;;) {
      ScannedRecord record;
      absl::StatusOr<SegmentScanner::Step> step = scanner.Next(&record);
      if (!step.ok() && !IsUnreadable(step.status())) return step.status();
      if (step.ok() && *step == SegmentScanner::Step::kEnd) break;
      if (step.ok() && *step == SegmentScanner::Step::kRecord) {
        if (in_gap) scan.gaps.push_back({gap, record.position});
        in_gap = false;
        scan.end = record.end();
        scan.has_records = true;
        scan.has_leftovers = false;
        if (!scan.gaps.empty()) NoteRecord(record, scan);
        scan.last_store_time = std::max(scan.last_store_time, record.header.store_time);
        if (const auto mark = DecodeMark(record)) {
          scan.watermark = std::max(scan.watermark, mark->durable_end);
          scan.last_sync = std::max(scan.last_sync, mark->synced_at);
        }
        continue;
      }
      if (scanner.resync_from() > scanner.position() + kRecordAlignment) scan.has_leftovers = true;
      // An unreadable stretch is a gap like any other.
      if (!in_gap) gap = scanner.position() == start ? scan.end : scanner.position();
      in_gap = true;
      ASSIGN_OR_RETURN(const bool goes_on, scanner.Resync(scanner.resync_from()));
      if (!goes_on) break;
    }
    if (!scanner.unread().ok()) scan.unread = scanner.unread();
  }
  scan.watermark = StepBackOverCuts(segments, scan.watermark);
  if (in_gap) scan.end = gap;
  return scan;
}

}  // namespace weir::internal
