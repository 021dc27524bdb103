// Rows: what a store as a whole costs: opening, many queues, bytes in memory and on disk.

#include <malloc.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <random>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "kernels.h"
#include "references.h"
#include "row.h"

namespace weir::bench {
namespace {

constexpr double kMiB = 1 << 20;

// What the killed process of OpenAfterKill did.
constexpr uint64_t kKilledAppends = 400'000;   // of 1 KiB: six segments
constexpr uint64_t kUnsealedAppends = 30'000;  // in the active one

[[noreturn]] void AppendAndDie(const std::string& directory) {
  BenchStore store(OptionsFor(directory));
  const Topic topic = Must("topic", store->CreateTopic("killed", 1));
  StoreAppend append(store.get(), topic, 0, Bodies(1'024, 1'024));
  TimeAll(append, kKilledAppends);
  store.WaitUntilSealed();
  TimeAll(append, kUnsealedAppends);
  kill(getpid(), SIGKILL);
  _exit(1);  // not reached
}

Measurement OpenAfterKill(Run& run) {
  const std::string directory = run.workspace->NewPath();
  fflush(nullptr);  // else the child could print what is buffered once more
  const pid_t child = fork();
  if (child == 0) AppendAndDie(directory);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child || !WIFSIGNALED(status)) {
    Fail("open after kill", absl::InternalError("the child did not die as it should"));
  }

  // "Active segments + newest snapshot": what has no index file yet, and one index file. And a page
  // of every file, to know what it is.
  uint64_t files = 0;
  uint64_t indexes = 0;
  uint64_t largest_index = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    if (!entry.is_regular_file()) continue;
    ++files;
    if (absl::EndsWith(entry.path().native(), ".index")) {
      ++indexes;
      largest_index = std::max<uint64_t>(largest_index, entry.file_size());
    }
  }
  const StoreOptions options = OptionsFor(directory);
  BenchStore store(options);
  const RecoveryReport& report = store->recovery();
  const uint64_t segments = report.end.value() / options.segment_bytes + 1;
  const uint64_t active = segments > indexes ? segments - indexes : 1;
  const uint64_t must = active * options.segment_bytes + largest_index + files * 4'096;

  const QueueBounds bounds = Must("bounds", store->Bounds("killed", 0));
  const uint64_t found = bounds.end - QueueOffset();
  if (found != kKilledAppends + kUnsealedAppends) {
    Fail("open after kill", absl::DataLossError(absl::StrCat(found, " messages are there")));
  }
  return {.value = static_cast<double>(report.bytes_read) / kMiB,
          .must = static_cast<double>(must) / kMiB,
          .note = absl::StrFormat(
              "must: active segments (%d of %d) + newest snapshot; %d messages found, all; "
              "front adopted: %s; opened in %.1f ms",
              active, segments, found, report.front_adopted ? "yes" : "no",
              absl::ToDoubleMilliseconds(report.duration))};
}

// A million queues: 16 topics of 62,500.
class ManyQueues final {
 public:
  static constexpr uint32_t kTopics = 16;
  static constexpr uint32_t kQueuesPerTopic = 62'500;
  static constexpr size_t kQueues = size_t{kTopics} * kQueuesPerTopic;

  explicit ManyQueues(BenchStore& store) : store_(store) {
    for (uint32_t i = 0; i < kTopics; ++i) {
      topics_.push_back(Must("topic", store->CreateTopic(absl::StrCat("t", i), kQueuesPerTopic)));
    }
  }

  // One message into every queue.
  void Touch() {
    for (size_t i = 0; i < kQueues; ++i) Append(i);
    store_.Settle();
  }

  void Append(size_t queue) {
    message_.topic = topics_[queue / kQueuesPerTopic];
    message_.queue_id = static_cast<uint32_t>(queue % kQueuesPerTopic);
    message_.body = bodies_.Next();
    Must("append", store_->Append(message_).status());
  }

  // Nanoseconds per append to these queues, one after the other.
  double Time(const std::vector<size_t>& queues) {
    const int64_t start = NowNanos();
    for (size_t queue : queues) Append(queue);
    const double nanos = static_cast<double>(NowNanos() - start);
    store_.Settle();
    return nanos / static_cast<double>(queues.size());
  }

 private:
  BenchStore& store_;
  std::vector<Topic> topics_;
  Message message_;
  Bodies bodies_{64, 128};
};

