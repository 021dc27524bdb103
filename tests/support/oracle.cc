#include "support/oracle.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

using Kind = Violation::Kind;

constexpr uint32_t kMessagesPerRead = 1024;
constexpr uint64_t kBytesPerRead = uint64_t{64} << 20;
// One violation often comes with hundreds of others of its kind.
constexpr size_t kViolationsMax = 20;

class Examination {
 public:
  Examination(MessageStore& store, const SendHistory& history, const Expectation& expectation)
      : store_(store), history_(history), expectation_(expectation) {
    verdict_.delivered.resize(history.size());
    places_.resize(history.size());
  }

  Verdict Run() {
    CheckState();
    for (const auto& [name, topic] : history_.topics()) ReadTopicByQueue(name, topic);
    CheckSent();
    CheckGroups();
    if (expectation_.is_thorough) {
      for (const auto& [name, topic] : history_.topics()) CheckLogOrder(name);
      CheckVerify();
    }
    return std::move(verdict_);
  }

 private:
  template <typename... Parts>
  void Report(Kind kind, const Parts&... parts) {
    if (verdict_.violations.size() < kViolationsMax) {
      verdict_.violations.push_back({.kind = kind, .text = absl::StrCat(parts...)});
    }
  }

  static std::string Name(const std::string& topic, uint32_t queue_id, QueueOffset offset) {
    return absl::StrCat(topic, "/", queue_id, "@", offset.value());
  }

  std::string Name(size_t sent) const {
    const SendHistory::Sent& message = history_[sent];
    return absl::StrCat("message ", message.what.producer, ".", message.sequence, " to ",
                        message.queues().front().topic, "/", message.queues().front().queue_id);
  }

  void CheckState() {
    const StoreInfo info = store_.Info();
    const bool is_good = info.state == StoreState::kHealthy ||
                         info.state == StoreState::kDegraded ||
                         (expectation_.allows_read_only && info.state == StoreState::kReadOnly);
    if (!is_good) Report(Kind::kBroken, "the store is not open for appends: ", info.reason);
    if (info.state != store_.state()) Report(Kind::kBroken, "Info() and state() do not agree");
    if (info.begin > info.durable || info.durable > info.written || info.written > info.end) {
      Report(Kind::kBroken, "ends out of order: ", info.begin.value(), " ", info.durable.value(),
             " ", info.written.value(), " ", info.end.value());
    }
    for (const DamagedRange& range : store_.recovery().damage) ReportDamage(range);
  }

  void ReportDamage(const DamagedRange& range) {
    is_damaged_ = true;
    if (!expectation_.allows_damage) {
      Report(Kind::kBroken, "damage ", range.begin.value(), "..", range.end.value(), ": ",
             range.reason);
    }
  }

  void ReadTopicByQueue(const std::string& name, const SendHistory::TopicRecord& topic) {
    const bool must_exist = topic.acknowledged_at <= expectation_.as_of;
    const absl::StatusOr<Topic> handle = store_.FindTopic(name);
    if (!handle.ok()) {
      // A store that could not read its log when it was opened takes no appends, and says so.
      const bool is_unread = is_damaged_ && expectation_.allows_read_only;
      if (must_exist && !is_unread)
        Report(Kind::kLost, "topic ", name, ": ", handle.status().ToString());
      return;
    }
    if (handle->queue_count() != topic.queue_count) {
      Report(Kind::kBroken, "topic ", name, " has ", handle->queue_count(), " queues");
    }
    for (uint32_t id = 0; id < handle->queue_count(); ++id) ReadQueue(name, *handle, id);
  }

