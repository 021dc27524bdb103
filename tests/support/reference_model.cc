#include "support/reference_model.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace weir::testing {

absl::StatusCode ReferenceModel::CreateTopic(const std::string& name, uint32_t queue_count) {
  const bool is_name = !name.empty() && name.size() <= kMaxTopicNameBytes &&
                       std::none_of(name.begin(), name.end(), absl::ascii_iscntrl) &&
                       name.find('/') == std::string::npos && name != "." && name != "..";
  if (!is_name || queue_count == 0 || queue_count > kMaxQueuesPerTopic) {
    return absl::StatusCode::kInvalidArgument;
  }
  if (!HasTopic(name)) {
    topics_[name] = {.queues = std::vector<Queue>(queue_count), .created_at = log_end()};
  }
  return QueueCount(name) == queue_count ? absl::StatusCode::kOk : absl::StatusCode::kAlreadyExists;
}

uint32_t ReferenceModel::QueueCount(const std::string& name) const {
  const auto topic = topics_.find(name);
  return topic == topics_.end() ? 0 : static_cast<uint32_t>(topic->second.queues.size());
}

std::vector<std::string> ReferenceModel::Topics() const {
  std::vector<std::string> names;
  for (const auto& [name, topic] : topics_) names.push_back(name);
  return names;
}

ReferenceModel::Ordinal ReferenceModel::Append(const Content& content) {
  const Ordinal record = Claim(content);
  log_[record].state = State::kPublished;
  return record;
}

std::vector<ReferenceModel::Ordinal> ReferenceModel::AppendGroup(
    const std::vector<Content>& contents) {
  std::vector<Ordinal> records;
  for (const Content& content : contents) records.push_back(Append(content));
  return records;
}

ReferenceModel::Ordinal ReferenceModel::Claim(const Content& content) {
  const Ordinal ordinal = log_.size();
  Record& record = log_.emplace_back();
  record.ordinal = ordinal;
  record.content = content;
  for (const QueueName& name : content.queues) {
    Queue& queue = topics_.at(name.topic).queues.at(name.queue_id);
    record.offsets.push_back(queue.size());
    queue.push_back(ordinal);
  }
  return ordinal;
}

void ReferenceModel::Commit(Ordinal claim, const std::string& body) {
  log_[claim].content.body = body;
  log_[claim].state = State::kPublished;
}

void ReferenceModel::GiveUp(Ordinal claim) { log_[claim].state = State::kVoid; }

void ReferenceModel::Die() {
  for (Record& record : log_) {
    if (record.state == State::kClaimed) record.state = State::kVoid;
  }
}

void ReferenceModel::LosePower(Ordinal end) {
  log_.resize(std::min(end, log_.size()));
  std::erase_if(topics_, [&](const auto& topic) { return topic.second.created_at > log_.size(); });
  for (auto& [name, topic] : topics_) {
    for (Queue& queue : topic.queues) {
      while (!queue.empty() && queue.back() >= log_.size()) queue.pop_back();
    }
  }
  Die();
}

ReferenceModel::Read ReferenceModel::ReadQueue(const QueueName& name, uint64_t offset,
                                               const Options& options) const {
  Read read;
  const Queue* const queue = Find(name);
  if (queue == nullptr) {
    read.outcome = ReadOutcome::kNoSuchQueue;
    return read;
  }
  read.next_offset = read.next_offset_max = offset;
  read.visible_end = Bounds(name).second;
  read.given_end = queue->size();
  read.may_be_beyond = offset > read.visible_end;
  if (offset > queue->size()) {
    read.outcome = ReadOutcome::kBeyondEnd;
    read.next_offset = read.next_offset_max = read.visible_end;
    return read;
  }
  bool saw_message = false;
  uint64_t bytes = 0;
  for (uint64_t at = offset; at < queue->size() && IsVisible((*queue)[at]); ++at) {
    const Record& record = log_[(*queue)[at]];
    if (record.state == State::kVoid) {
      read.next_offset_max = at + 1;
      continue;
    }
    if (MatchesTags(record, options.tags)) {
      bytes += record.content.record_bytes;
      const bool is_full = read.records.size() == options.max_messages ||
                           (!read.records.empty() && bytes > options.max_bytes);
      if (is_full) break;
      Take(name, at, read);
    }
    saw_message = true;
    read.next_offset = read.next_offset_max = at + 1;
  }
  if (!read.records.empty()) {
    read.outcome = ReadOutcome::kFound;
  } else if (saw_message) {
    read.outcome = ReadOutcome::kNoMatch;
  } else {
    read.only_voids = read.next_offset_max != offset;
  }
  return read;
}

