// The stress of a CommitLog.

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "stress/store_stress.h"
#include "weir/commit_log.h"

namespace weir::testing {
namespace {

constexpr int kProducers = 3;
constexpr int kOnlookers = 2;  // of each kind
constexpr int kClosers = 2;

class Play {
 public:
  Play(Stage* stage, CommitLog* journal) : stage_(*stage), journal_(*journal) {}

  void Produce(Actor& me);
  void Follow(Actor& me);
  void LookAround(Actor& me);
  void Trim(Actor& me);
  void Close(Actor& me);

  int closed() const { return closed_.load(); }
  // Everything below was dropped, as far as anybody was told.
  LogPosition trimmed() const { return LogPosition(trimmed_.load(std::memory_order_relaxed)); }
  LogPosition trim_asked() const {
    return LogPosition(trim_asked_.load(std::memory_order_relaxed));
  }

 private:
  AppendOptions AnyOptions(Actor& me);
  void AppendOne(Actor& me);
  void AppendSome(Actor& me);
  static void Raise(std::atomic<uint64_t>& end, LogPosition to) {
    uint64_t known = end.load(std::memory_order_relaxed);
    while (known < to.value() &&
           !end.compare_exchange_weak(known, to.value(), std::memory_order_relaxed)) {
    }
  }

