// The oracle must be hard to please: each kind of lie is told to it once.

#include "support/oracle.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/send_history.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

// A store in memory and a history of what was sent to it.
class Fixture {
 public:
  Fixture() {
    clock_.AdvanceAtEveryLook(absl::Microseconds(10));
    auto opened = MessageStore::Open({.directory = "/store",
                                      .background = Background::kManual,
                                      .segment_bytes = 4096,
                                      .front_bytes = 16384,
                                      .file_system = &disk_,
                                      .clock = &clock_});
    REQUIRE(opened.ok());
    store = *std::move(opened);
    history.DeclareTopic("orders", 2);
    REQUIRE(store->CreateTopic("orders", 2).ok());
    history.AcknowledgeTopic("orders");
  }

  size_t Send(const Outgoing& message) {
    const size_t sent = history.Send(message);
    history.Settle(sent, store->Append(history[sent].message()));
    return sent;
  }
  Verdict Ask(const Expectation& expectation = {}) { return Examine(*store, history, expectation); }

  SendHistory history;

 private:
  FaultFileSystem disk_;
  ManualClock clock_;

 public:
  std::unique_ptr<MessageStore> store;
};

const Outgoing kSmall{.queues = {{"orders", 0}}, .body_bytes = 20, .tag = "NEW", .keys = {"k"}};

TEST_CASE("an honest store is sound") {
  Fixture fixture;
  for (uint32_t i = 0; i < 10; ++i) fixture.Send({.queues = {{"orders", i % 2}}, .body_bytes = 50});
  fixture.Send(kSmall);

  const Verdict verdict = fixture.Ask({.is_thorough = true});

  CHECK(verdict.ToString().empty());
  CHECK(verdict.acknowledged_checked == 11);
  CHECK(verdict.content == fixture.Ask().content);
}

TEST_CASE("an acknowledged message that is not there is lost") {
  Fixture fixture;
  fixture.Send(kSmall);
  const size_t never_sent = fixture.history.Send(kSmall);
  fixture.history.Settle(never_sent,
                         Receipt{.position = LogPosition(1 << 20), .reached = Durability::kDisk});

  CHECK(fixture.Ask().Count(Violation::Kind::kLost) == 1);
  CHECK(fixture.Ask({.survives = Durability::kDisk}).Count(Violation::Kind::kLost) == 1);
  CHECK(fixture.Ask({.as_of = fixture.history[never_sent].sent_at}).ok());
}

TEST_CASE("a topic that was created and is not there is lost") {
  Fixture fixture;
  fixture.history.DeclareTopic("trades", 1);
  CHECK(fixture.Ask().ok());
  fixture.history.AcknowledgeTopic("trades");
  CHECK(fixture.Ask().Count(Violation::Kind::kLost) == 1);
}

TEST_CASE("a message that nobody sent is a phantom") {
  Fixture fixture;
  REQUIRE(fixture.store->Append({.topic = "orders", .queue_id = 0, .body = "who sent this?"}).ok());
  CHECK(fixture.Ask().Count(Violation::Kind::kPhantom) == 1);
}

TEST_CASE("a message that comes twice, changed, or in another queue is a phantom") {
  Fixture fixture;
  const size_t sent = fixture.Send(kSmall);
  Message message = fixture.history[sent].message();

  SECTION("twice") {}
  SECTION("with another tag") { message.tag = "OLD"; }
  SECTION("in another queue") { message.queue_id = 1; }
  REQUIRE(fixture.store->Append(message).ok());

  CHECK(fixture.Ask().Count(Violation::Kind::kPhantom) >= 1);
}

TEST_CASE("what was refused, given up, or lost before must not appear") {
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

TEST_CASE("a hole below what is delivered is a broken promise even if it was not acknowledged") {
  Fixture fixture;
  const size_t missing = fixture.history.Send(kSmall);
  fixture.history.Settle(missing,
                         Receipt{.position = LogPosition(8), .reached = Durability::kNone});
  fixture.Send(kSmall);

  CHECK(fixture.Ask().Count(Violation::Kind::kBroken) >= 1);
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

}  // namespace
}  // namespace weir::testing
