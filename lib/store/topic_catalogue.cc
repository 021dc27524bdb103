#include "store/topic_catalogue.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"

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

struct TopicRecord {
  uint32_t first_queue = 0;
  uint32_t queue_count = 0;
  absl::string_view name;
};

TopicRecord TakeTopic(ByteReader& reader) {
  TopicRecord topic;
  topic.first_queue = reader.Take<uint32_t>();
  topic.queue_count = reader.Take<uint32_t>();
  topic.name = reader.TakeBytes(reader.Take<uint8_t>());
  return topic;
}

// Whatever rule a topic breaks that was read from the disk: no writer can have written it, so it is
// damage, and nothing that its caller could do better.
absl::Status AsDamage(absl::string_view where, const TopicRecord& topic,
                      const absl::Status& status) {
  if (status.ok()) return status;
  return absl::DataLossError(
      absl::StrCat(where, " for queues from ", topic.first_queue, ": ", status.message()));
}

}  // namespace

std::string EncodeTopic(absl::string_view name, uint32_t first_queue, uint32_t queue_count) {
  std::string body;
  AppendValue(body, first_queue);
  AppendValue(body, queue_count);
  AppendValue(body, static_cast<uint8_t>(name.size()));
  absl::StrAppend(&body, name);
  return body;
}

namespace {

struct TwinBytes {
  uint32_t first;
  uint32_t second;
};

// Under the append lock, too: nothing is encoded to be measured.
TwinBytes TwinBytesOf(absl::string_view name) {
  const auto second = static_cast<uint32_t>(RecordBytes(0, 4 + 4 + 1 + name.size()));
  return {second + kTwinPaddingBytes, second};
}

}  // namespace

uint32_t TopicGroupBytes(absl::string_view name) {
  const TwinBytes twins = TwinBytesOf(name);
  return kRecordHeaderBytes + twins.first + twins.second;
}

void StampTopicGroup(char* memory, absl::string_view name, int64_t time) {
  const TwinBytes twins = TwinBytesOf(name);
  WriteStamp(memory, {.bytes = kRecordHeaderBytes + twins.first + twins.second,
                      .type = RecordType::kGroup,
                      .store_time = time});
  uint32_t at = kRecordHeaderBytes;
  for (const uint32_t bytes : {twins.first, twins.second}) {
    WriteStamp(memory + at, {.bytes = bytes,
                             .type = RecordType::kCatalogue,
                             .store_time = time,
                             .group_distance = at / kRecordAlignment});
    at += bytes;
  }
}

int32_t FillTopicGroup(char* memory, LogPosition position, uint64_t incarnation,
                       absl::string_view name, absl::string_view body) {
  const TwinBytes twins = TwinBytesOf(name);
  uint32_t at = kRecordHeaderBytes;
  for (const uint32_t bytes : {twins.first, twins.second}) {
    char* const record = memory + at;
    char* const to = WriteParts(record, {}, 0, static_cast<uint32_t>(body.size()));
    std::memset(to, 0, static_cast<size_t>(record + bytes - to));
    std::memcpy(to, body.data(), body.size());
    Publish(record, Seal(record, position + at, incarnation));
    at += bytes;
  }
  return Seal(memory, position, incarnation);
}

const Topic::Entry* TopicCatalogue::Find(absl::string_view name) const {
  MutexLock lock(mutex_);
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : found->second.get();
}

const Topic::Entry* TopicCatalogue::OfQueue(uint32_t number) const {
  MutexLock lock(mutex_);
  auto found = by_queue_.upper_bound(number);
  if (found == by_queue_.begin()) return nullptr;
  const Topic::Entry* const entry = std::prev(found)->second;
  return number - entry->first_queue < entry->queue_count ? entry : nullptr;
}

std::vector<const Topic::Entry*> TopicCatalogue::All() const {
  MutexLock lock(mutex_);
  std::vector<const Topic::Entry*> all;
  for (const auto& [number, entry] : by_queue_) all.push_back(entry);
  return all;
}

uint32_t TopicCatalogue::next_queue() const {
  MutexLock lock(mutex_);
  if (by_queue_.empty()) return orphans_end_;
  const Topic::Entry* const last = by_queue_.rbegin()->second;
  return std::max(last->first_queue + last->queue_count, orphans_end_);
}