ReferenceModel::Read ReferenceModel::ReadBackwards(const QueueName& name, uint64_t offset,
                                                   const Options& options) const {
  const Queue* const queue = Find(name);
  if (queue == nullptr) return BackwardsFrom(name, offset, options);
  const uint64_t visible_end = Bounds(name).second;
  if (offset <= queue->size()) {
    Read read = BackwardsFrom(name, offset, options);
    read.visible_end = visible_end;
    read.may_be_beyond = offset > visible_end;
    return read;
  }
  Read read;
  read.outcome = ReadOutcome::kBeyondEnd;
  read.next_offset = read.next_offset_max = read.visible_end = visible_end;
  return read;
}

ReferenceModel::Read ReferenceModel::BackwardsFrom(const QueueName& name, uint64_t end,
                                                   const Options& options) const {
  Read read;
  const Queue* const queue = Find(name);
  if (queue == nullptr) {
    read.outcome = ReadOutcome::kNoSuchQueue;
    return read;
  }
  uint64_t at = std::min<uint64_t>(end, queue->size());
  read.next_offset = read.next_offset_max = at;
  bool saw_message = false;
  while (at != 0 && read.records.size() < options.max_messages) {
    --at;
    const Record& record = log_[(*queue)[at]];
    if (!IsVisible((*queue)[at]) || record.state == State::kVoid) continue;
    saw_message = true;
    if (!MatchesTags(record, options.tags)) continue;
    Take(name, at, read);
    read.next_offset = at;
  }
  if (read.records.empty()) read.next_offset = 0;
  read.only_voids = !saw_message && read.next_offset_max != 0;
  read.outcome = !read.records.empty() ? ReadOutcome::kFound
                 : saw_message         ? ReadOutcome::kNoMatch
                                       : ReadOutcome::kAtEnd;
  return read;
}

ReferenceModel::Read ReferenceModel::ReadLast(const QueueName& name, uint64_t count) const {
  const uint64_t end = Bounds(name).second;
  Read read = BackwardsFrom(name, end, {.max_messages = count});
  std::reverse(read.records.begin(), read.records.end());
  std::reverse(read.offsets.begin(), read.offsets.end());
  if (!read.offsets.empty()) {
    read.next_offset = read.offsets.back() + 1;
    read.next_offset_max = std::max(read.next_offset, end);
  }
  return read;
}

std::vector<const ReferenceModel::Record*> ReferenceModel::ReadTopic(const std::string& topic,
                                                                     Ordinal from,
                                                                     const Options& options) const {
  std::vector<const Record*> records;
  const Ordinal end = std::min(log_.size(), visible_end_);
  for (Ordinal at = from; at < end && records.size() < options.max_messages; ++at) {
    const Record& record = log_[at];
    if (!IsOfTopic(record, topic)) continue;
    if (record.state == State::kClaimed) break;
    if (record.state == State::kPublished && MatchesTags(record, options.tags)) {
      records.push_back(&record);
    }
  }
  return records;
}

bool ReferenceModel::IsOfTopic(const Record& record, const std::string& topic) {
  const auto& queues = record.content.queues;
  return std::any_of(queues.begin(), queues.end(),
                     [&](const QueueName& queue) { return queue.topic == topic; });
}

std::pair<uint64_t, uint64_t> ReferenceModel::Bounds(const QueueName& name) const {
  const Queue* const queue = Find(name);
  uint64_t end = queue == nullptr ? 0 : queue->size();
  while (end != 0 && !IsVisible((*queue)[end - 1])) --end;
  return {0, end};
}

const ReferenceModel::Queue* ReferenceModel::Find(const QueueName& queue) const {
  const auto topic = topics_.find(queue.topic);
  if (topic == topics_.end() || queue.queue_id >= topic->second.queues.size()) return nullptr;
  return &topic->second.queues[queue.queue_id];
}

bool ReferenceModel::MatchesTags(const Record& record, const std::string& tags) {
  if (tags == "*") return true;
  for (const absl::string_view tag : absl::StrSplit(tags, "||")) {
    if (absl::StripAsciiWhitespace(tag) == record.content.tag) return true;
  }
  return false;
}

void ReferenceModel::Take(const QueueName& queue, uint64_t offset, Read& read) const {
  read.records.push_back(&log_[Find(queue)->at(offset)]);
  read.offsets.push_back(offset);
}

}  // namespace weir::testing
