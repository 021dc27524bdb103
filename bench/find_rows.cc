// Rows: what it costs to find messages by key and by time, and to be able to.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels.h"
#include "row.h"

namespace weir::bench {
namespace {

constexpr size_t kKeysPerMessage = kMaxKeys;

// "k" and a number to the base of 64: as short as so many keys can be.
std::string KeyOf(uint64_t number) {
  constexpr char kDigits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz+-";
  std::string key = "k00000";
  for (size_t at = key.size(); --at > 0; number /= 64) key[at] = kDigits[number % 64];
  return key;
}

// A store of keys, each of one message, in sealed segments of one size. The disk plays no part in
// what is measured, so it lies in memory if there is any.
class KeyedStore final {
 public:
  KeyedStore(Run& run, uint64_t segments, uint64_t segment_bytes)
      : memory_(std::filesystem::is_directory("/dev/shm") ? std::make_unique<Workspace>("/dev/shm")
                                                          : nullptr),
        store_(Options(memory_ ? *memory_ : *run.workspace, segment_bytes)),
        topic_(Must("topic", store_->CreateTopic("keyed", 1))) {
    while (Append() < LogPosition(segments * segment_bytes)) {
    }
    store_.WaitUntilSealed();
  }

  uint64_t key_count() const { return key_count_; }
  uint64_t segments() const { return store_->Info().segments.size() - 1; }
  uint64_t message_count() const { return key_count_ / kKeysPerMessage; }
  MessageStore* operator->() const { return store_.get(); }
  const Topic& topic() const { return topic_; }

  // How many messages have it.
  size_t Find(const std::string& key) {
    const FindResult found = Must("find", store_->FindByKey(topic_, key));
    if (!found.is_done() || !found.damage().empty()) {
      Fail("find", absl::InternalError("the search did not come to its end"));
    }
    return found.size();
  }

  // Nanoseconds of look-ups of `keys`, what they need in memory.
  Histogram TimeFinds(const std::vector<std::string>& keys, size_t wanted) {
    for (const std::string& key : keys) Find(key);
    Histogram nanos;
    size_t next = 0;
    const auto find = [&] {
      if (Find(keys[next++]) != wanted) Fail("find", absl::NotFoundError(keys[next - 1]));
    };
    TimeEach(find, keys.size(), &nanos);
    return nanos;
  }
  std::vector<std::string> SomeKeys(size_t count, uint64_t first = 0) {
    std::mt19937_64 random(9);
    std::vector<std::string> keys;
    for (size_t i = 0; i < count; ++i) keys.push_back(KeyOf(first + random() % key_count_));
    return keys;
  }

 private:
  static StoreOptions Options(Workspace& workspace, uint64_t segment_bytes) {
    StoreOptions options = OptionsFor(workspace.NewPath());
    options.segment_bytes = segment_bytes;
    options.front_bytes = uint64_t{1} << 20;
    options.read_cache_bytes = uint64_t{512} << 20;  // everything
    return options;
  }

  LogPosition Append() {
    std::vector<std::string> keys;
    for (size_t i = 0; i < kKeysPerMessage; ++i) keys.push_back(KeyOf(key_count_++));
    const Message message{.topic = topic_, .queue_id = 0, .keys = {keys.begin(), keys.end()}};
    return Must("append", store_->Append(message)).position;
  }

