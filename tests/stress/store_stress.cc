#include "stress/store_stress.h"

#include <array>
#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "stress/custodian.h"
#include "stress/finder.h"
#include "stress/onlooker.h"
#include "stress/producer.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

constexpr int kProducers = 3;
constexpr uint32_t kFollowers = 2;
constexpr int kOnlookers = 2;  // of each kind
constexpr int kClosers = 2;

// Calls its store back, which it knows when it is open.
class Listener final : public StateListener {
 public:
  void OnState(StoreState, const std::string&) override {
    const MessageStore* const store = store_.load(std::memory_order_acquire);
    if (store == nullptr) return;
    store->state();
    store->Stats();
  }
  void set_store(const MessageStore* store) { store_.store(store, std::memory_order_release); }

 private:
  std::atomic<const MessageStore*> store_{nullptr};
};

void CloseAtOnce(Stage& stage, MessageStore& store, std::atomic<int>& closed, Actor& me) {
  const absl::Status status = WEIR_CALL(me, store, Close);
  // One of them closes it, unless a claim is held, which it says, or the disk failed.
  if (status.ok()) closed.fetch_add(1, std::memory_order_relaxed);
  if (!stage.scenario().fails) {
    me.ExpectAmong(status, {absl::StatusCode::kFailedPrecondition});
  }
}

// What is in all queues of all topics but "audit", whose messages are in others too.
void ReadEverything(Stage& stage, MessageStore& store, Actor& me, Stage::Remains* remains) {
  for (const TopicInfo& topic : store.Info().topics) {
    for (uint32_t queue_id = 0; queue_id < topic.queue_count; ++queue_id) {
      QueueOffset next;
      for (;;) {
        const auto result = store.Read(topic.name, queue_id, next, {.max_messages = 1000});
        stage.ExpectOfCall(me, result.status());
        if (!result.ok() || result->outcome() == ReadOutcome::kAtEnd) break;
        if (result->damage()) remains->damage.push_back(*result->damage());
        // Dropped by retention, or purged by a custodian.
        const bool may_be_gone = stage.scenario().drops || absl::StartsWith(topic.name, "kept.");
        const bool is_gone = may_be_gone && (result->outcome() == ReadOutcome::kOffsetTooSmall ||
                                             result->outcome() == ReadOutcome::kBeingRemoved);
        // Nothing but voids may be left.
        const bool is_answer =
            result->outcome() == ReadOutcome::kFound || result->outcome() == ReadOutcome::kNoMatch;
        me.Expect(is_answer || result->damage() || is_gone,
                  absl::StrCat(topic.name, ": ", ReadOutcomeName(result->outcome())));
        for (const MessageView& message : *result) {
          const std::optional<Identity> identity = IdentityOf(message.body());
          me.Expect(identity.has_value(), "a body that nobody sent");
          if (identity && topic.name != "audit") remains->found.insert(*identity);
        }
        next = result->next_offset();
      }
    }
  }
}

using Groups = std::array<GroupState, kOnlookers>;

void CheckAgain(Stage& stage, bool was_closed, const Groups& groups) {
  Actor& me = stage.NewActor();
  stage.EndHurting();
  const auto store = MessageStore::Open(stage.Options());
  me.Expect(store.ok(), store.status().ToString());
  if (!store.ok()) return;
  const RecoveryReport& recovery = (*store)->recovery();
  me.Expect(recovery.was_clean == was_closed, "it is not closed as it was told");
  // Who could not close it may have left what a failed sync took from a file.
  const bool may_be_damaged = stage.scenario().fails && !was_closed;
  for (const DamagedRange& range : recovery.damage) {
    me.Expect(may_be_damaged, range.reason);
  }
  for (const GroupState& state : groups) {
    if (!state.is_certain || may_be_damaged) continue;
    const auto committed = (*store)->CommittedOffset(state.group, "orders", 0);
    me.Expect(committed.ok() && *committed == state.committed, "a group is elsewhere");
  }
  Stage::Remains remains{.was_closed = was_closed};
  ReadEverything(stage, **store, me, &remains);
  // Topics with limits have their old segments dropped here, too.
  remains.begin = (*store)->Info().begin;
  stage.Judge(me, remains);
  const auto verified = (*store)->Verify();
  me.Expect(verified.ok(), verified.status().ToString());
  if (!verified.ok() || stage.scenario().fails) return;
  for (const VerifyFinding& finding : verified->findings) {
    me.Expect(false, absl::StrCat("verify: ", finding.file, " at ", finding.position.value(), ": ",
                                  finding.what));
  }
}

}  // namespace

