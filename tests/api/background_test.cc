#include "api/background.h"

#include <pthread.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "api/small_store.h"

namespace weir::testing {
namespace {

using internal::Background;
using internal::Job;

std::unique_ptr<internal::CommitLog> OpenLog(const StoreOptions& options) {
  auto log = internal::CommitLog::Open(options);
  INFO(log.status());
  REQUIRE(log.ok());
  return *std::move(log);
}

std::vector<Job> Jobs(Job first, Job second) {
  std::vector<Job> jobs;
  jobs.push_back(std::move(first));
  jobs.push_back(std::move(second));
  return jobs;
}

TEST_CASE("one call runs each job once, and says how long the most urgent one may rest") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallOptions(disk, clock));
  int first = 0;
  int second = 0;
  absl::Duration rest = absl::ZeroDuration();
  Background background(log.get(), Jobs({.name = "first",
                                         .step =
                                             [&] {
                                               ++first;
                                               return rest;
                                             }},
                                        {.name = "second", .step = [&] {
                                           ++second;
                                           return absl::Hours(2);
                                         }}));
  for (int i = 0; i < 100; ++i) background.RunOnce();  // the log's own jobs come to rest
  CHECK(first == 100);
  CHECK(second == 100);
  CHECK(background.RunOnce() == absl::ZeroDuration());
  rest = absl::Nanoseconds(7);
  CHECK(background.RunOnce() == absl::Nanoseconds(7));
  rest = absl::InfiniteDuration();
  CHECK(background.RunOnce() > absl::Nanoseconds(7));
  background.Stop();  // there is nothing to stop
}

TEST_CASE("a host that calls until there is no more to do has everything written, synced, sealed") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "t", 0, 30, 400);
  int called_back = 0;
  REQUIRE(store
              ->AppendAsync({.topic = "t", .queue_id = 0, .body = "asynchronous"},
                            {.durability = Durability::kDisk},
                            [&](const absl::Status& status, const Receipt& receipt) {
                              CHECK(status.ok());
                              CHECK(receipt.reached == Durability::kDisk);
                              ++called_back;
                            })
              .ok());
  CHECK(store->RunOnce() == absl::ZeroDuration());  // there is more to do now
  RunUntilIdle(*store, clock);

  CHECK(called_back == 1);
  const StoreInfo info = store->Info();
  CHECK(info.written == info.end);
  CHECK(info.segments.front().has_index);
  CHECK(store->Stats().segments_prepared > 0);
  CHECK(store->RunOnce() > absl::ZeroDuration());
  Close(*store);
  CHECK(store->RunOnce() == absl::InfiniteDuration());
}

TEST_CASE("a sync is not begun at once, and at the latest when its interval has passed") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.sync_interval = absl::Milliseconds(100);
  auto store = OpenStore(options);
  RunUntilIdle(*store, clock);
  const Receipt receipt = Append(*store, {.topic = "t", .queue_id = 0, .body = "x"});
  const auto run = [&] {
    for (int i = 0; i < 10; ++i) store->RunOnce();
    return store->Info().durable >= receipt.end;
  };
  CHECK_FALSE(run());
  clock.Advance(absl::Milliseconds(100));
  CHECK(run());
}

TEST_CASE(
    "each job has a thread of its own with its name, which runs its step until it is stopped") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallOptions(disk, clock));
  std::atomic<int> first{0};
  std::atomic<int> second{0};
  std::string names[2];
  const auto count = [](std::atomic<int>& steps, std::string& name) {
    char buffer[16] = {};
    pthread_getname_np(pthread_self(), buffer, sizeof buffer);
    if (steps == 0) name = buffer;
    ++steps;
    steps.notify_all();
    return absl::ZeroDuration();
  };
  Background background(log.get(),
                        Jobs({.name = "job-one", .step = [&] { return count(first, names[0]); }},
                             {.name = "job-two", .step = [&] { return count(second, names[1]); }}));
  CHECK(first == 0);  // nothing runs before the start
  REQUIRE(background.Start(/*core=*/-1).ok());
  for (std::atomic<int>* const steps : {&first, &second}) {
    for (int now = *steps; now < 50; now = *steps) steps->wait(now);
  }
  background.Stop();
  const int after = first + second;
  CHECK(names[0] == "job-one");
  CHECK(names[1] == "job-two");
  background.Stop();  // again
  CHECK(first + second == after);
}

TEST_CASE("with threads everything is done without a call of the host") {
  FaultFileSystem disk;
  StoreOptions options;
  options.directory = "/store";
  options.segment_bytes = kSegment;
  options.front_bytes = 16384;
  options.file_system = &disk;
  auto store = OpenStore(options);
  std::atomic<int> called_back{0};
  for (size_t i = 0; i < 100; ++i) {
    const std::string body = Numbered(i, 400);
    REQUIRE(store
                ->AppendAsync({.topic = "t", .queue_id = 0, .body = body},
                              {.durability = Durability::kDisk},
                              [&](const absl::Status& status, const Receipt&) {
                                if (!status.ok()) return;
                                ++called_back;
                                called_back.notify_all();
                              })
                .ok());
  }
  for (int now = called_back; now < 100; now = called_back) called_back.wait(now);
  CHECK(store->Info().durable > LogPosition(90 * 400));
  Close(*store);
}

}  // namespace
}  // namespace weir::testing
