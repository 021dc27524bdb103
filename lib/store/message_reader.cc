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

namespace weir::internal {
namespace {

// A call that matches nothing ends after so many entries: work for one call is bounded.
constexpr size_t kEntriesLookedAtMax = 16384;

// Whether the record belongs to that offset of that queue.
bool IsOf(const DecodedParts& parts, const RecordHeader& header, uint32_t number, uint64_t offset) {
  if (header.queue_number == number && header.queue_offset == offset) return true;
  for (uint32_t i = 0; i < parts.further_queue_count; ++i) {
    const FurtherQueue further = parts.further_queue(i);
    if (further.number == number) return further.offset == offset;
  }
  return false;
}

}  // namespace

// One call's way to its records.
class MessageReader::Fetch {
 public:
  // `memory` outlives the views.
  Fetch(const MessageReader& reader, const TagSet& tags, ReadMemory& memory)
      : log_(*reader.sources_.log),
        tags_(tags),
        front_(log_.NewFrontReader()),
        records_(*front_, log_.segments(), memory),
        visible_end_(log_.sees_only_contiguous() ? log_.ContiguousVisibleEnd()
                                                 : LogPosition(~uint64_t{0})) {}

  absl::StatusOr<Got> Get(const QueueEntry& entry, const Topic::Entry& topic, uint32_t number,
                          uint64_t offset) {
    if (entry.is_hole()) {
      damage_ = {LogPosition(0), LogPosition(0),
                 absl::StrCat("topic ", topic.name, ", queue ", number - topic.first_queue,
                              ", offset ", offset, ": its record could not be found in the log")};
      return Got::kDamaged;
    }
    if (entry.position >= visible_end_) return Got::kNotYet;
    if (!tags_.MayMatch(entry.filter)) return Got::kSkip;
    const char* record = nullptr;
    ASSIGN_OR_RETURN(const Found found, records_.Read(entry.position, &record));
    if (found == Found::kUnpublished) return Got::kNotYet;
    if (found == Found::kDropped) return Got::kRemoved;
    if (found != Found::kRecord) return Damaged(entry.position, records_.why());
    const RecordHeader header = LoadHeader(record);
    if (header.type == RecordType::kVoid) return Got::kSkip;
    const auto parts = DecodeParts(record);
    if (header.type != RecordType::kMessage || !parts || !IsOf(*parts, header, number, offset)) {
      return Damaged(entry.position, absl::StrCat("the record at ", entry.position.value(),
                                                  " is not the one that its queue says"));
    }
    if (!tags_.Matches(parts->tag)) return Got::kSkip;
    record_ = record;
    bytes_ = header.bytes();
    return Got::kMessage;
  }

  // Of the last kMessage.
  const char* record() const { return record_; }
  uint32_t record_bytes() const { return bytes_; }
  DamagedRange& damage() { return damage_; }
  void Rest() { front_->Rest(); }

 private:
  absl::StatusOr<Got> Damaged(LogPosition position, absl::string_view why) {
    front_->Rest();
    damage_ = {position, position + kRecordAlignment, std::string(why)};
    // Where the next record stands is where the damage ends.
    const auto entry = log_.segments().EntryAt(position);
    const auto file = log_.segments().Find(position);
    if (entry && file.ok()) {
      SegmentScanner scanner(
          **file, [this](LogPosition at, absl::Span<char> out) { return log_.ReadBytes(at, out); },
          position, std::min(entry->end(), log_.ContiguousVisibleEnd()), Groups::kMembers);
      const auto found = scanner.Resync(position + kRecordAlignment);
      damage_.end = found.ok() && *found
                        ? scanner.position()
                        : std::max(damage_.end, std::min(entry->end(), log_.claimed_end()));
    }
    return Got::kDamaged;
  }

