// Recovery from the front of the process that died: nothing is cut.

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/front_adoption.h"
#include "log/recoverer.h"
#include "log/segment_replacer.h"
#include "log/segment_scanner.h"

namespace weir::internal {

// A file that the adopted front goes on in has lost its header: a new one is made of what verifies
// in the front and in the file.
absl::Status Recoverer::ReplaceUnreadable(Front& front) {
  for (const SegmentEntry& entry : segments_.entries()) {
    const bool is_needed = entry.limit > front.front_begin() && entry.begin() < front.claimed_end();
    if (!is_needed) continue;
    // Only what is no header at all: a file of a newer format is nobody's to replace.
    const absl::Status found = segments_.Find(entry.begin()).status();
    if (!absl::IsDataLoss(found)) continue;
    if (IsFromDevice(found)) return WhyNotOpened(found);
    const std::string name = SegmentFileName(entry.name);
    absl::StatusOr<std::unique_ptr<File>> file =
        context_.directory.Open(name, OpenMode::kReadWrite);
    if (!file.ok()) continue;  // not a file: it is reported where it is missed
    RETURN_IF_ERROR(Damage({entry.begin(), entry.begin() + kSegmentHeaderBytes,
                            absl::StrCat(found.message(), "; it is made anew")}));
    const auto failed =
        std::make_shared<SegmentFile>(name,
                                      SegmentHeader{.store = saved_.store,
                                                    .segment_bytes = saved_.segment_bytes,
                                                    .begin = entry.begin(),
                                                    .generation = entry.name.generation,
                                                    .incarnation = incarnation_,
                                                    .predecessor_end = entry.begin()},
                                      *std::move(file), segments_.cache().NewFile());
    SegmentReplacer replacer(&front, &segments_, &context_.health, &context_.lost);
    ENSURE(failed->begin() == entry.begin());
    RETURN_IF_ERROR(replacer.Replace(failed, front.front_begin()));
    ENSURE(segments_.FindOpen(entry.begin()) != nullptr);
  }
  return absl::OkStatus();
}

// The files that an adopted front goes on in must say of its records which incarnation they have.
absl::Status Recoverer::MatchIncarnations(const Front& front) {
  const LogPosition claimed = front.claimed_end();
  // Files that were prepared before this incarnation name another one; they are prepared again.
  for (const SegmentEntry& entry : segments_.entries()) {
    if (entry.begin() < claimed) continue;
    const absl::StatusOr<std::shared_ptr<SegmentFile>> file = segments_.Find(entry.begin());
    if (file.ok() && (*file)->header().incarnation == incarnation_) continue;
    for (const SegmentName& name : segments_.TakeFrom(entry.begin())) {
      segments_.AddSpare(SegmentFileName(name));
    }
    break;
  }
  // The open records may stand in the front only. They are the first that a process claims.
  LogPosition at = front.written_end();
  const std::shared_ptr<SegmentFile> active = segments_.FindOpen(at);
  if (active == nullptr || at <= active->begin()) return absl::OkStatus();
  while (at < claimed && LoadHeader(front.At(at)).type == RecordType::kOpen) {
    const ScannedRecord record{at, front.At(at), LoadHeader(front.At(at))};
    if (const auto open = DecodeOpen(record)) {
      active->ChangeIncarnation(open->from, open->incarnation);
    }
    ENSURE(record.end() > at);
    at = record.end();
  }
  ENSURE(at <= claimed);
  // Who died before the first append left no open records: they are still to be written.
  if (at == claimed && front.front_begin() == claimed &&
      active->IncarnationAt(claimed) != incarnation_) {
    log_.announce_behind = active->IncarnationAt(claimed);
  }
  return absl::OkStatus();
}

// The same boot and the dead process's own front: nothing is cut.
absl::Status Recoverer::Adopt(std::unique_ptr<SharedMemory> memory, const std::string& directory) {
  scan_.last_store_time = saved_.last_store_time;
  const auto& header = *reinterpret_cast<const FrontHeader*>(memory->header());
  const LogPosition watermark =
      std::max(saved_.durable_end, LogPosition(header.durable_end.load(std::memory_order_acquire)));
  auto front = std::make_unique<Front>(std::move(memory), saved_.segment_bytes, incarnation_);
  // Nothing checks the ends in a front. If this one is early, files that are closed for good would
  // have to be synced.
  if (watermark <= front->written_end()) front->set_durable_end(watermark);
  // The active file may hold records of earlier incarnations: its open records say from where on.
  const absl::StatusOr<std::shared_ptr<SegmentFile>> file = segments_.Find(saved_.durable_end);
  if (IsFromDevice(file.status())) return WhyNotOpened(file.status());
  if (file.ok() && (*file)->header().incarnation != incarnation_) {
    RETURN_IF_ERROR(CompleteIncarnations(**file));
  }
  std::vector<DamagedRange> overwritten;
  log_.report.voided_claims = SettleClaims(*front, &overwritten);
  RETURN_IF_ERROR(Broken());
  ENSURE(front->HasOrderedEnds());
  for (DamagedRange& range : overwritten) RETURN_IF_ERROR(Damage(std::move(range)));
  RETURN_IF_ERROR(ReplaceUnreadable(*front));
  const size_t damage_before = log_.report.damage.size();
  RETURN_IF_ERROR(WriteAgain(watermark, front->written_end(), front.get()));
  // What the files have is read from them from now on, as after any other open: no copy in memory
  // hides a damage that the next open would meet.
  if (log_.report.damage.size() == damage_before) front->LeaveWritten();
  // The writer goes on here, in this object.
  const absl::StatusOr<std::shared_ptr<SegmentFile>> active =
      segments_.Find(std::min(front->written_end(), front->claimed_end()));
  if (!active.ok() && !IsUnreadable(active.status())) return active.status();
  RETURN_IF_ERROR(MatchIncarnations(*front));
  for (const SegmentEntry& entry : segments_.entries()) {
    const std::shared_ptr<SegmentFile> open = segments_.FindOpen(entry.begin());
    if (open == nullptr) continue;
    const LogPosition start = entry.begin() + kSegmentHeaderBytes;
    const uint64_t end = std::max(start, std::min(entry.end(), front->written_end())).value();
    open->written_end.store(end, std::memory_order_release);
    open->synced_end.store(end, std::memory_order_release);
  }
  // Nothing was called durable that its files were not synced for.
  ENSURE(front->durable_end() <= watermark);
  front->RaiseLastStoreTime(scan_.last_store_time);
  log_.report.front_adopted = true;
  log_.report.end = front->claimed_end();
  log_.front_directory = directory;
  log_.front = std::move(front);
  return context_.superblock.Update([&](Superblock& block) {
    if (block.incarnation != incarnation_) {
      block.incarnation = incarnation_;
      block.next_incarnation = context_.file_system.RandomBits();
    }
    block.boot = boot_;
    block.front = FrontKind::kShared;
    block.front_directory = directory;
    block.is_clean = false;
    block.durable_end = std::max(block.durable_end, watermark);
    const std::shared_ptr<SegmentFile> durable = segments_.FindOpen(block.durable_end);
    block.durable_incarnation =
        durable != nullptr ? durable->IncarnationAt(block.durable_end) : incarnation_;
    block.prepared_end = std::max(block.prepared_end, segments_.prepared_end());
    block.last_store_time = log_.front->last_store_time();
  });
}

}  // namespace weir::internal
