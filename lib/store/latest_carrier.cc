#include "store/latest_carrier.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/guarded.h"
#include "base/mutant.h"
#include "base/schedule.h"
#include "base/status_macros.h"
#include "log/read_memory.h"
#include "store/message_fetch.h"
#include "store/wanted.h"

namespace weir::internal {
namespace {

// Appends that were under way when the place was claimed are published within microseconds; for
// whoever takes longer the place is given up.
constexpr int kLooksMax = 1000;
constexpr int kTriesMax = 16;

}  // namespace

absl::StatusOr<uint64_t> LatestCarrier::Carry(LogPosition below) {
  uint64_t carried_bytes = 0;
  for (bool more = true; more;) {
    ASSIGN_OR_RETURN(const uint64_t bytes, CarrySome(below, &more));
    carried_bytes += bytes;
  }
  return carried_bytes;
}

absl::StatusOr<uint64_t> LatestCarrier::CarrySome(LogPosition below, bool* more) {
  ENSURE(below <= parts_.log->front().durable_end());
  // All but the newest records, so that not much is left to be fed while a place is claimed.
  RETURN_IF_ERROR(parts_.indexer->DigestVisible().status());
  uint64_t carried_bytes = 0;
  while (carried_bytes < kBytesPerStep) {
    const std::optional<LatestKeys::Named> oldest = parts_.keys->FindOldest(below);
    *more = oldest.has_value();
    if (!*more) break;
    ASSIGN_OR_RETURN(const uint64_t bytes, CarryOne(*oldest));
    carried_bytes += bytes;
    // It would be carried for ever.
    ENSURE(!parts_.keys->IsNewest(*oldest));
  }
  return carried_bytes;
}

absl::StatusOr<uint64_t> LatestCarrier::CarryOne(const LatestKeys::Named& named) {
  // What was appended while its topic was being deleted, and what was copied then.
  if (parts_.keys->IsOfDeleted(named)) {
    parts_.keys->Forget(named);
    return 0;
  }
  const Wanted all;
  ReadMemory memory;
  MessageFetch fetch(*parts_.view, all, memory);
  ASSIGN_OR_RETURN(const MessageFetch::Got got, fetch.GetKept(named.kept.place));
  fetch.Rest();
  // What cannot be read now must not go for that.
  if (got == MessageFetch::Got::kDamaged && fetch.is_unread()) {
    return absl::DataLossError(fetch.damage().reason);
  }
  if (got == MessageFetch::Got::kDamaged) {
    parts_.log->health().Raise(Condition::kDamage, fetch.damage().reason);
  }
  MessageCopy copy = fetch.kept();
  const auto parts = got == MessageFetch::Got::kMessage ? DecodeParts(copy.message) : std::nullopt;
  // What is damaged or gone cannot be carried. By the clock that no jump makes old: this is for
  // good.
  const bool is_wanted = parts && copy.first == named.kept.first && FirstKey(*parts) == named.key &&
                         parts->expiry > parts_.clock->Now(parts_.log->front().last_store_time());
  if (!is_wanted) {
    parts_.keys->Forget(named);
    return 0;
  }
  if (copy.first == named.kept.place) {
    const std::optional<uint64_t> incarnation =
        FindIncarnation(*parts_.view, copy.message, copy.first);
    if (!incarnation) {
      return absl::DataLossError(
          absl::StrCat("nobody knows who wrote the record at ", copy.first.value()));
    }
    copy.incarnation = *incarnation;
  }
  copy.queue_number = named.kept.queue_number;
  return Append(named, copy);
}

absl::StatusOr<LatestCarrier::Verdict> LatestCarrier::Judge(const LatestKeys::Named& named,
                                                            LogPosition place) {
  Front& front = parts_.log->front();
  for (int looks = 0; looks < kLooksMax; ++looks) {
    const LogPosition end = front.PublishedEnd();
    if (RecordStart(end, front.segment_bytes()) >= place) {
      RETURN_IF_ERROR(parts_.indexer->FollowTo(end));
      return parts_.keys->IsNewest(named) ? Verdict::kNewest : Verdict::kSuperseded;
    }
    MayYield();
  }
  return Verdict::kUnfinished;
}

absl::StatusOr<uint64_t> LatestCarrier::Append(const LatestKeys::Named& named,
                                               const MessageCopy& copy) {
  CommitLog& log = *parts_.log;
  ENSURE(copy.message != nullptr && named.kept.copy_bytes > 0);
  const uint32_t bytes = CopyRecordBytes(copy.message_bytes);
  const auto stamp = [&](LogPosition, char* memory, int64_t time) {
    StampCopy(memory, bytes, time);
  };
  for (int tries = 0; tries < kTriesMax; ++tries) {
    // Who holds a claim would wait for himself.
    RETURN_IF_ERROR(log.CheckMayWait());
    Reservation place;
    RETURN_IF_ERROR(log.Claim(bytes, log.clock().WallNanos(), kNever, ReserveStamp{stamp}, &place));
    const absl::StatusOr<Verdict> verdict = Guarded([&] { return Judge(named, place.position); });
    if (!verdict.ok() || *verdict != Verdict::kNewest) {
      log.Abandon(place);
      log.doorbell().RingLog();
      if (!verdict.ok()) return verdict.status();
      if (*verdict == Verdict::kSuperseded) return 0;
      // Whatever is in the way is finished then.
      RETURN_IF_ERROR(log.Flush(kNever));
      continue;
    }
    HOLDS(place.position > named.kept.place);
    const int32_t word = FillCopy(place.bytes, place.position, log.incarnation(), copy);
    if (!CommitLog::MayPublish(place, word)) return log.GiveUp(place);
    log.Publish(place, word);
    log.doorbell().RingLog();
    copies_.fetch_add(1, std::memory_order_relaxed);
    // Else the key would be met again at once.
    RETURN_IF_ERROR(parts_.indexer->FollowTo(place.end()));
    return place.size;
  }
  return absl::UnavailableError("appends that take long stood before each place for a copy");
}

}  // namespace weir::internal
