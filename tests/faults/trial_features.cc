// What the programs of trials do with a store besides writing and reading.

#include <algorithm>

#include "faults/trial.h"
#include "weir/find.h"

namespace weir::testing {
namespace {

constexpr char kGroup[] = "risk";
constexpr size_t kDoomedBytes = 600;

}  // namespace

void Trial::FindByKey(const std::string& topic, const std::string& key) {
  MessageStore& store = *subject_.store;
  std::optional<FindResult> found;
  Within("FindByKey", [&] {
    absl::StatusOr<FindResult> result = store.FindByKey(topic, key, {.limit = 1000});
    if (result.ok()) found = *std::move(result);
    return IfThere(result.status());
  }).IgnoreError();
  if (!found.has_value()) return;
  CheckMessages("FindByKey", *found);
  if (failed_calls() > 0) return;  // what a device does not give is not found
  if (!found->damage().empty()) Problem("FindByKey tells of damage");
  size_t acknowledged = 0;
  for (size_t i = 0; i < history_.size(); ++i) {
    const SendHistory::Sent& sent = history_[i];
    const auto& keys = sent.what.keys;
    const bool is_asked = sent.queues().front().topic == topic &&
                          std::find(keys.begin(), keys.end(), key) != keys.end();
    if (is_asked && sent.IsAcknowledged(Durability::kProcess, history_.now()) &&
        !sent.IsRevoked(history_.now())) {
      ++acknowledged;
    }
  }
  if (found->size() < acknowledged) {
    Problem(absl::StrCat("FindByKey finds ", found->size(), " of ", acknowledged));
  }
}

void Trial::FindEverything() {
  if (!is_open()) return;
  MessageStore& store = *subject_.store;
  for (const std::string& topic : topics_) {
    for (int i = 0; i < 5; ++i) FindByKey(topic, absl::StrCat("key-", i));
    const absl::Time now = absl::FromUnixNanos(clock_.WallNanos());
    Within("OffsetForTime", [&] {
      return IfThere(store.OffsetForTime(topic, 0, now, Boundary::kLower).status());
    }).IgnoreError();
    Within("BoundsInTime", [&] {
      return IfThere(store.BoundsInTime(topic, 0).status());
    }).IgnoreError();
    Within("PositionForTime", [&] { return store.PositionForTime(now); }).IgnoreError();
  }
  Within("BoundsInTime", [&] { return IfThere(store.BoundsInTime().status()); }).IgnoreError();
  if (!last_receipt_.has_value()) return;
  std::optional<MessageId> id;
  Within("IdOf", [&] {
    const auto result = store.IdOf(last_receipt_->position);
    if (result.ok()) id = *result;
    // Where a device gives nothing no message begins.
    return failed_calls() > 0 ? IfThere(result.status()) : result.status();
  }).IgnoreError();
  if (!id.has_value()) return;
  const auto read = Within("FindById", [&] { return store.FindById(*id); });
  CheckRead("FindById", read);
  if (read.ok() && read->size() != 1) Problem("FindById finds nothing");
}

void Trial::CommitOffset() {
  if (!is_open()) return;
  MessageStore& store = *subject_.store;
  const std::string& topic = topics_.front();
  const auto bounds = store.Bounds(topic, 0);
  if (!bounds.ok()) return;
  const auto reached = Within("CommitOffset", [&] {
    return store.CommitOffset(kGroup, topic, 0, bounds->end, {.timeout = kTimeout});
  });
  if (reached.ok() && *reached >= survives_death_) committed_ = bounds->end;
  CheckOffset();
}

void Trial::CheckOffset() {
  if (!is_open()) return;
  std::optional<QueueOffset> found;
  const absl::Status status = Within("CommittedOffset", [&] {
    const auto result = subject_.store->CommittedOffset(kGroup, topics_.front(), 0);
    if (result.ok()) found = *result;
    return IfThere(result.status());
  });
  // What could not be read of the log when it was opened is not known, and the store says so.
  if (subject_.state() == StoreState::kReadOnly) return;
  if (status.ok() && found.value_or(QueueOffset(0)) < committed_) {
    Problem("what a group has committed is not there");
  }
}

void Trial::AppendDoomed(const std::string& topic, int count) {
  if (!is_open()) return;
  history_.SetAside(topic);
  const std::string body(kDoomedBytes, 'x');
  for (int i = 0; i < count; ++i) {
    const Message message{.topic = topic, .queue_id = 0, .body = body};
    Within("Append", [&] {
      return subject_.store->Append(message, {.timeout = kTimeout}).status();
    }).IgnoreError();
  }
}

void Trial::CheckPurged(const char* what, const std::string& topic, const absl::Status& purged,
                        QueueOffset first) {
  if (!purged.ok()) return;
  const auto bounds = subject_.store->Bounds(topic, 0);
  if (!absl::IsNotFound(bounds.status()) && (!bounds.ok() || bounds->first < first)) {
    Problem(absl::StrCat(what, " leaves what was purged"));
  }
}

void Trial::ManageTopic(const std::string& name) {
  if (!is_open()) return;
  history_.SetAside(name);
  MessageStore& store = *subject_.store;
  Within("CreateTopic", [&] {
    return store.CreateTopic(name, {.queue_count = 1, .max_age = absl::Hours(9)});
  }).IgnoreError();
  Within("AlterTopic", [&] {
    return IfThere(store.AlterTopic(name, {.max_age = absl::Hours(7)}));
  }).IgnoreError();
  AppendDoomed(name, 3);
  const auto bounds = store.Bounds(name, 0);
  const QueueOffset end = bounds.ok() ? bounds->end : QueueOffset(0);
  const QueueOffset middle(end.value() / 2);
  const auto purge = [&](const char* what, QueueOffset first, auto&& call) {
    CheckPurged(what, name, Within(what, [&] { return IfThere(call()); }), first);
  };
  purge("PurgeQueue", middle, [&] { return store.PurgeQueue(name, 0, middle); });
  purge("PurgeTopic", end, [&] { return store.PurgeTopic(name); });
  const absl::Status gone = Within("DeleteTopic", [&] { return IfThere(store.DeleteTopic(name)); });
  if (gone.ok() && !absl::IsNotFound(store.FindTopic(name).status())) {
    Problem("a topic that was deleted is there");
  }
}

void Trial::Retain() {
  if (!is_open()) return;
  MessageStore& store = *subject_.store;
  constexpr Retention kPolicy{.max_age = absl::Hours(1)};
  const auto asked = Within("Retain", [&] { return store.Retain(kPolicy, /*dry_run=*/true); });
  const auto report = Within("Retain", [&] { return store.Retain(kPolicy); });
  if (!report.ok()) return;
  if (failures() == 0 && (!asked.ok() || asked->segments != report->segments)) {
    Problem("Retain drops other segments than it said");
  }
  if (failures() == 0 && report->begin == LogPosition(0)) Problem("Retain never drops anything");
  std::optional<StoreInfo> info;
  WithinSound("Info", [&] { info = store.Info(); });
  if (info.has_value() && info->begin < report->begin) Problem("Retain says what it did not do");
}

void Trial::GetOld() { clock_.Advance(absl::Hours(2)); }

}  // namespace weir::testing
