// Promises of the public headers that no other test is about: the listener, names and sizes,
// closing under the feet of others, spinning, and what each counter counts.

#include <atomic>
#include <catch2/catch.hpp>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "api/small_store.h"
#include "weir/commit_log.h"

namespace weir::testing {
namespace {

// --- The listener

struct Told final : StateListener {
  void OnState(StoreState state, const std::string& reason) override {
    calls.emplace_back(state, reason);
    if (store != nullptr) {
      seen_state = store->state();
      static_cast<void>(store->Info());
      store->ReadLast("t", 0, 1).IgnoreError();
    }
    if (throws) throw std::runtime_error("the host's own trouble");
  }
  // The states in their order; a new reason for the same state is left out.
  std::vector<StoreState> states() const {
    std::vector<StoreState> states;
    for (const auto& [state, reason] : calls) {
      if (states.empty() || states.back() != state) states.push_back(state);
    }
    return states;
  }

  std::vector<std::pair<StoreState, std::string>> calls;
  MessageStore* store = nullptr;
  StoreState seen_state = StoreState::kHealthy;
  bool throws = false;
};

TEST_CASE("the listener is told once of each change, with the reason, and of nothing else") {
  FaultFileSystem disk;
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Milliseconds(1));
  Told told;
  told.throws = GENERATE(true, false);
  StoreOptions options = SmallOptions(disk, clock);
  options.state_listener = &told;
  auto store = OpenStore(options);
  told.store = store.get();
  REQUIRE(store->CreateTopic("t", 1).ok());
  for (int i = 0; i < 20; ++i) store->RunOnce();
  CHECK(told.calls.empty());  // it opened healthy and still is

  disk.SetCapacity(disk.used_bytes());
  for (int i = 0; i < 200; ++i) {
    store
        ->Append({.topic = "t", .queue_id = 0, .body = std::string(500, 'x')},
                 {.timeout = absl::Milliseconds(20)})
        .IgnoreError();
    store->RunOnce();
  }
  CHECK(told.states() == std::vector<StoreState>{StoreState::kDegraded});
  CHECK(told.seen_state == StoreState::kDegraded);
  CHECK_FALSE(told.calls.back().second.empty());
  CHECK(told.calls.back().second == store->Info().reason);

  disk.SetCapacity(64 << 20);
  RunUntilIdle(*store, clock);
  for (int i = 0; i < 50; ++i) store->RunOnce();
  CHECK(told.states() == std::vector<StoreState>{StoreState::kDegraded, StoreState::kHealthy});
  CHECK(told.calls.back().second.empty());

