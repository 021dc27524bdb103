// The oracle must be hard to please also where messages may go: by retention, by a purge, and with
// their topic.

#include <catch2/catch.hpp>

#include "support/oracle.h"
#include "support/oracle_fixture.h"

namespace weir::testing {
namespace {

// Three segments and more, of which the first ones are dropped.
RetentionReport Drop(Fixture& fixture, MessageStore& store) {
  Outgoing large = kSmall;
  large.body_bytes = 700;
  for (int i = 0; i < 24; ++i) fixture.Send(large);
  REQUIRE(store.Flush().ok());
  for (int i = 0; i < 1000; ++i) store.RunOnce();
  const auto report = store.Retain({.max_bytes = 5 * 4096});
  REQUIRE(report.ok());
  REQUIRE(report->segments > 0);
  return *report;
}

TEST_CASE("I1: what was dropped was to go; more than that is lost, and what goes does not return") {
  Fixture fixture;
  const LogPosition begin = Drop(fixture, *fixture.store).begin;
  CHECK(fixture.Ask().Count(Violation::Kind::kLost) > 0);  // nobody asked for it
  fixture.history.AskTrim(begin - 4096);
  CHECK(fixture.Ask().Count(Violation::Kind::kLost) > 0);
  fixture.history.AskTrim(begin);
  CHECK(fixture.Ask({.is_thorough = true}).ok());
  fixture.history.SettleTrim(begin);
  CHECK(fixture.Ask().ok());
  fixture.history.SettleTrim(begin + 4096);
  CHECK(fixture.Ask().Count(Violation::Kind::kBroken) == 1);
}

TEST_CASE("I1: an offset of what was dropped is not given again") {
  Fixture fixture;
  fixture.history.AskTrim(Drop(fixture, *fixture.store).begin);
  REQUIRE(fixture.Ask().ok());
  const size_t sent = fixture.history.Send(kSmall);
  fixture.history.Settle(sent, Receipt{.position = LogPosition(64),
                                       .end = LogPosition(128),
                                       .queue_id = 0,
                                       .queue_offset = QueueOffset(1000),
                                       .reached = Durability::kDisk});
  CHECK(fixture.Ask().Count(Violation::Kind::kLost) == 1);
}

TEST_CASE("I1, I3: purged messages may go when that is asked, and are gone when it was answered") {
  Fixture fixture;
  for (int i = 0; i < 5; ++i) fixture.Send(kSmall);
  fixture.history.AskPurge({"orders", 0}, QueueOffset(3));
  CHECK(fixture.Ask().ok());
  fixture.history.SettlePurge({"orders", 0}, QueueOffset(3));
  CHECK(fixture.Ask().Count(Violation::Kind::kPhantom) == 3);
  REQUIRE(fixture.store->PurgeQueue("orders", 0, QueueOffset(3)).ok());
  CHECK(fixture.Ask().ok());
  REQUIRE(fixture.store->PurgeQueue("orders", 0, QueueOffset(4)).ok());
  CHECK(fixture.Ask().Count(Violation::Kind::kLost) == 1);
}

TEST_CASE("I1, I3: a deleted topic may go when that is asked, and is gone when it was answered") {
  Fixture fixture;
  for (int i = 0; i < 5; ++i) fixture.Send(kSmall);
  SECTION("it is not gone") {
    fixture.history.AskDeletion("orders");
    CHECK(fixture.Ask().ok());
    fixture.history.SettleDeletion("orders");
    CHECK(fixture.Ask().Count(Violation::Kind::kPhantom) == 1);
  }
  SECTION("it is gone") {
    REQUIRE(fixture.store->DeleteTopic("orders").ok());
    CHECK(fixture.Ask().Count(Violation::Kind::kLost) > 0);
    fixture.history.AskDeletion("orders");
    CHECK(fixture.Ask().ok());
  }
}

}  // namespace
}  // namespace weir::testing
