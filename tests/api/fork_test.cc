// A forked child has its parent's objects and must not write with them: every public function
// answers that, nothing in the child dies or hangs, and the parent goes on as if nothing had been.

#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "io/child_process.h"
#include "support/temporary_directory.h"
#include "weir/commit_log.h"
#include "weir/store.h"

namespace weir {
namespace {

using internal::Child;
using testing::TemporaryDirectory;

// A child that waits for a lock which a thread of its parent held waits for ever; this ends it.
constexpr unsigned kPatienceSeconds = 60;

StoreOptions Options(const TemporaryDirectory& place, const std::string& name,
                     Background background) {
  return {.directory = place / name,
          .background = background,
          .segment_bytes = 64 << 10,
          .front_bytes = 256 << 10,
          .front_directory = place / ""};
}

template <typename T>
bool IsRefused(const absl::StatusOr<T>& result) {
  return absl::IsFailedPrecondition(result.status());
}
bool IsRefused(const absl::Status& status) { return absl::IsFailedPrecondition(status); }

bool IsEmpty(const StoreInfo& info) {
  return info.state == StoreState::kClosed && info.end == LogPosition(0) && info.topics.empty() &&
         info.segments.empty();
}

bool IsEmpty(const StoreStats& stats) { return stats.appends == 0 && stats.writes == 0; }

void CheckStoreInChild(Child& child, std::unique_ptr<MessageStore>& store, Topic topic,
                       const Receipt& receipt) {
  const Message message{.topic = "t", .queue_id = 0, .body = "from the child"};
  child.Check(IsRefused(store->Append(message)), "Append refuses");
  child.Check(IsRefused(store->Append({.topic = topic, .queue_id = 0, .body = "by handle"})),
              "Append by handle refuses");
  child.Check(IsRefused(store->Append(message, {.durability = Durability::kDisk})),
              "a durable Append refuses");
  child.Check(IsRefused(store->Append(std::vector<Message>{message, message})),
              "Append of a batch refuses");
  bool is_called = false;
  child.Check(IsRefused(store->AppendAsync(
                  message, {}, [&](const absl::Status&, const Receipt&) { is_called = true; })),
              "AppendAsync refuses");
  child.Check(IsRefused(store->Claim(message, 100)), "Claim refuses");
  child.Check(IsRefused(store->WaitFor(receipt, Durability::kDisk)), "WaitFor refuses");
  child.Check(IsRefused(store->Flush()), "Flush refuses");
  child.Check(IsRefused(store->CreateTopic("u", 1)), "CreateTopic refuses");
  child.Check(IsRefused(store->CreateTopic("t", 2)), "CreateTopic of a known one refuses");
  child.Check(IsRefused(store->FindTopic("t")), "FindTopic refuses");
  child.Check(IsRefused(store->OpenTopic("t")), "OpenTopic refuses");
  const ReadOptions waiting{.wait = absl::InfiniteDuration(), .spin = absl::Seconds(1)};
  child.Check(IsRefused(store->Read("t", 0, QueueOffset(0))), "Read refuses");
  child.Check(IsRefused(store->Read("t", 0, QueueOffset(9), waiting)), "a waiting Read refuses");
  child.Check(IsRefused(store->ReadTopic("t", LogPosition(0))), "ReadTopic refuses");
  child.Check(IsRefused(store->ReadBackwards("t", 0, QueueOffset(1))), "ReadBackwards refuses");
  child.Check(IsRefused(store->ReadLast("t", 0, 1)), "ReadLast refuses");
  child.Check(IsRefused(store->ReadAt(receipt.position)), "ReadAt refuses");
  child.Check(IsRefused(store->Bounds("t", 0)), "Bounds refuses");
  child.Check(IsRefused(store->Verify()), "Verify refuses");
  child.Check(IsRefused(store->Dump(LogPosition(0), 10)), "Dump refuses");
  child.Check(store->RunOnce() == absl::InfiniteDuration(), "RunOnce has nothing to do");
  child.Check(store->state() == StoreState::kClosed, "the state is closed");
  child.Check(IsEmpty(store->Stats()), "Stats is empty");
  child.Check(IsEmpty(store->Info()), "Info is empty");
  child.Check(store->recovery().damage.empty(), "recovery can be looked at");
  child.Check(topic.name() == "t" && topic.queue_count() == 2, "a handle can be looked at");
  child.Check(IsRefused(store->Close()), "Close refuses");
  child.Check(IsRefused(store->Close()), "Close refuses again");
  store.reset();
  child.Check(!is_called, "the callback is not called");
}

TEST_CASE("in a forked child every function of a store answers, and the parent goes on") {
  const Background background = GENERATE(Background::kManual, Background::kThreads);
  const TemporaryDirectory place;
  const StoreOptions options = Options(place, "store", background);
  auto opened = MessageStore::Open(options);
  REQUIRE(opened.ok());
  std::unique_ptr<MessageStore> store = *std::move(opened);
  const auto topic = store->CreateTopic("t", 2);
  REQUIRE(topic.ok());
  const auto receipt = store->Append({.topic = "t", .queue_id = 0, .body = "before"});
  REQUIRE(receipt.ok());

  Child child([&](Child& self) {
    alarm(kPatienceSeconds);
    CheckStoreInChild(self, store, *topic, *receipt);
    self.Check(absl::IsUnavailable(MessageStore::Open(options).status()),
               "the parent holds the store");
  });
  child.RequireSuccess("");

  CHECK(store
            ->Append({.topic = "t", .queue_id = 0, .body = "behind"},
                     {.durability = Durability::kDisk})
            .ok());
  REQUIRE(store->Close().ok());
  auto again = MessageStore::Open(options);
  REQUIRE(again.ok());
  CHECK((*again)->recovery().was_clean);
  const auto read = (*again)->Read("t", 0, QueueOffset(0));
  REQUIRE(read.ok());
  REQUIRE(read->size() == 2);
  CHECK((*read)[0].body() == "before");
  CHECK((*read)[1].body() == "behind");
}

TEST_CASE(
    "a child that was forked while the parent's threads were at work neither hangs nor dies") {
  const TemporaryDirectory place;
  const StoreOptions options = Options(place, "store", Background::kThreads);
  auto opened = MessageStore::Open(options);
  REQUIRE(opened.ok());
  std::unique_ptr<MessageStore> store = *std::move(opened);
  const auto topic = store->CreateTopic("t", 2);
  REQUIRE(topic.ok());
  const auto receipt = store->Append({.topic = "t", .queue_id = 0, .body = "first"});
  REQUIRE(receipt.ok());
  std::atomic<bool> is_over{false};
  std::atomic<uint64_t> appended{0};
  std::vector<std::thread> threads;
  threads.emplace_back([&] {
    while (!is_over) {
      if (store->Append({.topic = "t", .queue_id = 0, .body = "more"}).ok()) ++appended;
    }
  });
  threads.emplace_back([&] {
    while (!is_over) {
      store->Flush().IgnoreError();
      static_cast<void>(store->Info());
      store->ReadLast("t", 0, 3).IgnoreError();
    }
  });

  std::vector<int> results;
  for (int i = 0; i < 20; ++i) {
    Child child([&](Child& self) {
      alarm(kPatienceSeconds);
      CheckStoreInChild(self, store, *topic, *receipt);
    });
    results.push_back(child.Wait());
  }

  is_over = true;
  for (std::thread& thread : threads) thread.join();
  CHECK(results == std::vector<int>(20, 0));
  const auto bounds = store->Bounds("t", 0);
  REQUIRE(bounds.ok());
  CHECK(bounds->end == QueueOffset(appended + 1));
  CHECK(store->Close().ok());
}

TEST_CASE(
    "a claim in a forked child is the parent's: it gives no bytes, and ends without a trace") {
  const TemporaryDirectory place;
  auto opened = MessageStore::Open(Options(place, "store", Background::kManual));
  REQUIRE(opened.ok());
  std::unique_ptr<MessageStore> store = *std::move(opened);
  REQUIRE(store->CreateTopic("t", 1).ok());
  auto claimed = store->Claim({.topic = "t", .queue_id = 0}, 7);
  REQUIRE(claimed.ok());
  MessageClaim claim = *std::move(claimed);

  Child child([&](Child& self) {
    alarm(kPatienceSeconds);
    self.Check(claim.body().empty(), "there are no bytes to fill");
    static_cast<void>(claim.position());
    self.Check(claim.queue_offset() == QueueOffset(0), "the offset can be asked for");
    self.Check(IsRefused(claim.Commit(7)), "Commit refuses");
    MessageClaim moved = std::move(claim);
    self.Check(IsRefused(moved.Commit(0)), "Commit of the moved one refuses");
    moved = MessageClaim();  // gives it up
    self.Check(IsRefused(moved.Commit(0)), "nothing is held");
  });
  child.RequireSuccess("");

  std::copy_n("payload", 7, claim.body().data());
  const auto receipt = claim.Commit(7);
  REQUIRE(receipt.ok());
  const auto read = store->Read("t", 0, QueueOffset(0));
  REQUIRE(read.ok());
  REQUIRE(read->size() == 1);
  CHECK((*read)[0].body() == "payload");
  CHECK(store->Close().ok());
}

TEST_CASE("a reading process forks as well: its child is told to open anew, and can") {
  const TemporaryDirectory place;
  StoreOptions options = Options(place, "store", Background::kManual);
  Receipt receipt;
  {
    auto writer = MessageStore::Open(options);
    REQUIRE(writer.ok());
    REQUIRE((*writer)->CreateTopic("t", 2).ok());
    const auto appended = (*writer)->Append({.topic = "t", .queue_id = 0, .body = "one"});
    REQUIRE(appended.ok());
    receipt = *appended;
    REQUIRE((*writer)->Close().ok());
  }
  options.read_only = true;
  auto opened = MessageStore::Open(options);
  REQUIRE(opened.ok());
  std::unique_ptr<MessageStore> reader = *std::move(opened);
  const auto topic = reader->FindTopic("t");
  REQUIRE(topic.ok());

  Child child([&](Child& self) {
    alarm(kPatienceSeconds);
    CheckStoreInChild(self, reader, *topic, receipt);
    const auto own = MessageStore::Open(options);
    self.Check(own.ok() && (*own)->Read("t", 0, QueueOffset(0))->size() == 1, "an own one reads");
  });
  child.RequireSuccess("");

  CHECK(reader->Read("t", 0, QueueOffset(0))->size() == 1);
}

TEST_CASE("in a forked child every function of a journal answers, and the parent goes on") {
  const Background background = GENERATE(Background::kManual, Background::kThreads);
  const TemporaryDirectory place;
  const StoreOptions options = Options(place, "journal", background);
  auto opened = CommitLog::Open(options);
  REQUIRE(opened.ok());
  std::unique_ptr<CommitLog> log = *std::move(opened);
  for (int i = 0; i < 200; ++i) REQUIRE(log->Append(std::string(1000, 'x')).ok());
  REQUIRE(log->Flush().ok());
  REQUIRE(log->TrimTo(log->end()).ok());
  REQUIRE(log->begin() > LogPosition(0));
  const auto receipt = log->Append("before");
  REQUIRE(receipt.ok());
  std::atomic<bool> is_over{false};
  std::thread worker([&] {
    while (!is_over) static_cast<void>(log->begin());
  });

  std::vector<int> results;
  for (int i = 0; i < 10; ++i) {
    Child child([&](Child& self) {
      alarm(kPatienceSeconds);
      self.Check(IsRefused(log->Append("from the child")), "Append refuses");
      const std::vector<absl::string_view> bodies = {"a", "b"};
      self.Check(IsRefused(log->Append(bodies)), "Append of many refuses");
      self.Check(IsRefused(log->WaitFor(*receipt, Durability::kDisk)), "WaitFor refuses");
      self.Check(IsRefused(log->Flush()), "Flush refuses");
      self.Check(IsRefused(log->Read(LogPosition(0), 10)), "Read refuses");
      self.Check(IsRefused(log->TrimTo(LogPosition(0))), "TrimTo refuses");
      self.Check(log->begin() == LogPosition(0), "begin is 0");
      self.Check(log->end() == LogPosition(0), "end is 0");
      self.Check(log->durable_end() == LogPosition(0), "durable_end is 0");
      self.Check(log->RunOnce() == absl::InfiniteDuration(), "RunOnce has nothing to do");
      self.Check(log->state() == StoreState::kClosed, "the state is closed");
      self.Check(IsEmpty(log->Stats()), "Stats is empty");
      self.Check(log->recovery().damage.empty(), "recovery can be looked at");
      self.Check(IsRefused(log->Close()), "Close refuses");
      log.reset();
    });
    results.push_back(child.Wait());
  }

  is_over = true;
  worker.join();
  CHECK(results == std::vector<int>(10, 0));
  REQUIRE(log->Append("behind").ok());
  const auto read = log->Read(receipt->position, 10);
  REQUIRE(read.ok());
  REQUIRE(read->size() == 2);
  CHECK(read->entries[0].body == "before");
  CHECK(read->entries[1].body == "behind");
  CHECK(log->Close().ok());
}

}  // namespace
}  // namespace weir