Measurement RandomQueues(Run& run) {
  BenchStore store(*run.workspace);
  ManyQueues queues(store);
  queues.Touch();
  RefMiss miss;
  TimeAll(miss, 1'000'000);

  std::mt19937_64 random(4);
  const size_t count = 80'000;  // 12 MiB of records: no back-pressure
  const std::vector<size_t> one(count, 0);
  std::vector<size_t> any(count);
  std::vector<double> nanos_one, nanos_any, nanos_miss;
  const double ratio = MedianRatio(
      run.Rounds(11),
      [&] {
        nanos_miss.push_back(TimeAll(miss, 200'000));
        nanos_one.push_back(queues.Time(one));
        return nanos_one.back() + 3 * nanos_miss.back();
      },
      [&] {
        for (size_t& queue : any) queue = random() % ManyQueues::kQueues;
        return nanos_any.emplace_back(queues.Time(any));
      });
  if (miss.at() == ~uint64_t{0}) Fail("ref_miss", absl::InternalError("impossible"));
  return {.value = ratio,
          .note = absl::StrFormat("random queue %.0f ns, one queue %.0f ns, ref_miss %.0f ns",
                                  Median(nanos_any), Median(nanos_one), Median(nanos_miss))};
}

uint64_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

Measurement IdleQueue(Run& run) {
  BenchStore store(*run.workspace);
  const uint64_t heap_before = HeapBytes();
  ManyQueues queues(store);
  queues.Touch();
  // Push what was touched out of the active segment and out of the front: then it is idle.
  const std::vector<size_t> one(1'000'000, 0);
  queues.Time(one);
  store.WaitUntilSealed();

  const uint64_t heap_bytes = HeapBytes() - heap_before;
  const uint64_t index_bytes = store->Stats().index_memory_bytes;
  const double count = static_cast<double>(ManyQueues::kQueues);
  return {.value = static_cast<double>(std::max(heap_bytes, index_bytes)) / count,
          .note = absl::StrFormat(
              "the larger of index_memory_bytes (%.1f per queue) and growth of the heap (%.1f)",
              static_cast<double>(index_bytes) / count, static_cast<double>(heap_bytes) / count)};
}

// The disk plays no part here, and a thousand segments would be a thousand times three syncs.
Measurement IndexProbes(Run& run) {
  constexpr uint64_t kRuns = 1'000;
  std::unique_ptr<Workspace> memory;
  if (std::filesystem::is_directory("/dev/shm")) memory = std::make_unique<Workspace>("/dev/shm");
  StoreOptions options = OptionsFor((memory ? *memory : *run.workspace).NewPath());
  options.segment_bytes = 16 << 10;
  options.front_bytes = 1 << 20;
  BenchStore store(options);
  const Topic topic = Must("topic", store->CreateTopic("sparse", 2));
  const std::string body(1'024, 'b');
  const auto append_to = [&](uint32_t queue_id, absl::string_view what) {
    const Receipt receipt =
        Must("append", store->Append({.topic = topic, .queue_id = queue_id, .body = what}));
    return receipt.position.value() / options.segment_bytes;
  };
  for (uint64_t i = 0; i < kRuns; ++i) {
    const uint64_t segment = append_to(0, "sparse");
    while (append_to(1, body) == segment) {
    }
  }
  store.WaitUntilSealed();

  std::mt19937_64 random(5);
  std::vector<double> probes;
  for (int i = 0; i < 2'000; ++i) {
    const uint64_t before = store->Stats().index_probes;
    const QueueOffset offset(random() % kRuns);
    const ReadResult result = Must("read", store->Read(topic, 0, offset, {.max_messages = 1}));
    if (result.size() != 1) {
      Fail("read", absl::InternalError(ReadOutcomeName(result.outcome())));
    }
    probes.push_back(static_cast<double>(store->Stats().index_probes - before));
  }
  double sum = 0;
  for (double count : probes) sum += count;
  const double median = Median(probes);
  return {.value = *std::max_element(probes.begin(), probes.end()),
          .note = absl::StrFormat("the most of %d reads; median %.0f, mean %.1f", probes.size(),
                                  median, sum / static_cast<double>(probes.size()))};
}

Measurement BytesOnDisk(Run& run, size_t body_bytes) {
  const std::string directory = run.workspace->NewPath();
  // Some segments with their index files.
  const size_t count = (run.is_quick ? 70'000'000 : 200'000'000) / (body_bytes + 56);
  {
    std::unique_ptr<MessageStore> store = Must("open", MessageStore::Open(OptionsFor(directory)));
    const Topic topic = Must("topic", store->CreateTopic("disk", 8));
    std::vector<StoreAppend> appends;
    for (uint32_t i = 0; i < topic.queue_count(); ++i) {
      appends.emplace_back(store.get(), topic, i, Bodies(body_bytes, body_bytes));
    }
    for (size_t i = 0; i < count; ++i) appends[i % appends.size()]();
    Must("close", store->Close());
  }
  const uint64_t disk_bytes = DiskBytes(directory);
  std::filesystem::remove_all(directory);
  const double per_message = static_cast<double>(disk_bytes) / static_cast<double>(count);
  return {.value = per_message / static_cast<double>(body_bytes),
          .note = absl::StrFormat("%.1f bytes per message, %d messages over 8 queues, closed",
                                  per_message, count)};
}

}  // namespace

std::vector<Row> StoreRows() {
  using Bar = Row::Bar;
  return {
      {"open after kill -9: bytes read", Bar::kAtMost, 64, 64, OpenAfterKill, "MiB"},
      {"append to random ones of a million queues / (one-queue append + 3 ref_miss)", Bar::kAtMost,
       1.5, 1.1, RandomQueues},
      {"bytes per idle queue", Bar::kAtMost, 200, 64, IdleQueue, "bytes"},
      {"random offset of a queue with 1,000 single-entry runs: index probes", Bar::kAtMost, 25, 12,
       IndexProbes, "probes"},
      {"bytes on disk per 64 B message, everything included", Bar::kAtMost, 1.95, 1.6,
       [](Run& run) { return BytesOnDisk(run, 64); }},
      {"bytes on disk per 1 KiB message, everything included", Bar::kAtMost, 1.08, 1.04,
       [](Run& run) { return BytesOnDisk(run, 1'024); }},
  };
}

}  // namespace weir::bench