  Close(*store);
  CHECK(told.states() ==
        std::vector<StoreState>{StoreState::kDegraded, StoreState::kHealthy, StoreState::kClosed});
  for (size_t i = 1; i < told.calls.size(); ++i) CHECK(told.calls[i] != told.calls[i - 1]);
}

TEST_CASE("a disk that fails for good is told once as read-only") {
  FaultFileSystem disk;
  ManualClock clock;
  Told told;
  StoreOptions options = SmallOptions(disk, clock);
  options.state_listener = &told;
  auto store = OpenStore(options);
  Append(*store, {.topic = "t", .queue_id = 0, .body = "one"});
  disk.Inject(InputOutputError({.kind = OperationKind::kSync, .times = Fault::kForEver}));
  disk.Inject(InputOutputError({.kind = OperationKind::kSyncDirectory, .times = Fault::kForEver}));

  CHECK(absl::IsDataLoss(store->Flush()));
  for (int i = 0; i < 50; ++i) {
    store->RunOnce();
    CHECK(absl::IsFailedPrecondition(
        store->Append({.topic = "t", .queue_id = 0, .body = "two"}).status()));
  }

  CHECK(told.states() == std::vector<StoreState>{StoreState::kReadOnly});
  CHECK(AllOf(*store, "t", 0) == Words{"one"});
}

// --- Topics

TEST_CASE("with default_queue_count 0 an append creates no topic, and says that there is none") {
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallOptions(disk, clock);
  options.default_queue_count = 0;
  auto store = OpenStore(options);
  const LogPosition end = store->Info().end;
  const Message message{.topic = "t", .body = "body"};
  REQUIRE(store->CreateTopic("known", 1).ok());
  const LogPosition behind = store->Info().end;
  CHECK(behind > end);

  CHECK(absl::IsNotFound(store->Append(message).status()));
  CHECK(absl::IsNotFound(store->Append({.topic = "t", .queue_id = 0, .body = "body"}).status()));
  const std::vector<Message> batch = {{.topic = "known", .body = "body"}, message};
  CHECK(absl::IsNotFound(store->Append(batch).status()));
  const std::vector<QueueRef> further = {{"t", 0}};
  CHECK(absl::IsNotFound(
      store->Append({.topic = "known", .further_queues = absl::MakeSpan(further), .body = "body"})
          .status()));
  CHECK(absl::IsNotFound(store->Claim(message, 10).status()));
  bool is_called = false;
  CHECK(absl::IsNotFound(store->AppendAsync(
      message, {}, [&](const absl::Status&, const Receipt&) { is_called = true; })));
  CHECK(absl::IsNotFound(store->OpenTopic("t").status()));
  CHECK(store->Info().end == behind);
  CHECK(store->Info().topics.size() == 1);
  CHECK(BoundsOf(*store, "known", 0).second == 0);

  REQUIRE(store->CreateTopic("t", 3).ok());
  CHECK(store->OpenTopic("t")->queue_count() == 3);
  CHECK(store->Append(message).ok());
  Close(*store);
  CHECK_FALSE(is_called);
}

TEST_CASE("a name that breaks the limits creates nothing, in the log or on the disk") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  RunUntilIdle(*store, clock);
  const LogPosition end = store->Info().end;
  const std::vector<std::string> files = disk.ListFiles("/store");
  const std::vector<std::string> root = disk.ListFiles("/");
  for (const std::string& name :
       {std::string(), std::string(1, '\0'), std::string("a\0b", 3), std::string(64 << 10, 'n'),
        std::string(kMaxTopicNameBytes + 1, 'n'), std::string("../x"), std::string("."),
        std::string(".."), std::string("a/b"), std::string("/"), std::string("line\nbreak"),
        std::string("\x7f")}) {
    CAPTURE(name.substr(0, 20), name.size());
    CHECK(absl::IsInvalidArgument(store->CreateTopic(name, 1).status()));
    CHECK(absl::IsInvalidArgument(store->OpenTopic(name).status()));
    CHECK(absl::IsInvalidArgument(store->Append({.topic = name, .body = "body"}).status()));
    CHECK(absl::IsInvalidArgument(store->Claim({.topic = name}, 4).status()));
    CHECK(absl::IsNotFound(store->FindTopic(name).status()));
    CHECK(absl::IsNotFound(store->Bounds(name, 0).status()));
    CHECK(Read(*store, name, 0, 0).outcome() == ReadOutcome::kNoSuchQueue);
  }
  CHECK(store->Info().end == end);
  CHECK(disk.ListFiles("/store") == files);
  CHECK(disk.ListFiles("/") == root);
  for (const uint32_t queues : {0u, kMaxQueuesPerTopic + 1, ~0u}) {
    CHECK(absl::IsInvalidArgument(store->CreateTopic("t", queues).status()));
  }

  // Any other bytes are a name, up to the limit, and survive.
  const Words names = {std::string(kMaxTopicNameBytes, 'n'),
                       "gr\xc3\xbc\xc3\x9f e",
                       "\xff\xfe",
                       "x..",
                       ".x",
                       "00000000000000000000"};
  for (const std::string& name : names) {
    Append(*store, {.topic = name, .queue_id = 1, .body = name});
  }
  Close(*store);
  store = OpenStore(SmallOptions(disk, clock));
  for (const std::string& name : names) CHECK(AllOf(*store, name, 1) == Words{name});
}

// --- Sizes

