#include "support/oracle.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "support/judgement.h"
#include "support/service.h"

namespace weir::testing {
namespace {

using Kind = Violation::Kind;

constexpr uint32_t kMessagesPerRead = 1024;
constexpr uint64_t kBytesPerRead = uint64_t{64} << 20;
constexpr size_t kViolationsMax = 20;

// Reads a store in all ways and tells the judgement.
class StoreExamination {
 public:
  StoreExamination(MessageStore& store, const SendHistory& history, const Expectation& expectation)
      : store_(store),
        history_(history),
        expectation_(expectation),
        judgement_(history, expectation) {}

  Verdict Run() {
    const StoreInfo info = store_.Info();
    judgement_.CheckState(info.state, info.reason);
    if (info.state != store_.state()) {
      judgement_.Report(Kind::kState, "Info() and state() do not agree");
    }
    if (info.begin > info.durable || info.durable > info.written || info.written > info.end) {
      judgement_.Report(Kind::kBroken, "ends out of order: ", info.begin.value(), " ",
                        info.durable.value(), " ", info.written.value(), " ", info.end.value());
    }
    judgement_.CheckRecovery(store_.recovery());
    CheckBegin(info.begin);
    CheckTopics(info);
    for (const auto& [name, topic] : history_.topics()) ReadTopicByQueue(name, topic);
    judgement_.CheckSent(may_drop_ ? info.begin : LogPosition(0));
    CheckGroups();
    if (expectation_.is_thorough) {
      for (const auto& [name, topic] : history_.topics()) CheckLogOrder(name);
      CheckVerify();
    }
    return std::move(judgement_.verdict());
  }

 private:
  // What was dropped was to go, and what has gone does not come back.
  void CheckBegin(LogPosition begin) {
    const uint64_t taken_by = std::max(expectation_.as_of, expectation_.taken_by);
    const LogPosition may_begin_at = history_.may_begin_at(taken_by);
    may_drop_ = may_begin_at > LogPosition(0);
    drops_by_itself_ = history_.may_drop_by_itself(taken_by);
    if (drops_by_itself_) judgement_.verdict().dropped_below = begin;
    if (begin < history_.must_begin_at(expectation_.as_of)) {
      judgement_.Report(Kind::kBroken, "begins at ", begin.value(), "; dropped below ",
                        history_.must_begin_at(expectation_.as_of).value());
    }
    if (may_drop_ && begin > may_begin_at) {
      judgement_.Report(Kind::kLost, "begins at ", begin.value(),
                        "; nothing was to be dropped behind ", may_begin_at.value());
    }
  }

  // I3, of topics.
  void CheckTopics(const StoreInfo& info) {
    for (const TopicInfo& topic : info.topics) {
      if (topic.name == kServiceTopic || history_.IsAside(topic.name)) continue;
      if (history_.topics().count(topic.name) == 0) {
        judgement_.Report(Kind::kPhantom, "nobody made a topic ", topic.name);
      }
      judgement_.verdict().derived.push_back(topic.queue_count);
      if (may_drop_) continue;  // of what was dropped only index files know how much it was
      judgement_.verdict().derived.push_back(topic.messages);
      judgement_.verdict().derived.push_back(topic.bytes);
    }
  }

  void ReadTopicByQueue(const std::string& name, const SendHistory::TopicRecord& topic) {
    const absl::StatusOr<Topic> handle = store_.FindTopic(name);
    if (topic.deletion_asked_at <= std::max(expectation_.as_of, expectation_.taken_by)) {
      for (uint32_t id = 0; !handle.ok() && id < topic.queue_count; ++id) {
        judgement_.ExcuseBelow(history_.NumberOf({name, id}), QueueOffset(~uint64_t{0}));
      }
      if (!handle.ok()) return;
      if (topic.deleted_at <= expectation_.as_of) {
        judgement_.Report(Kind::kPhantom, "topic ", name, " was deleted and is back");
      }
    }
    if (!handle.ok()) {
      // A store that could not read its log when it was opened takes no appends, and says so.
      const bool is_unread = judgement_.verdict().tells_loss && expectation_.allows_read_only;
      const bool is_excused = is_unread || expectation_.may_lose_topics;
      if (topic.acknowledged_at <= expectation_.as_of && !is_excused) {
        judgement_.Report(Kind::kLost, "topic ", name, ": ", handle.status().ToString());
      }
      return;
    }
    if (handle->queue_count() != topic.queue_count) {
      judgement_.Report(Kind::kBroken, "topic ", name, " has ", handle->queue_count(), " queues");
    }
    for (uint32_t id = 0; id < handle->queue_count(); ++id) ReadQueue({name, id}, *handle);
  }

