#include "stress/onlooker.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "stress/producer.h"
#include "weir/commit_log.h"
#include "weir/repair.h"

namespace weir::testing {

void Onlooker::Examine(const MessageView& message) {
  const bool is_known = IdentityOf(WEIR_CALL(me_, message, body)).has_value();
  me_.Expect(is_known, "a body that nobody sent");
  const absl::string_view tag = WEIR_CALL(me_, message, tag);
  me_.Expect(tag.empty() || tag == "even" || tag == "odd", "another tag");
  const absl::string_view key = WEIR_CALL(me_, message, ordering_key);
  me_.Expect(key.empty() || key == message.body().substr(0, 3), "another ordering key");
  for (const absl::string_view one : WEIR_CALL(me_, message, keys)) {
    me_.Expect(one == message.body().substr(0, 4), "another key");
  }
  const bool has_property = !WEIR_CALL(me_, message, properties).empty();
  me_.Expect(WEIR_CALL(me_, message, property, "from").has_value() == has_property,
             "another property");
  const LogPosition position = WEIR_CALL(me_, message, position);
  me_.Expect(WEIR_CALL(me_, position, value) % 8 == 0 && WEIR_CALL(me_, message, record_bytes) > 0,
             "a record in no place");
}

bool Onlooker::MayFind(ReadOutcome outcome) const {
  switch (outcome) {
    case ReadOutcome::kFound:
    case ReadOutcome::kAtEnd:
    case ReadOutcome::kNoMatch:
      return true;
    case ReadOutcome::kOffsetTooSmall:
    case ReadOutcome::kBeingRemoved:
      return stage_.scenario().drops;
    case ReadOutcome::kDamaged:
      return stage_.scenario().fails;
    case ReadOutcome::kNoSuchQueue:
      return stage_.MayMiss(is_other_);
    default:
      return false;
  }
}

void Onlooker::FollowQueue(uint32_t queue_id) {
  constexpr absl::string_view kTags[] = {"*", "*", "even", "even || odd"};
  QueueOffset next;
  absl::Time last = absl::InfinitePast();
  stage_.GoOn([&]() -> absl::Status {
    const ReadOptions options{.max_messages = 50,
                              .tags = kTags[me_.random().Below(4)],
                              .wait = absl::Milliseconds(me_.random().Below(5)),
                              .spin = absl::Microseconds(me_.random().Below(50))};
    const auto result = WEIR_CALL(me_, store_, Read, "orders", queue_id, next, options);
    stage_.ExpectOfCall(me_, result.status());
    if (!result.ok()) return result.status();
    const ReadOutcome outcome = WEIR_CALL(me_, *result, outcome);
    if (outcome == ReadOutcome::kAtEnd) me_.LeaveOutLast();
    const bool is_damaged = WEIR_CALL(me_, *result, damage).has_value();
    me_.Expect(MayFind(outcome), absl::StrCat(is_other_ ? "another process reads: " : "read: ",
                                              WEIR_CALL_FREE(me_, ReadOutcomeName, outcome), " ",
                                              is_damaged ? result->damage()->reason : ""));
    for (auto at = WEIR_CALL(me_, *result, begin); at != WEIR_CALL(me_, *result, end); ++at) {
      const QueueOffset offset = WEIR_CALL(me_, *at, queue_offset);
      me_.Expect(offset >= next && WEIR_CALL(me_, *at, queue_id) == queue_id &&
                     WEIR_CALL(me_, *at, topic) == "orders",
                 "a message of another place");
      me_.Expect(WEIR_CALL(me_, *at, store_time) >= last, "a store time goes back");
      last = at->store_time();
      me_.Expect(WEIR_CALL(me_, *at, expires_at) > last, "an expired message is delivered");
      next = offset + 1;
      Examine(*at);
    }
    me_.Expect(WEIR_CALL(me_, *result, next_offset) >= next, "a read goes back");
    next = result->next_offset();
    return absl::OkStatus();
  });
}

void Onlooker::FollowTopic() {
  LogPosition next;
  stage_.GoOn([&]() -> absl::Status {
    const auto result =
        WEIR_CALL(me_, store_, ReadTopic, "orders", next, {.wait = absl::Milliseconds(2)});
    stage_.ExpectOfCall(me_, result.status());
    if (!result.ok()) return result.status();
    if (result->empty()) me_.LeaveOutLast();
    me_.Expect(WEIR_CALL(me_, *result, empty) == (WEIR_CALL(me_, *result, size) == 0), "a size");
    for (const MessageView& message : WEIR_CALL(me_, *result, messages)) {
      me_.Expect(message.position() >= next, "a read of a topic goes back");
      next = message.position() + 1;
    }
    me_.Expect(WEIR_CALL(me_, *result, next_position) >= next, "a read of a topic goes back");
    next = result->next_position();
    return absl::OkStatus();
  });
}

void Onlooker::ExpectOfOthers(const absl::Status& status) {
  if (!stage_.MayMiss(is_other_) || !absl::IsNotFound(status)) stage_.ExpectOfCall(me_, status);
}

void Onlooker::ReadEverywhere(LogPosition begin) {
  const auto queue_id = static_cast<uint32_t>(me_.random().Below(kOrdersQueues));
  const auto bounds = WEIR_CALL(me_, store_, Bounds, "orders", queue_id);
  ExpectOfOthers(bounds.status());
  const QueueOffset end = bounds.ok() ? bounds->end : QueueOffset(0);
  const auto back = WEIR_CALL(me_, store_, ReadBackwards, "orders", queue_id, end);
  stage_.ExpectOfCall(me_, back.status());
  const auto last = WEIR_CALL(me_, store_, ReadLast, "orders", queue_id, 5);
  stage_.ExpectOfCall(me_, last.status());
  if (last.ok() && !last->empty()) {
    const LogPosition position = (*last)[0].position();
    const auto at = WEIR_CALL(me_, store_, ReadAt, position);
    // An append before it may be unfinished.
    if (!absl::IsOutOfRange(at.status())) stage_.ExpectOfCall(me_, at.status());
    me_.Expect(!at.ok() || (*at)[0].body() == (*last)[0].body(), "another message stands there");
  }
  const auto records = WEIR_CALL(me_, store_, Dump, begin, 20);
  stage_.ExpectOfCall(me_, records.status());
}

void Onlooker::LookAround() {
  stage_.GoOn([&]() -> absl::Status {
    if (WEIR_CALL(me_, store_, RunOnce) > absl::ZeroDuration()) me_.LeaveOutLast();
    const StoreStats stats = WEIR_CALL(me_, store_, Stats);
    me_.Expect(stats.appends >= 1, "nothing was ever appended");
    me_.Expect(stats.index_files_rebuilt == 0 || stage_.scenario().fails,
               "an index file was made again that nobody damaged");
    const StoreState state = WEIR_CALL(me_, store_, state);
    const bool is_well = state == StoreState::kHealthy || state == StoreState::kDegraded ||
                         (state == StoreState::kClosed && stage_.may_be_closed());
    me_.Expect(is_well || stage_.scenario().fails, WEIR_CALL_FREE(me_, StoreStateName, state));
    me_.Expect(WEIR_CALL(me_, store_, recovery).damage.empty(), "damage in a new store");
    const absl::Duration timeout = absl::Milliseconds(me_.random().Below(2));
    stage_.ExpectOfAppend(me_, WEIR_CALL(me_, store_, Flush, timeout), timeout);
    if (state == StoreState::kClosed) return absl::FailedPreconditionError("closed");
    if (!me_.random().OneIn(8)) return absl::OkStatus();
    const StoreInfo info = WEIR_CALL(me_, store_, Info);
    me_.Expect(info.durable <= info.end && info.written <= info.end,
               absl::StrCat("durable ", info.durable.value(), " of ", info.end.value()));
    ReadEverywhere(info.begin);
    if (!me_.random().OneIn(8)) return absl::OkStatus();
    const auto verified = WEIR_CALL(me_, store_, Verify);
    stage_.ExpectOfCall(me_, verified.status());
    if (!verified.ok() || stage_.scenario().fails) return verified.status();
    for (const VerifyFinding& finding : verified->findings) {
      me_.Expect(false, absl::StrCat("verify: ", finding.file, " at ", finding.position.value(),
                                     ": ", finding.what));
    }
    return absl::OkStatus();
  });
}

void Onlooker::MakeTopics() {
  uint64_t number = 0;
  stage_.GoOn([&]() -> absl::Status {
    const std::string name = MadeTopic(number % kMadeTopics);
    const uint32_t queues = MadeQueues(number++ % kMadeTopics);
    me_.Expect(WEIR_CALL_FREE(me_, CheckTopicName, name).ok(), "a name");
    const auto made = WEIR_CALL(me_, store_, CreateTopic, name, queues);
    stage_.ExpectOfCall(me_, made.status());
    if (!made.ok()) return made.status();
    const auto found = WEIR_CALL(me_, store_, FindTopic, name);
    stage_.ExpectOfCall(me_, found.status());
    const auto opened = WEIR_CALL(me_, store_, OpenTopic, name);
    stage_.ExpectOfCall(me_, opened.status());
    me_.Expect(!found.ok() || *found == *made, "a topic has two handles");
    me_.Expect(WEIR_CALL(me_, *made, name) == name && WEIR_CALL(me_, *made, queue_count) == queues,
               "another topic was made");
    const TopicRef ref(*made);
    me_.Expect(WEIR_CALL(me_, ref, topic) == *made && WEIR_CALL(me_, ref, name) == name,
               "a handle is another one");
    const auto refused = WEIR_CALL(me_, store_, CreateTopic, name, queues + 1);
    me_.Expect(absl::IsAlreadyExists(refused.status()) || stage_.may_be_closed(),
               refused.status().ToString());
    return absl::OkStatus();
  });
}

void Onlooker::OpenToRead() {
  StoreOptions options = stage_.OptionsOfOthers();
  options.read_only = true;
  const auto reader = WEIR_CALL_OF(me_, MessageStore, Open, options);
  stage_.ExpectOfCall(me_, reader.status());
  if (!reader.ok()) return;
  Onlooker inside(&stage_, reader->get(), /*is_other=*/true, &me_);
  inside.ReadEverywhere(LogPosition(0));
  const auto topic = WEIR_CALL(me_, **reader, FindTopic, "orders");
  inside.ExpectOfOthers(topic.status());
  const auto verified = WEIR_CALL(me_, **reader, Verify);
  stage_.ExpectOfCall(me_, verified.status());
  WEIR_CALL(me_, **reader, RunOnce);
  const StoreInfo info = WEIR_CALL(me_, **reader, Info);
  me_.Expect(info.state != StoreState::kReadOnly || stage_.scenario().fails, info.reason);
  stage_.ExpectOfCall(me_, WEIR_CALL(me_, **reader, Close));
}

void Onlooker::OpenAgain() {
  me_.Expect(WEIR_CALL_OF(me_, Clock, System) != nullptr &&
                 WEIR_CALL_OF(me_, FileSystem, Posix) != nullptr,
             "no outside world");
  stage_.GoOn([&]() -> absl::Status {
    OpenToRead();
    const StoreOptions options = stage_.OptionsOfOthers();
    stage_.ExpectRefused(me_, WEIR_CALL_OF(me_, MessageStore, Open, options).status());
    stage_.ExpectRefused(me_, WEIR_CALL_OF(me_, CommitLog, Open, options).status());
    const auto repaired = WEIR_CALL_FREE(
        me_, RepairStore,
        RepairOptions{
            .directory = options.directory, .dry_run = true, .file_system = options.file_system});
    stage_.ExpectRefused(me_, repaired.status());
    if (repaired.ok()) me_.Expect(WEIR_CALL(me_, *repaired, is_whole), "something is lost");
    return absl::OkStatus();
  });
}

}  // namespace weir::testing
