#include "kernel/hostile_hosts.h"

#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "kernel/held_syncs.h"
#include "support/random.h"
#include "weir/clock.h"
#include "weir/store.h"

namespace weir::kernel {
namespace {

namespace fs = std::filesystem;
using testing::Random;

constexpr size_t kBodyBytes = 500;

StoreOptions Options(const Workplace& workplace, uint64_t seed) {
  const std::string place = workplace / "host";
  fs::remove_all(place);
  fs::create_directories(place + "/front");
  return {.directory = place + "/store",
          .background = seed % 2 == 0 ? Background::kThreads : Background::kManual,
          .segment_bytes = 64 << 10,
          .front_bytes = 64 << 10,
          .front_directory = place + "/front"};
}

std::string BodyOf(uint64_t number) {
  std::string body = absl::StrCat("message ", number, " ");
  body.resize(kBodyBytes, '.');
  return body;
}

absl::Status AppendOne(MessageStore& store, uint64_t number, const AppendOptions& options = {}) {
  const std::string body = BodyOf(number);
  return store.Append({.topic = "events", .queue_id = 0, .body = body}, options).status();
}

// All of [0, count), in order, and with times that do not go back.
absl::Status CheckAll(MessageStore& store, uint64_t count) {
  uint64_t number = 0;
  absl::Time last = absl::InfinitePast();
  while (true) {
    const auto result = store.Read("events", 0, QueueOffset(number), {.max_messages = 1000});
    if (!result.ok()) return result.status();
    if (result->outcome() != ReadOutcome::kFound) break;
    for (const MessageView& message : *result) {
      if (message.body() != BodyOf(number++)) return absl::DataLossError("another body");
      if (message.store_time() < last) return absl::InternalError("a store time goes back");
      last = message.store_time();
    }
  }
  if (number == count) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(number, " messages, not ", count));
}

class JumpyClock final : public Clock {
 public:
  explicit JumpyClock(uint64_t seed) : seed_(seed) {}
  int64_t WallNanos() override {
    constexpr int64_t kYear = int64_t{365} * 24 * 3600 * 1'000'000'000;
    const uint64_t look = looks_.fetch_add(1);
    Random random(Random::Mix(seed_, look / 7));
    const int64_t jump = static_cast<int64_t>(random.Below(100 * uint64_t{kYear})) - 50 * kYear;
    return Clock::System()->WallNanos() + jump;
  }
  int64_t MonotonicNanos() override { return Clock::System()->MonotonicNanos(); }

 private:
  const uint64_t seed_;
  std::atomic<uint64_t> looks_{0};
};

class ThrowingListener final : public StateListener {
 public:
  void OnState(StoreState, const std::string&) override {
    ++calls_;
    throw std::runtime_error("the host does not want to know");
  }
  int calls() const { return calls_.load(); }

 private:
  std::atomic<int> calls_{0};
};

}  // namespace

absl::Status JumpClock(const Workplace& workplace, uint64_t seed) {
  JumpyClock clock(seed);
  StoreOptions options = Options(workplace, seed);
  options.clock = &clock;
  uint64_t count = 0;
  for (int life = 0; life < 3; ++life) {
    const auto store = MessageStore::Open(options);
    if (!store.ok()) return store.status();
    for (int i = 0; i < 150; ++i) {
      const bool is_disk = i % 16 == 0;
      const absl::Status status =
          AppendOne(**store, count++,
                    {.durability = is_disk ? Durability::kDisk : Durability::kProcess,
                     .timeout = absl::Seconds(10)});
      if (!status.ok()) return status;
    }
    const absl::Time before = absl::Now();
    const auto at_end =
        (*store)->Read("events", 0, QueueOffset(count), {.wait = absl::Milliseconds(1)});
    if (!at_end.ok() || at_end->outcome() != ReadOutcome::kAtEnd) {
      return absl::InternalError("a read at the end does not say so");
    }
    if (absl::Now() - before > absl::Seconds(5)) return absl::InternalError("a wait went wrong");
    if (absl::Status status = (*store)->Flush(absl::Seconds(10)); !status.ok()) return status;
    if (absl::Status status = CheckAll(**store, count); !status.ok()) return status;
    if (absl::Status status = (*store)->Close(); !status.ok()) return status;
  }
  return absl::OkStatus();
}

