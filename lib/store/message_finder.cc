#include "store/message_finder.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "log/record_reader.h"
#include "log/segment_scanner.h"
#include "store/message_fetch.h"
#include "store/wanted.h"

namespace weir::internal {
namespace {

using Got = MessageFetch::Got;

// A search that finds nothing ends after so many records: work for one call is bounded.
constexpr size_t kRecordsLookedAtMax = 4096;
// So many candidates are asked for at once.
constexpr size_t kCandidatesMax = 64;

constexpr int64_t kLatest = std::numeric_limits<int64_t>::max();

// Store times are whole nanoseconds; the first that is not before `time`, and the first behind it.
int64_t FirstNotBefore(absl::Time time) {
  const int64_t nanos = absl::ToUnixNanos(time);
  return absl::FromUnixNanos(nanos) < time && nanos < kLatest ? nanos + 1 : nanos;
}
// Empty: no time is.
std::optional<int64_t> FirstBehind(absl::Time time) {
  const int64_t nanos = absl::ToUnixNanos(time);  // rounded down
  return nanos == kLatest ? std::nullopt : std::optional(nanos + 1);
}

// The first of the message's queues that belongs to the topic.
std::optional<FurtherQueue> QueueIn(const Topic::Entry& topic, const RecordHeader& header,
                                    const DecodedParts& parts) {
  const QueueRange queues{topic.first_queue, topic.queue_count};
  if (queues.has(header.queue_number))
    return FurtherQueue{header.queue_number, header.queue_offset};
  for (uint32_t i = 0; i < parts.further_queue_count; ++i) {
    if (queues.has(parts.further_queue(i).number)) return parts.further_queue(i);
  }
  return std::nullopt;
}

bool HasKey(const DecodedParts& parts, absl::string_view key) {
  if (Without(Protection::kKeyCompared)) return true;
  const auto keys = DecodeKeys(parts);
  return std::find(keys.begin(), keys.end(), key) != keys.end();
}

// Whether the log was cut before `position` and went on behind it, in another segment.
bool WasCutOff(const Segments& segments, LogPosition position) {
  const std::vector<SegmentEntry> entries = segments.entries();
  const auto behind = std::upper_bound(
      entries.begin(), entries.end(), position,
      [](LogPosition at, const SegmentEntry& entry) { return at < entry.begin(); });
  if (behind == entries.begin()) return false;
  const SegmentEntry& entry = *std::prev(behind);
  return entry.cut && position >= *entry.cut;
}

}  // namespace

MessageFinder::MessageFinder(const QueueSources& sources, const Digests* digests,
                             const MessageReader* reader)
    : sources_(sources),
      reader_(*reader),
      sealed_(sources.log, sources.indexer, sources.files),
      keys_(&sealed_, digests, sources.log->segments().segment_bytes()),
      times_(sources.log, &sealed_, digests) {}

// --- By key

// One call of FindByKey().
struct MessageFinder::Search {
  const Topic::Entry& topic;
  absl::string_view key;
  const FindOptions& options;
  LogPosition visible_end;
  int64_t first_time;                // of [first_time, times_end)
  std::optional<int64_t> times_end;  // empty: all that are not before

