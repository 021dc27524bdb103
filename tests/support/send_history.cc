#include "support/send_history.h"

#include <algorithm>
#include <cstring>

#include "support/random.h"

namespace weir::testing {

Message SendHistory::Sent::message() const {
  Message message{.topic = what.queues.front().topic,
                  .queue_id = what.queues.front().queue_id,
                  .tag = what.tag,
                  .ordering_key = what.ordering_key,
                  .further_queues = further_queues,
                  .body = body};
  for (const std::string& key : what.keys) message.keys.push_back(key);
  for (const auto& [name, value] : what.properties) {
    message.properties.push_back({.name = name, .value = value});
  }
  return message;
}

void SendHistory::DeclareTopic(const std::string& name, uint32_t queue_count) {
  topics_.try_emplace(name).first->second.queue_count = queue_count;
}

void SendHistory::AcknowledgeTopic(const std::string& name) {
  ++now_;
  TopicRecord& topic = topics_.at(name);
  topic.acknowledged_at = std::min(topic.acknowledged_at, now_);
}

size_t SendHistory::Send(const Outgoing& what) {
  const size_t ordinal = sent_.size();
  Sent& sent = sent_.emplace_back();
  std::vector<size_t>& of_producer = by_producer_[what.producer];
  sent.what = what;
  sent.sequence = static_cast<uint32_t>(of_producer.size());
  sent.sent_at = ++now_;
  of_producer.push_back(ordinal);

  sent.body.resize(std::max(what.body_bytes, kIdentityBytes));
  std::memcpy(sent.body.data(), &what.producer, sizeof(uint32_t));
  std::memcpy(sent.body.data() + sizeof(uint32_t), &sent.sequence, sizeof(uint32_t));
  Random random(Random::Mix(what.producer, sent.sequence));
  for (size_t i = kIdentityBytes; i < sent.body.size(); ++i) {
    sent.body[i] = static_cast<char>(random.Next());
  }
  for (size_t i = 1; i < sent.what.queues.size(); ++i) {
    const QueueName& queue = sent.what.queues[i];
    sent.further_queues.push_back({.topic = queue.topic, .queue_id = queue.queue_id});
  }
  return ordinal;
}

void SendHistory::Settle(size_t sent, const absl::StatusOr<Receipt>& result) {
  Sent& message = sent_[sent];
  message.settled_at = ++now_;
  if (result.ok()) {
    message.receipt = *result;
    Reach(sent, result->reached);
  } else {
    message.is_void = !absl::IsDataLoss(result.status()) && !absl::IsInternal(result.status());
  }
}

void SendHistory::SettleGroup(const std::vector<size_t>& sent,
                              const absl::StatusOr<std::vector<Receipt>>& result) {
  for (size_t i = 0; i < sent.size(); ++i) {
    if (result.ok()) {
      Settle(sent[i], (*result)[i]);
    } else {
      Settle(sent[i], result.status());
    }
  }
}

void SendHistory::GiveUp(size_t sent) {
  sent_[sent].settled_at = ++now_;
  sent_[sent].is_void = true;
}

void SendHistory::Reach(size_t sent, Durability level) {
  ++now_;
  Sent& message = sent_[sent];
  if (level >= Durability::kProcess) message.in_process_at = std::min(message.in_process_at, now_);
  if (level >= Durability::kDisk) message.on_disk_at = std::min(message.on_disk_at, now_);
}

void SendHistory::ReachAll(Durability level) {
  for (size_t sent = 0; sent < sent_.size(); ++sent) {
    if (sent_[sent].HasReceipt(now_)) Reach(sent, level);
  }
}

LogPosition SendHistory::Furthest(const Trims& trims, uint64_t as_of) {
  LogPosition furthest;
  for (const auto& [time, position] : trims) {
    if (time <= as_of) furthest = std::max(furthest, position);
  }
  return furthest;
}

void SendHistory::LosePower() {
  ++now_;
  for (Sent& message : sent_) message.power_lost_at = std::min(message.power_lost_at, now_);
}

void SendHistory::Reopen(const std::vector<bool>& delivered, Durability level) {
  ++now_;
  for (size_t sent = 0; sent < sent_.size(); ++sent) {
    Sent& message = sent_[sent];
    if (sent < delivered.size() && delivered[sent]) {
      message.in_process_at = std::min(message.in_process_at, now_);
      if (level == Durability::kDisk) message.on_disk_at = std::min(message.on_disk_at, now_);
    } else {
      message.revoked_at = std::min(message.revoked_at, now_);
    }
  }
}

std::optional<size_t> SendHistory::Identify(absl::string_view body) const {
  if (body.size() < kIdentityBytes) return std::nullopt;
  uint32_t producer = 0;
  uint32_t sequence = 0;
  std::memcpy(&producer, body.data(), sizeof(producer));
  std::memcpy(&sequence, body.data() + sizeof(producer), sizeof(sequence));
  const auto of_producer = by_producer_.find(producer);
  if (of_producer == by_producer_.end() || sequence >= of_producer->second.size()) {
    return std::nullopt;
  }
  return of_producer->second[sequence];
}

}  // namespace weir::testing
