// The oracle must be hard to please: each kind of lie is told to it once, by the invariants of
// oracle.h. What takes several opens is in image_oracle_test.cc and directory_oracle_test.cc.

#include "support/oracle.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "support/judgement.h"
#include "support/oracle_fixture.h"
#include "support/send_history.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

TEST_CASE("an honest store is sound") {
  Fixture fixture;
  for (uint32_t i = 0; i < 10; ++i) fixture.Send({.queues = {{"orders", i % 2}}, .body_bytes = 50});
  fixture.Send(kSmall);

  const Verdict verdict = fixture.Ask({.is_thorough = true});

  CHECK(verdict.ToString().empty());
  CHECK(verdict.acknowledged_checked == 11);
  CHECK(verdict.records == fixture.Ask().records);
  CHECK(verdict.derived == fixture.Ask().derived);
}

TEST_CASE("I1, I2: an acknowledged message that is not there is lost") {
  Fixture fixture;
  fixture.Send(kSmall);
  const size_t never_sent = fixture.history.Send(kSmall);
  fixture.history.Settle(never_sent,
                         Receipt{.position = LogPosition(1 << 20), .reached = Durability::kDisk});

  CHECK(fixture.Ask().Count(Violation::Kind::kLost) == 1);
  CHECK(fixture.Ask({.survives = Durability::kDisk}).Count(Violation::Kind::kLost) == 1);
  CHECK(fixture.Ask({.as_of = fixture.history[never_sent].sent_at}).ok());
}

TEST_CASE("I1, I2: what may be lost is forgiven if the store tells that something is") {
  Fixture fixture;
  fixture.Send(kSmall);
  const size_t gone = fixture.history.Send(kSmall);
  fixture.history.Settle(gone,
                         Receipt{.position = LogPosition(1 << 20), .reached = Durability::kDisk});
  Expectation expectation{.may_be_lost = [gone](size_t sent) { return sent == gone; },
                          .may_be_silent = true};

  const Verdict verdict = fixture.Ask(expectation);
  CHECK(verdict.ok());
  CHECK(verdict.lost == 1);
  expectation.may_be_silent = false;
  CHECK(fixture.Ask(expectation).Count(Violation::Kind::kLost) == 1);
  expectation.may_be_lost = [gone](size_t sent) { return sent != gone; };
  CHECK(fixture.Ask(expectation).Count(Violation::Kind::kLost) == 1);
}

TEST_CASE("I2: a void whose claim was acknowledged is a lost message") {
  Fixture fixture;
  const size_t sent = fixture.history.Send(kSmall);
  {
    const auto claim = fixture.store->Claim(fixture.history[sent].message(), 20);
    REQUIRE(claim.ok());
    fixture.history.Settle(sent, Receipt{.position = claim->position(),
                                         .queue_offset = claim->queue_offset(),
                                         .reached = Durability::kProcess});
  }
  CHECK(fixture.Ask().Count(Violation::Kind::kLost) == 1);
}

TEST_CASE("I1: a topic that was created and is not there is lost") {
  Fixture fixture;
  fixture.history.DeclareTopic("trades", 1);
  CHECK(fixture.Ask().ok());
  fixture.history.AcknowledgeTopic("trades");
  CHECK(fixture.Ask().Count(Violation::Kind::kLost) == 1);
}

TEST_CASE("I3: a message that nobody sent, and a topic that nobody made, are phantoms") {
  Fixture fixture;
  SECTION("message") {
    const Message stray{.topic = "orders", .queue_id = 0, .body = "who sent this?"};
    REQUIRE(fixture.store->Append(stray).ok());
  }
  SECTION("topic") { REQUIRE(fixture.store->CreateTopic("trades", 1).ok()); }
  CHECK(fixture.Ask().Count(Violation::Kind::kPhantom) == 1);
}

TEST_CASE("I3: a message that comes twice, changed, or in another queue is a phantom") {
  Fixture fixture;
  const size_t sent = fixture.Send(kSmall);
  Message message = fixture.history[sent].message();

  SECTION("twice") {}
  SECTION("with another tag") { message.tag = "OLD"; }
  SECTION("with another body") { message.body = "????????, and the first eight say who it is"; }
  SECTION("in another queue") { message.queue_id = 1; }
  REQUIRE(fixture.store->Append(message).ok());

  CHECK(fixture.Ask().Count(Violation::Kind::kPhantom) >= 1);
}

