#include "log/tail_scan.h"

#include <algorithm>
#include <memory>
#include <optional>

#include "base/status_macros.h"
#include "log/segment_scanner.h"

namespace weir::internal {

LogPosition StepBackOverCuts(const Segments& segments, LogPosition end) {
  const std::vector<SegmentEntry> entries = segments.entries();
  for (size_t i = entries.size(); i-- > 1;) {
    if (entries[i].begin() == end && entries[i - 1].cut) end = *entries[i - 1].cut;
  }
  return end;
}

absl::StatusOr<TailScan> ScanTail(Segments& segments, LogPosition durable_end,
                                  uint64_t durable_incarnation, uint64_t incarnation) {
  TailScan scan;
  durable_end = StepBackOverCuts(segments, durable_end);
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
        std::max(durable_end, start), std::max(durable_end, entry.end()), Groups::kWhole);
    scanner.AddIncarnation(incarnation);
    scanner.AddIncarnation(durable_incarnation);
    for (;;) {
      ScannedRecord record;
      absl::StatusOr<SegmentScanner::Step> step = scanner.Next(&record);
      if (step.ok() && *step == SegmentScanner::Step::kEnd) break;
      if (step.ok() && *step == SegmentScanner::Step::kRecord) {
        if (in_gap) scan.gaps.push_back({gap, record.position});
        in_gap = false;
        scan.end = record.end();
        scan.has_records = true;
        scan.records.push_back(record.position);
        scan.last_store_time = std::max(scan.last_store_time, record.header.store_time);
        if (const auto mark = DecodeMark(record)) scan.watermark = std::max(scan.watermark, *mark);
        continue;
      }
      // An unreadable stretch is a gap like any other.
      if (!in_gap) gap = scanner.position() == start ? scan.end : scanner.position();
      in_gap = true;
      const absl::StatusOr<bool> goes_on =
          step.ok() ? scanner.Resync(scanner.resync_from()) : absl::StatusOr<bool>(false);
      if (!goes_on.ok() || !*goes_on) break;
    }
  }
  scan.watermark = StepBackOverCuts(segments, scan.watermark);
  if (in_gap) scan.end = gap;
  return scan;
}

}  // namespace weir::internal