void StressStore(Stage& stage) {
  Listener listener;
  Actor& me = stage.NewActor();
  StoreOptions options = stage.Options();
  options.state_listener = &listener;
  auto opened = WEIR_CALL_OF(me, MessageStore, Open, options);
  me.Expect(opened.ok(), opened.status().ToString());
  if (!opened.ok()) return;
  std::unique_ptr<MessageStore> store = *std::move(opened);
  listener.set_store(store.get());
  for (const auto& [name, queues] : {std::pair("orders", kOrdersQueues), {"audit", 2u}}) {
    const auto made = WEIR_CALL(me, *store, CreateTopic, name, queues);
    me.Expect(made.ok(), made.status().ToString());
  }
  const Identity first = me.NextIdentity();
  const std::string body = BodyOf(first);
  const auto receipt = WEIR_CALL(me, *store, Append, {.topic = "orders", .body = body});
  me.Expect(receipt.ok(), receipt.status().ToString());
  me.Tell(first, Fate::kAcknowledged, receipt.value_or(Receipt()));
  StoreOptions reading = stage.OptionsOfOthers();
  reading.read_only = true;
  const auto reader = WEIR_CALL_OF(me, MessageStore, Open, reading);
  me.Expect(reader.ok(), reader.status().ToString());
  if (!reader.ok()) return;

  CalledBack called_back(&stage, &stage.NewActor());
  std::atomic<uint64_t> async{0};
  std::atomic<int> closed{0};
  for (int i = 0; i < kProducers; ++i) {
    stage.StartProducer([&](Actor& actor) {
      Producer producer(&stage, store.get(), &called_back, &actor);
      producer.Run();
      async.fetch_add(producer.async(), std::memory_order_relaxed);
    });
  }
  const auto start_onlooker = [&](bool is_other, auto part) {
    MessageStore& seen = is_other ? **reader : *store;
    stage.StartOther([&stage, &seen, is_other, part](Actor& actor) {
      Onlooker onlooker(&stage, &seen, is_other, &actor);
      part(onlooker);
    });
  };
  for (const bool is_other : {false, true}) {
    for (uint32_t id = 0; id < kFollowers; ++id) {
      start_onlooker(is_other, [id](Onlooker& onlooker) { onlooker.FollowQueue(id); });
    }
    start_onlooker(is_other, [](Onlooker& onlooker) { onlooker.FollowTopic(); });
  }
  for (int i = 0; i < kOnlookers; ++i) {
    start_onlooker(false, [](Onlooker& onlooker) { onlooker.LookAround(); });
    start_onlooker(false, [](Onlooker& onlooker) { onlooker.MakeTopics(); });
    start_onlooker(false, [](Onlooker& onlooker) { onlooker.OpenAgain(); });
  }
  Groups groups;
  for (GroupState& state : groups) {
    state.group = absl::StrCat("group.", &state - groups.data());
    stage.StartOther([&](Actor& actor) {
      Custodian custodian(&stage, store.get(), &state, &actor);
      stage.GoOn([&] { return custodian.Look(); });
    });
  }
  for (const bool is_other : {false, false, true}) {
    MessageStore& seen = is_other ? **reader : *store;
    stage.StartOther(
        [&stage, &seen, is_other](Actor& actor) { Finder(&stage, &seen, is_other, &actor).Run(); });
  }
  for (int i = 0; i < kClosers; ++i) {
    stage.StartCloser([&](Actor& actor) { CloseAtOnce(stage, *store, closed, actor); });
  }
  stage.AwaitAll();

  me.Expect(
      closed == 1 || (closed == 0 && (stage.scenario().closes_early || stage.scenario().fails)),
      absl::StrCat(closed.load(), " threads closed it"));
  listener.set_store(nullptr);
  store.reset();
  me.Expect(called_back.count() == async.load(),
            absl::StrCat(called_back.count(), " callbacks of ", async.load()));
  CheckAgain(stage, closed == 1, groups);
}

}  // namespace weir::testing