  void ReadQueue(const std::string& name, Topic topic, uint32_t queue_id) {
    const absl::StatusOr<QueueBounds> bounds = store_.Bounds(topic, queue_id);
    if (!bounds.ok()) return Report(Kind::kBroken, name, ": ", bounds.status().ToString());
    const QueueName queue{name, queue_id};
    QueueOffset offset = bounds->first;
    uint64_t delivered = 0;
    LogPosition last_position;
    absl::Time last_time = absl::InfinitePast();
    while (offset < bounds->end) {
      const absl::StatusOr<ReadResult> result = store_.Read(
          topic, queue_id, offset, {.max_messages = kMessagesPerRead, .max_bytes = kBytesPerRead});
      if (!result.ok()) return Report(Kind::kBroken, name, ": ", result.status().ToString());
      if (result->outcome() == ReadOutcome::kDamaged && result->damage().has_value()) {
        ReportDamage(*result->damage());
      }
      for (const MessageView& message : *result) {
        if (message.queue_offset() < offset || message.queue_offset() >= bounds->end) {
          Report(Kind::kBroken, Name(name, queue_id, message.queue_offset()), ": out of order");
        }
        if (delivered != 0 && message.position() <= last_position) {
          Report(Kind::kBroken, Name(name, queue_id, message.queue_offset()),
                 ": not in the order of the log");
        }
        if (message.store_time() < last_time) {
          Report(Kind::kBroken, Name(name, queue_id, message.queue_offset()), ": time goes back");
        }
        offset = message.queue_offset() + 1;
        last_position = message.position();
        last_time = message.store_time();
        ++delivered;
        CheckDelivered(queue, message);
      }
      if (result->next_offset() <= offset && result->empty()) break;
      offset = std::max(offset, result->next_offset());
    }
    CheckDense(queue, *bounds, delivered);
  }

  void CheckDelivered(const QueueName& queue, const MessageView& message) {
    const std::string place = Name(queue.topic, queue.queue_id, message.queue_offset());
    AddToContent(place, message);
    const std::optional<size_t> sent = history_.Identify(message.body());
    if (!sent.has_value()) return Report(Kind::kPhantom, place, ": was never sent");
    const SendHistory::Sent& original = history_[*sent];
    const std::string name = absl::StrCat(place, ": ", Name(*sent));
    if (original.sent_at > expectation_.as_of) Report(Kind::kPhantom, name, " comes too early");
    if (original.is_void) Report(Kind::kPhantom, name, " was refused or given up");
    if (original.IsRevoked(expectation_.as_of)) {
      Report(Kind::kPhantom, name, " was lost once and is back");
    }
    if (!IsSame(message, original)) Report(Kind::kPhantom, name, " is not as it was sent");

    const auto& queues = original.queues();
    if (std::count(queues.begin(), queues.end(), queue) == 0) {
      Report(Kind::kPhantom, name, " was not sent to this queue");
    }
    std::vector<QueueName>& places = places_[*sent];
    if (std::count(places.begin(), places.end(), queue) != 0) {
      Report(Kind::kPhantom, name, " is there twice");
    }
    places.push_back(queue);
    verdict_.delivered[*sent] = true;
    last_delivered_ = std::max(last_delivered_, message.position());

    if (!original.HasReceipt(expectation_.as_of)) return;
    const Receipt& receipt = *original.receipt;
    const bool is_at_offset =
        queue != queues.front() ||
        (receipt.queue_id == queue.queue_id && receipt.queue_offset == message.queue_offset());
    if (receipt.position != message.position() || !is_at_offset) {
      Report(Kind::kPhantom, name, " is not where its receipt says");
    }
  }

  static bool IsSame(const MessageView& message, const SendHistory::Sent& original) {
    const Message sent = original.message();
    return message.body() == sent.body && message.tag() == sent.tag &&
           message.ordering_key() == sent.ordering_key && message.keys() == sent.keys &&
           message.properties() == sent.properties;
  }

  // Numbers without a message belong to messages that were never confirmed.
  void CheckDense(const QueueName& queue, const QueueBounds& bounds, uint64_t delivered) {
    const uint64_t gaps = bounds.end - bounds.first - delivered;
    if (gaps == 0 || is_damaged_) return;
    uint64_t unconfirmed = 0;
    for (size_t i = 0; i < history_.size(); ++i) {
      const SendHistory::Sent& sent = history_[i];
      if (sent.sent_at > expectation_.as_of || sent.HasReceipt(expectation_.as_of)) continue;
      const auto& queues = sent.queues();
      if (!verdict_.delivered[i] && std::count(queues.begin(), queues.end(), queue) != 0) {
        ++unconfirmed;
      }
    }
    if (gaps > unconfirmed) {
      Report(Kind::kBroken, queue.topic, "/", queue.queue_id, ": ", gaps,
             " offsets without a message, ", unconfirmed, " sends without a receipt");
    }
  }

