#include "store/topic_catalogue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "format/message_copy.h"

namespace weir {

absl::string_view Topic::name() const {
  return entry_ == nullptr ? absl::string_view() : absl::string_view(entry_->name);
}

uint32_t Topic::queue_count() const { return entry_ == nullptr ? 0 : entry_->queue_count; }

absl::Status CheckTopicName(absl::string_view name) {
  if (name.empty()) return absl::InvalidArgumentError("the topic's name is empty");
  if (name.size() > kMaxTopicNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("the topic's name has ", name.size(), " bytes; at most ", kMaxTopicNameBytes));
  }
  for (const char c : name) {
    if (absl::ascii_iscntrl(static_cast<unsigned char>(c))) {
      return absl::InvalidArgumentError(
          absl::StrCat("the topic's name has a control character: ", absl::CHexEscape(name)));
    }
  }
  // No name is ever used as a path here; but names travel, and the next tool may not be as careful.
  if (name.find('/') != absl::string_view::npos || name == "." || name == "..") {
    return absl::InvalidArgumentError(absl::StrCat("the topic's name looks like a path: ", name));
  }
  return absl::OkStatus();
}

namespace internal {
namespace {

// Whatever rule a topic breaks that was read from the disk: no writer can have written it, so it is
// damage, and nothing that its caller could do better.
absl::Status AsDamage(absl::string_view where, const TopicRecord& topic,
                      const absl::Status& status) {
  if (status.ok()) return status;
  return absl::DataLossError(
      absl::StrCat(where, " for queues from ", topic.first_queue, ": ", status.message()));
}

}  // namespace

TopicRecord RecordOf(const Topic::Entry& topic) {
  return {.name = topic.name,
          .first_queue = topic.first_queue,
          .queue_count = topic.queue_count,
          .first_offset = topic.first_offset,
          .is_deleted = topic.is_deleted.load(std::memory_order_acquire),
          .settings = {.is_compacted = topic.is_compacted,
                       .max_age_nanos = topic.max_age_nanos.load(std::memory_order_relaxed),
                       .max_bytes = topic.max_bytes.load(std::memory_order_relaxed)}};
}

const Topic::Entry* TopicCatalogue::Find(absl::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  return found->second->is_deleted.load(std::memory_order_acquire) ? nullptr : found->second;
}

const Topic::Entry* TopicCatalogue::FindDeleted(absl::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  return found->second->is_deleted.load(std::memory_order_acquire) ? found->second : nullptr;
}

bool TopicCatalogue::IsReplaced(const Topic::Entry& topic) const {
  MutexLock lock(mutex_);
  return by_name_.find(topic.name)->second != &topic;
}

const Topic::Entry* TopicCatalogue::OfQueue(uint32_t number) const {
  MutexLock lock(mutex_);
  auto found = by_queue_.upper_bound(number);
  if (found == by_queue_.begin()) return nullptr;
  const Topic::Entry* const entry = std::prev(found)->second.get();
  return number - entry->first_queue < entry->queue_count ? entry : nullptr;
}

std::vector<const Topic::Entry*> TopicCatalogue::All() const {
  MutexLock lock(mutex_);
  std::vector<const Topic::Entry*> all;
  for (const auto& [number, entry] : by_queue_) all.push_back(entry.get());
  return all;
}

uint32_t TopicCatalogue::next_queue() const {
  MutexLock lock(mutex_);
  if (by_queue_.empty()) return orphans_end_;
  const Topic::Entry& last = *by_queue_.rbegin()->second;
  return std::max(last.first_queue + last.queue_count, orphans_end_);
}

absl::Status TopicCatalogue::CheckNumbers(const TopicRecord& topic) const {
  MutexLock lock(mutex_);
  const auto behind = by_queue_.lower_bound(topic.first_queue);
  const bool meets_next =
      behind != by_queue_.end() && behind->first - topic.first_queue < topic.queue_count;
  const Topic::Entry* const before =
      behind == by_queue_.begin() ? nullptr : std::prev(behind)->second.get();
  if (meets_next ||
      (before != nullptr && topic.first_queue - before->first_queue < before->queue_count)) {
    return absl::DataLossError(absl::StrCat("topic ", topic.name, ": queue ", topic.first_queue,
                                            " belongs to another topic"));
  }
  return absl::OkStatus();
}

absl::StatusOr<const Topic::Entry*> TopicCatalogue::Add(const TopicRecord& topic,
                                                        LogPosition position) {
  RETURN_IF_ERROR(CheckTopicName(topic.name));
  if (topic.queue_count == 0 || topic.queue_count > kMaxQueuesPerTopic) {
    return absl::InvalidArgumentError(absl::StrCat("topic ", topic.name, ": ", topic.queue_count,
                                                   " queues; 1 to ", kMaxQueuesPerTopic));
  }
  const Topic::Entry* const known = OfQueue(topic.first_queue);
  if (known != nullptr && known->name == topic.name && known->first_queue == topic.first_queue &&
      known->queue_count == topic.queue_count) {
    BeginQueues(*known);
    if (position.value() > known->recorded.load(std::memory_order_relaxed)) {
      Change(*known, topic, position);
    }
    return known;
  }
  if (!topic.is_deleted && Find(topic.name) != nullptr) {
    return absl::DataLossError(
        absl::StrCat("topic ", topic.name, " stands twice in the catalogue"));
  }
  RETURN_IF_ERROR(CheckNumbers(topic));
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(topic));
  const Topic::Entry* const added = Enter(std::move(prepared), position);
  const uint32_t last = topic.first_queue + (topic.queue_count - 1);
  ENSURE(OfQueue(topic.first_queue) == added && OfQueue(last) == added);
  ENSURE(next_queue() > last);
  return added;
}