TEST_CASE("I3: a message that is not where its receipt says is a phantom") {
  Fixture fixture;
  const size_t sent = fixture.history.Send(kSmall);
  Receipt receipt = *fixture.store->Append(fixture.history[sent].message());
  SECTION("position") { receipt.position += 8; }
  SECTION("queue") { receipt.queue_id = 1; }
  SECTION("offset") { receipt.queue_offset += 1; }
  fixture.history.Settle(sent, receipt);
  CHECK(fixture.Ask().Count(Violation::Kind::kPhantom) == 1);
}

TEST_CASE("I3: what was refused, given up, or lost before must not appear") {
  Fixture fixture;
  const size_t sent = fixture.history.Send(kSmall);
  REQUIRE(fixture.store->Append(fixture.history[sent].message()).ok());

  SECTION("refused") { fixture.history.Settle(sent, absl::ResourceExhaustedError("full")); }
  SECTION("given up") { fixture.history.GiveUp(sent); }
  SECTION("lost before") { fixture.history.Reopen({false}); }
  CHECK(fixture.Ask().Count(Violation::Kind::kPhantom) == 1);
}

TEST_CASE("an append that failed after it had a place may or may not be there") {
  Fixture fixture;
  const size_t there = fixture.history.Send(kSmall);
  REQUIRE(fixture.store->Append(fixture.history[there].message()).ok());
  fixture.history.Settle(there, absl::DataLossError("sync failed"));
  const size_t not_there = fixture.history.Send(kSmall);
  fixture.history.Settle(not_there, absl::DataLossError("sync failed"));

  CHECK(fixture.Ask().ToString().empty());
}

TEST_CASE("I4: what one producer sent stands in the order in which it was sent") {
  Fixture fixture;
  const size_t first = fixture.history.Send(kSmall);
  const size_t second = fixture.history.Send({.queues = {{"orders", 1}}});
  for (const size_t sent : {second, first}) {
    REQUIRE(fixture.store->Append(fixture.history[sent].message()).ok());
  }
  CHECK(fixture.Ask().Count(Violation::Kind::kOrder) == 1);
}

TEST_CASE("I4: what was answered before another was sent stands before it, whoever sent it") {
  Fixture fixture;
  Outgoing of_another{.queues = {{"orders", 1}}, .producer = 7};
  const Parcel sent_too_late(of_another, 0, 0);
  REQUIRE(fixture.store->Append(sent_too_late.message()).ok());
  fixture.Send(kSmall);
  fixture.history.Send(of_another);

  CHECK(fixture.Ask().Count(Violation::Kind::kOrder) == 1);
}

TEST_CASE("I4: what a dead process had sent stands before what was sent afterwards") {
  Fixture fixture;
  const size_t of_the_dead = fixture.history.Send({.queues = {{"orders", 1}}, .producer = 7});
  uint64_t expected = 0;
  SECTION("it was alive") {}
  SECTION("it was dead") {
    fixture.history.Die();
    expected = 1;
  }
  const size_t early = fixture.history.Send(kSmall);
  REQUIRE(fixture.store->Append(fixture.history[early].message()).ok());
  REQUIRE(fixture.store->Append(fixture.history[of_the_dead].message()).ok());
  CHECK(fixture.Ask().Count(Violation::Kind::kOrder) == expected);
}

TEST_CASE("I4: of what one producer sent nothing is missing before something that is there") {
  Fixture fixture;
  const size_t missing = fixture.history.Send(kSmall);
  uint64_t expected = 0;
  SECTION("its call had not returned") { expected = 1; }
  SECTION("it failed on the way") { fixture.history.Settle(missing, absl::DataLossError("sync")); }
  SECTION("it was given up") { fixture.history.GiveUp(missing); }
  SECTION("the process died in it") { fixture.history.Die(); }
  fixture.Send(kSmall);
  CHECK(fixture.Ask().Count(Violation::Kind::kOrder) == expected);
}

