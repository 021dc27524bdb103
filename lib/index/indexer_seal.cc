// Of the indexer: how a segment that is durable as a whole moves from memory into its index file.

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/guarded.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "index/indexer.h"
#include "index/segment_runs.h"
#include "log/segment_file.h"

namespace weir::internal {

absl::StatusOr<RunLinks> Indexer::LinksFor(uint32_t number, RunLink tail,
                                           LogPosition segment_begin) {
  const LogPosition log_begin = log_->segments().begin();
  absl::StatusOr<RunLinks> links = LinksForNewRun(*files_, number, tail, log_begin);
  if (IsUnreadable(links.status())) {
    // No damage of an old file may stop the sealing of all that comes.
    const absl::Status repaired = Repair(tail.segment_begin);
    if (!repaired.ok() && (!IsLost(repaired) || IsFromDevice(repaired))) return repaired;
    links = LinksForNewRun(*files_, number, tail, log_begin);
  }
  if (!IsLost(links.status())) return links;
  // The run before is lost; those before it need not be.
  ASSIGN_OR_RETURN(const std::optional<RunLocation> older, search_.Newest(number, segment_begin));
  if (!older) return RunLinks{};
  links = LinksForNewRun(*files_, number, {older->segment_begin, older->run.first}, log_begin);
  if (IsLost(links.status())) return RunLinks{};
  return links;
}

// False: there is nothing to seal yet.
absl::StatusOr<bool> Indexer::BeginSeal(LogPosition durable_end) {
  const std::optional<SegmentEntry> entry = log_->segments().GoOn(sealed_end());
  if (Without(Protection::kSealedWhenDurable)) durable_end = log_->written_end();
  // A cut segment is whole below its cut; the next one's begin is durable then.
  if (!entry || entry->limit > durable_end) return false;
  ENSURE(entry->limit > sealed_end());
  if (digested_end() < entry->limit && !Without(Protection::kKeysSealed)) {
    ASSIGN_OR_RETURN(const bool more, DigestSome(entry->limit));
    if (more) return true;
  }
  const absl::StatusOr<IndexIdentity> identity = IdentityOf(entry->begin());
  if (absl::IsOutOfRange(identity.status())) {
    // Nothing of the segment can be read: its offsets are holes of the next run.
    sealed_end_.store(entry->limit.value(), std::memory_order_release);
    digests_->ForgetBelow(entry->limit);
    return true;
  }
  if (!identity.ok()) return identity.status();
  ENSURE(identity->records_end <= durable_end);
  seal_.emplace(*entry, *identity, queues_, &voids_, observer_,
                [this, begin = entry->begin()](uint32_t number, RunLink tail) {
                  return LinksFor(number, tail, begin);
                });
  return true;
}

absl::Status Indexer::WriteSeal(SegmentSeal& seal) {
  const LogPosition begin = seal.segment().begin();
  ENSURE(seal.segment().limit > sealed_end());
  RETURN_IF_ERROR(snapshots_.AddTo(seal));
  RETURN_IF_ERROR(seal.writer().WriteTo(log_->segments().directory(), IndexFileName(begin)));
  ENSURE(seal.identity().segment_end == seal.segment().limit);
  files_->Register(begin, seal.identity());
  seal.set_written();
  return absl::OkStatus();
}

// What this takes out of memory no second seal of the segment would find: from the first queue on
// it is gone on with, also when there was no memory in its middle. A queue may be done twice.
void Indexer::FinishSeal() {
  for (const SealedRun& run : seal_->runs()) {
    queues_->ForgetBelow(run.number, run.end, run.link);
    HOLDS(queues_->queue(run.number).memory_first() == run.end);
  }
  const LogPosition limit = seal_->segment().limit;
  HOLDS(limit >= sealed_end());  // equal: there was no memory for what comes behind
  // Who looks for keys takes the digests first and then asks what is sealed.
  sealed_end_.store(limit.value(), std::memory_order_release);
  digests_->ForgetBelow(limit);
  voids_.ForgetBelow(limit);
  EndSeal(/*succeeded=*/true);
}

void Indexer::EndSeal(bool succeeded) {
  if (!HOLDS(seal_.has_value())) return;
  HOLDS(succeeded == (sealed_end() >= seal_->segment().limit));
  observer_->OnSealed(succeeded);
  seal_.reset();
  if (!succeeded) snapshots_.RequestFull();  // nobody has what this file was to hold
}

absl::StatusOr<bool> Indexer::SealNext(LogPosition durable_end) {
  queues_->Reuse();
  if (!seal_) {
    ASSIGN_OR_RETURN(const bool has_begun, BeginSeal(durable_end));
    if (!seal_) return has_begun;
  }
  if (!seal_->has_digest()) {
    RETURN_IF_ERROR(
        seal_->AddDigest(digests_->Find(seal_->segment().begin()).get(), digests_->hash_seed()));
  }
  if (!seal_->is_written()) {
    ASSIGN_OR_RETURN(const bool more, seal_->Collect());
    if (more) return true;
    RETURN_IF_ERROR(WriteSeal(*seal_));
  }
  FinishSeal();
  queues_->Reuse();
  queues_->chunks().Replenish();
  return true;
}

absl::StatusOr<bool> Indexer::SealSome(LogPosition durable_end) {
  MutexLock lock(step_);
  ENSURE(observer_ != nullptr);
  const LogPosition before = sealed_end();
  if (!unread_.ok()) return false;
  absl::StatusOr<bool> more =
      Guarded([&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return SealNext(durable_end); });
  HOLDS(sealed_end() >= before);
  if (more.ok()) {
    if (!seal_) health_->Clear(Condition::kIndex);
    return more;
  }
  // All that was collected is collected again.
  if (seal_ && !seal_->is_written()) EndSeal(/*succeeded=*/false);
  health_->Raise(Condition::kIndex, more.status().message());
  return more;
}

}  // namespace weir::internal
