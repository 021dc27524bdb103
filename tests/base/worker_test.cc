#include "base/worker.h"

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace weir::internal {
namespace {

// Steps that others can wait for.
class Steps {
 public:
  void Count() {
    count_.fetch_add(1);
    count_.notify_all();
  }
  void WaitFor(int count) const {
    for (int now = count_.load(); now < count; now = count_.load()) count_.wait(now);
  }
  int count() const { return count_.load(); }

 private:
  std::atomic<int> count_{0};
};

TEST_CASE("a worker runs its step at once, then as often as it is notified") {
  Steps steps;
  Worker worker("worker", [&] {
    steps.Count();
    return absl::InfiniteDuration();
  });
  REQUIRE(worker.status().ok());
  for (int i = 1; i <= 1000; ++i) {
    steps.WaitFor(i);
    worker.Notify();
  }
  steps.WaitFor(1001);
}

std::vector<int> CoresOfThisThread() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (sched_getaffinity(0, sizeof cores, &cores) != 0) return {};
  std::vector<int> all;
  for (int core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &cores)) all.push_back(core);
  }
  return all;
}

TEST_CASE("a worker runs on the core that it is given, and says so if there is none such") {
  const int last = CoresOfThisThread().back();
  std::promise<int> seen;
  bool is_told = false;
  Worker worker(
      "worker",
      [&] {
        // The thread may begin before it is sent there.
        const std::vector<int> cores = CoresOfThisThread();
        if (cores.size() != 1) return absl::Milliseconds(1);
        if (!std::exchange(is_told, true)) seen.set_value(cores[0]);
        return absl::InfiniteDuration();
      },
      last);
  REQUIRE(worker.status().ok());
  CHECK(seen.get_future().get() == last);

  const Worker nowhere(
      "worker", [] { return absl::InfiniteDuration(); }, CPU_SETSIZE);
  CHECK(absl::IsInvalidArgument(nowhere.status()));
}

TEST_CASE("a step that asks for no rest is run again and again, one that asks for some after it") {
  for (const absl::Duration rest : {absl::ZeroDuration(), absl::Microseconds(10)}) {
    Steps steps;
    Worker worker("worker", [&] {
      steps.Count();
      return rest;
    });
    steps.WaitFor(100);
  }
}

TEST_CASE("no notification is lost, however it meets the step") {
  std::atomic<int> wanted{0};
  std::atomic<int> done{0};
  Worker worker("worker", [&] {
    done.store(wanted.load());
    done.notify_all();
    return absl::InfiniteDuration();
  });
  for (int i = 1; i <= 20'000; ++i) {
    wanted.store(i);
    worker.Notify();
    // Only now and then: else the thread would always be asleep when it is notified.
    if (i % 7 != 0) continue;
    for (int now = done.load(); now != i; now = done.load()) done.wait(now);
  }
}

TEST_CASE("a step sees what the notifying thread wrote before") {
  Steps steps;
  int plain = 0;  // read by the second step; a race, if Notify() did not order the accesses
  std::promise<int> seen;
  Worker worker("worker", [&, is_first = true]() mutable {
    if (!is_first) seen.set_value(plain);
    is_first = false;
    steps.Count();
    return absl::InfiniteDuration();
  });
  steps.WaitFor(1);

  plain = 42;
  worker.Notify();

  CHECK(seen.get_future().get() == 42);
}

TEST_CASE("stopping waits for the running step and runs no other, however often it is asked") {
  Steps begun;
  std::promise<void> go_on;
  std::atomic<bool> is_over{false};
  Worker worker("worker", [&, future = go_on.get_future().share()] {
    begun.Count();
    future.wait();
    is_over.store(true);
    return absl::ZeroDuration();
  });
  begun.WaitFor(1);
  std::thread other([&] { go_on.set_value(); });

  worker.Stop();
  CHECK(is_over.load());
  const int count = begun.count();
  worker.Stop();
  worker.Notify();
  other.join();
  CHECK(begun.count() == count);
}

TEST_CASE("a worker that rests for ever can be stopped") {
  Steps steps;
  auto worker = std::make_unique<Worker>("worker", [&] {
    steps.Count();
    return absl::InfiniteDuration();
  });
  steps.WaitFor(1);

  worker.reset();

  CHECK(steps.count() == 1);
}

TEST_CASE("a worker that is destroyed by its own step ends with the step") {
  std::promise<void> is_made;
  std::promise<void> is_gone;
  std::unique_ptr<Worker> worker;
  worker = std::make_unique<Worker>("worker", [&, made = is_made.get_future().share()] {
    made.wait();
    worker.reset();
    is_gone.set_value();
    return absl::ZeroDuration();
  });
  is_made.set_value();

  is_gone.get_future().wait();
  CHECK(worker == nullptr);
}

TEST_CASE("the thread has its name and no asynchronous signals, the creator's mask is untouched") {
  Steps steps;
  char name[16] = {};
  sigset_t mask;
  Worker worker("weir-log-writer-of-long-name", [&] {
    pthread_getname_np(pthread_self(), name, sizeof name);
    pthread_sigmask(SIG_BLOCK, nullptr, &mask);
    steps.Count();
    return absl::InfiniteDuration();
  });
  // The name is given from outside; the first step may have come before it.
  steps.WaitFor(1);
  worker.Notify();
  steps.WaitFor(2);

  CHECK(std::string(name) == "weir-log-writer");
  for (const int signal : {SIGXFSZ, SIGALRM, SIGTERM, SIGINT, SIGUSR1, SIGPROF}) {
    CHECK(sigismember(&mask, signal) == 1);
  }
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE}) CHECK(sigismember(&mask, fault) == 0);
  sigset_t own;
  pthread_sigmask(SIG_BLOCK, nullptr, &own);
  CHECK(sigismember(&own, SIGTERM) == 0);
}

TEST_CASE("a forked child neither hangs on the worker of its parent nor ends it") {
  Steps steps;
  auto worker = std::make_unique<Worker>("worker", [&] {
    steps.Count();
    return absl::InfiniteDuration();
  });
  steps.WaitFor(1);
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(20);
    worker->Notify();
    worker->Stop();
    worker.reset();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(pid, &status, 0) == pid);

  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
  worker->Notify();
  steps.WaitFor(2);
}

}  // namespace
}  // namespace weir::internal