absl::StatusOr<const Topic::Entry*> TopicCatalogue::Add(absl::string_view name,
                                                        uint32_t first_queue, uint32_t queue_count,
                                                        LogPosition created) {
  RETURN_IF_ERROR(CheckTopicName(name));
  if (queue_count == 0 || queue_count > kMaxQueuesPerTopic) {
    return absl::InvalidArgumentError(
        absl::StrCat("topic ", name, ": ", queue_count, " queues; 1 to ", kMaxQueuesPerTopic));
  }
  if (const Topic::Entry* const known = Find(name)) {
    if (known->first_queue == first_queue && known->queue_count == queue_count) return known;
    return absl::DataLossError(absl::StrCat("topic ", name, " stands twice in the catalogue"));
  }
  // A record that damage kept from us may have taken numbers: a later one shows it.
  {
    MutexLock lock(mutex_);
    if (!by_queue_.empty()) {
      const Topic::Entry* const last = by_queue_.rbegin()->second;
      if (first_queue < last->first_queue + last->queue_count) {
        return absl::DataLossError(
            absl::StrCat("topic ", name, ": queue ", first_queue, " belongs to another topic"));
      }
    }
  }
  ASSIGN_OR_RETURN(Prepared prepared, Prepare(name, first_queue, queue_count));
  return Enter(std::move(prepared), created);
}

absl::StatusOr<TopicCatalogue::Prepared> TopicCatalogue::Prepare(absl::string_view name,
                                                                 uint32_t first_queue,
                                                                 uint32_t queue_count) {
  RETURN_IF_ERROR(queues_->Add(first_queue, queue_count));
  auto entry = std::make_unique<Topic::Entry>();
  entry->name = std::string(name);
  entry->first_queue = first_queue;
  entry->queue_count = queue_count;
  entry->owner = this;
  Prepared prepared;
  Numbers number;
  number.emplace(first_queue, entry.get());
  prepared.number_ = number.extract(number.begin());
  Names one;
  const absl::string_view key = entry->name;
  one.emplace(key, std::move(entry));
  prepared.name_ = one.extract(one.begin());
  MutexLock lock(mutex_);
  by_name_.reserve(by_name_.size() + 1);
  return prepared;
}

const Topic::Entry* TopicCatalogue::Enter(Prepared prepared, LogPosition created) {
  Topic::Entry* const added = prepared.name_.mapped().get();
  added->created = created;
  MutexLock lock(mutex_);
  by_queue_.insert(std::move(prepared.number_));
  by_name_.insert(std::move(prepared.name_));
  return added;
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
  if (record.header.type != RecordType::kCatalogue) return absl::OkStatus();
  const auto parts = DecodeParts(record.bytes);
  if (!parts) return absl::DataLossError("catalogue record: impossible parts");
  ByteReader reader(parts->body);
  const TopicRecord topic = TakeTopic(reader);
  if (!reader.ok()) return absl::DataLossError("catalogue record: too short");
  return AsDamage("catalogue record", topic,
                  Add(topic.name, topic.first_queue, topic.queue_count, record.position).status());
}

void TopicCatalogue::KeepOrphan(uint32_t number) {
  // No topic could ever have a larger number.
  if (number >= ConsumeQueues::kQueuesMax) return;
  MutexLock lock(mutex_);
  orphans_end_ = std::max(orphans_end_, number + 1);
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
    if (entry->created < from || entry->created >= to) continue;
    AppendValue(bytes, entry->created.value());
    bytes += EncodeTopic(entry->name, entry->first_queue, entry->queue_count);
  }
  MutexLock lock(mutex_);
  if (orphans_end_ > 0) {
    AppendValue(bytes, uint64_t{0});
    bytes += EncodeTopic(/*name=*/"", 0, orphans_end_);
  }
  return bytes;
}

absl::Status TopicCatalogue::Load(absl::string_view bytes) {
  ByteReader reader(bytes);
  while (reader.remaining() > 0) {
    const LogPosition created(reader.Take<uint64_t>());
    const TopicRecord topic = TakeTopic(reader);
    if (!reader.ok()) return absl::DataLossError("saved catalogue: too short");
    if (topic.name.empty() && topic.queue_count > 0) {
      KeepOrphan(topic.queue_count - 1);
      continue;
    }
    RETURN_IF_ERROR(
        AsDamage("saved catalogue", topic,
                 Add(topic.name, topic.first_queue, topic.queue_count, created).status()));
  }
  return absl::OkStatus();
}

}  // namespace internal
}  // namespace weir