TEST_CASE("with the default sizes a body of 4 MiB is taken, and one byte more is not") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options{.directory = "/store",
                             .background = Background::kManual,
                             .file_system = &disk,
                             .clock = &clock};
  REQUIRE(options.front_bytes == 32 << 20);
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());
  std::string body(4 << 20, 'b');
  body.front() = 'f';
  body.back() = 'e';
  const std::string over = body + "x";

  Append(*store, {.topic = "t", .queue_id = 0, .body = body});
  const LogPosition end = store->Info().end;
  CHECK(
      absl::IsInvalidArgument(store->Append({.topic = "t", .queue_id = 0, .body = over}).status()));
  CHECK(absl::IsInvalidArgument(store->Claim({.topic = "t", .queue_id = 0}, over.size()).status()));
  CHECK(store->Info().end == end);
  // The body alone may have that; the other parts come on top.
  Append(*store, {.topic = "t", .queue_id = 0, .tag = "T", .keys = {"k"}, .body = body});
  CHECK(AllOf(*store, "t", 0) == Words{body, body});
  Close(*store);
  CHECK(AllOf(*OpenStore(options), "t", 0) == Words{body, body});
}

// --- Closing

TEST_CASE("a closed store answers every call with a status, and a second close too") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  const auto topic = store->CreateTopic("t", 1);
  REQUIRE(topic.ok());
  const Receipt receipt = Append(*store, {.topic = *topic, .queue_id = 0, .body = "one"});
  const ReadResult read = Read(*store, "t", 0, 0);
  Close(*store);
  const uint64_t operations = disk.operations();

  const auto is_closed = [](const absl::Status& status) {
    return absl::IsFailedPrecondition(status) &&
           status.message().find("closed") != absl::string_view::npos;
  };
  const Message message{.topic = *topic, .queue_id = 0, .body = "two"};
  CHECK(is_closed(store->Close()));
  CHECK(is_closed(store->Close()));
  CHECK(is_closed(store->Append(message).status()));
  CHECK(is_closed(store->Append(std::vector<Message>{message}).status()));
  CHECK(is_closed(store->AppendAsync(message, {}, [](const absl::Status&, const Receipt&) {})));
  CHECK(is_closed(store->Claim(message, 1).status()));
  CHECK(is_closed(store->WaitFor(receipt, Durability::kDisk).status()));
  CHECK(is_closed(store->Flush()));
  CHECK(is_closed(store->CreateTopic("t", 1).status()));
  CHECK(is_closed(store->OpenTopic("t").status()));
  CHECK(is_closed(store->FindTopic("t").status()));
  CHECK(is_closed(store->Read("t", 0, QueueOffset(0)).status()));
  CHECK(is_closed(store->ReadTopic("t", LogPosition(0)).status()));
  CHECK(is_closed(store->ReadBackwards("t", 0, QueueOffset(1)).status()));
  CHECK(is_closed(store->ReadLast("t", 0, 1).status()));
  CHECK(is_closed(store->ReadAt(receipt.position).status()));
  CHECK(is_closed(store->Bounds("t", 0).status()));
  CHECK(is_closed(store->Verify().status()));
  CHECK(is_closed(store->Dump(LogPosition(0), 1).status()));
  CHECK(store->RunOnce() == absl::InfiniteDuration());
  CHECK(store->state() == StoreState::kClosed);
  CHECK(disk.operations() == operations);

  CHECK(store->Info().state == StoreState::kClosed);
  CHECK(store->Stats().appends > 0);
  CHECK(topic->name() == "t");
  store.reset();
  CHECK(read[0].body() == "one");  // a result keeps its bytes
}