absl::StatusOr<TopicCatalogue::Prepared> TopicCatalogue::Prepare(const TopicRecord& topic) {
  ENSURE(topic.queue_count > 0);
  RETURN_IF_ERROR(queues_->Add(topic.first_queue, topic.queue_count));
  ENSURE(queues_->has(topic.first_queue + topic.queue_count - 1));
  auto entry = std::make_unique<Topic::Entry>();
  entry->name = std::string(topic.name);
  entry->first_queue = topic.first_queue;
  entry->queue_count = topic.queue_count;
  entry->first_offset = topic.first_offset;
  entry->is_compacted = topic.settings.is_compacted;
  entry->is_deleted.store(topic.is_deleted, std::memory_order_relaxed);
  entry->max_age_nanos.store(topic.settings.max_age_nanos, std::memory_order_relaxed);
  entry->max_bytes.store(topic.settings.max_bytes, std::memory_order_relaxed);
  entry->owner = this;
  Prepared prepared;
  Names one;
  one.emplace(entry->name, entry.get());
  prepared.name_ = one.extract(one.begin());
  Numbers number;
  number.emplace(topic.first_queue, std::move(entry));
  prepared.number_ = number.extract(number.begin());
  MutexLock lock(mutex_);
  by_name_.reserve(by_name_.size() + 1);
  return prepared;
}

const Topic::Entry* TopicCatalogue::Enter(Prepared prepared, LogPosition created) {
  Topic::Entry* const added = prepared.number_.mapped().get();
  added->created = created;
  added->recorded.store(created.value(), std::memory_order_relaxed);
  // Not before: numbers that were prepared in vain are those of another topic next.
  BeginQueues(*added);
  MutexLock lock(mutex_);
  auto numbered = by_queue_.insert(std::move(prepared.number_));
  // An entry that messages point to is never freed, whatever is wrong.
  if (!HOLDS(numbered.inserted)) static_cast<void>(numbered.node.mapped().release());
  const auto named = by_name_.insert(std::move(prepared.name_));
  // The name is that of the newest one; those before it were deleted.
  if (!named.inserted && named.position->second->first_queue < added->first_queue) {
    named.position->second = added;
  }
  HOLDS(named.position->second->name == added->name);
  return added;
}

void TopicCatalogue::Change(const Topic::Entry& topic, const TopicRecord& record,
                            LogPosition position) {
  // Changes count under the numbers that they were appended with.
  HOLDS(topic.owner == this);
  HOLDS(record.first_queue == topic.first_queue && record.queue_count == topic.queue_count);
  topic.max_age_nanos.store(record.settings.max_age_nanos, std::memory_order_relaxed);
  topic.max_bytes.store(record.settings.max_bytes, std::memory_order_relaxed);
  topic.recorded.store(position.value(), std::memory_order_relaxed);
  topic.is_deleted.store(record.is_deleted, std::memory_order_release);
}

