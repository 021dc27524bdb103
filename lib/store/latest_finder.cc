#include "store/latest_finder.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/message_copy.h"
#include "format/record.h"
#include "store/wanted.h"

namespace weir::internal {
namespace {

using Got = MessageFetch::Got;

// One call looks at so many keys at most; so many are asked for at once.
constexpr size_t kKeysLookedAtMax = 4096;
constexpr size_t kKeysAtOnce = 64;

absl::Status CheckCompacted(const Topic::Entry& topic) {
  if (topic.is_compacted) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("topic ", topic.name, " is not compacted"));
}

MessageView ViewOf(const MessageFetch& fetch, const Topic::Entry& topic,
                   const LatestKeys::Kept& kept) {
  return {fetch.record(), fetch.kept().first, Topic(&topic), kept.queue_number - topic.first_queue,
          QueueOffset(kept.queue_offset)};
}

}  // namespace

absl::StatusOr<Got> LatestFinder::Fetch(MessageFetch& fetch, const Topic::Entry& topic,
                                        absl::string_view key, bool is_last_look,
                                        LatestKeys::Kept* kept) const {
  for (bool again = true;; again = false) {
    ASSIGN_OR_RETURN(const Got got, fetch.GetKept(kept->place));
    if (got == Got::kDamaged) return got;
    if (got == Got::kMessage) {
      const auto parts = DecodeParts(fetch.record());
      if (fetch.kept().first != kept->first || FirstKey(*parts) != key) {
        return absl::DataLossError(absl::StrCat("the record at ", kept->place.value(),
                                                " is not the message that its key says"));
      }
      return fetch.IsExpired(*parts) ? Got::kSkip : got;
    }
    if (got == Got::kRemoved) RETURN_IF_ERROR(log_.LookAgain().status());
    const std::optional<LatestKeys::Kept> now = keys_.Find(topic.first_queue, key);
    if (!now) return Got::kSkip;
    const bool has_moved = now->place != kept->place;
    *kept = *now;
    if (has_moved && again) continue;
    if (is_last_look) return Got::kSkip;
    return absl::AbortedError(absl::StrCat("position ", kept->place.value(), " is being removed"));
  }
}

absl::StatusOr<ReadResult> LatestFinder::Latest(const Topic::Entry& topic, absl::string_view key,
                                                bool is_last_look) {
  RETURN_IF_ERROR(CheckCompacted(topic));
  RETURN_IF_ERROR(indexer_.DigestVisible().status());
  const absl::Status none = absl::NotFoundError(
      absl::StrCat("topic ", topic.name, " has no message of key ", absl::CHexEscape(key)));
  std::optional<LatestKeys::Kept> kept = keys_.Find(topic.first_queue, key);
  if (!kept) return none;
  const Wanted all;
  ReadMemory memory;
  MessageFetch fetch(log_, all, memory);
  ASSIGN_OR_RETURN(const Got got, Fetch(fetch, topic, key, is_last_look, &*kept));
  if (got == Got::kDamaged) return absl::DataLossError(fetch.damage().reason);
  if (got != Got::kMessage) return none;
  ReadResult result;
  result.outcome_ = ReadOutcome::kFound;
  result.next_offset_ = QueueOffset(kept->queue_offset + 1);
  result.messages_.push_back(ViewOf(fetch, topic, *kept));
  result.memory_ = memory.Take();
  return result;
}

absl::StatusOr<LatestResult> LatestFinder::ReadLatest(const Topic::Entry& topic,
                                                      const LatestCursor& cursor,
                                                      const LatestOptions& options,
                                                      bool is_last_look) {
  RETURN_IF_ERROR(CheckCompacted(topic));
  RETURN_IF_ERROR(indexer_.DigestVisible().status());
  LatestResult result;
  result.next_ = cursor;
  const Wanted all;
  ReadMemory memory;
  uint64_t bytes = 0;
  for (size_t looked_at = 0; looked_at < kKeysLookedAtMax && result.size() < options.limit;) {
    const size_t wanted = std::min<size_t>(kKeysAtOnce, options.limit - result.size());
    std::vector<LatestKeys::Named> keys =
        keys_.List(topic.first_queue, result.next_.key().value_or(""), wanted);
    // Not before: it sees no more than what is visible when it is made.
    MessageFetch fetch(log_, all, memory);
    for (LatestKeys::Named& named : keys) {
      ++looked_at;
      ASSIGN_OR_RETURN(const Got got, Fetch(fetch, topic, named.key, is_last_look, &named.kept));
      if (got == Got::kDamaged) result.damage_.push_back(std::move(fetch.damage()));
      if (got == Got::kMessage) {
        bytes += fetch.record_bytes();
        if (bytes > options.max_bytes && !result.empty()) {
          result.memory_ = memory.Take();
          return result;
        }
        result.messages_.push_back(ViewOf(fetch, topic, named.kept));
      }
      result.next_ = LatestCursor(std::move(named.key));
    }
    result.is_done_ = keys.size() < wanted;
    if (result.is_done_) break;
  }
  result.memory_ = memory.Take();
  return result;
}

// --- By id

absl::StatusOr<MessageCopy> LatestFinder::LoadCopy(LogPosition first, ReadMemory& memory) const {
  const absl::Status none = absl::NotFoundError(
      absl::StrCat("no copy is known of a message at position ", first.value()));
  const Wanted all;
  MessageFetch fetch(log_, all, memory);
  // Twice: it may be carried on between the look and the read.
  for (int looks = 0; looks < 2; ++looks) {
    const std::optional<LogPosition> place = keys_.FindCopy(first);
    if (!place) return none;
    ASSIGN_OR_RETURN(const Got got, fetch.GetKept(*place));
    fetch.Rest();
    if (got == Got::kDamaged) return absl::DataLossError(fetch.damage().reason);
    if (got == Got::kMessage && fetch.kept().first == first) return fetch.kept();
    if (got == Got::kRemoved) RETURN_IF_ERROR(log_.LookAgain().status());
  }
  return absl::AbortedError(absl::StrCat("the copy of ", first.value(), " is being removed"));
}

absl::StatusOr<ReadResult> LatestFinder::FindCopy(const MessageId& id) const {
  ReadMemory memory;
  ASSIGN_OR_RETURN(const MessageCopy copy, LoadCopy(id.position, memory));
  const RecordHeader header = LoadHeader(copy.message);
  const Topic::Entry* const topic = catalogue_.OfQueue(header.queue_number);
  if (copy.incarnation != id.incarnation || topic == nullptr) {
    return absl::NotFoundError(absl::StrCat("the message that was appended at position ",
                                            id.position.value(), " has another id"));
  }
  ReadResult result;
  result.outcome_ = ReadOutcome::kFound;
  result.next_offset_ = QueueOffset(header.queue_offset + 1);
  result.next_position_ = copy.first + header.bytes();
  result.messages_.emplace_back(copy.message, copy.first, Topic(topic),
                                header.queue_number - topic->first_queue,
                                QueueOffset(header.queue_offset));
  result.memory_ = memory.Take();
  return result;
}

absl::StatusOr<MessageId> LatestFinder::IdOfCopy(LogPosition first) const {
  ReadMemory memory;
  ASSIGN_OR_RETURN(const MessageCopy copy, LoadCopy(first, memory));
  return MessageId{
      .store = log_.segments().store(), .incarnation = copy.incarnation, .position = first};
}

}  // namespace weir::internal