TEST_CASE(
    "who reads or appends while another thread closes ends with a status, and loses nothing") {
  for (int round = 0; round < 20; ++round) {
    FaultFileSystem disk;
    StoreOptions options = SmallOptions(disk, *Clock::System());
    options.background = Background::kThreads;
    auto store = OpenStore(options);
    REQUIRE(store->CreateTopic("t", 1).ok());
    AppendNumbered(*store, "t", 0, 10, 50);
    std::atomic<int> begun{0};
    std::atomic<int> wrong{0};
    std::atomic<uint64_t> appended{10};
    const auto until_closed = [&](auto&& call) {
      return std::thread([&, call] {
        ++begun;
        absl::Status status;
        while (status.ok()) status = call();
        if (!absl::IsFailedPrecondition(status)) ++wrong;
      });
    };
    std::vector<std::thread> threads;
    threads.push_back(until_closed([&] {
      const auto read = store->Read("t", 0, QueueOffset(0));
      if (!read.ok()) return read.status();
      if (BodiesOf(*read).front() != Numbered(0, 50)) ++wrong;
      return absl::OkStatus();
    }));
    threads.push_back(until_closed([&] {
      return store->Read("t", 0, QueueOffset(1'000'000), {.wait = absl::InfiniteDuration()})
          .status();
    }));
    threads.push_back(until_closed([&] {
      const auto all = store->ReadTopic("t", LogPosition(0), {.max_messages = 5});
      if (all.ok() && all->size() != 5) ++wrong;
      return all.status();
    }));
    threads.push_back(until_closed([&] {
      const auto receipt = store->Append({.topic = "t", .queue_id = 0, .body = "more"});
      if (receipt.ok()) ++appended;
      return receipt.status();
    }));
    while (begun < 4) std::this_thread::yield();

    const absl::Status closed = store->Close();
    for (std::thread& thread : threads) thread.join();

    INFO(closed);
    CHECK(wrong == 0);
    store.reset();
    // What was acknowledged is there, whether the close came in time for it or not.
    store = OpenStore(options);
    CHECK(BoundsOf(*store, "t", 0).second >= appended);
    CHECK(store->recovery().damage.empty());
  }
}

// --- Waiting

TEST_CASE("a reader that spins takes each message without ever being rung for") {
  FaultFileSystem disk;
  ManualClock clock;  // stands still: neither spinning nor waiting ends by itself
  StoreOptions options = SmallOptions(disk, clock);
  options.background = Background::kThreads;
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());
  constexpr uint64_t kMessages = 300;
  const bool of_topic = GENERATE(true, false);
  const uint64_t rings = store->Stats().doorbell_rings;
  std::atomic<uint64_t> taken{0};
  std::thread reader([&] {
    const ReadOptions waiting{.wait = absl::InfiniteDuration(), .spin = absl::InfiniteDuration()};
    LogPosition position;
    while (taken < kMessages) {
      const auto read = of_topic ? store->ReadTopic("t", position, waiting)
                                 : store->Read("t", 0, QueueOffset(taken), waiting);
      if (!read.ok()) return;
      position = read->next_position();
      taken += read->size();
    }
  });
  for (uint64_t i = 0; i < kMessages; ++i) {
    Append(*store, {.topic = "t", .queue_id = 0, .body = "ball"});
    while (taken <= i) std::this_thread::yield();
  }
  reader.join();
  CAPTURE(of_topic);
  CHECK(taken == kMessages);
  CHECK(store->Stats().doorbell_rings == rings);
}

// --- Counters

uint64_t StallsOf(const StoreStats& stats) {
  return stats.stalls_front_full + stats.stalls_segment + stats.stalls_unsynced +
         stats.stalls_reader;
}

bool IsInOrder(const Distribution& values) {
  return values.p50 <= values.p99 && values.p99 <= values.p999 && values.p999 <= values.max &&
         values.mean <= static_cast<double>(values.max) && (values.count > 0 || values.max == 0);
}

TEST_CASE("a new store has counted nothing") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreStats stats = OpenStore(SmallOptions(disk, clock))->Stats();
  CHECK(stats.appends == 0);
  CHECK(stats.reads == 0);
  CHECK(StallsOf(stats) == 0);
  CHECK(stats.stall_nanos.count == 0);
  CHECK(stats.stall_nanos.max == 0);
  CHECK(stats.replacements == 0);
  CHECK(stats.doorbell_rings == 0);
}

