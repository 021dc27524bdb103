#include "store/message_reader.h"

#include <algorithm>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "log/record_reader.h"
#include "log/segment_scanner.h"
#include "store/message_fetch.h"

namespace weir::internal {
namespace {

using Got = MessageFetch::Got;

// A call that matches nothing ends after so many entries: work for one call is bounded.
constexpr size_t kEntriesLookedAtMax = 16384;
constexpr uint64_t kBytesLookedAtMax = uint64_t{4} << 20;

// Whether a call has looked at so much that it ends with what it has.
bool IsTired(const MessageFetch& fetch, const ReadOptions& options) {
  return fetch.bytes_looked_at() >= std::max(kBytesLookedAtMax, options.max_bytes);
}

}  // namespace

// What was dropped behind the newest saved state is not known of a queue until somebody looks.
void MessageReader::SettleFirst(uint32_t number) const {
  const ConsumeQueue& queue = sources_.queues->queue(number);
  const uint64_t first = queue.first();
  if (first >= queue.memory_first() || sources_.log->segments().begin() == LogPosition(0)) return;
  QueueEntry entry;
  QueueCursor(sources_, number, first).Get(&entry).IgnoreError();
}

QueueBounds MessageReader::Bounds(uint32_t number) const {
  SettleFirst(number);
  return VisibleBounds(number);
}

QueueBounds MessageReader::VisibleBounds(uint32_t number) const {
  const ConsumeQueue& queue = sources_.queues->queue(number);
  QueueBounds bounds{.first = QueueOffset(queue.first()), .end = QueueOffset(queue.end())};
  // A reading process that goes on behind what was dropped knows the first one before the others.
  bounds.end = std::max(bounds.end, bounds.first);
  // Numbers are given before their messages can be seen. In the order of the log that is a border;
  // queue by queue it is the few claims that are open.
  if (sources_.log->sees_only_contiguous()) {
    uint64_t low = queue.first();
    uint64_t high = queue.end();
    while (low < high) {
      const uint64_t middle = low + (high - low) / 2;
      if (HasMore(number, middle)) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    bounds.end = QueueOffset(low);
    return bounds;
  }
  while (bounds.end > bounds.first && !HasMore(number, bounds.end.value() - 1)) {
    bounds.end = bounds.end - 1;
  }
  return bounds;
}

bool MessageReader::HasMore(uint32_t number, uint64_t offset) const {
  const ConsumeQueue& queue = sources_.queues->queue(number);
  if (offset >= queue.end()) return false;
  QueueEntry entry;
  {
    const ReaderSlots::Guard guard(*sources_.queues->readers());
    if (queue.CopyEntries(offset, 1, &entry) == 0) return true;  // in an index file: it is durable
  }
  if (entry.is_hole()) return true;
  if (sources_.log->sees_only_contiguous()) {
    return entry.position < sources_.log->ContiguousVisibleEnd();
  }
  return sources_.log->IsPublished(entry.position);
}

absl::Status MessageReader::EndOf(uint32_t number, QueueOffset offset, ReadResult& result) const {
  const QueueOffset visible = VisibleBounds(number).end;
  result.outcome_ = offset > visible ? ReadOutcome::kBeyondEnd : ReadOutcome::kAtEnd;
  result.next_offset_ = std::min(offset, visible);
  return absl::OkStatus();
}

absl::Status MessageReader::ReadInto(const Topic::Entry& topic, uint32_t queue_id,
                                     QueueOffset offset, const ReadOptions& options,
                                     const Wanted& wanted, ReadResult& result,
                                     ReadMemory& memory) const {
  const uint32_t number = topic.first_queue + queue_id;
  const ConsumeQueue& queue = sources_.queues->queue(number);
  result.next_offset_ = offset;
  if (offset.value() < queue.first()) {
    result.outcome_ = ReadOutcome::kOffsetTooSmall;
    result.next_offset_ = QueueOffset(queue.first());
    return absl::OkStatus();
  }
  const uint64_t end = queue.end();
  if (offset.value() >= end) return EndOf(number, offset, result);
  result.messages_.reserve(std::min<uint64_t>(options.max_messages, end - offset.value()));
  QueueCursor cursor(sources_, number, offset.value());
  MessageFetch fetch(*sources_.log, wanted, memory);
  uint64_t bytes = 0;
  bool skipped = false;
  for (size_t looked_at = 0; looked_at < kEntriesLookedAtMax; ++looked_at, cursor.Next()) {
    if (result.messages_.size() >= options.max_messages || IsTired(fetch, options)) break;
    QueueEntry entry;
    if (!cursor.is_at_hand()) fetch.Rest();
    ASSIGN_OR_RETURN(const QueueCursor::Outcome at, cursor.Get(&entry));
    if (at == QueueCursor::Outcome::kEnd) break;
    if (at == QueueCursor::Outcome::kTooSmall) {
      if (!result.messages_.empty()) break;
      result.outcome_ = ReadOutcome::kOffsetTooSmall;
      result.next_offset_ = QueueOffset(std::max(queue.first(), cursor.offset() + 1));
      return absl::OkStatus();
    }
    ASSIGN_OR_RETURN(const Got got, fetch.Get(entry, topic, number, cursor.offset()));
    if (got == Got::kNotYet) break;
    if (got == Got::kSkip) {
      skipped = true;
      continue;
    }
    if (got == Got::kMessage) {
      bytes += fetch.record_bytes();
      if (bytes > options.max_bytes && !result.messages_.empty()) break;
      result.messages_.emplace_back(fetch.record(), entry.position, Topic(&topic), queue_id,
                                    QueueOffset(cursor.offset()));
      continue;
    }
    if (!result.messages_.empty()) break;  // the next read meets it
    result.outcome_ = got == Got::kRemoved ? ReadOutcome::kBeingRemoved : ReadOutcome::kDamaged;
    if (got == Got::kDamaged) result.damage_ = std::move(fetch.damage());
    result.next_offset_ = QueueOffset(cursor.offset() + 1);
    if (!entry.is_hole()) return absl::OkStatus();
    // Holes come in thousands, and each would be told.
    for (cursor.Next(); looked_at < kEntriesLookedAtMax; ++looked_at, cursor.Next()) {
      const auto behind = cursor.Get(&entry);
      if (!behind.ok() || *behind != QueueCursor::Outcome::kEntry || !entry.is_hole()) break;
      result.next_offset_ = QueueOffset(cursor.offset() + 1);
    }
    return absl::OkStatus();
  }
  if (result.messages_.empty() && !skipped) return EndOf(number, offset, result);
  result.next_offset_ = QueueOffset(cursor.offset());
  result.outcome_ = result.messages_.empty() ? ReadOutcome::kNoMatch : ReadOutcome::kFound;
  return absl::OkStatus();
}

absl::StatusOr<ReadResult> MessageReader::Read(const Topic::Entry& topic, uint32_t queue_id,
                                               QueueOffset offset, const ReadOptions& options,
                                               const Wanted& wanted) const {
  ReadResult result;
  ReadMemory memory;
  RETURN_IF_ERROR(ReadInto(topic, queue_id, offset, options, wanted, result, memory));
  result.memory_ = memory.Take();
  return result;
}

absl::Status MessageReader::ReadBackwardsInto(const Topic::Entry& topic, uint32_t queue_id,
                                              QueueOffset offset, const ReadOptions& options,
                                              const Wanted& wanted, ReadResult& result,
                                              ReadMemory& memory) const {
  const uint32_t number = topic.first_queue + queue_id;
  const QueueBounds bounds = Bounds(number);
  if (offset > bounds.end) {
    result.outcome_ = ReadOutcome::kBeyondEnd;
    result.next_offset_ = bounds.end;
    return absl::OkStatus();
  }
  result.next_offset_ = offset;
  result.outcome_ = ReadOutcome::kAtEnd;
  if (offset <= bounds.first) {
    if (offset < bounds.first) result.outcome_ = ReadOutcome::kOffsetTooSmall;
    result.next_offset_ = bounds.first;
    return absl::OkStatus();
  }
  QueueCursor cursor(sources_, number, offset.value());
  MessageFetch fetch(*sources_.log, wanted, memory);
  uint64_t bytes = 0;
  uint64_t next = offset.value();
  bool skipped = false;
  for (size_t looked_at = 0; looked_at < kEntriesLookedAtMax && next > bounds.first.value();
       ++looked_at, --next) {
    if (result.messages_.size() >= options.max_messages || IsTired(fetch, options)) break;
    cursor.MoveTo(next - 1);
    QueueEntry entry;
    if (!cursor.is_at_hand()) fetch.Rest();
    ASSIGN_OR_RETURN(const QueueCursor::Outcome at, cursor.Get(&entry));
    if (at != QueueCursor::Outcome::kEntry) break;
    ASSIGN_OR_RETURN(const Got got, fetch.Get(entry, topic, number, cursor.offset()));
    if (got == Got::kSkip || got == Got::kNotYet) {
      skipped = true;
      continue;
    }
    if (got == Got::kMessage) {
      bytes += fetch.record_bytes();
      if (bytes > options.max_bytes && !result.messages_.empty()) break;
      result.messages_.emplace_back(fetch.record(), entry.position, Topic(&topic), queue_id,
                                    QueueOffset(cursor.offset()));
      continue;
    }
    if (!result.messages_.empty()) break;
    result.outcome_ = got == Got::kRemoved ? ReadOutcome::kBeingRemoved : ReadOutcome::kDamaged;
    if (got == Got::kDamaged) result.damage_ = std::move(fetch.damage());
    result.next_offset_ = QueueOffset(next - 1);
    return absl::OkStatus();
  }
  result.next_offset_ = QueueOffset(next);
  result.outcome_ = !result.messages_.empty() ? ReadOutcome::kFound
                    : skipped                 ? ReadOutcome::kNoMatch
                                              : ReadOutcome::kAtEnd;
  return absl::OkStatus();
}

absl::StatusOr<ReadResult> MessageReader::ReadBackwards(const Topic::Entry& topic,
                                                        uint32_t queue_id, QueueOffset offset,
                                                        const ReadOptions& options,
                                                        const Wanted& wanted) const {
  ReadResult result;
  ReadMemory memory;
  RETURN_IF_ERROR(ReadBackwardsInto(topic, queue_id, offset, options, wanted, result, memory));
  result.memory_ = memory.Take();
  return result;
}

absl::Status MessageReader::ReadTopicInto(const Topic::Entry& topic, LogPosition position,
                                          const ReadOptions& options, const Wanted& wanted,
                                          ReadResult& result, ReadMemory& memory) const {
  result.next_position_ = position;
  result.outcome_ = ReadOutcome::kAtEnd;
  // Whatever is claimed below this was entered into its queue before it was looked at here.
  const LogPosition bound = sources_.log->claimed_end();
  struct Way {
    LogPosition position;
    bool is_hole;  // messages before this one are lost; shown before it
    QueueEntry entry;
    size_t cursor;
    bool operator>(const Way& other) const {
      return std::pair(position, !is_hole) > std::pair(other.position, !other.is_hole);
    }
  };
  std::vector<std::unique_ptr<QueueCursor>> cursors;
  std::priority_queue<Way, std::vector<Way>, std::greater<Way>> ways;
  // Holes have no place in the log. They are shown where the message behind them begins, but not to
  // who begins to read exactly there: he was shown them before.
  const auto push = [&](size_t index) -> absl::Status {
    QueueCursor& cursor = *cursors[index];
    QueueEntry entry;
    ASSIGN_OR_RETURN(QueueCursor::Outcome outcome, cursor.Get(&entry));
    const bool is_hole = outcome == QueueCursor::Outcome::kEntry && entry.is_hole();
    while (outcome == QueueCursor::Outcome::kEntry && entry.is_hole()) {
      cursor.Next();
      ASSIGN_OR_RETURN(outcome, cursor.Get(&entry));
    }
    // What could not be looked at has no place in this order.
    RETURN_IF_ERROR(cursor.unread());
    if (outcome == QueueCursor::Outcome::kEntry && entry.position < bound) {
      ways.push({entry.position, is_hole && entry.position != position, entry, index});
    }
    return absl::OkStatus();
  };
  for (uint32_t id = 0; id < topic.queue_count; ++id) {
    const uint32_t number = topic.first_queue + id;
    if (sources_.queues->queue(number).end() == 0) continue;
    cursors.push_back(std::make_unique<QueueCursor>(sources_, number, 0));
    ASSIGN_OR_RETURN(const uint64_t offset, cursors.back()->SeekPosition(position));
    RETURN_IF_ERROR(cursors.back()->unread());
    cursors.back()->MoveTo(offset);
    RETURN_IF_ERROR(push(cursors.size() - 1));
  }
  MessageFetch fetch(*sources_.log, wanted, memory);
  uint64_t bytes = 0;
  bool skipped = false;
  LogPosition last(~uint64_t{0});
  for (size_t looked_at = 0; looked_at < kEntriesLookedAtMax && !ways.empty(); ++looked_at) {
    if (result.messages_.size() >= options.max_messages || IsTired(fetch, options)) break;
    const Way way = ways.top();
    QueueCursor& cursor = *cursors[way.cursor];
    if (way.is_hole) {
      if (!result.messages_.empty()) break;
      result.outcome_ = ReadOutcome::kDamaged;
      result.damage_ = {
          way.position, way.position,
          absl::StrCat("topic ", topic.name, ", queue ", cursor.number() - topic.first_queue,
                       ": messages before offset ", cursor.offset(),
                       " could not be found in the log")};
      result.next_position_ = way.position;
      return absl::OkStatus();
    }
    if (way.position == last) {
      // The same record in another queue of the topic.
      ways.pop();
      cursor.Next();
      if (!cursor.is_at_hand()) fetch.Rest();
      RETURN_IF_ERROR(push(way.cursor));
      continue;
    }
    ASSIGN_OR_RETURN(const Got got, fetch.Get(way.entry, topic, cursor.number(), cursor.offset()));
    if (got == Got::kNotYet) break;
    if (got == Got::kMessage) {
      bytes += fetch.record_bytes();
      if (bytes > options.max_bytes && !result.messages_.empty()) break;
      result.messages_.emplace_back(fetch.record(), way.position, Topic(&topic),
                                    cursor.number() - topic.first_queue,
                                    QueueOffset(cursor.offset()));
    } else if (got == Got::kSkip) {
      skipped = true;
    } else {
      if (!result.messages_.empty()) break;
      result.outcome_ = got == Got::kRemoved ? ReadOutcome::kBeingRemoved : ReadOutcome::kDamaged;
      // Not to the end of the damage: what stands there in another queue may be readable.
      result.next_position_ = way.position + kRecordAlignment;
      if (got == Got::kDamaged) result.damage_ = std::move(fetch.damage());
      return absl::OkStatus();
    }
    ways.pop();
    last = way.position;
    result.next_position_ = way.position + kRecordAlignment;
    cursor.Next();
    if (!cursor.is_at_hand()) fetch.Rest();
    RETURN_IF_ERROR(push(way.cursor));
  }
  if (!result.messages_.empty()) {
    result.outcome_ = ReadOutcome::kFound;
  } else if (skipped) {
    result.outcome_ = ReadOutcome::kNoMatch;
  }
  return absl::OkStatus();
}

absl::StatusOr<ReadResult> MessageReader::ReadTopic(const Topic::Entry& topic, LogPosition position,
                                                    const ReadOptions& options,
                                                    const Wanted& wanted) const {
  ReadResult result;
  ReadMemory memory;
  RETURN_IF_ERROR(ReadTopicInto(topic, position, options, wanted, result, memory));
  result.memory_ = memory.Take();
  return result;
}

absl::StatusOr<ReadResult> MessageReader::ReadAt(LogPosition position) const {
  LogView& log = *sources_.log;
  if (position < log.segments().begin()) {
    return absl::OutOfRangeError(absl::StrCat("position ", position.value(), " was dropped"));
  }
  if (position >= log.ContiguousVisibleEnd()) {
    return absl::OutOfRangeError(
        absl::StrCat("position ", position.value(), " is beyond the end of the log"));
  }
  ReadResult result;
  ReadMemory memory;
  const std::unique_ptr<FrontReader> front = log.NewFrontReader();
  RecordReader records(*front, log.segments(), memory);
  const char* record = nullptr;
  absl::StatusOr<Found> found = position.value() % kRecordAlignment == 0
                                    ? SecondLook(log).Read(records, position, &record)
                                    : absl::StatusOr<Found>(Found::kDamaged);
  if (!found.ok()) return found.status();
  front->Rest();
  if (*found == Found::kDropped) {
    return absl::OutOfRangeError(absl::StrCat("position ", position.value(), " was dropped"));
  }
  const absl::Status none =
      absl::NotFoundError(absl::StrCat("no message begins at position ", position.value()));
  if (*found != Found::kRecord) {
    // Walking from the segment's begin tells a damaged record from the middle of a whole one.
    const auto entry = log.segments().EntryAt(position);
    const auto file = log.segments().Find(position);
    if (!entry || !file.ok() || position >= entry->end()) return none;
    SegmentScanner scanner(
        **file, [&](LogPosition at, absl::Span<char> out) { return log.ReadBytes(at, out); },
        entry->begin(), std::min(entry->end(), log.ContiguousVisibleEnd()), Groups::kMembers);
    ScannedRecord scanned;
    while (scanner.position() < position) {
      const auto step = scanner.Next(&scanned);
      if (!step.ok()) return step.status();
      if (*step == SegmentScanner::Step::kEnd) return none;
      if (*step == SegmentScanner::Step::kInvalid) {
        const LogPosition begin = scanner.position();
        const auto goes_on = scanner.Resync(scanner.resync_from());
        if (!goes_on.ok()) return goes_on.status();
        if (begin <= position && (!*goes_on || scanner.position() > position)) {
          return absl::DataLossError(records.why());
        }
      }
    }
    return scanner.position() == position ? absl::DataLossError(records.why()) : none;
  }
  const RecordHeader header = LoadHeader(record);
  const Topic::Entry* const topic =
      header.queue_number == kNoQueue ? nullptr : catalogue_->OfQueue(header.queue_number);
  if (header.type != RecordType::kMessage || topic == nullptr || !DecodeParts(record)) return none;
  result.outcome_ = ReadOutcome::kFound;
  result.next_offset_ = QueueOffset(header.queue_offset + 1);
  result.next_position_ = position + header.bytes();
  result.messages_.emplace_back(record, position, Topic(topic),
                                header.queue_number - topic->first_queue,
                                QueueOffset(header.queue_offset));
  result.memory_ = memory.Take();
  return result;
}

}  // namespace weir::internal