// Before anybody else knows of them.
void TopicCatalogue::BeginQueues(const Topic::Entry& topic) {
  if (topic.first_offset == 0) return;
  for (uint32_t i = 0; i < topic.queue_count; ++i) {
    if (!HOLDS(queues_->has(topic.first_queue + i))) return;
    ConsumeQueue& queue = queues_->queue(topic.first_queue + i);
    if (queue.end() == 0) queue.BeginAt(topic.first_offset);
    HOLDS(queue.end() > 0);
  }
}

absl::Status TopicCatalogue::Apply(const ScannedRecord& record) {
  if (record.header.type == RecordType::kMessage || record.header.type == RecordType::kVoid) {
    const auto count = [&](uint32_t number) {
      const Topic::Entry* const topic = OfQueue(number);
      if (topic == nullptr) {
        KeepOrphan(number);
      } else if (record.header.type == RecordType::kMessage) {
        topic->CountMessage(record.header.bytes());
      }
    };
    if (record.header.queue_number == kNoQueue) return absl::OkStatus();
    count(record.header.queue_number);
    if (const auto queues = DecodeQueues(record.bytes)) {
      for (uint32_t i = 0; i < queues->further_queue_count; ++i) {
        count(queues->further_queue(i).number);
      }
    }
    return absl::OkStatus();
  }
  if (record.header.type == RecordType::kCopy) {
    const auto copy = DecodeCopy(record.bytes);
    if (copy && OfQueue(copy->queue_number) == nullptr) KeepOrphan(copy->queue_number);
    return absl::OkStatus();
  }
  if (record.header.type != RecordType::kCatalogue) return absl::OkStatus();
  const auto parts = DecodeParts(record.bytes);
  if (!parts) return absl::DataLossError("catalogue record: impossible parts");
  ByteReader reader(parts->body);
  const TopicRecord topic = TakeTopic(reader);
  if (!reader.ok()) return absl::DataLossError("catalogue record: too short");
  return AsDamage("catalogue record", topic, Add(topic, record.position).status());
}

void TopicCatalogue::KeepOrphan(uint32_t number) {
  // No topic could ever have a larger number.
  if (number >= ConsumeQueues::kQueuesMax) return;
  MutexLock lock(mutex_);
  orphans_end_ = std::max(orphans_end_, number + 1);
  HOLDS(orphans_end_ > number);
  HOLDS(orphans_end_ <= ConsumeQueues::kQueuesMax);
}

void TopicCatalogue::Restart() {
  for (const Topic::Entry* const topic : All()) {
    topic->messages.store(0, std::memory_order_relaxed);
    topic->bytes.store(0, std::memory_order_relaxed);
  }
}

std::string TopicCatalogue::SaveChanges(LogPosition from, LogPosition to) const {
  std::string bytes;
  for (const Topic::Entry* const entry : All()) {
    // Of a record behind `to` the next file will tell.
    const LogPosition recorded(entry->recorded.load(std::memory_order_relaxed));
    const LogPosition position = recorded < to ? recorded : entry->created;
    if (position < from || position >= to) continue;
    AppendValue(bytes, position.value());
    bytes += EncodeTopic(RecordOf(*entry));
  }
  MutexLock lock(mutex_);
  if (orphans_end_ > 0) {
    AppendValue(bytes, uint64_t{0});
    bytes += EncodeTopic({.queue_count = orphans_end_});
  }
  return bytes;
}

absl::Status TopicCatalogue::Load(absl::string_view bytes) {
  ByteReader reader(bytes);
  while (reader.remaining() > 0) {
    const LogPosition position(reader.Take<uint64_t>());
    const TopicRecord topic = TakeTopic(reader);
    if (!reader.ok()) return absl::DataLossError("saved catalogue: too short");
    if (topic.name.empty() && topic.queue_count > 0) {
      KeepOrphan(topic.queue_count - 1);
      continue;
    }
    RETURN_IF_ERROR(AsDamage("saved catalogue", topic, Add(topic, position).status()));
  }
  return absl::OkStatus();
}

}  // namespace internal
}  // namespace weir
