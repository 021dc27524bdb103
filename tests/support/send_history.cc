#include "support/send_history.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir::testing {

void SendHistory::DeclareTopic(const std::string& name, uint32_t queue_count) {
  topics_[name].queue_count = queue_count;
  topic_ordinals_.try_emplace(name, static_cast<uint32_t>(topic_ordinals_.size()));
}

void SendHistory::AcknowledgeTopic(const std::string& name) {
  ++now_;
  TopicRecord& topic = topics_.at(name);
  topic.acknowledged_at = std::min(topic.acknowledged_at, now_);
}

uint32_t SendHistory::NumberOf(const QueueName& queue) const {
  return topic_ordinals_.at(queue.topic) << 16 | queue.queue_id;
}

QueueName SendHistory::NameOf(uint32_t number) const {
  for (const auto& [topic, ordinal] : topic_ordinals_) {
    if (ordinal == number >> 16) return {topic, number & 0xffff};
  }
  return {"", number};
}

std::string SendHistory::QueueText(uint32_t number) const {
  const QueueName name = NameOf(number);
  return absl::StrCat(name.topic, "/", name.queue_id);
}

size_t SendHistory::Send(const Outgoing& what) { return Add(what, nullptr); }

size_t SendHistory::Send(const Outgoing& what, const std::string& body) {
  by_own_body_.emplace(body, sent_.size());
  return Add(what, &body);
}

size_t SendHistory::Add(const Outgoing& what, const std::string* own_body) {
  const auto producer =
      by_producer_
          .try_emplace(what.producer,
                       Producer{.ordinal = static_cast<uint32_t>(by_producer_.size())})
          .first;
  const size_t ordinal = sent_.size();
  const auto sequence = static_cast<uint32_t>(producer->second.sent.size());
  Sent& sent = own_body != nullptr ? sent_.emplace_back(what, sequence, *own_body)
                                   : sent_.emplace_back(what, sequence, seed_);
  producer->second.sent.push_back(ordinal);
  sent.producer_ordinal = producer->second.ordinal;
  sent.sent_at = ++now_;
  for (const QueueName& queue : what.queues) {
    topic_ordinals_.try_emplace(queue.topic, static_cast<uint32_t>(topic_ordinals_.size()));
    sent.queue_numbers.push_back(NumberOf(queue));
  }
  if (what.group != 0) groups_[what.group].push_back(ordinal);
  return ordinal;
}

void SendHistory::Settle(size_t sent, const absl::StatusOr<Receipt>& result) {
  Sent& message = sent_[sent];
  message.settled_at = ++now_;
  message.answer = result.status().code();
  if (result.ok()) {
    if (!message.receipt.has_value()) settled_.push_back(sent);
    message.receipt = *result;
    Reach(sent, result->reached);
  } else {
    message.may_have_place = absl::IsDataLoss(result.status()) || absl::IsInternal(result.status());
    message.is_void = !message.may_have_place;
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
  sent_[sent].may_have_place = true;
}

void SendHistory::Reach(size_t sent, Durability level) {
  ++now_;
  Sent& message = sent_[sent];
  if (level >= Durability::kProcess) message.in_process_at = std::min(message.in_process_at, now_);
  if (level >= Durability::kDisk) message.on_disk_at = std::min(message.on_disk_at, now_);
}

void SendHistory::ReachAll(Durability level) {
  for (const size_t sent : settled_) Reach(sent, level);
  commits_.ReachAll(level, ++now_);
}

QueueOffset SendHistory::FurthestOf(const Purges& purges, uint32_t queue, uint64_t as_of) {
  const auto found = purges.find(queue);
  return found == purges.end() ? QueueOffset() : Furthest(found->second, as_of);
}

bool SendHistory::IsPowerLost(uint64_t as_of) const {
  bool is_lost = false;
  for (const auto& [time, lost] : powers_) is_lost = time <= as_of ? lost : is_lost;
  return is_lost;
}

void SendHistory::LosePower() {
  Die();
  powers_.emplace_back(++now_, true);
  commits_.LosePower(now_);
  for (Sent& message : sent_) message.power_lost_at = std::min(message.power_lost_at, now_);
}

void SendHistory::Reopen(const std::vector<bool>& delivered, Durability level,
                         const GroupCommits::Answers& answers) {
  Die();
  powers_.emplace_back(++now_, false);
  commits_.Reopen(answers, level, now_);
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

std::optional<size_t> SendHistory::Find(BodyIdentity identity) const {
  const auto producer = by_producer_.find(identity.producer);
  if (producer == by_producer_.end()) return std::nullopt;
  const std::vector<size_t>& sent = producer->second.sent;
  if (identity.sequence >= sent.size()) return std::nullopt;
  return sent[identity.sequence];
}

std::optional<size_t> SendHistory::Identify(absl::string_view body) const {
  if (!by_own_body_.empty()) {
    const auto own = by_own_body_.find(body);
    if (own != by_own_body_.end()) return own->second;
  }
  const std::optional<BodyIdentity> identity = ReadIdentity(body);
  return identity.has_value() ? Find(*identity) : std::nullopt;
}

}  // namespace weir::testing