  void ReadQueue(const QueueName& name, Topic topic) {
    const absl::StatusOr<QueueBounds> bounds = store_.Bounds(topic, name.queue_id);
    if (!bounds.ok()) return judgement_.ReportError(name.topic, bounds.status());
    // The next open may drop more.
    if (!drops_by_itself_) judgement_.verdict().derived.push_back(bounds->first.value());
    judgement_.verdict().derived.push_back(bounds->end.value());
    const uint32_t number = history_.NumberOf(name);
    const uint64_t taken_by = std::max(expectation_.as_of, expectation_.taken_by);
    const QueueOffset purged = history_.may_begin_at(number, taken_by);
    if (purged > QueueOffset(0)) judgement_.ExcuseBelow(number, std::min(purged, bounds->first));
    judgement_.NoteEnd(number, bounds->end);
    last_time_ = absl::InfinitePast();
    last_position_ = LogPosition(0);
    uint64_t delivered = 0;
    for (QueueOffset offset = bounds->first; offset < bounds->end;) {
      const absl::StatusOr<ReadResult> result =
          store_.Read(topic, name.queue_id, offset,
                      {.max_messages = kMessagesPerRead, .max_bytes = kBytesPerRead});
      if (!result.ok()) return judgement_.ReportError(name.topic, result.status());
      NoteDamage(*result);
      QueueOffset next = offset;
      for (const MessageView& message : *result) {
        if (message.queue_offset() < next || message.queue_offset() >= bounds->end) {
          judgement_.Report(Kind::kOrder, name.topic, "/", name.queue_id, "@",
                            message.queue_offset().value(), ": not in the order of offsets");
        }
        next = message.queue_offset() + 1;
        ++delivered;
        CheckMessage(message, name, number);
      }
      next = std::max(next, result->next_offset());
      if (next <= offset) {
        if (MayGoOn(*result))
          judgement_.Report(Kind::kBroken, name.topic, ": reading stands still");
        break;
      }
      offset = next;
    }
    const uint64_t numbers = bounds->end - bounds->first;
    judgement_.CheckDense(number, numbers - std::min(delivered, numbers));
  }

  void NoteDamage(const ReadResult& result) {
    if (result.outcome() != ReadOutcome::kDamaged) return;
    if (result.damage().has_value()) return judgement_.NoteDamage(*result.damage());
    judgement_.Report(Kind::kBroken, "damage without a range");
  }

  static bool MayGoOn(const ReadResult& result) {
    return result.outcome() == ReadOutcome::kFound || result.outcome() == ReadOutcome::kNoMatch ||
           result.outcome() == ReadOutcome::kDamaged;
  }

  void CheckMessage(const MessageView& message, const QueueName& queue, uint32_t number) {
    const Judgement::Delivery delivery{.position = message.position(),
                                       .bytes = message.record_bytes(),
                                       .place = Verdict::Place{number, message.queue_offset()},
                                       .body = message.body()};
    // I4.
    if (message.position() <= last_position_) {
      judgement_.Report(Kind::kOrder, judgement_.Name(delivery), ": not in the order of the log");
    }
    if (message.store_time() < last_time_) {
      judgement_.Report(Kind::kOrder, judgement_.Name(delivery), ": time goes back");
    }
    last_position_ = message.position();
    last_time_ = message.store_time();
    // I3.
    const SendHistory::Sent* const original = judgement_.CheckDelivered(delivery);
    if (original != nullptr && !HasPartsOf(message, *original)) {
      judgement_.Report(Kind::kPhantom, judgement_.Name(delivery), ": ", Judgement::Name(*original),
                        " has other parts than were sent");
    }
    if (message.topic() != queue.topic || message.queue_id() != queue.queue_id) {
      judgement_.Report(Kind::kPhantom, judgement_.Name(delivery), ": names another queue");
    }
  }

  static bool HasPartsOf(const MessageView& message, const SendHistory::Sent& original) {
    const Outgoing& what = original.what;
    const auto is_same = [](const Property& property,
                            const std::pair<std::string, std::string>& sent) {
      return property.name == sent.first && property.value == sent.second;
    };
    const auto keys = message.keys();
    const auto properties = message.properties();
    return message.tag() == what.tag && message.ordering_key() == what.ordering_key &&
           std::equal(keys.begin(), keys.end(), what.keys.begin(), what.keys.end()) &&
           std::equal(properties.begin(), properties.end(), what.properties.begin(),
                      what.properties.end(), is_same);
  }

  // I5.
  void CheckGroups() {
    for (const GroupCommits::Consumer& consumer : history_.commits().Consumers()) {
      const QueueName queue = history_.NameOf(consumer.second);
      const absl::StatusOr<QueueBounds> bounds = store_.Bounds(queue.topic, queue.queue_id);
      const auto topic = history_.topics().find(queue.topic);
      // It has gone with its topic.
      if (topic != history_.topics().end() && !bounds.ok() &&
          topic->second.deletion_asked_at <= std::max(expectation_.as_of, expectation_.taken_by)) {
        continue;
      }
      judgement_.CheckGroup(consumer,
                            store_.CommittedOffset(consumer.first, queue.topic, queue.queue_id),
                            bounds.ok() ? bounds->end : QueueOffset(0));
    }
  }

