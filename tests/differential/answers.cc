#include "differential/answers.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

std::string Outcome(const ReadResult& result) {
  return absl::StrCat(ReadOutcomeName(result.outcome()), " with ", result.size(),
                      " messages, next ", result.next_offset().value(),
                      result.damage() ? ", damage: " + result.damage()->reason : "");
}

// One more than asked for: it shows where a read must have ended.
ReferenceModel::Options OneMore(const ReadOptions& options) {
  return {.max_messages = uint64_t{options.max_messages} + 1, .tags = std::string(options.tags)};
}

}  // namespace

std::string Answers::CheckMessage(const MessageView& message, const Record& record) const {
  const auto& content = record.content;
  const std::string at =
      absl::StrCat("record ", record.ordinal, " at ", message.position().value(), ": ");
  bool is_in_queue = false;
  for (size_t i = 0; i < content.queues.size(); ++i) {
    is_in_queue = is_in_queue || (content.queues[i].topic == message.topic() &&
                                  content.queues[i].queue_id == message.queue_id() &&
                                  record.offsets[i] == message.queue_offset().value());
  }
  if (!is_in_queue) {
    return absl::StrCat(at, "not in ", message.topic(), "/", message.queue_id(), " at ",
                        message.queue_offset().value());
  }
  if (message.body() != content.body) return at + "another body";
  if (message.tag() != content.tag) return at + "another tag";
  if (message.ordering_key() != content.ordering_key) return at + "another ordering key";
  const auto keys = message.keys();
  if (!std::equal(keys.begin(), keys.end(), content.keys.begin(), content.keys.end())) {
    return at + "other keys";
  }
  const auto properties = message.properties();
  if (!std::equal(properties.begin(), properties.end(), content.properties.begin(),
                  content.properties.end(), [](const Property& property, const auto& pair) {
                    return property.name == pair.first && property.value == pair.second;
                  })) {
    return at + "other properties";
  }
  Place& place = places_[record.ordinal];
  if (place.knows_position && place.position != message.position()) {
    return absl::StrCat(at, "its receipt said ", place.position.value());
  }
  if (message.record_bytes() > place.bytes_max || message.record_bytes() < place.bytes_min ||
      message.position() + message.record_bytes() > place.end) {
    return absl::StrCat(at, message.record_bytes(), " bytes of record, expected ", place.bytes_min,
                        " to ", place.bytes_max, ", and an end at ", place.end.value());
  }
  if (place.store_time && *place.store_time != message.store_time()) return at + "another time";
  place.store_time = message.store_time();
  place.position = message.position();
  place.knows_position = true;
  return "";
}

std::string Answers::CheckList(const ReadResult& result, const std::vector<const Record*>& expected,
                               const ReadOptions& options) const {
  if (result.size() > options.max_messages) return "more messages than asked for";
  uint64_t bytes = 0;
  for (size_t i = 0; i < result.size(); ++i) {
    if (i >= expected.size()) {
      return absl::StrCat("message ", i, " at ", result[i].position().value(), " (",
                          result[i].topic(), "/", result[i].queue_id(), " ",
                          result[i].queue_offset().value(), ") should not be there");
    }
    std::string wrong = CheckMessage(result[i], *expected[i]);
    if (!wrong.empty()) return wrong;
    bytes += result[i].record_bytes();
    const bool is_later = i == 0 || result[i].position() > result[i - 1].position();
    const absl::Time before = i == 0 ? absl::InfinitePast() : result[i - 1].store_time();
    if (is_later && result[i].store_time() < before) return "store times go back";
  }
  if (bytes > options.max_bytes && result.size() > 1) return "more bytes than asked for";
  if (result.size() == options.max_messages || result.size() >= expected.size()) return "";
  if (may_end_early_ && !result.empty()) return "";
  const Record& next = *expected[result.size()];
  if (result.empty() || bytes + places_[next.ordinal].bytes_max <= options.max_bytes) {
    return absl::StrCat("record ", next.ordinal, " is missing");
  }
  return "";
}

std::string Answers::Read(const ReadResult& result, const QueueName& queue, uint64_t offset,
                          const ReadOptions& options) const {
  const ReferenceModel::Read expected = model_.ReadQueue(queue, offset, OneMore(options));
  std::string wrong = CheckList(result, expected.records, options);
  if (!wrong.empty()) return absl::StrCat(Outcome(result), "; ", wrong);
  const uint64_t next = result.next_offset().value();
  if (!result.empty()) {
    const uint64_t min = expected.offsets[result.size() - 1] + 1;
    const uint64_t max = result.size() < expected.offsets.size() ? expected.offsets[result.size()]
                                                                 : expected.next_offset_max;
    const bool is_right = result.outcome() == ReadOutcome::kFound && min <= next && next <= max;
    return is_right ? "" : absl::StrCat(Outcome(result), "; next should be ", min, " to ", max);
  }
  if (expected.may_be_beyond && result.outcome() == ReadOutcome::kBeyondEnd) {
    if (next == expected.visible_end) return "";
    return absl::StrCat(Outcome(result), "; the queue ends at ", expected.visible_end);
  }
  const bool is_outcome = result.outcome() == expected.outcome ||
                          (expected.only_voids && result.outcome() == ReadOutcome::kNoMatch);
  if (is_outcome && expected.next_offset <= next && next <= expected.next_offset_max) return "";
  return absl::StrCat(Outcome(result), "; expected ", ReadOutcomeName(expected.outcome), ", next ",
                      expected.next_offset, " to ", expected.next_offset_max);
}

