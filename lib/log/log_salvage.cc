#include "log/log_salvage.h"

#include <algorithm>
#include <optional>

#include "base/status_macros.h"
#include "log/log_scanner.h"

namespace weir::internal {
namespace {

// So many missing files in a row get a file each, which says of its range that it is lost. A log
// that seems to lack more is cut there instead: a stray name must not fill a directory.
constexpr uint64_t kMissingFilesMax = 4096;

}  // namespace

absl::Status LogSalvage::Walk(
    absl::FunctionRef<absl::Status(const ScannedRecord&, uint64_t incarnation)> on_record,
    absl::FunctionRef<absl::Status(const DamagedRange&)> on_damage) {
  LogScanner scanner(source_, begin_, end_);
  scanner.AddIncarnations(incarnations_);
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) return absl::OkStatus();
    if (step == LogScanner::Step::kDamage) {
      RETURN_IF_ERROR(on_damage(damage));
    } else {
      RETURN_IF_ERROR(on_record(record, scanner.IncarnationAt(record.position)));
    }
  }
}

absl::Status LogSalvage::Enter(LogPosition segment_begin, Copy& copy) {
  LogPosition predecessor_end = segment_begin;
  // A file that is missing goes on as the one before it ended.
  uint64_t incarnation = copy.superblock.durable_incarnation;
  if (copy.segment != nullptr) {
    if (copy.segment->begin() == segment_begin) return absl::OkStatus();
    const LogPosition before = copy.segment->begin();
    ENSURE(before < segment_begin);
    const LogPosition limit = copy.segment->limit();
    RETURN_IF_ERROR(copy.segment->Finish(limit));
    incarnation = copy.segment->incarnation();
    copy.superblock.last_store_time = copy.segment->last_store_time();
    if (limit != segment_begin) {
      const std::optional<SegmentEntry> entry = source_.segments().EntryAt(before);
      predecessor_end = entry ? entry->end() : limit;
    }
  }
  ENSURE(predecessor_end <= segment_begin);
  const auto file = source_.segments().Find(segment_begin);
  if (file.ok()) incarnation = (*file)->header().incarnation;
  if (!copy.has_segment) copy.superblock.log_begin = segment_begin;
  copy.has_segment = true;
  ASSIGN_OR_RETURN(copy.segment,
                   SalvagedSegment::Create(copy.directory,
                                           {.store = copy.superblock.store,
                                            .segment_bytes = copy.superblock.segment_bytes,
                                            .begin = segment_begin,
                                            .generation = 0,
                                            .incarnation = incarnation,
                                            .predecessor_end = predecessor_end},
                                           copy.superblock.last_store_time, copy.stand_ins));
  return absl::OkStatus();
}

absl::Status LogSalvage::Cover(const DamagedRange& range, Copy& copy) {
  const uint64_t segment_bytes = copy.superblock.segment_bytes;
  const Segments& segments = source_.segments();
  ENSURE(range.begin < range.end);
  LogPosition segment = segments.BeginOf(range.begin);
  if ((range.end - segment) / segment_bytes > kMissingFilesMax) {
    segment = segments.BeginOf(range.end);
  }
  for (; segment < range.end; segment = segment + segment_bytes) {
    const LogPosition from = std::max(range.begin, segment + kSegmentHeaderBytes);
    const LogPosition to = std::min(range.end, segment + segment_bytes);
    RETURN_IF_ERROR(Enter(segment, copy));
    ENSURE(copy.segment->begin() == segment);
    if (from < to) RETURN_IF_ERROR(copy.segment->Cover(from, to));
  }
  return absl::OkStatus();
}

absl::StatusOr<Superblock> LogSalvage::CopyTo(Directory& target, const Superblock& superblock,
                                              std::list<StandIn>* stand_ins) {
  Copy copy{.directory = target, .superblock = superblock, .stand_ins = stand_ins};
  copy.superblock.log_begin = begin_;
  RETURN_IF_ERROR(Walk(
      [&](const ScannedRecord& record, uint64_t incarnation) -> absl::Status {
        RETURN_IF_ERROR(Enter(source_.segments().BeginOf(record.position), copy));
        return copy.segment->Write(record, incarnation);
      },
      [&](const DamagedRange& range) { return Cover(range, copy); }));
  const bool at_border = end_.value() % superblock.segment_bytes == 0;
  if (!at_border) RETURN_IF_ERROR(Enter(source_.segments().BeginOf(end_), copy));
  Superblock& made = copy.superblock;
  made.durable_end = end_;
  made.prepared_end = at_border ? end_ : source_.segments().BeginOf(end_) + made.segment_bytes;
  ENSURE(made.log_begin <= made.durable_end);
  ENSURE(made.store == superblock.store);
  if (copy.segment != nullptr) {
    RETURN_IF_ERROR(copy.segment->Finish(end_));
    made.durable_incarnation = copy.segment->incarnation();
    made.last_store_time = copy.segment->last_store_time();
  }
  RETURN_IF_ERROR(target.Sync());
  return made;
}

}  // namespace weir::internal
