// What lies are told about to the oracle.

#ifndef WEIR_TESTS_SUPPORT_ORACLE_FIXTURE_H_
#define WEIR_TESTS_SUPPORT_ORACLE_FIXTURE_H_

#include <catch2/catch.hpp>
#include <memory>
#include <utility>

#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/oracle.h"
#include "support/send_history.h"
#include "weir/store.h"

namespace weir::testing {

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

inline const Outgoing kSmall{
    .queues = {{"orders", 0}}, .body_bytes = 20, .tag = "NEW", .keys = {"k"}};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_ORACLE_FIXTURE_H_
