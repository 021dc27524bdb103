#include "log/completions.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

namespace weir::internal {
namespace {

using Numbers = std::vector<uint64_t>;

// Appends that end at 1, 2, 3, ..., of which those up to `decided` are decided.
struct Appends {
  void Link(uint64_t end, AppendCallback done) {
    auto completion = std::make_unique<Completion>();
    completion->receipt.end = LogPosition(end);
    completion->durability = Durability::kDisk;
    completion->done = std::move(done);
    MutexLock lock(append_lock);
    completions.Link(completion.release());
  }
  // Notes that it was called.
  void Link(uint64_t end) {
    Link(end, [this, end](const absl::Status&, const Receipt&) { called.push_back(end); });
  }
  size_t Run(size_t max = 1000) { return completions.RunReady(append_lock, Decide(), max); }
  size_t RunRest() { return completions.RunRest(append_lock, Decide(), 1000); }
  Completions::Decide Decide() {
    return [this](const Completion& completion, absl::Status* status, Durability* reached) {
      *status = outcome;
      *reached = Durability::kProcess;
      return completion.receipt.end.value() <= decided;
    };
  }

  Mutex append_lock;
  Completions completions;
  std::atomic<uint64_t> decided{0};
  absl::Status outcome;
  Numbers called;
};

TEST_CASE("callbacks run in the order of the log, and none overtakes one that is undecided") {
  Appends appends;
  for (const uint64_t end : {1u, 2u, 9u, 3u, 4u}) appends.Link(end);
  CHECK(appends.Run() == 0);

  appends.decided = 4;
  CHECK(appends.Run() == 2);
  CHECK(appends.called == Numbers{1, 2});
  appends.Link(5);
  appends.decided = 9;
  CHECK(appends.Run() == 4);
  CHECK(appends.called == Numbers{1, 2, 9, 3, 4, 5});
  CHECK(appends.Run() == 0);
}

TEST_CASE("a callback is told what became of its append") {
  Appends appends;
  absl::Status told;
  Durability reached = Durability::kNone;
  appends.Link(1, [&](const absl::Status& status, const Receipt& receipt) {
    told = status;
    reached = receipt.reached;
  });
  appends.outcome = absl::DataLossError("gone");
  appends.decided = 1;
  appends.Run();

  CHECK(told == appends.outcome);
  CHECK(reached == Durability::kProcess);
}

TEST_CASE("a call runs at most so many, and says that there are more") {
  Appends appends;
  CHECK_FALSE(appends.completions.any());
  for (uint64_t end = 1; end <= 7; ++end) appends.Link(end);
  appends.decided = 7;

  CHECK(appends.Run(3) == 3);
  CHECK(appends.completions.any());
  CHECK(appends.Run(3) == 3);
  CHECK(appends.called == Numbers{1, 2, 3, 4, 5, 6});
  CHECK(appends.completions.any());
  CHECK(appends.Run(3) == 1);
  CHECK_FALSE(appends.completions.any());
}

TEST_CASE("an exception of the host ends its callback and nothing else") {
  Appends appends;
  appends.Link(1, [](const absl::Status&, const Receipt&) { throw std::runtime_error("host"); });
  appends.Link(2, [](const absl::Status&, const Receipt&) { throw 7; });
  appends.Link(3);
  appends.decided = 3;

  CHECK(appends.Run() == 3);
  CHECK(appends.called == Numbers{3});
  CHECK_FALSE(Completions::InCallback());
  appends.Link(4);
  appends.decided = 4;
  CHECK(appends.Run() == 1);
}

TEST_CASE("a callback knows that it is one, and runs no others, of no log") {
  Appends appends;
  Appends of_another_log;
  of_another_log.Link(1);
  of_another_log.decided = 1;
  appends.decided = 2;
  appends.Link(1, [&](const absl::Status&, const Receipt&) {
    CHECK(Completions::InCallback());
    CHECK(appends.Run() == 0);
    CHECK(of_another_log.Run() == 0);
    CHECK(Completions::InCallback());
    CHECK(appends.called.empty());
  });
  appends.Link(2);

  CHECK_FALSE(Completions::InCallback());
  CHECK(appends.Run() == 2);
  CHECK_FALSE(Completions::InCallback());
  CHECK(appends.called == Numbers{2});
  CHECK(of_another_log.Run() == 1);
}

TEST_CASE("what a callback appends comes behind what was there, and may be decided at once") {
  Appends appends;
  appends.decided = 9;
  appends.Link(1, [&](const absl::Status&, const Receipt&) { appends.Link(3); });
  appends.Link(2);

  CHECK(appends.Run() == 3);
  CHECK(appends.called == Numbers{2, 3});
}

TEST_CASE("while one thread is in a callback another one neither waits for it nor runs the next") {
  Appends appends;
  size_t by_other = 99;
  bool other_in_callback = true;
  appends.Link(1, [&](const absl::Status&, const Receipt&) {
    std::thread other([&] {
      by_other = appends.Run();
      other_in_callback = Completions::InCallback();
    });
    other.join();
  });
  appends.Link(2);
  appends.decided = 2;

  CHECK(appends.Run() == 2);
  CHECK(by_other == 0);
  CHECK_FALSE(other_in_callback);
  CHECK(appends.called == Numbers{2});
}

TEST_CASE("the last run waits for one that looked too early, and leaves nothing") {
  Appends appends;
  std::atomic<bool> is_inside{false};
  std::atomic<bool> may_go{false};
  appends.Link(1, [&](const absl::Status&, const Receipt&) {
    is_inside = true;
    is_inside.notify_one();
    may_go.wait(false);
  });
  for (const uint64_t end : {2u, 3u}) appends.Link(end);
  appends.decided = 1;
  std::thread early([&] { appends.Run(1); });  // will not look at the second
  is_inside.wait(false);
  appends.decided = 3;
  CHECK(appends.Run() == 0);
  std::thread last([&] { appends.RunRest(); });
  may_go = true;
  may_go.notify_one();
  early.join();
  last.join();
  CHECK(appends.called == Numbers{2, 3});
}

TEST_CASE("callbacks that never came are freed without being called, taken over or not") {
  const auto token = std::make_shared<int>(0);
  {
    Appends appends;
    for (uint64_t end = 1; end <= 4; ++end) {
      appends.Link(end, [token](const absl::Status&, const Receipt&) { ++*token; });
    }
    appends.decided = 2;
    CHECK(appends.Run() == 2);
    CHECK(token.use_count() == 3);  // what was called is free already
    appends.Link(5, [token](const absl::Status&, const Receipt&) { ++*token; });
  }
  CHECK(token.use_count() == 1);
  CHECK(*token == 2);
}

TEST_CASE("threads link and run, and each callback comes once and in order") {
  constexpr uint64_t kAppends = 5000;
  Appends appends;
  std::atomic<uint64_t> linked{0};
  std::atomic<uint64_t> calls{0};
  Numbers order;  // without a lock: one thread at a time is in a callback
  appends.decided = 2 * kAppends;
  const auto append = [&] {
    for (uint64_t i = 0; i < kAppends; ++i) {
      auto completion = std::make_unique<Completion>();
      MutexLock lock(appends.append_lock);
      const uint64_t end = linked.fetch_add(1) + 1;
      completion->receipt.end = LogPosition(end);
      completion->done = [&order, &calls, end](const absl::Status&, const Receipt&) {
        order.push_back(end);
        calls += 1;
      };
      appends.completions.Link(completion.release());
    }
  };
  const auto run = [&] {
    while (calls < 2 * kAppends) {
      appends.Run(100);
      std::this_thread::yield();
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < 2; ++t) {
    threads.emplace_back(append);
    threads.emplace_back(run);
  }
  for (std::thread& thread : threads) thread.join();

  Numbers expected(2 * kAppends);
  for (uint64_t i = 0; i < expected.size(); ++i) expected[i] = i + 1;
  CHECK(order == expected);
}

}  // namespace
}  // namespace weir::internal