TEST_CASE("a full front is a stall that is counted, and its fill goes down when it is written") {
  FaultFileSystem disk;
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Microseconds(1));
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 16384;
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());
  RunUntilIdle(*store, clock);
  CHECK(store->Stats().front_fill_bytes == 0);
  const uint64_t before = StallsOf(store->Stats());
  const std::vector<Receipt> few = AppendNumbered(*store, "t", 0, 10, 400);
  CHECK(store->Stats().front_fill_bytes >= few.back().end - few.front().position);
  CHECK(store->Stats().stalls_front_full == 0);

  AppendNumbered(*store, "t", 10, 100, 400);

  StoreStats stats = store->Stats();
  CHECK(stats.stalls_front_full > 0);
  CHECK(stats.front_fill_bytes <= options.front_bytes);
  CHECK(stats.stall_nanos.count == StallsOf(stats));
  CHECK(StallsOf(stats) > before);
  CHECK(stats.stall_nanos.max > 0);
  CHECK(IsInOrder(stats.stall_nanos));
  RunUntilIdle(*store, clock);
  stats = store->Stats();
  CHECK(stats.front_fill_bytes == 0);
  CHECK(stats.written_bytes >= 110 * 400);
  CHECK(stats.write_bytes.count == stats.writes);
  CHECK(stats.write_bytes.mean * static_cast<double>(stats.writes) ==
        Approx(static_cast<double>(stats.written_bytes)).epsilon(0.02));
  CHECK(IsInOrder(stats.write_bytes));
}

TEST_CASE("never are more bytes unsynced than the option allows, and waiting for that is counted") {
  FaultFileSystem disk;
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Microseconds(1));
  StoreOptions options = SmallOptions(disk, clock);
  options.segment_bytes = 1 << 20;
  options.front_bytes = 64 << 10;
  options.unsynced_bytes_max = 4000;
  auto store = OpenStore(options);
  REQUIRE(store->CreateTopic("t", 1).ok());
  RunUntilIdle(*store, clock);
  for (size_t i = 0; i < 100; ++i) {
    AppendNumbered(*store, "t", i, 1, 400);
    CHECK(store->Stats().unsynced_bytes <= 4000);
  }
  const StoreStats stats = store->Stats();
  CHECK(stats.stalls_unsynced >= 5);
  CHECK(stats.stalls_front_full == 0);
  CHECK(stats.syncs >= stats.stalls_unsynced);
  CHECK(stats.sync_nanos.count == stats.syncs);
  CHECK(stats.sync_nanos.p50 > 0);
  CHECK(IsInOrder(stats.sync_nanos));
  CHECK(IsInOrder(stats.appends_per_sync));
  CHECK(stats.marks > 0);
  Flush(*store);
  CHECK(store->Stats().unsynced_bytes == 0);
}

TEST_CASE("files made ready, look-ups in index files and reads below the front are counted") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  for (size_t i = 0; i < 60; ++i) {
    AppendNumbered(*store, "t", i, 1, 400);
    if (i % 5 == 0) RunUntilIdle(*store, clock);
  }
  CHECK(store->Stats().segments_prepared > 3);
  CHECK(store->Stats().index_memory_bytes > 0);
  Close(*store);
  store = OpenStore(SmallOptions(disk, clock));
  const StoreStats before = store->Stats();

  CHECK(Read(*store, "t", 0, 5, {.max_messages = 3}).size() == 3);
  const StoreStats once = store->Stats();
  CHECK(Read(*store, "t", 0, 5, {.max_messages = 3}).size() == 3);
  const StoreStats twice = store->Stats();

  CHECK(once.index_probes > before.index_probes);
  CHECK(once.cache_misses > before.cache_misses);
  CHECK(twice.cache_hits > once.cache_hits);
  CHECK(twice.cache_misses == once.cache_misses);
  CHECK(once.reads == before.reads + 3);
  CHECK(twice.reads == before.reads + 6);
  CHECK(twice.appends == before.appends);
}

}  // namespace
}  // namespace weir::testing
