#include "log/health.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "support/failing_memory.h"

namespace weir::internal {
namespace {

using testing::FailingMemory;
using Told = std::vector<std::pair<StoreState, std::string>>;

struct Listener final : StateListener {
  void OnState(StoreState state, const std::string& reason) override {
    const FailingMemory::Aside of_the_host;
    told.emplace_back(state, reason);
    if (throws) throw std::runtime_error("host");
  }
  Told told;
  bool throws = false;
};

TEST_CASE("the state is that of the worst condition that stands") {
  Health health(nullptr);
  CHECK(health.state() == StoreState::kHealthy);
  for (const Condition condition :
       {Condition::kDiskFull, Condition::kNoSpaceAhead, Condition::kDamage, Condition::kFrontGone,
        Condition::kStaleClaim, Condition::kStrayWrite, Condition::kIndex}) {
    health.Raise(condition, "so");
    CHECK(health.state() == StoreState::kDegraded);
    CHECK(health.Has(condition));
    health.Clear(condition);
    CHECK(health.state() == StoreState::kHealthy);
    CHECK_FALSE(health.Has(condition));
  }
  health.Raise(Condition::kFailed, "broken");
  health.Raise(Condition::kDiskFull, "full");
  CHECK(health.state() == StoreState::kReadOnly);
  health.Raise(Condition::kClosed, "closed");
  CHECK(health.state() == StoreState::kClosed);
  health.Clear(Condition::kDiskFull);
  CHECK(health.state() == StoreState::kClosed);
}

TEST_CASE("the reason names every condition that stands, with its newest words") {
  Health health(nullptr);
  CHECK(health.reason().empty());
  health.Raise(Condition::kDamage, "a hole");
  health.Raise(Condition::kDiskFull, "no space");
  CHECK(health.reason() == "no space; a hole");
  health.Raise(Condition::kDamage, "two holes");
  health.Clear(Condition::kDiskFull);
  CHECK(health.reason() == "two holes");
  // That it is closed is no reason for anything.
  health.Raise(Condition::kClosed, "closed");
  CHECK(health.reason() == "two holes");
}

TEST_CASE("only what stands in the way of an append refuses it, and says for how long") {
  Health health(nullptr);
  for (const Condition harmless :
       {Condition::kDamage, Condition::kFrontGone, Condition::kStaleClaim, Condition::kStrayWrite,
        Condition::kIndex}) {
    health.Raise(harmless, "so");
  }
  CHECK(health.WhyNoAppend().ok());
  for (const Condition space : {Condition::kDiskFull, Condition::kNoSpaceAhead}) {
    health.Raise(space, "no space left");
    CHECK(absl::IsResourceExhausted(health.WhyNoAppend()));
    CHECK(health.WhyNoAppend().message().find("no space left") != absl::string_view::npos);
    health.Clear(space);
    CHECK(health.WhyNoAppend().ok());
  }
  health.Raise(Condition::kDiskFull, "no space left");
  health.Raise(Condition::kFailed, "the disk is broken");
  CHECK(absl::IsFailedPrecondition(health.WhyNoAppend()));
  CHECK(health.WhyNoAppend().message().find("the disk is broken") != absl::string_view::npos);
  health.Raise(Condition::kClosed, "closed");
  CHECK(health.WhyNoAppend() == absl::FailedPreconditionError("closed"));
}

TEST_CASE("the listener hears of each change once, and of nothing else") {
  Listener listener;
  Health health(&listener);
  health.TellListener();
  health.Clear(Condition::kDamage);
  health.TellListener();
  CHECK(listener.told.empty());

  for (int i = 0; i < 3; ++i) {
    health.Raise(Condition::kDiskFull, "no space");
    health.TellListener();
    health.TellListener();
  }
  CHECK(listener.told == Told{{StoreState::kDegraded, "no space"}});
  health.Raise(Condition::kDiskFull, "still none");
  health.TellListener();
  health.Clear(Condition::kDiskFull);
  health.TellListener();
  health.Raise(Condition::kClosed, "closed");
  health.TellListener();
  CHECK(listener.told == Told{{StoreState::kDegraded, "no space"},
                              {StoreState::kDegraded, "still none"},
                              {StoreState::kHealthy, ""},
                              {StoreState::kClosed, ""}});
}

TEST_CASE("what came and went before anybody told it is not told") {
  Listener listener;
  Health health(&listener);
  health.Raise(Condition::kStaleClaim, "a claim");
  health.Clear(Condition::kStaleClaim);
  health.TellListener();
  CHECK(listener.told.empty());

  health.Raise(Condition::kDamage, "one");
  health.Raise(Condition::kDiskFull, "two");
  health.TellListener();
  CHECK(listener.told == Told{{StoreState::kDegraded, "two; one"}});
}

TEST_CASE("a listener that throws is asked again at the next change") {
  Listener listener;
  listener.throws = true;
  Health health(&listener);
  health.Raise(Condition::kDamage, "a hole");
  health.TellListener();
  health.TellListener();
  CHECK(listener.told.size() == 1);
  health.Clear(Condition::kDamage);
  health.TellListener();

  CHECK(listener.told.size() == 2);
  CHECK(health.state() == StoreState::kHealthy);
}

TEST_CASE("a condition stands although there was no memory for its reason, and heals") {
  const std::string reason(100, 'x');
  Health health(nullptr);
  FailingMemory::Fail({.nth = 0, .is_for_ever = true});
  {
    const FailingMemory::Watch watch;
    health.Raise(Condition::kFailed, reason);
  }
  FailingMemory::BringBack();
  CHECK(FailingMemory::failures() > 0);
  CHECK(health.state() == StoreState::kReadOnly);
  CHECK(health.reason() == "out of memory");
  health.Raise(Condition::kFailed, reason);
  CHECK(health.reason() == reason);
}

TEST_CASE("a listener hears of a state whose reason there is no memory for, and of it later") {
  const std::string reason(100, 'x');
  for (uint64_t nth = 0; nth < 4; ++nth) {
    Listener listener;
    Health health(&listener);
    health.Raise(Condition::kDiskFull, reason);
    FailingMemory::Fail({.nth = nth});
    CHECK_NOTHROW([&] {
      const FailingMemory::Watch watch;
      health.TellListener();
    }());
    FailingMemory::BringBack();
    health.TellListener();
    Told expected = {{StoreState::kDegraded, reason}};
    if (FailingMemory::failures() > 0) {
      expected.insert(expected.begin(), {StoreState::kDegraded, "out of memory"});
    }
    CHECK(listener.told == expected);
  }
}

TEST_CASE("a listener may ask for the state and its reason") {
  struct Asking final : StateListener {
    void OnState(StoreState state, const std::string& reason) override {
      agrees = health->state() == state && health->reason() == reason &&
               absl::IsResourceExhausted(health->WhyNoAppend());
    }
    Health* health = nullptr;
    bool agrees = false;
  };
  Asking listener;
  Health health(&listener);
  listener.health = &health;
  health.Raise(Condition::kDiskFull, "no space");
  health.TellListener();

  CHECK(listener.agrees);
}

TEST_CASE("what a listener changes is told when it is done, to it as well") {
  struct Closing final : StateListener {
    void OnState(StoreState state, const std::string&) override {
      states.push_back(state);
      if (state != StoreState::kReadOnly) return;
      health->Raise(Condition::kClosed, "closed");
      health->TellListener();
      CHECK(states.size() == 1);
    }
    Health* health = nullptr;
    std::vector<StoreState> states;
  };
  Closing listener;
  Health health(&listener);
  listener.health = &health;
  health.Raise(Condition::kFailed, "broken");
  health.TellListener();

  CHECK(listener.states == std::vector<StoreState>{StoreState::kReadOnly, StoreState::kClosed});
}

TEST_CASE("who tells while the listener is busy does not wait for it, and nothing is forgotten") {
  struct Busy final : StateListener {
    void OnState(StoreState, const std::string& reason) override {
      reasons.push_back(reason);
      if (reasons.size() > 1) return;
      // Another step of the store has something to tell, and the host waits for that step.
      std::thread([this] {
        health->Raise(Condition::kDiskFull, "second");
        health->TellListener();
      }).join();
    }
    Health* health = nullptr;
    std::vector<std::string> reasons;
  };
  Busy listener;
  Health health(&listener);
  listener.health = &health;
  health.Raise(Condition::kDamage, "first");
  health.TellListener();

  CHECK(listener.reasons == std::vector<std::string>{"first", "second; first"});
}

TEST_CASE("threads raise, clear and tell: the listener is called by one at a time") {
  struct Counting final : StateListener {
    void OnState(StoreState now, const std::string&) override {
      if (inside.fetch_add(1) != 0) overlaps += 1;
      state = now;  // plain: calls one at a time are ordered
      inside -= 1;
    }
    std::atomic<int> inside{0};
    std::atomic<int> overlaps{0};
    StoreState state = StoreState::kHealthy;
  };
  Counting listener;
  Health health(&listener);
  std::vector<std::thread> threads;
  for (const Condition condition : {Condition::kDiskFull, Condition::kIndex, Condition::kDamage}) {
    threads.emplace_back([&, condition] {
      for (int i = 0; i < 2000; ++i) {
        health.Raise(condition, "so");
        health.TellListener();
        health.Clear(condition);
        health.TellListener();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(listener.overlaps == 0);
  CHECK(listener.state == StoreState::kHealthy);
  CHECK(health.reason().empty());
}

TEST_CASE("a promise that was broken makes it read-only for good, with its place as the reason") {
  Listener listener;
  Health health(&listener);
  CHECK(health.RaiseBroken().ok());
  CHECK(health.state() == StoreState::kHealthy);

  CHECK_FALSE(HOLDS(listener.throws));
  const absl::Status broken = health.RaiseBroken();
  health.TellListener();

  CHECK(absl::IsInternal(broken));
  CHECK(health.state() == StoreState::kReadOnly);
  CHECK(health.reason() == std::string(broken.message()));
  CHECK(listener.told == Told{{StoreState::kReadOnly, std::string(broken.message())}});
  CHECK(absl::IsFailedPrecondition(health.WhyNoAppend()));
  CHECK_FALSE(AnyBroken());

  health.Clear(Condition::kFailed);
  CHECK(absl::IsInternal(TakeBroken()));
  CHECK(health.state() == StoreState::kReadOnly);
}

}  // namespace
}  // namespace weir::internal