  const std::unique_ptr<Workspace> memory_;
  BenchStore store_;
  const Topic topic_;
  uint64_t key_count_ = 0;
};

std::vector<uint64_t> SegmentCounts(const Run& run) {
  return {1, 100, run.is_quick ? uint64_t{300} : uint64_t{1'000}};
}

// 6,236 messages of 16 keys in a segment of 1 MiB: 10 million keys in 100 of them.
Measurement FindAmongMany(Run& run) {
  KeyedStore store(run, run.is_quick ? 20 : 100, uint64_t{1} << 20);
  Histogram nanos = store.TimeFinds(store.SomeKeys(run.is_quick ? 5'000 : 20'000), 1);
  const StoreStats stats = store->Stats();
  return {.value = PercentileNanos(nanos, 50) / 1e3,
          .store = Percentiles(nanos),
          .note = absl::StrFormat(
              "p50 of random ones of %.1f M keys over %d sealed segments; filters take %.1f MiB, "
              "%.1f bits a key",
              static_cast<double>(store.key_count()) / 1e6, store.segments(),
              static_cast<double>(stats.filter_memory_bytes) / (1 << 20),
              8.0 * static_cast<double>(stats.filter_memory_bytes) /
                  static_cast<double>(store.key_count()))};
}

// Keys that are nowhere: every look into a file is in vain.
Measurement SegmentsLookedInto(Run& run) {
  std::string note;
  double share = 0;
  for (const uint64_t segments : SegmentCounts(run)) {
    KeyedStore store(run, segments, 64 << 10);
    const size_t count = run.is_quick ? 1'000 : 5'000;
    Histogram there = store.TimeFinds(store.SomeKeys(count), 1);
    const std::vector<std::string> nowhere = store.SomeKeys(count, uint64_t{1} << 29);
    const StoreStats before = store->Stats();
    Histogram absent = store.TimeFinds(nowhere, 0);
    const StoreStats after = store->Stats();
    const double looks = static_cast<double>(after.cache_hits + after.cache_misses -
                                             before.cache_hits - before.cache_misses);
    share = looks / (2.0 * static_cast<double>(count) * static_cast<double>(store.segments()));
    absl::StrAppendFormat(&note, "%s%d segments: %.1f us, a key that is there %.1f us",
                          note.empty() ? "" : "; ", store.segments(),
                          PercentileNanos(absent, 50) / 1e3, PercentileNanos(there, 50) / 1e3);
  }
  return {.value = 100 * share, .note = absl::StrCat("p50 over ", note)};
}

Measurement FindTime(Run& run) {
  std::string note;
  std::optional<Percentiles> last;
  for (const uint64_t segments : SegmentCounts(run)) {
    KeyedStore store(run, segments, 64 << 10);
    const TimeBounds bounds = Must("bounds", store->BoundsInTime());
    const double span = absl::ToDoubleNanoseconds(bounds.latest - bounds.earliest);
    std::mt19937_64 random(10);
    std::uniform_real_distribution<double> anywhere(0, span);
    Histogram nanos;
    const auto find = [&] {
      const absl::Time time = bounds.earliest + absl::Nanoseconds(anywhere(random));
      const QueueOffset offset =
          Must("time", store->OffsetForTime(store.topic(), 0, time, Boundary::kLower));
      if (offset.value() >= store.message_count()) {
        Fail("time", absl::InternalError("beyond the queue"));
      }
    };
    const size_t count = run.is_quick ? 1'000 : 5'000;
    TimeAll(find, count);
    TimeEach(find, count, &nanos);
    last = Percentiles(nanos);
    absl::StrAppendFormat(&note, "%s%d segments: %.1f us", note.empty() ? "" : "; ",
                          store.segments(), last->p50 / 1e3);
  }
  return {.value = last->p50 / 1e3, .store = last, .note = absl::StrCat("p50 over ", note)};
}

// One key a message, as most have.
StoreOptions PlainOptions(Workspace& workspace) {
  StoreOptions options = OptionsFor(workspace.NewPath());
  options.background = Background::kManual;
  return options;
}

double AppendKeyed(MessageStore* store, const Topic& topic, uint64_t count) {
  Bodies bodies(64, 64);
  Message message{.topic = topic, .queue_id = 0};
  const int64_t start = NowNanos();
  for (uint64_t i = 0; i < count; ++i) {
    const std::string key = absl::StrCat("order-", i);
    message.keys = {key};
    message.body = bodies.Next();
    Must("append", store->Append(message).status());
  }
  return static_cast<double>(NowNanos() - start);
}

// What the step of the indexer does for so many messages, alone: the search asks for all of it.
Measurement IndexerRate(Run& run) {
  BenchStore store(PlainOptions(*run.workspace));
  const Topic topic = Must("topic", store->CreateTopic("keyed", 1));
  const uint64_t count = 150'000;  // 20 MiB: in the front
  std::vector<double> rates;
  for (int round = 0; round < run.Rounds(9); ++round) {
    AppendKeyed(store.get(), topic, count);
    const int64_t start = NowNanos();
    Must("find", store->FindByKey(topic, "nowhere").status());
    rates.push_back(static_cast<double>(count) * 1e9 / static_cast<double>(NowNanos() - start));
    while (store->RunOnce() == absl::ZeroDuration()) {
    }
    store.Settle();
  }
  return {.value = Median(rates) / 1e6,
          .note = absl::StrFormat("median of %d times %d messages of 64 B with a key", rates.size(),
                                  count)};
}

Measurement IndexBytes(Run& run) {
  BenchStore store(*run.workspace);
  const Topic topic = Must("topic", store->CreateTopic("keyed", 1));
  const std::string directory = absl::StrCat(run.workspace->directory());
  const uint64_t count = run.is_quick ? 700'000 : 2'000'000;
  AppendKeyed(store.get(), topic, count);
  store.WaitUntilSealed();
  const StoreInfo info = store->Info();
  uint64_t index_bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (absl::EndsWith(entry.path().native(), ".index")) index_bytes += entry.file_size();
  }
  // The newest segment has no index file yet.
  const ReadResult first_unsealed =
      Must("read", store->ReadTopic(topic, info.segments.back().begin, {.max_messages = 1}));
  const uint64_t sealed = first_unsealed.empty() ? count : first_unsealed[0].queue_offset().value();
  return {
      .value = static_cast<double>(index_bytes) / static_cast<double>(sealed),
      .note = absl::StrFormat("%d messages with a key, in %d sealed segments; 8 are the queue's",
                              sealed, info.segments.size() - 1)};
}

}  // namespace

std::vector<Row> FindRows() {
  using Bar = Row::Bar;
  return {
      {"look-up of a random one of 10 M keys over 100 sealed segments, cached: p50", Bar::kAtMost,
       10, 5, FindAmongMany, "us"},
      {"look-up of a key that is nowhere over 1,000 segments: files looked into", Bar::kAtMost, 0.5,
       0.4, SegmentsLookedInto, "%"},
      {"offset of a random time over 1,000 segments, cached: p50", Bar::kAtMost, 100, 50, FindTime,
       "us"},
      {"keyed messages that the indexer takes in: M/s", Bar::kAtLeast, 1, 3, IndexerRate, "M/s"},
      {"bytes of index files per message with a key", Bar::kAtMost, 24, 20, IndexBytes, "bytes"},
  };
}

}  // namespace weir::bench