absl::Status ThrowAlways(const Workplace& workplace, uint64_t seed) {
  constexpr uint64_t kMessages = 100;
  ThrowingListener listener;
  StoreOptions options = Options(workplace, seed);
  options.state_listener = &listener;
  const auto store = MessageStore::Open(options);
  if (!store.ok()) return store.status();
  // A reason to be degraded.
  fs::remove_all(options.front_directory);
  fs::create_directory(options.front_directory);
  std::atomic<uint64_t> calls{0};
  for (uint64_t number = 0; number < kMessages; ++number) {
    const std::string body = BodyOf(number);
    const absl::Status status = (*store)->AppendAsync(
        {.topic = "events", .queue_id = 0, .body = body},
        {.durability = number % 10 == 0 ? Durability::kDisk : Durability::kProcess},
        [&](const absl::Status&, const Receipt&) {
          ++calls;
          throw std::runtime_error("the host does not care");
        });
    if (!status.ok()) return status;
  }
  if (absl::Status status = (*store)->Flush(); !status.ok()) return status;
  const absl::Time limit = absl::Now() + absl::Seconds(10);
  while (calls < kMessages || listener.calls() == 0) {
    (*store)->RunOnce();
    if (absl::Now() > limit) {
      return absl::DeadlineExceededError(absl::StrCat(calls.load(), " callbacks and ",
                                                      listener.calls(), " calls of the listener"));
    }
  }
  if (absl::Status status = AppendOne(**store, kMessages); !status.ok()) return status;
  if (absl::Status status = CheckAll(**store, kMessages + 1); !status.ok()) return status;
  return (*store)->Close();
}

namespace {

// A store whose syncs wait at a gate, and how many messages it was given.
struct HungStore {
  SyncGate gate;
  HeldSyncs file_system{&gate};
  StoreOptions options;
  std::unique_ptr<MessageStore> store;
  uint64_t count = 0;

  absl::Status Append(const AppendOptions& how) {
    absl::Status status = AppendOne(*store, count, how);
    if (status.ok()) ++count;
    return status;
  }
  // Until a sync hangs.
  absl::Status Open() {
    auto opened = MessageStore::Open(options);
    if (!opened.ok()) return opened.status();
    store = *std::move(opened);
    if (absl::Status status = Append({.durability = Durability::kDisk}); !status.ok()) {
      return status;
    }
    gate.Hold();
    if (absl::Status status = Append({}); !status.ok()) return status;
    gate.AwaitCaught();
    return absl::OkStatus();
  }
  // Without waiting, until there is back-pressure: for what is unsynced, and not before the limit.
  absl::Status Fill() {
    absl::Status status;
    while (status.ok()) status = Append({.timeout = absl::ZeroDuration()});
    if (!absl::IsDeadlineExceeded(status)) return status;
    const uint64_t bytes = count * kBodyBytes;
    if (bytes + (16 << 10) < options.unsynced_bytes_max * kBodyBytes / (kBodyBytes + 64)) {
      return absl::InternalError(absl::StrCat("producers stop after ", bytes, " bytes"));
    }
    const StoreStats stats = store->Stats();
    if (stats.unsynced_bytes > options.unsynced_bytes_max) {
      return absl::InternalError(absl::StrCat(stats.unsynced_bytes, " bytes are unsynced"));
    }
    if (stats.stalls_unsynced == 0) return absl::InternalError("they stop for another reason");
    return absl::OkStatus();
  }
};

// Reads one message after the other, waiting for each, until the messages before *end are read.
class Follower {
 public:
  Follower(MessageStore* store, const std::atomic<uint64_t>* end)
      : thread_([this, store, end] { status_ = Follow(*store, *end); }) {}
  absl::Status Join() {
    thread_.join();
    return status_;
  }

 private:
  static absl::Status Follow(MessageStore& store, const std::atomic<uint64_t>& end) {
    const absl::Time limit = absl::Now() + absl::Seconds(20);
    for (uint64_t next = 0; next < end.load();) {
      if (absl::Now() > limit) return absl::DeadlineExceededError("a reader does not go on");
      const auto result = store.Read("events", 0, QueueOffset(next),
                                     {.max_messages = 1, .wait = absl::Milliseconds(50)});
      if (!result.ok()) return result.status();
      if (result->outcome() != ReadOutcome::kFound) continue;
      if ((*result)[0].body() != BodyOf(next++)) return absl::DataLossError("another body");
    }
    return absl::OkStatus();
  }