  LogView& log_;
  const TagSet& tags_;
  const std::unique_ptr<FrontReader> front_;
  RecordReader records_;
  const LogPosition visible_end_;
  const char* record_ = nullptr;
  uint32_t bytes_ = 0;
  DamagedRange damage_;
};

QueueBounds MessageReader::Bounds(uint32_t number) const {
  const ConsumeQueue& queue = sources_.queues->queue(number);
  QueueBounds bounds{.first = QueueOffset(queue.first()), .end = QueueOffset(queue.end())};
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

absl::Status MessageReader::ReadInto(const Topic::Entry& topic, uint32_t queue_id,
                                     QueueOffset offset, const ReadOptions& options,
                                     const TagSet& tags, ReadResult& result,
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
  if (offset.value() >= end) {
    const QueueOffset visible = Bounds(number).end;
    result.outcome_ = offset > visible ? ReadOutcome::kBeyondEnd : ReadOutcome::kAtEnd;
    if (offset > visible) result.next_offset_ = visible;
    return absl::OkStatus();
  }
  result.messages_.reserve(std::min<uint64_t>(options.max_messages, end - offset.value()));
  QueueCursor cursor(sources_, number, offset.value());
  Fetch fetch(*this, tags, memory);
  uint64_t bytes = 0;
  bool skipped = false;
  for (size_t looked_at = 0; looked_at < kEntriesLookedAtMax; ++looked_at, cursor.Next()) {
    if (result.messages_.size() >= options.max_messages) break;
    QueueEntry entry;
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
    return absl::OkStatus();
  }
  result.next_offset_ = QueueOffset(cursor.offset());
  result.outcome_ = !result.messages_.empty() ? ReadOutcome::kFound
                    : skipped                 ? ReadOutcome::kNoMatch
                                              : ReadOutcome::kAtEnd;
  return absl::OkStatus();
}

absl::StatusOr<ReadResult> MessageReader::Read(const Topic::Entry& topic, uint32_t queue_id,
                                               QueueOffset offset, const ReadOptions& options,
                                               const TagSet& tags) const {
  ReadResult result;
  ReadMemory memory;
  RETURN_IF_ERROR(ReadInto(topic, queue_id, offset, options, tags, result, memory));
  result.memory_ = memory.Take();
  return result;
}

absl::Status MessageReader::ReadBackwardsInto(const Topic::Entry& topic, uint32_t queue_id,
                                              QueueOffset offset, const ReadOptions& options,
                                              const TagSet& tags, ReadResult& result,
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
  Fetch fetch(*this, tags, memory);
  uint64_t bytes = 0;
  uint64_t next = offset.value();
  bool skipped = false;
  for (size_t looked_at = 0; looked_at < kEntriesLookedAtMax && next > bounds.first.value();
       ++looked_at, --next) {
    if (result.messages_.size() >= options.max_messages) break;
    cursor.MoveTo(next - 1);
    QueueEntry entry;
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
                                                        const TagSet& tags) const {
  ReadResult result;
  ReadMemory memory;
  RETURN_IF_ERROR(ReadBackwardsInto(topic, queue_id, offset, options, tags, result, memory));
  result.memory_ = memory.Take();
  return result;
}

absl::Status MessageReader::ReadTopicInto(const Topic::Entry& topic, LogPosition position,
                                          const ReadTopicOptions& options, const TagSet& tags,
                                          ReadResult& result, ReadMemory& memory) const {
  result.next_position_ = position;
  result.outcome_ = ReadOutcome::kAtEnd;
  // Whatever is claimed below this was entered into its queue before it was looked at here.
  const LogPosition bound = sources_.log->claimed_end();
  struct Way {
    LogPosition position;
    QueueEntry entry;
    size_t cursor;
    bool operator>(const Way& other) const { return position > other.position; }
  };
  std::vector<std::unique_ptr<QueueCursor>> cursors;
  std::priority_queue<Way, std::vector<Way>, std::greater<Way>> ways;
  // A hole is shown where the message behind it begins, or at the end.
  const auto push = [&](size_t index) -> absl::Status {
    QueueEntry entry;
    ASSIGN_OR_RETURN(const QueueCursor::Outcome outcome, cursors[index]->Get(&entry));
    if (outcome == QueueCursor::Outcome::kEntry && (entry.is_hole() || entry.position < bound)) {
      ways.push({entry.is_hole() ? result.next_position_ : entry.position, entry, index});
    }
    return absl::OkStatus();
  };
  for (uint32_t id = 0; id < topic.queue_count; ++id) {
    const uint32_t number = topic.first_queue + id;
    if (sources_.queues->queue(number).end() == 0) continue;
    cursors.push_back(std::make_unique<QueueCursor>(sources_, number, 0));
    ASSIGN_OR_RETURN(const uint64_t offset, cursors.back()->SeekPosition(position));
    cursors.back()->MoveTo(offset);
    RETURN_IF_ERROR(push(cursors.size() - 1));
  }
  Fetch fetch(*this, tags, memory);
  uint64_t bytes = 0;
  bool skipped = false;
  LogPosition last(~uint64_t{0});
  for (size_t looked_at = 0; looked_at < kEntriesLookedAtMax && !ways.empty(); ++looked_at) {
    if (result.messages_.size() >= options.max_messages) break;
    const Way way = ways.top();
    QueueCursor& cursor = *cursors[way.cursor];
    if (!way.entry.is_hole() && way.position == last) {
      // The same record in another queue of the topic.
      ways.pop();
      cursor.Next();
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
      if (got == Got::kDamaged) result.damage_ = std::move(fetch.damage());
      if (!way.entry.is_hole()) {
        result.next_position_ = way.position + kRecordAlignment;
        return absl::OkStatus();
      }
      // A hole has no place in the log: it is told once, with the messages around it.
      result.outcome_ = ReadOutcome::kAtEnd;
      skipped = true;
    }
    ways.pop();
    if (!way.entry.is_hole()) {
      last = way.position;
      result.next_position_ = way.position + kRecordAlignment;
    }
    cursor.Next();
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
                                                    const ReadTopicOptions& options,
                                                    const TagSet& tags) const {
  ReadResult result;
  ReadMemory memory;
  RETURN_IF_ERROR(ReadTopicInto(topic, position, options, tags, result, memory));
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
                                    ? records.Read(position, &record)
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
    if (!entry || !file.ok()) return none;
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