TEST_CASE("I5: a group is where it went last, or was going, and nowhere else") {
  Fixture fixture;
  for (int i = 0; i < 5; ++i) fixture.Send(kSmall);
  const auto commit = [&fixture](uint64_t offset) {
    return fixture.store->CommitOffset("risk", "orders", 0, QueueOffset(offset),
                                       {.may_go_back = true});
  };
  const auto say = [&fixture](uint64_t offset, absl::StatusOr<Durability> result) {
    const size_t said = fixture.history.AskCommit("risk", {"orders", 0}, QueueOffset(offset));
    fixture.history.SettleCommit(said, result);
  };
  const auto groups = [&fixture](const Expectation& expectation = {}) {
    return fixture.Ask(expectation).Count(Violation::Kind::kGroup);
  };
  REQUIRE(commit(2).ok());
  say(2, Durability::kProcess);
  CHECK(groups() == 0);
  CHECK(fixture.Ask().groups.size() == 1);

  SECTION("it went back") {
    say(4, Durability::kProcess);
    CHECK(groups() == 1);
    CHECK(groups({.survives = Durability::kDisk}) == 0);
  }
  SECTION("it never was there") {
    REQUIRE(commit(3).ok());
    CHECK(groups() == 1);
  }
  SECTION("it was going there") {
    fixture.history.AskCommit("risk", {"orders", 0}, QueueOffset(3));
    CHECK(groups() == 0);
    REQUIRE(commit(3).ok());
    CHECK(groups() == 0);
  }
  SECTION("it may have gone there") {
    say(3, absl::DataLossError("sync"));
    REQUIRE(commit(3).ok());
    CHECK(groups() == 0);
  }
  SECTION("it was refused") {
    say(3, absl::ResourceExhaustedError("full"));
    REQUIRE(commit(3).ok());
    CHECK(groups() == 1);
  }
  SECTION("it was lost once and is back") {
    say(3, Durability::kProcess);
    fixture.history.LosePower();
    CHECK(groups() == 0);
    const Verdict verdict = fixture.Ask();
    fixture.history.Reopen(verdict.delivered, Durability::kDisk, verdict.groups);
    CHECK(groups({.survives = Durability::kDisk}) == 0);
    REQUIRE(commit(3).ok());
    CHECK(groups() == 1);
  }
}

TEST_CASE("I5: a group that a store knows nothing of has committed nothing that lasts") {
  Fixture fixture;
  fixture.Send(kSmall);
  const size_t said = fixture.history.AskCommit("risk", {"orders", 0}, QueueOffset(1));
  CHECK(fixture.Ask().ok());
  fixture.history.SettleCommit(said, Durability::kProcess);
  CHECK(fixture.Ask().Count(Violation::Kind::kGroup) == 1);
  CHECK(fixture.Ask({.survives = Durability::kDisk}).ok());
  fixture.history.LosePower();
  CHECK(fixture.Ask().ok());
}

TEST_CASE("I5: a group beyond what is visible has skipped what nobody delivered") {
  SendHistory history;
  history.DeclareTopic("orders", 1);
  history.SettleCommit(history.AskCommit("risk", {"orders", 0}, QueueOffset(5)), Durability::kDisk);
  const Expectation expectation;
  const auto groups = [&](uint64_t end) {
    Judgement judgement(history, expectation);
    judgement.CheckGroup({"risk", history.NumberOf({"orders", 0})}, QueueOffset(5),
                         QueueOffset(end));
    return judgement.verdict().Count(Violation::Kind::kGroup);
  };
  CHECK(groups(5) == 0);
  CHECK(groups(4) == 1);
}

TEST_CASE("a store that broke a promise of its own may not be refused for that") {
  CHECK(Refused(absl::DataLossError("?"), {.may_be_refused = true}).ok());
  CHECK(
      Refused(absl::InternalError("?"), {.may_be_refused = true}).Count(Violation::Kind::kBroken) ==
      1);
}

