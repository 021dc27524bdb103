#include "store/message_fetch.h"

#include <algorithm>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "log/segment_scanner.h"

namespace weir::internal {
namespace {

// Whether the record belongs to that offset of that queue, as its first one.
bool IsOf(const RecordHeader& header, uint32_t number, uint64_t offset) {
  return header.queue_number == number && header.queue_offset == offset;
}
// The same, or as a further one.
bool IsOf(const DecodedParts& parts, const RecordHeader& header, uint32_t number, uint64_t offset) {
  return OffsetIn(header, parts, number) == offset;
}

}  // namespace

std::optional<uint64_t> FindIncarnation(LogView& log, const char* record, LogPosition position) {
  const auto file = log.segments().Find(position);
  for (const uint64_t incarnation :
       {log.CurrentIncarnation(), file.ok() ? (*file)->IncarnationAt(position) : 0}) {
    if (Verify(record, LoadHeader(record).bytes(), position, incarnation)) return incarnation;
  }
  return std::nullopt;
}

MessageFetch::MessageFetch(LogView& log, const Wanted& wanted, ReadMemory& memory)
    : log_(log),
      wanted_(wanted),
      front_(log_.NewFrontReader()),
      records_(*front_, log_.segments(), memory),
      visible_end_(log_.sees_only_contiguous() ? log_.ContiguousVisibleEnd()
                                               : LogPosition(~uint64_t{0})) {}

absl::StatusOr<MessageFetch::Got> MessageFetch::Get(const QueueEntry& entry,
                                                    const Topic::Entry& topic, uint32_t number,
                                                    uint64_t offset) {
  if (entry.is_hole()) {
    damage_ = {LogPosition(0), LogPosition(0),
               absl::StrCat("topic ", topic.name, ", queue ", number - topic.first_queue,
                            ", offset ", offset, ": its record could not be found in the log")};
    return Got::kDamaged;
  }
  const bool is_visible = entry.position < visible_end_ || Without(Protection::kVisibleEnd);
  if (is_visible && !wanted_.MayHave(entry.filter)) {
    return IsThere(entry.position) ? Got::kSkip : Got::kNotYet;
  }
  const char* record = nullptr;
  ASSIGN_OR_RETURN(const Got got, Load(entry.position, &record));
  if (got != Got::kMessage) return got;
  const RecordHeader header = LoadHeader(record);
  const MessageView message(record, entry.position, Topic(&topic), number - topic.first_queue,
                            QueueOffset(offset));
  if (IsPlain(header) && IsOf(header, number, offset)) {
    return Take(record, header, {}, message);
  }
  if (header.type == RecordType::kVoid) return Got::kSkip;
  const auto parts = DecodeParts(record);
  if (header.type != RecordType::kMessage || !parts || !IsOf(*parts, header, number, offset)) {
    return Damaged(entry.position, absl::StrCat("the record at ", entry.position.value(),
                                                " is not the one that its queue says"));
  }
  return Take(record, header, *parts, message);
}

MessageFetch::Got MessageFetch::Take(const char* record, const RecordHeader& header,
                                     const DecodedParts& parts, const MessageView& message) {
  bytes_looked_at_ += header.bytes();
  if (IsExpired(parts) || !wanted_.Has(parts) || !wanted_.IsAccepted(message)) return Got::kSkip;
  record_ = record;
  bytes_ = header.bytes();
  return Got::kMessage;
}

bool MessageFetch::IsExpired(const DecodedParts& parts) {
  if (parts.expiry == kNeverExpires) return false;
  // One moment for the whole call, and most calls need none.
  if (now_ == 0) now_ = log_.clock().WallNanos();
  return parts.expiry <= now_;
}

absl::StatusOr<MessageFetch::Got> MessageFetch::GetAt(LogPosition position) {
  const char* record = nullptr;
  ASSIGN_OR_RETURN(const Got got, Load(position, &record));
  if (got != Got::kMessage) return got;
  const RecordHeader header = LoadHeader(record);
  if (header.type == RecordType::kVoid) return Got::kSkip;
  if (header.type != RecordType::kMessage || !DecodeParts(record)) {
    return Damaged(position, absl::StrCat("the record at ", position.value(),
                                          " is not the message that should be there"));
  }
  record_ = record;
  bytes_ = header.bytes();
  return Got::kMessage;
}

absl::StatusOr<MessageFetch::Got> MessageFetch::GetKept(LogPosition position) {
  const char* record = nullptr;
  ASSIGN_OR_RETURN(const Got got, Load(position, &record));
  if (got != Got::kMessage) return got;
  const RecordHeader header = LoadHeader(record);
  if (header.type == RecordType::kMessage && DecodeParts(record)) {
    kept_ = {.first = position, .message = record, .message_bytes = header.bytes()};
  } else if (const std::optional<MessageCopy> copy = DecodeCopy(record)) {
    kept_ = *copy;
  } else {
    return Damaged(position, absl::StrCat("the record at ", position.value(),
                                          " is not the message that should be there"));
  }
  record_ = kept_.message;
  bytes_ = kept_.message_bytes;
  return Got::kMessage;
}

absl::StatusOr<MessageFetch::Got> MessageFetch::Load(LogPosition position, const char** record) {
  if (position >= visible_end_ && !Without(Protection::kVisibleEnd)) return Got::kNotYet;
  ASSIGN_OR_RETURN(const Found found, SecondLook(log_).Read(records_, position, record));
  if (found == Found::kUnpublished) return Got::kNotYet;
  if (found == Found::kDropped) return Got::kRemoved;
  if (found != Found::kRecord) return Damaged(position, records_.why());
  return Got::kMessage;
}

// What does not match is stepped over unread, but not before its claim is closed: the offset behind
// it could not be read on from.
bool MessageFetch::IsThere(LogPosition position) {
  if (position < published_end_) return true;
  published_end_ = log_.ContiguousVisibleEnd();
  return position < published_end_ || log_.IsPublished(position);
}

absl::StatusOr<MessageFetch::Got> MessageFetch::Damaged(LogPosition position,
                                                        absl::string_view why) {
  front_->Rest();
  damage_ = {position, position + kRecordAlignment, std::string(why)};
  // Where the next record stands is where the damage ends.
  const auto entry = log_.segments().EntryAt(position);
  const auto file = log_.segments().Find(position);
  if (entry && file.ok()) {
    // The open record of those behind may stand anywhere before. If it cannot be read, less is
    // found.
    if (!(*file)->incarnations_are_complete()) CompleteIncarnations(**file).IgnoreError();
    SegmentScanner scanner(
        **file, [this](LogPosition at, absl::Span<char> out) { return log_.ReadBytes(at, out); },
        position, std::min(entry->end(), log_.ContiguousVisibleEnd()), Groups::kMembers);
    scanner.AddIncarnation(log_.CurrentIncarnation());
    const auto found = scanner.Resync(position + kRecordAlignment);
    damage_.end = found.ok() && *found
                      ? scanner.position()
                      : std::max(damage_.end, std::min(entry->end(), log_.ContiguousVisibleEnd()));
  }
  return Got::kDamaged;
}

}  // namespace weir::internal