  // I4: in the order of the log a topic has what its queues have, each message once.
  void CheckLogOrder(const std::string& topic) {
    const uint32_t number = history_.NumberOf({.topic = topic, .queue_id = 0});
    std::vector<LogPosition> by_queue;
    for (const Verdict::Record& record : judgement_.verdict().records) {
      const bool is_of_topic = std::any_of(record.places.begin(), record.places.end(),
                                           [number](const Verdict::Place& place) {
                                             return SendHistory::IsOneTopic(place.queue, number);
                                           });
      if (is_of_topic) by_queue.push_back(record.begin);
    }
    std::sort(by_queue.begin(), by_queue.end());
    std::vector<LogPosition> in_log;
    for (LogPosition position;;) {
      const absl::StatusOr<ReadResult> result = store_.ReadTopic(
          topic, position, {.max_messages = kMessagesPerRead, .max_bytes = kBytesPerRead});
      if (!result.ok()) return judgement_.ReportError(topic, result.status());
      for (const MessageView& message : *result) in_log.push_back(message.position());
      if (result->next_position() <= position) {
        if (MayGoOn(*result)) judgement_.Report(Kind::kBroken, topic, ": ReadTopic stands still");
        break;
      }
      if (!MayGoOn(*result)) break;
      position = result->next_position();
    }
    if (in_log != by_queue) {
      judgement_.Report(Kind::kOrder, topic, ": ", by_queue.size(), " messages by queue and ",
                        in_log.size(), " in the order of the log");
    }
  }

  void CheckVerify() {
    const absl::StatusOr<VerifyReport> report = store_.Verify();
    if (!report.ok()) return judgement_.ReportError("Verify", report.status());
    for (const VerifyFinding& finding : report->findings) {
      std::string text = absl::StrCat("Verify: ", finding.file, " at ", finding.position.value(),
                                      ": ", finding.what);
      if (!expectation_.allows_damage) judgement_.Report(Kind::kBroken, text);
      judgement_.NoteFinding(std::move(text));
    }
  }

  MessageStore& store_;
  const SendHistory& history_;
  const Expectation& expectation_;
  Judgement judgement_;
  absl::Time last_time_;
  LogPosition last_position_;
  bool may_drop_ = false;         // retention was asked for
  bool drops_by_itself_ = false;  // ... and a policy decides
};

std::string PlacesOf(const SendHistory& history, const Verdict::Record& record) {
  if (record.places.empty()) return "nowhere";
  std::string text = absl::StrCat("at ", record.begin.value());
  for (const Verdict::Place& place : record.places) {
    absl::StrAppend(&text, ", ", history.QueueText(place.queue), "@", place.offset.value());
  }
  return text;
}

}  // namespace

uint64_t Verdict::Count(Violation::Kind kind) const {
  return static_cast<uint64_t>(
      std::count_if(violations.begin(), violations.end(),
                    [kind](const Violation& violation) { return violation.kind == kind; }));
}

std::string Verdict::ToString() const {
  static constexpr const char* kNames[] = {"broken", "lost",     "phantom", "order",
                                           "group",  "derived",  "answer",  "leak",
                                           "state",  "recovery", "writer",  "files"};
  std::string text;
  for (const Violation& violation : violations) {
    absl::StrAppend(&text, kNames[static_cast<size_t>(violation.kind)], ": ", violation.text, "\n");
  }
  return text;
}

void Verdict::Add(Violation::Kind kind, std::string text) {
  if (violations.size() < kViolationsMax) {
    violations.push_back({.kind = kind, .text = std::move(text)});
  }
}

void Verdict::Add(const std::string& when, const std::vector<Violation>& others) {
  for (const Violation& violation : others) {
    Add(violation.kind, absl::StrCat(when, ": ", violation.text));
  }
}

Verdict Refused(const absl::Status& status, const Expectation& expectation) {
  Verdict verdict;
  verdict.error = status;
  verdict.was_refused = verdict.tells_loss = verdict.tells_anything = true;
  if (!expectation.may_be_refused || absl::IsInternal(status)) {
    verdict.Add(Kind::kBroken, absl::StrCat("Open: ", status.ToString()));
  }
  return verdict;
}

Verdict Examine(MessageStore& store, const SendHistory& history, const Expectation& expectation) {
  return StoreExamination(store, history, expectation).Run();
}

void CheckSame(const Verdict& before, const SendHistory& history, Violation::Kind kind,
               Verdict& again, const MayBeLost& may_be_lost) {
  for (size_t i = 0; i < before.records.size(); ++i) {
    const Verdict::Record& was = before.records[i];
    const Verdict::Record& is = again.records[i];
    if (was == is) continue;
    if (is.places.empty() && was.begin < again.dropped_below) continue;
    if (may_be_lost != nullptr && may_be_lost(i)) {
      // Some places may be gone; where it still is, it must have been.
      const bool was_here =
          std::all_of(is.places.begin(), is.places.end(), [&was](const Verdict::Place& place) {
            return std::count(was.places.begin(), was.places.end(), place) != 0;
          });
      if (was_here && (is.places.empty() || is.begin == was.begin)) continue;
    }
    again.Add(kind, absl::StrCat(Judgement::Name(history[i]), " was ", PlacesOf(history, was),
                                 " and is ", PlacesOf(history, is)));
  }
  if (may_be_lost == nullptr && before.groups != again.groups) {
    again.Add(kind, "groups are elsewhere than before");
  }
}

}  // namespace weir::testing
