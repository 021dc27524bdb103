#include "base/mutex.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

namespace weir::internal {
namespace {

// Whether another thread would get the lock now.
bool IsFree(Mutex& mutex) {
  bool was_free = false;
  std::thread([&] {
    if (!mutex.TryLock()) return;
    was_free = true;
    mutex.Unlock();
  }).join();
  return was_free;
}

TEST_CASE("a lock is held from its beginning to its end, and by one thread only") {
  Mutex mutex;
  CHECK(IsFree(mutex));
  {
    MutexLock lock(mutex);
    CHECK_FALSE(IsFree(mutex));
  }
  CHECK(IsFree(mutex));
  mutex.Lock();
  CHECK_FALSE(IsFree(mutex));
  mutex.Unlock();
  if (mutex.TryLock()) {
    CHECK_FALSE(IsFree(mutex));
    mutex.Unlock();
  } else {
    FAIL("a free lock was refused");
  }
  CHECK(IsFree(mutex));
}

TEST_CASE("threads that change plain memory under a lock lose no change") {
  constexpr int kThreads = 4;
  constexpr int kChanges = 20000;
  Mutex mutex;
  uint64_t count = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < kChanges; ++i) {
        MutexLock lock(mutex);
        ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();

  CHECK(count == uint64_t{kThreads} * kChanges);
}

TEST_CASE("who waits for a condition lets others in, and has the lock when he is woken") {
  Mutex mutex;
  CondVar condition;
  int turn = 0;
  int passes = 0;
  constexpr int kPasses = 1000;
  const auto play = [&](int me) {
    for (int i = 0; i < kPasses; ++i) {
      MutexLock lock(mutex);
      while (turn != me) condition.Wait(mutex);
      ++passes;  // plain: without the lock it would be a race
      turn = 1 - me;
      condition.NotifyAll();
    }
  };
  std::thread other(play, 1);
  play(0);
  other.join();

  CHECK(passes == 2 * kPasses);
}

TEST_CASE("one notification wakes all who wait") {
  constexpr int kThreads = 4;
  Mutex mutex;
  CondVar condition;
  int waiting = 0;
  bool may_go = false;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&] {
      MutexLock lock(mutex);
      ++waiting;
      while (!may_go) condition.Wait(mutex);
    });
  }
  for (bool all = false; !all;) {
    MutexLock lock(mutex);
    // Counted under the lock that Wait() gives back: whoever is counted sleeps.
    all = waiting == kThreads;
    may_go = all;
  }
  condition.NotifyAll();
  for (std::thread& thread : threads) thread.join();  // hangs if one was forgotten
}

TEST_CASE("a wait with a limit ends without a notification, and with the lock") {
  Mutex mutex;
  CondVar condition;
  MutexLock lock(mutex);
  for (const int64_t nanos : {int64_t{-1}, int64_t{0}, int64_t{1000}}) {
    condition.WaitFor(mutex, nanos);
    CHECK_FALSE(IsFree(mutex));
  }
}

TEST_CASE("a forked child destroys a condition that threads of its parent sleep on") {
  Mutex mutex;
  auto condition = std::make_unique<CondVar>();
  bool is_asleep = false;
  bool is_over = false;
  std::thread sleeper([&] {
    MutexLock lock(mutex);
    is_asleep = true;
    while (!is_over) condition->Wait(mutex);
  });
  const auto look = [&] {
    MutexLock lock(mutex);
    return is_asleep;
  };
  while (!look()) std::this_thread::yield();
  const pid_t pid = fork();
  if (pid == 0) {
    alarm(20);
    condition.reset();
    _exit(0);
  }
  int status = 0;
  const pid_t waited = waitpid(pid, &status, 0);
  {
    MutexLock lock(mutex);
    is_over = true;
  }
  condition->NotifyAll();
  sleeper.join();

  REQUIRE(pid > 0);
  REQUIRE(waited == pid);
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) == 0));
}

}  // namespace
}  // namespace weir::internal