TEST_CASE("I1: a topic may be lost where that is said, and nowhere else") {
  Fixture fixture;
  fixture.history.DeclareTopic("trades", 1);
  fixture.history.AcknowledgeTopic("trades");
  Expectation expectation{.may_be_lost = [](size_t) { return true; }};
  CHECK(fixture.Ask(expectation).Count(Violation::Kind::kLost) == 1);
  expectation.may_lose_topics = true;
  CHECK(fixture.Ask(expectation).ok());
}

TEST_CASE("I4: a number without a message is a void of somebody, or a gap") {
  Fixture fixture;
  fixture.Send(kSmall);
  const size_t sent = fixture.history.Send(kSmall);
  REQUIRE(fixture.store->Claim(fixture.history[sent].message(), 20).ok());  // given up at once
  fixture.history.Die();
  fixture.Send(kSmall);

  SECTION("a death came first") { CHECK(fixture.Ask().voids == 1); }
  SECTION("given up") { fixture.history.GiveUp(sent); }
  SECTION("failed on the way") { fixture.history.Settle(sent, absl::DataLossError("sync")); }
  CHECK(fixture.Ask().ok());
  // An append that was refused took no number.
  SECTION("refused") {
    fixture.history.Settle(sent, absl::ResourceExhaustedError("full"));
    CHECK(fixture.Ask().Count(Violation::Kind::kOrder) == 1);
  }
}

TEST_CASE("I4: messages with one ordering key stay in the queue that the store chose") {
  Fixture fixture;
  for (const uint32_t queue : {0u, 1u}) {
    const size_t sent = fixture.history.Send(
        {.queues = {{"orders", 0}}, .ordering_key = "AAPL", .names_queue = false});
    Message message = fixture.history[sent].message();
    message.queue_id = queue;
    REQUIRE(fixture.store->Append(message).ok());
    CHECK(fixture.Ask().Count(Violation::Kind::kOrder) == queue);
  }
}

TEST_CASE("half a group and half a fan-out are broken promises") {
  Fixture fixture;
  SECTION("group") {
    Outgoing member = kSmall;
    member.group = fixture.history.NewGroup();
    fixture.Send(member);
    fixture.history.Send(member);
  }
  SECTION("fan-out") {
    const size_t sent = fixture.history.Send({.queues = {{"orders", 0}, {"orders", 1}}});
    Message message = fixture.history[sent].message();
    message.further_queues = {};
    REQUIRE(fixture.store->Append(message).ok());
  }
  CHECK(fixture.Ask().Count(Violation::Kind::kBroken) == 1);
}

TEST_CASE("I4: nothing with a receipt is missing below something delivered, acknowledged or not") {
  Fixture fixture;
  const size_t missing = fixture.history.Send(kSmall);
  fixture.history.Settle(missing,
                         Receipt{.position = LogPosition(8), .reached = Durability::kNone});
  fixture.Send(kSmall);

  CHECK(fixture.Ask().Count(Violation::Kind::kOrder) == 1);
}

TEST_CASE("after a power loss only the disk counts, and after the next open what it delivered") {
  Fixture fixture;
  const size_t there = fixture.Send(kSmall);
  const size_t lost = fixture.history.Send(kSmall);
  fixture.history.Settle(
      lost, Receipt{.position = LogPosition(1 << 20), .reached = Durability::kProcess});
  CHECK_FALSE(fixture.Ask().ok());

  fixture.history.LosePower();
  const Verdict verdict = fixture.Ask();
  CHECK(verdict.ok());
  fixture.history.Reopen(verdict.delivered);

  CHECK(fixture.history[there].IsAcknowledged(Durability::kDisk, fixture.history.now()));
  CHECK(fixture.history[lost].IsRevoked(fixture.history.now()));
  CHECK(fixture.Ask({.survives = Durability::kDisk}).ok());
}

