#include "log/log_syncer.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/guarded.h"
#include "base/mutant.h"
#include "base/status_macros.h"

namespace weir::internal {

absl::Status LogSyncer::Judge(const absl::Status& status) {
  if (absl::IsResourceExhausted(status) || absl::IsUnavailable(status)) {
    health_->Raise(Condition::kDiskFull, status.message());
  } else if (!status.ok()) {
    health_->Raise(Condition::kFailed, status.message());
  }
  return status;
}

void LogSyncer::PlaceMark() {
  const LogPosition durable = front_->durable_end();
  // While a claim holds the durable end up, each try would add a mark until the front is full.
  if (durable == marked_ || Without(Protection::kMarks)) return;
  constexpr uint32_t kMarkBytes = kRecordHeaderBytes + kMarkBodyBytes;
  struct MarkStamp {
    const Front& front;
    // Under the append lock, so the end stands still. A mark begins no segment.
    bool Ready() const {
      const uint64_t used = front.claimed_end().value() & (front.segment_bytes() - 1);
      const uint64_t left = front.segment_bytes() - used;
      return used != 0 && (left == kMarkBytes || left >= kMarkBytes + kRecordHeaderBytes);
    }
    uint64_t messages() const { return 0; }
    void operator()(LogPosition, char* memory, int64_t time) const {
      WriteStamp(memory, {.bytes = kMarkBytes, .type = RecordType::kMark, .store_time = time});
    }
  };
  Reservation mark;
  // No room: then there is no mark. Nothing ever waits for one.
  if (!front_->TryClaim(kMarkBytes, 0, MarkStamp{*front_}, &mark)) return;
  // It tells of what lies before it, or nobody would believe it.
  HOLDS(durable <= mark.position);
  HOLDS(mark.size == kMarkBytes);
  WriteParts(mark.bytes, {}, 0, kMarkBodyBytes);
  ByteWriter body(mark.bytes + kRecordHeaderBytes);
  body.Put(durable.value());
  body.Put(last_sync_.load(std::memory_order_acquire));
  const int32_t word = Seal(mark.bytes, mark.position, front_->incarnation());
  if (AnyBroken()) return SealVoid(mark.bytes, mark.position, front_->incarnation());
  Publish(mark.bytes, word);
  marked_ = durable;
  Count(counters_->marks);
}

absl::Status LogSyncer::Sync() {
  RETURN_IF_ERROR(ReplacePoisoned());
  if (front_->claimed_end() == front_->durable_end()) return absl::OkStatus();
  PlaceMark();
  // What is appended from here on is for the next sync: nobody waits for the bytes of others.
  const LogPosition wanted = front_->claimed_end();
  progress_->BeginSync(wanted);
  absl::Status written;
  {
    MutexLock lock(writer_->step());
    written = writer_->WriteUpTo(wanted);
  }
  if (!written.ok()) {
    if (absl::IsResourceExhausted(written) || absl::IsInternal(written)) return written;
    const uint64_t replaced = counters_->replacements.load(std::memory_order_relaxed);
    RETURN_IF_ERROR(ReplacePoisoned());
    // What no replacement cures is an error: nothing goes on from here.
    if (counters_->replacements.load(std::memory_order_relaxed) == replaced) return Judge(written);
  }
  const LogPosition target = front_->written_end();
  ENSURE(target >= front_->durable_end());
  if (target == front_->durable_end()) return absl::OkStatus();
  const uint64_t appends = front_->appends();
  const int64_t begun = clock_->MonotonicNanos();
  RETURN_IF_ERROR(SyncFiles(target));
  // What a step broke on the way was perhaps what makes a sync good for anything.
  RETURN_IF_ERROR(Broken());
  if (lost_->Touching(front_->durable_end(), target)) {
    // What does not verify is damage below the durable end and the end of the log above it: nobody
    // is told that what stands behind is durable before an open behind a power loss would know.
    RETURN_IF_ERROR(SaveDurableEnd(target));
  }
  front_->set_durable_end(Without(Protection::kSampledEnd) ? front_->written_end() : target);
  counters_->sync_nanos.Record(static_cast<uint64_t>(clock_->MonotonicNanos() - begun));
  counters_->appends_per_sync.Record(appends - std::exchange(synced_appends_, appends));
  Count(counters_->syncs);
  last_sync_.store(clock_->WallNanos(), std::memory_order_release);
  ENSURE(front_->HasOrderedEnds());
  health_->Clear(Condition::kDiskFull);
  return SaveSuperblock(/*idle=*/false);
}

absl::Status LogSyncer::SyncFiles(LogPosition target) {
  LogPosition at = segments_->BeginOf(front_->durable_end());
  while (at < target) {
    const std::shared_ptr<SegmentFile> file = segments_->FindOpen(at);
    if (file == nullptr && segments_->EntryAt(at)) {
      // Either it cannot be opened, or it was closed before it was synced: then who opens it does
      // not know what was written.
      RETURN_IF_ERROR(Judge(segments_->Find(at).status()));
      ENSURE(file != nullptr);
    }
    if (file != nullptr) {
      const uint64_t end = file->written_end.load(std::memory_order_acquire);
      ENSURE(end <= file->limit().value());
      if (end > file->synced_end.load(std::memory_order_acquire)) {
        absl::Status synced = Without(Protection::kSegmentSync) ? absl::OkStatus() : file->Sync();
        if (!synced.ok() && Without(Protection::kPoisonedSync)) synced = file->Sync();
        if (synced.ok()) {
          file->synced_end.store(
              Without(Protection::kSampledFileEnd) ? file->written_end.load() : end,
              std::memory_order_release);
        } else {
          file->is_poisoned.store(true, std::memory_order_release);
          // The replacement is synced as a whole.
          RETURN_IF_ERROR(ReplacePoisoned());
        }
      }
    }
    at = segments_->BeginOf(at) + segments_->segment_bytes();
  }
  return absl::OkStatus();
}

absl::Status LogSyncer::ReplacePoisoned() {
  for (const SegmentEntry& entry : segments_->entries()) {
    const std::shared_ptr<SegmentFile> file = segments_->FindOpen(entry.begin());
    if (file == nullptr || !file->is_poisoned.load(std::memory_order_acquire)) continue;
    MutexLock lock(writer_->step());
    front_->HoldReclaim(true);
    const absl::Status replaced =
        Guarded([&] { return replacer_.Replace(file, front_->front_begin()); });
    // Until it is replaced, what the front has of it may be the only copy.
    front_->HoldReclaim(!replaced.ok() && !Without(Protection::kFailedRingKept));
    if (!replaced.ok()) return Judge(replaced);
    const std::shared_ptr<SegmentFile> replacement = segments_->FindOpen(entry.begin());
    ENSURE(replacement != nullptr && !replacement->is_poisoned.load(std::memory_order_acquire));
    ENSURE(replacement->written_end.load() == replacement->synced_end.load());
    Count(counters_->replacements);
  }
  return absl::OkStatus();
}

absl::Status LogSyncer::SaveSuperblock(bool idle) {
  const Superblock saved = superblock_->current();
  const LogPosition durable = front_->durable_end();
  const bool rolled = segments_->BeginOf(saved.durable_end) != segments_->BeginOf(durable);
  if (!rolled && !(idle && saved.durable_end != durable)) return absl::OkStatus();
  return SaveDurableEnd(durable);
}

absl::Status LogSyncer::SaveDurableEnd(LogPosition durable) {
  const std::shared_ptr<SegmentFile> file = segments_->FindOpen(durable);
  ENSURE(durable <= front_->written_end());
  ENSURE(durable >= superblock_->current().log_begin);
  return Judge(superblock_->Update([&](Superblock& block) {
    block.durable_end = durable;
    block.durable_incarnation =
        file != nullptr ? file->IncarnationAt(durable) : front_->incarnation();
    block.prepared_end = std::max(segments_->prepared_end(), durable);
    // A border that no file begins at yet.
    block.prepared_end = LogPosition((block.prepared_end.value() + segments_->segment_bytes() - 1) &
                                     ~(segments_->segment_bytes() - 1));
    block.last_sync = last_sync_.load(std::memory_order_acquire);
    block.last_store_time = front_->last_store_time();
  }));
}

}  // namespace weir::internal