  absl::Status status_;
  std::thread thread_;
};

// What a producer with a deadline, and one without, is told while nothing is synced.
absl::Status WaitForRoom(HungStore& hung) {
  constexpr absl::Duration kTimeout = absl::Milliseconds(20);
  const absl::Time before = absl::Now();
  absl::Status status = hung.Append({.timeout = kTimeout});
  if (!absl::IsDeadlineExceeded(status)) {
    return absl::InternalError(absl::StrCat("no back-pressure: ", status.ToString()));
  }
  if (absl::Now() - before < kTimeout) return absl::InternalError("told before the deadline");
  const uint64_t stalls = hung.store->Stats().stalls_unsynced;
  std::atomic<bool> is_through{false};
  std::thread producer([&] {
    status = hung.Append({});
    is_through = true;
  });
  while (hung.store->Stats().stalls_unsynced == stalls && !is_through) std::this_thread::yield();
  const bool has_waited = !is_through;
  hung.gate.Release();
  producer.join();
  if (status.ok() && !has_waited) return absl::InternalError("an append did not wait for room");
  return status;
}

}  // namespace

absl::Status HangSync(const Workplace& workplace, uint64_t seed) {
  HungStore hung;
  hung.options = Options(workplace, seed);
  hung.options.background = Background::kThreads;
  hung.options.segment_bytes = 4 << 20;
  hung.options.front_bytes = 1 << 20;
  hung.options.unsynced_bytes_max = (128 << 10) * (1 + seed % 3);
  hung.options.sync_interval = absl::Milliseconds(1);
  hung.options.file_system = &hung.file_system;
  if (absl::Status status = hung.Open(); !status.ok()) return status;
  StoreOptions reading = hung.options;
  reading.read_only = true;
  const auto reader = MessageStore::Open(reading);
  absl::Status status = reader.status();
  if (status.ok()) {
    std::atomic<uint64_t> end{std::numeric_limits<uint64_t>::max()};
    Follower inside(hung.store.get(), &end);
    Follower beside(reader->get(), &end);
    // It has its place; that it is durable nobody can tell.
    status = hung.Append({.durability = Durability::kDisk, .timeout = absl::Milliseconds(1)});
    if (status.ok()) status = hung.Fill();
    // Both have read everything when they come back, with the sync still hanging.
    end = status.ok() ? hung.count : 0;
    status.Update(inside.Join());
    status.Update(beside.Join());
  }
  if (status.ok()) status = WaitForRoom(hung);
  hung.gate.Release();
  if (status.ok()) status = hung.Append({.durability = Durability::kDisk});
  if (status.ok()) status = CheckAll(*hung.store, hung.count);
  return status.ok() ? hung.store->Close() : status;
}

absl::Status ForkInTheMiddle(const Workplace& workplace, uint64_t seed) {
  StoreOptions options = Options(workplace, seed);
  const auto store = MessageStore::Open(options);
  if (!store.ok()) return store.status();
  constexpr uint64_t kMessages = 400;
  std::atomic<uint64_t> done{0};
  absl::Status produced;
  std::thread producer([&] {
    for (uint64_t number = 0; number < kMessages && produced.ok(); ++number) {
      produced =
          AppendOne(**store, number,
                    {.durability = number % 8 == 0 ? Durability::kDisk : Durability::kProcess});
      ++done;
    }
    done = kMessages;
  });
  while (done < seed % kMessages) std::this_thread::yield();
  const pid_t child = fork();
  if (child == 0) {
    const bool is_refused = absl::IsFailedPrecondition(AppendOne(**store, kMessages)) &&
                            absl::IsFailedPrecondition((*store)->Flush()) &&
                            absl::IsFailedPrecondition((*store)->Close()) &&
                            (*store)->state() == StoreState::kClosed;
    const auto second = MessageStore::Open(options);
    _exit(is_refused && absl::IsUnavailable(second.status()) ? 0 : 1);
  }
  int end = -1;
  waitpid(child, &end, 0);
  producer.join();
  if (!produced.ok()) return produced;
  if (end != 0) return absl::InternalError(absl::StrCat("the child ended with status ", end));
  if (absl::Status status = CheckAll(**store, kMessages); !status.ok()) return status;
  return (*store)->Close();
}

}  // namespace weir::kernel