TEST_CASE("I9: an append answers what it documents, and an error only where something failed") {
  Fixture fixture;
  const size_t sent = fixture.history.Send(kSmall);
  Expectation expectation;
  uint64_t expected = 0;
  SECTION("refused") {
    expectation.is_faultless = true;
    fixture.history.Settle(sent, absl::DeadlineExceededError("full"));
  }
  SECTION("the disk failed") { fixture.history.Settle(sent, absl::DataLossError("sync")); }
  SECTION("no disk failed") {
    expectation.is_faultless = true;
    fixture.history.Settle(sent, absl::DataLossError("sync"));
    expected = 1;
  }
  SECTION("no such answer") {
    fixture.history.Settle(sent, absl::UnknownError("?"));
    expected = 1;
  }
  SECTION("a broken promise of the library") {
    fixture.history.Settle(sent, absl::InternalError("?"));
    expected = 1;
  }
  CHECK(fixture.Ask(expectation).Count(Violation::Kind::kAnswer) == expected);
}

TEST_CASE("I11: a store that takes no appends, or was in no state that there is, is told of") {
  Fixture fixture;
  fixture.history.HearState(StoreState::kDegraded);
  CHECK(fixture.Ask().ok());
  SECTION("closed") { REQUIRE(fixture.store->Close().ok()); }
  SECTION("heard of") { fixture.history.HearState(StoreState(4)); }
  CHECK(fixture.Ask().Count(Violation::Kind::kState) == 1);
}

TEST_CASE("I11: read-only is a state that a store has where it is allowed and nowhere else") {
  const SendHistory history;
  Expectation expectation;
  const auto states = [&] {
    Judgement judgement(history, expectation);
    judgement.CheckState(StoreState::kReadOnly, "a device failed");
    return judgement.verdict().Count(Violation::Kind::kState);
  };
  CHECK(states() == 1);
  expectation.allows_read_only = true;
  CHECK(states() == 0);
}

TEST_CASE("I12: records that an open left out are told of, unless the power was lost") {
  SendHistory history;
  Expectation expectation{.is_just_opened = true};
  const auto left_out = [&] {
    Judgement judgement(history, expectation);
    RecoveryReport report;
    report.dropped_records = 3;
    judgement.CheckRecovery(report);
    return judgement.verdict().Count(Violation::Kind::kRecovery);
  };
  CHECK(left_out() == 1);
  history.LosePower();
  CHECK(left_out() == 0);
  history.Reopen({});
  CHECK(left_out() == 1);
  expectation.survives = Durability::kDisk;
  CHECK(left_out() == 0);
}

TEST_CASE("damage is a broken promise where it is not allowed, and told of where it is") {
  const SendHistory history;
  Expectation expectation;
  const auto verdict = [&] {
    Judgement judgement(history, expectation);
    judgement.NoteDamage({LogPosition(8), LogPosition(16), "a bit flipped"});
    return judgement.verdict();
  };
  CHECK(verdict().Count(Violation::Kind::kBroken) == 1);
  expectation.allows_damage = true;
  CHECK(verdict().ok());
  CHECK(verdict().tells_loss);
}

TEST_CASE("a journal is judged by the same rules") {
  FaultFileSystem disk;
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Microseconds(10));
  const auto journal = CommitLog::Open({.directory = "/store",
                                        .background = Background::kManual,
                                        .segment_bytes = 4096,
                                        .front_bytes = 16384,
                                        .file_system = &disk,
                                        .clock = &clock});
  REQUIRE(journal.ok());
  SendHistory history;
  std::vector<size_t> sent;
  for (int i = 0; i < 3; ++i) sent.push_back(history.Send({.queues = {{"journal", 0}}}));
  history.Settle(sent[0], (*journal)->Append(history[sent[0]].body));
  CHECK(Examine(**journal, history, {}).ToString().empty());

  Violation::Kind kind = Violation::Kind::kPhantom;
  SECTION("phantom") { REQUIRE((*journal)->Append("who sent this?").ok()); }
  SECTION("order") {
    for (const size_t i : {sent[2], sent[1]}) REQUIRE((*journal)->Append(history[i].body).ok());
    kind = Violation::Kind::kOrder;
  }
  SECTION("lost") {
    history.Settle(sent[1],
                   Receipt{.position = LogPosition(1 << 20), .reached = Durability::kDisk});
    kind = Violation::Kind::kLost;
  }
  CHECK(Examine(**journal, history, {}).Count(kind) == 1);
}

}  // namespace
}  // namespace weir::testing