  void CheckSent() {
    for (size_t i = 0; i < history_.size(); ++i) {
      const SendHistory::Sent& sent = history_[i];
      const size_t places = places_[i].size();
      if (places != 0 && places != sent.queues().size() && !is_damaged_) {
        Report(Kind::kBroken, Name(i), " is in ", places, " of ", sent.queues().size(), " queues");
      }
      if (sent.IsRevoked(expectation_.as_of)) continue;
      if (sent.IsAcknowledged(expectation_.survives, expectation_.as_of)) {
        ++verdict_.acknowledged_checked;
        if (places == 0 && !is_damaged_) {
          Report(Kind::kLost, Name(i), " was acknowledged as ",
                 DurabilityName(expectation_.survives), " and is not there");
        }
      } else if (places == 0 && !is_damaged_ && sent.HasReceipt(expectation_.as_of) &&
                 sent.receipt->position < last_delivered_) {
        Report(Kind::kBroken, Name(i), " is missing at ", sent.receipt->position.value(),
               " although ", last_delivered_.value(), " was delivered");
      }
    }
  }

  void CheckGroups() {
    std::map<uint64_t, std::pair<uint64_t, uint64_t>> groups;  // members, delivered ones
    for (size_t i = 0; i < history_.size(); ++i) {
      if (history_[i].what.group == 0) continue;
      auto& [members, delivered] = groups[history_[i].what.group];
      ++members;
      if (verdict_.delivered[i]) ++delivered;
    }
    for (const auto& [group, counts] : groups) {
      if (counts.second != 0 && counts.second != counts.first && !is_damaged_) {
        Report(Kind::kBroken, "group ", group, ": ", counts.second, " of ", counts.first,
               " members are there");
      }
    }
  }

  void CheckLogOrder(const std::string& topic) {
    uint64_t expected = 0;
    for (const std::vector<QueueName>& places : places_) {
      expected += std::any_of(places.begin(), places.end(),
                              [&topic](const QueueName& queue) { return queue.topic == topic; });
    }
    uint64_t found = 0;
    for (LogPosition position;;) {
      const absl::StatusOr<ReadResult> result = store_.ReadTopic(
          topic, position, {.max_messages = kMessagesPerRead, .max_bytes = kBytesPerRead});
      if (!result.ok()) return Report(Kind::kBroken, topic, ": ", result.status().ToString());
      for (const MessageView& message : *result) {
        if (message.position() < position) Report(Kind::kBroken, topic, ": log order");
        position = message.position() + 1;
        ++found;
      }
      if (result->next_position() <= position && result->empty()) break;
      position = std::max(position, result->next_position());
    }
    if (found != expected && !is_damaged_) {
      Report(Kind::kBroken, topic, ": ", expected, " messages by queue and ", found,
             " in the order of the log");
    }
  }

  void CheckVerify() {
    const absl::StatusOr<VerifyReport> report = store_.Verify();
    if (!report.ok()) return Report(Kind::kBroken, "Verify: ", report.status().ToString());
    if (expectation_.allows_damage) return;
    for (const VerifyFinding& finding : report->findings) {
      Report(Kind::kBroken, "Verify: ", finding.file, " at ", finding.position.value(), ": ",
             finding.what);
    }
  }

  void AddToContent(const std::string& place, const MessageView& message) {
    const uint64_t numbers[] = {verdict_.content, message.position().value(),
                                XXH3_64bits(place.data(), place.size()),
                                XXH3_64bits(message.body().data(), message.body().size())};
    verdict_.content = XXH3_64bits(numbers, sizeof(numbers));
  }

  MessageStore& store_;
  const SendHistory& history_;
  const Expectation& expectation_;

  Verdict verdict_;
  std::vector<std::vector<QueueName>> places_;  // where each message was found
  LogPosition last_delivered_;
  bool is_damaged_ = false;
};

}  // namespace

uint64_t Verdict::Count(Violation::Kind kind) const {
  return static_cast<uint64_t>(
      std::count_if(violations.begin(), violations.end(),
                    [kind](const Violation& violation) { return violation.kind == kind; }));
}

std::string Verdict::ToString() const {
  static constexpr absl::string_view kNames[] = {"lost", "phantom", "broken"};
  std::string text;
  for (const Violation& violation : violations) {
    absl::StrAppend(&text, kNames[static_cast<size_t>(violation.kind)], ": ", violation.text, "\n");
  }
  return text;
}

Verdict Examine(MessageStore& store, const SendHistory& history, const Expectation& expectation) {
  return Examination(store, history, expectation).Run();
}

}  // namespace weir::testing