std::string Answers::ReadBackwards(const ReadResult& result, const QueueName& queue,
                                   uint64_t offset, const ReadOptions& options) const {
  const ReferenceModel::Read expected = model_.ReadBackwards(queue, offset, OneMore(options));
  const uint64_t next = result.next_offset().value();
  if (result.empty() && expected.may_be_beyond && result.outcome() == ReadOutcome::kBeyondEnd) {
    return next == expected.visible_end ? "" : absl::StrCat(Outcome(result), "; the queue's end");
  }
  std::string wrong = CheckList(result, expected.records, options);
  if (!wrong.empty()) return absl::StrCat(Outcome(result), "; ", wrong);
  if (!result.empty()) {
    const uint64_t max = expected.offsets[result.size() - 1];
    const uint64_t min =
        result.size() < expected.offsets.size() ? expected.offsets[result.size()] + 1 : 0;
    const bool is_right = result.outcome() == ReadOutcome::kFound && min <= next && next <= max;
    return is_right ? "" : absl::StrCat(Outcome(result), "; next should be ", min, " to ", max);
  }
  const bool is_outcome = result.outcome() == expected.outcome ||
                          (expected.only_voids && result.outcome() == ReadOutcome::kNoMatch);
  if (is_outcome && next <= std::max(expected.next_offset, expected.next_offset_max)) return "";
  return absl::StrCat(Outcome(result), "; expected ", ReadOutcomeName(expected.outcome));
}

std::string Answers::ReadLast(const ReadResult& result, const QueueName& queue,
                              uint32_t count) const {
  const ReferenceModel::Read expected = model_.ReadLast(queue, count);
  std::string wrong =
      CheckList(result, expected.records, {.max_messages = count, .max_bytes = ~uint64_t{0}});
  if (!wrong.empty()) return absl::StrCat(Outcome(result), "; ", wrong);
  const bool is_outcome = result.outcome() == expected.outcome ||
                          (expected.only_voids && result.outcome() == ReadOutcome::kNoMatch);
  return is_outcome
             ? ""
             : absl::StrCat(Outcome(result), "; expected ", ReadOutcomeName(expected.outcome));
}

std::string Answers::ReadTopic(const ReadResult& result, const std::string& topic,
                               LogPosition position, const ReadOptions& options) const {
  if (!model_.HasTopic(topic)) {
    return result.outcome() == ReadOutcome::kNoSuchQueue ? "" : Outcome(result);
  }
  const auto expected = model_.ReadTopic(topic, places_.From(position), OneMore(options));
  std::string wrong = CheckList(result, expected, options);
  if (!wrong.empty()) return absl::StrCat(Outcome(result), "; ", wrong);
  const LogPosition next = result.next_position();
  if (result.empty()) {
    const bool is_outcome =
        result.outcome() == ReadOutcome::kAtEnd || (result.outcome() == ReadOutcome::kNoMatch);
    if (!is_outcome) return Outcome(result);
    if (next < position) return absl::StrCat("next position goes back to ", next.value());
    return "";
  }
  if (result.outcome() != ReadOutcome::kFound) return Outcome(result);
  if (next <= result.messages().back().position()) return "next position goes back";
  if (result.size() < expected.size()) {
    const Place& behind = places_[expected[result.size()]->ordinal];
    if (next > (behind.knows_position ? behind.position : behind.end)) {
      return absl::StrCat("next position ", next.value(), " skips a message");
    }
  }
  return "";
}

std::string Answers::ReadAt(const absl::StatusOr<ReadResult>& result, LogPosition position) const {
  const size_t ordinal = places_.From(position);
  const bool begins_here = ordinal < places_.size() && places_[ordinal].knows_position &&
                           places_[ordinal].position == position;
  const bool may_begin_here = ordinal < places_.size() && !places_[ordinal].knows_position;
  const Record* const record = begins_here ? &model_.record(ordinal) : nullptr;
  if (result.ok()) {
    if (result->size() != 1 || result->outcome() != ReadOutcome::kFound) return Outcome(*result);
    if (may_begin_here) return "";
    if (record == nullptr || ordinal >= model_.visible_end() ||
        record->state != ReferenceModel::State::kPublished) {
      return absl::StrCat("found something at ", position.value());
    }
    return CheckMessage((*result)[0], *record);
  }
  if (!absl::IsNotFound(result.status()) && !absl::IsOutOfRange(result.status())) {
    return result.status().ToString();
  }
  // Who looks by position follows a contiguous end: an open claim anywhere hides what is behind.
  if (record == nullptr || ordinal >= model_.visible_end() ||
      record->state != ReferenceModel::State::kPublished) {
    return "";
  }
  for (size_t before = 0; before < ordinal; ++before) {
    if (model_.record(before).state == ReferenceModel::State::kClaimed) return "";
  }
  return absl::StrCat("record ", ordinal, ": ", result.status().ToString());
}

}  // namespace weir::testing