  Stage& stage_;
  CommitLog& journal_;
  std::atomic<int> closed_{0};
  std::atomic<uint64_t> trimmed_{0};
  std::atomic<uint64_t> trim_asked_{0};
};

AppendOptions Play::AnyOptions(Actor& me) {
  constexpr absl::Duration kTimeouts[] = {absl::InfiniteDuration(), absl::Milliseconds(1),
                                          absl::ZeroDuration()};
  return {.durability = me.random().OneIn(8) ? Durability::kDisk : Durability::kProcess,
          .timeout = kTimeouts[me.random().Below(3)]};
}

void Play::AppendOne(Actor& me) {
  const Identity identity = me.NextIdentity();
  const std::string body = BodyOf(identity);
  const AppendOptions options = AnyOptions(me);
  const auto receipt = WEIR_CALL(me, journal_, Append, body, options);
  stage_.ExpectOfAppend(me, receipt.status(), options.timeout);
  me.Tell(identity, Stage::FateOf(receipt.status()), receipt.value_or(Receipt()));
  if (!receipt.ok() || !me.random().OneIn(8)) return;
  const auto reached =
      WEIR_CALL(me, journal_, WaitFor, *receipt, Durability::kDisk, absl::Milliseconds(1));
  stage_.ExpectOfCall(me, reached.status());
}

void Play::AppendSome(Actor& me) {
  std::vector<Identity> identities;
  std::vector<std::string> bodies;
  for (size_t i = 0; i < 1 + me.random().Below(3); ++i) {
    identities.push_back(me.NextIdentity());
    bodies.push_back(BodyOf(identities.back()));
  }
  const std::vector<absl::string_view> views(bodies.begin(), bodies.end());
  const AppendOptions options = AnyOptions(me);
  const auto receipts = WEIR_CALL_SECOND(me, journal_, Append, views, options);
  stage_.ExpectOfAppend(me, receipts.status(), options.timeout);
  for (size_t i = 0; i < bodies.size(); ++i) {
    me.Tell(identities[i], Stage::FateOf(receipts.status()),
            receipts.ok() ? (*receipts)[i] : Receipt());
  }
}

void Play::Produce(Actor& me) {
  for (int round = 0; round < stage_.rounds(); ++round) {
    if (me.random().OneIn(4)) {
      AppendSome(me);
    } else {
      AppendOne(me);
    }
    stage_.EndRound(me, round);
  }
}

void Play::Follow(Actor& me) {
  LogPosition next;
  stage_.GoOn([&]() -> absl::Status {
    const auto entries = WEIR_CALL(me, journal_, Read, next, 20);
    if (absl::IsOutOfRange(entries.status())) {
      me.Expect(next < trim_asked(), "what nobody dropped is out of range");
      next = LogPosition(0);
      return absl::OkStatus();
    }
    stage_.ExpectOfCall(me, entries.status());
    if (!entries.ok()) return entries.status();
    if (entries->empty()) me.LeaveOutLast();
    me.Expect(entries->damage.empty() || stage_.scenario().fails, "a read meets damage");
    me.Expect(WEIR_CALL(me, *entries, empty) == (WEIR_CALL(me, *entries, size) == 0), "a size");
    for (const JournalEntry& entry : entries->entries) {
      me.Expect(entry.position >= next, "a read goes back");
      me.Expect(IdentityOf(entry.body).has_value(), "a body that nobody sent");
      next = entry.position + 1;
    }
    me.Expect(entries->next >= next, "a read goes back");
    next = entries->next;
    return absl::OkStatus();
  });
}

void Play::LookAround(Actor& me) {
  stage_.GoOn([&]() -> absl::Status {
    if (WEIR_CALL(me, journal_, RunOnce) > absl::ZeroDuration()) me.LeaveOutLast();
    const LogPosition begin = WEIR_CALL(me, journal_, begin);
    const LogPosition durable = WEIR_CALL(me, journal_, durable_end);
    const LogPosition end = WEIR_CALL(me, journal_, end);
    me.Expect(begin <= durable && durable <= end, "ends in another order");
    WEIR_CALL(me, journal_, Stats);
    const StoreState state = WEIR_CALL(me, journal_, state);
    const bool is_closed = state == StoreState::kClosed && stage_.may_be_closed();
    me.Expect(state == StoreState::kHealthy || state == StoreState::kDegraded || is_closed ||
                  stage_.scenario().fails,
              StoreStateName(state));
    me.Expect(WEIR_CALL(me, journal_, recovery).damage.empty(), "damage in a new journal");
    const absl::Duration timeout = absl::Milliseconds(me.random().Below(2));
    stage_.ExpectOfAppend(me, WEIR_CALL(me, journal_, Flush, timeout), timeout);
    const StoreOptions options = stage_.OptionsOfOthers();
    if (me.random().OneIn(16)) {
      stage_.ExpectRefused(me, WEIR_CALL_OF(me, CommitLog, Open, options).status());
    }
    if (state == StoreState::kClosed) return absl::FailedPreconditionError("closed");
    return absl::OkStatus();
  });
}

void Play::Trim(Actor& me) {
  stage_.GoOn([&]() -> absl::Status {
    const LogPosition begin = WEIR_CALL(me, journal_, begin);
    const LogPosition durable = WEIR_CALL(me, journal_, durable_end);
    const LogPosition to = begin + me.random().Below(durable - begin + 1);
    Raise(trim_asked_, to);
    const absl::Status status = WEIR_CALL(me, journal_, TrimTo, to);
    stage_.ExpectOfCall(me, status);
    if (!status.ok()) return status;
    const LogPosition now = WEIR_CALL(me, journal_, begin);
    if (now == begin) me.LeaveOutLast();
    // Perhaps to the end of the active segment, which stays.
    me.Expect(now + stage_.scenario().segment_bytes >= to, "too little is dropped");
    Raise(trimmed_, now);
    return absl::OkStatus();
  });
}

void Play::Close(Actor& me) {
  const absl::Status status = WEIR_CALL(me, journal_, Close);
  if (status.ok()) closed_.fetch_add(1, std::memory_order_relaxed);
  if (!stage_.scenario().fails) me.ExpectAmong(status, {absl::StatusCode::kFailedPrecondition});
}

void CheckAgain(Stage& stage, const Play& play) {
  Actor& me = stage.NewActor();
  stage.EndHurting();
  const auto journal = CommitLog::Open(stage.Options());
  me.Expect(journal.ok(), journal.status().ToString());
  if (!journal.ok()) return;
  me.Expect((*journal)->recovery().was_clean == (play.closed() == 1),
            "it is not closed as it was told");
  // Who could not close it may have left what a failed sync took from a file.
  const bool may_be_damaged = stage.scenario().fails && !(play.closed() == 1);
  for (const DamagedRange& range : (*journal)->recovery().damage) {
    me.Expect(may_be_damaged, range.reason);
  }
  me.Expect((*journal)->begin() >= play.trimmed(), "what was dropped is there again");
  Stage::Remains remains{.begin = (*journal)->begin(), .was_closed = play.closed() == 1};
  for (LogPosition next;;) {
    const auto entries = (*journal)->Read(next, 1000);
    me.Expect(entries.ok(), entries.status().ToString());
    if (!entries.ok() || (entries->empty() && entries->damage.empty())) break;
    for (const JournalEntry& entry : entries->entries) {
      const std::optional<Identity> identity = IdentityOf(entry.body);
      me.Expect(identity.has_value(), "a body that nobody sent");
      if (identity) remains.found.insert(*identity);
    }
    for (const DamagedRange& range : entries->damage) remains.damage.push_back(range);
    next = entries->next;
  }
  stage.Judge(me, remains);
}

}  // namespace

void StressJournal(Stage& stage) {
  Actor& me = stage.NewActor();
  auto journal = WEIR_CALL_OF(me, CommitLog, Open, stage.Options());
  me.Expect(journal.ok(), journal.status().ToString());
  if (!journal.ok()) return;
  Play play(&stage, journal->get());
  const auto as = [&](void (Play::*part)(Actor&)) {
    return [&play, part](Actor& actor) { (play.*part)(actor); };
  };
  for (int i = 0; i < kProducers; ++i) stage.StartProducer(as(&Play::Produce));
  for (int i = 0; i < kOnlookers; ++i) {
    stage.StartOther(as(&Play::Follow));
    stage.StartOther(as(&Play::LookAround));
    stage.StartOther(as(&Play::Trim));
  }
  for (int i = 0; i < kClosers; ++i) stage.StartCloser(as(&Play::Close));
  stage.AwaitAll();
  me.Expect(play.closed() == 1 || (play.closed() == 0 && stage.scenario().fails),
            absl::StrCat(play.closed(), " threads closed it"));
  journal->reset();
  CheckAgain(stage, play);
}

}  // namespace weir::testing