  bool IsInTime(int64_t time) const {
    return time >= first_time && (!times_end || time < *times_end);
  }
};

// Makes the part of the log that is looked through smaller: messages of these times lie in it, as
// far as bounds and samples tell.
absl::Status MessageFinder::NarrowByTime(const Search& search, KeyLookup::Wanted* wanted) const {
  if (search.options.from != absl::InfinitePast()) {
    const auto first = times_.StretchOf(search.first_time, search.visible_end);
    if (!first.ok() && !IsUnreadable(first.status())) return first.status();
    if (first.ok()) wanted->begin = std::max(wanted->begin, first->begin);
  }
  if (search.times_end) {
    const auto behind = times_.StretchOf(*search.times_end, search.visible_end);
    if (!behind.ok() && !IsUnreadable(behind.status())) return behind.status();
    if (behind.ok()) wanted->end = std::min(wanted->end, behind->end);
  }
  return absl::OkStatus();
}

// What is left of it when the search has come to `position`.
void MessageFinder::GoOnBehind(LogPosition position, KeyLookup::Wanted* wanted) {
  if (wanted->newest_first) {
    wanted->end = std::min(wanted->end, position);
  } else {
    wanted->begin = std::max(wanted->begin, std::min(position, wanted->end) + 1);
  }
}

absl::Status MessageFinder::SearchKey(const Search& search, FindResult& result,
                                      ReadMemory& memory) const {
  const FindOptions& options = search.options;
  KeyLookup::Wanted wanted{.first_queue = search.topic.first_queue,
                           .key = search.key,
                           .begin = sources_.log->segments().begin(),
                           .end = search.visible_end,
                           .newest_first = options.newest_first};
  RETURN_IF_ERROR(NarrowByTime(search, &wanted));
  if (const auto place = options.cursor.position()) GoOnBehind(*place, &wanted);
  const Wanted all;
  MessageFetch fetch(*sources_.log, all, memory);
  uint64_t bytes = 0;
  for (size_t looked_at = 0; looked_at < kRecordsLookedAtMax;) {
    wanted.max = std::min<size_t>(kCandidatesMax, options.limit - result.size());
    ASSIGN_OR_RETURN(KeyLookup::Candidates found, keys_.Find(wanted));
    for (DamagedRange& range : found.unreadable) {
      // A segment that is looked into again is not told again.
      const bool is_told = std::any_of(result.damage_.begin(), result.damage_.end(),
                                       [&](const auto& known) { return known.end == range.end; });
      if (!is_told) result.damage_.push_back(std::move(range));
    }
    for (const LogPosition position : found.positions) {
      ASSIGN_OR_RETURN(const Got got, fetch.GetAt(position));
      ++looked_at;
      if (got == Got::kDamaged) result.damage_.push_back(std::move(fetch.damage()));
      if (got == Got::kMessage) {
        const RecordHeader header = LoadHeader(fetch.record());
        const auto parts = DecodeParts(fetch.record());
        const auto queue = QueueIn(search.topic, header, *parts);
        if (queue && search.IsInTime(header.store_time) && HasKey(*parts, search.key) &&
            !fetch.IsExpired(*parts)) {
          bytes += fetch.record_bytes();
          if (bytes > options.max_bytes && !result.empty()) return absl::OkStatus();
          result.messages_.emplace_back(fetch.record(), position, Topic(&search.topic),
                                        queue->number - search.topic.first_queue,
                                        QueueOffset(queue->offset));
        }
      }
      result.next_ = FindCursor(position);
      GoOnBehind(position, &wanted);
    }
    fetch.Rest();
    result.is_done_ = found.is_all;
    if (found.is_all || result.size() == options.limit) break;
  }
  return absl::OkStatus();
}

absl::StatusOr<FindResult> MessageFinder::FindByKey(const Topic::Entry& topic,
                                                    absl::string_view key,
                                                    const FindOptions& options) {
  ASSIGN_OR_RETURN(const LogPosition visible_end, sources_.indexer->DigestVisible());
  FindResult result;
  result.next_ = options.cursor;
  ReadMemory memory;
  RETURN_IF_ERROR(SearchKey({.topic = topic,
                             .key = key,
                             .options = options,
                             .visible_end = visible_end,
                             .first_time = FirstNotBefore(options.from),
                             .times_end = FirstBehind(options.to)},
                            result, memory));
  result.memory_ = memory.Take();
  return result;
}

// --- By id

absl::StatusOr<MessageId> MessageFinder::IdOf(LogPosition position) const {
  LogView& log = *sources_.log;
  ReadMemory memory;
  const std::unique_ptr<FrontReader> front = log.NewFrontReader();
  RecordReader records(*front, log.segments(), memory);
  const absl::Status none =
      absl::NotFoundError(absl::StrCat("no message begins at position ", position.value()));
  if (position.value() % kRecordAlignment != 0) return none;
  const char* record = nullptr;
  ASSIGN_OR_RETURN(const Found found, SecondLook(log).Read(records, position, &record));
  front->Rest();
  if (found == Found::kDropped) {
    return absl::OutOfRangeError(absl::StrCat("position ", position.value(), " was dropped"));
  }
  if (found != Found::kRecord) return none;
  if (LoadHeader(record).type != RecordType::kMessage) return none;
  const std::optional<uint64_t> incarnation = FindIncarnation(log, record, position);
  if (!incarnation) return none;
  return MessageId{
      .store = log.segments().store(), .incarnation = *incarnation, .position = position};
}

absl::StatusOr<ReadResult> MessageFinder::FindById(const MessageId& id) const {
  LogView& log = *sources_.log;
  if (id.store != log.segments().store()) {
    return absl::InvalidArgumentError("the id is of a message of another store");
  }
  const LogPosition place = id.position;
  for (bool again = true;; again = false) {
    absl::StatusOr<ReadResult> result = reader_.ReadAt(place);
    if (result.ok() &&
        Verify((*result)[0].record(), (*result)[0].record_bytes(), place, id.incarnation)) {
      return result;
    }
    // A process that reads may not have seen yet who writes now.
    if (again) {
      ASSIGN_OR_RETURN(const bool has_looked, log.LookAgain());
      if (has_looked) continue;
    }
    return WhyMissing(id, place, result.status());
  }
}

absl::Status MessageFinder::WhyMissing(const MessageId& id, LogPosition place,
                                       const absl::Status& status) const {
  LogView& log = *sources_.log;
  const absl::Status taken = absl::DataLossError(
      absl::StrCat("a power loss took the message that was appended at position ",
                   id.position.value(), "; it was never confirmed to be on the disk"));
  if (status.ok()) return taken;  // somebody else wrote there
  if (absl::IsOutOfRange(status)) {
    const bool is_to_come = place < log.claimed_end() || id.incarnation == log.CurrentIncarnation();
    return place < log.segments().begin() || is_to_come ? status : taken;
  }
  if (!absl::IsNotFound(status)) return status;
  if (WasCutOff(log.segments(), place)) return taken;
  const absl::StatusOr<std::shared_ptr<SegmentFile>> found = log.segments().Find(place);
  if (absl::IsNotFound(found.status())) return absl::DataLossError(found.status().message());
  RETURN_IF_ERROR(found.status());
  const std::shared_ptr<SegmentFile>& file = *found;
  if (!file->incarnations_are_complete()) RETURN_IF_ERROR(CompleteIncarnations(*file));
  const bool is_of_file = id.incarnation == file->IncarnationAt(place);
  return is_of_file || id.incarnation == log.CurrentIncarnation() ? status : taken;
}

// --- By time

absl::StatusOr<LogPosition> MessageFinder::PositionForTime(absl::Time time) {
  ASSIGN_OR_RETURN(const LogPosition visible_end, sources_.indexer->DigestVisible());
  return times_.FirstNotOlder(FirstNotBefore(time), visible_end);
}

// The last message before `offset`; the queue's first offset if there is none.
absl::StatusOr<QueueOffset> MessageFinder::LastBefore(const Topic::Entry& topic, uint32_t queue_id,
                                                      QueueOffset offset) const {
  const ReadOptions one{.max_messages = 1};
  for (;;) {
    ASSIGN_OR_RETURN(const ReadResult result,
                     reader_.ReadBackwards(topic, queue_id, offset, one, Wanted()));
    switch (result.outcome()) {
      case ReadOutcome::kFound:
        return result[0].queue_offset();
      case ReadOutcome::kDamaged:  // it was a message, whatever it said
      case ReadOutcome::kOffsetTooSmall:
        return result.next_offset();
      case ReadOutcome::kNoMatch:
      case ReadOutcome::kBeingRemoved:
        break;
      default:
        return reader_.Bounds(topic.first_queue + queue_id).first;
    }
    if (result.next_offset() >= offset) return result.next_offset();
    offset = result.next_offset();
  }
}

absl::StatusOr<QueueOffset> MessageFinder::OffsetForTime(const Topic::Entry& topic,
                                                         uint32_t queue_id, absl::Time time,
                                                         Boundary boundary) {
  ASSIGN_OR_RETURN(const LogPosition visible_end, sources_.indexer->DigestVisible());
  const bool is_lower = boundary == Boundary::kLower;
  const std::optional<int64_t> nanos = is_lower ? FirstNotBefore(time) : FirstBehind(time);
  LogPosition position = visible_end;
  if (nanos) {
    ASSIGN_OR_RETURN(position, times_.FirstNotOlder(*nanos, visible_end));
  }
  const uint32_t number = topic.first_queue + queue_id;
  QueueCursor cursor(sources_, number, 0);
  ASSIGN_OR_RETURN(const uint64_t offset, cursor.SeekPosition(position));
  RETURN_IF_ERROR(cursor.unread());
  const QueueOffset begin = std::min(QueueOffset(offset), reader_.Bounds(number).end);
  Border border{.behind_older = begin, .not_older = begin};
  if (position == visible_end) {
    ASSIGN_OR_RETURN(border, BorderFrom(topic, queue_id, begin, nanos));
  }
  return is_lower ? border.behind_older : LastBefore(topic, queue_id, border.not_older);
}

// Behind an open claim a queue shows messages that the log as a whole does not show yet. How old a
// claimed one will be is known of those alone that have an older one behind them.
absl::StatusOr<MessageFinder::Border> MessageFinder::BorderFrom(
    const Topic::Entry& topic, uint32_t queue_id, QueueOffset offset,
    std::optional<int64_t> nanos) const {
  const QueueOffset end = reader_.Bounds(topic.first_queue + queue_id).end;
  Border border{.behind_older = offset, .not_older = std::max(offset, end)};
  if (!nanos) return Border{border.not_older, border.not_older};
  while (offset < end) {
    ASSIGN_OR_RETURN(const ReadResult result, reader_.Read(topic, queue_id, offset, {}, Wanted()));
    for (const MessageView& message : result) {
      if (absl::ToUnixNanos(message.store_time()) >= *nanos) {
        border.not_older = message.queue_offset();
        return border;
      }
      border.behind_older = message.queue_offset() + 1;
    }
    offset = std::max(result.next_offset(), offset + 1);
  }
  return border;
}

absl::StatusOr<TimeBounds> MessageFinder::BoundsOf(const Topic::Entry& topic,
                                                   uint32_t queue_id) const {
  const ReadOptions one{.max_messages = 1};
  const QueueBounds bounds = reader_.Bounds(topic.first_queue + queue_id);
  std::optional<absl::Time> earliest;
  for (QueueOffset at = bounds.first; at < bounds.end && !earliest;) {
    ASSIGN_OR_RETURN(const ReadResult result, reader_.Read(topic, queue_id, at, one, Wanted()));
    if (!result.empty()) earliest = result[0].store_time();
    at = std::max(result.next_offset(), at + 1);  // over claims that are open
  }
  std::optional<absl::Time> latest;
  for (QueueOffset at = bounds.end; at > bounds.first && !latest;) {
    ASSIGN_OR_RETURN(const ReadResult result,
                     reader_.ReadBackwards(topic, queue_id, at, one, Wanted()));
    if (!result.empty()) latest = result[0].store_time();
    if (result.next_offset() >= at) break;
    at = result.next_offset();
  }
  if (!earliest || !latest) {
    return absl::NotFoundError(
        absl::StrCat("queue ", queue_id, " of topic ", topic.name, " has no message"));
  }
  return TimeBounds{*earliest, *latest};
}

absl::StatusOr<TimeBounds> MessageFinder::BoundsOfStore() {
  RETURN_IF_ERROR(sources_.indexer->DigestVisible().status());
  ASSIGN_OR_RETURN(const StoreTimes times, times_.Bounds());
  if (times.is_empty) return absl::NotFoundError("the store has no message");
  return TimeBounds{absl::FromUnixNanos(times.first), absl::FromUnixNanos(times.last)};
}

}  // namespace weir::internal
