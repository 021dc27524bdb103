// The operations of the store that are measured, each a thing to call again and again, and the
// loops that call and time them. The table and the Google Benchmark mode use the same ones.

#ifndef WEIR_BENCH_KERNELS_H_
#define WEIR_BENCH_KERNELS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "base/histogram.h"
#include "references.h"
#include "weir/store.h"
#include "workspace.h"

namespace weir::bench {

using internal::Histogram;

// Appends the bodies to one queue.
class StoreAppend final {
 public:
  StoreAppend(MessageStore* store, Topic topic, uint32_t queue_id, Bodies bodies,
              Durability durability = Durability::kProcess)
      : store_(store), options_{.durability = durability}, bodies_(std::move(bodies)) {
    message_.topic = topic;
    message_.queue_id = queue_id;
  }

  void operator()() {
    message_.body = bodies_.Next();
    const absl::StatusOr<Receipt> receipt = store_->Append(message_, options_);
    if (!receipt.ok()) [[unlikely]]
      Fail("append", receipt.status());
  }

  // Bytes of the log that one append takes, roughly: to tell how many fit the front.
  double MeanRecordBytes() const { return bodies_.MeanBytes() + 56; }

 private:
  MessageStore* const store_;
  const AppendOptions options_;
  Bodies bodies_;
  Message message_;
};

// Reads one message by queue offset, at offsets that are given in turn.
class StoreReadOne final {
 public:
  StoreReadOne(MessageStore* store, Topic topic, uint32_t queue_id,
               std::vector<QueueOffset> offsets)
      : store_(store), topic_(topic), queue_id_(queue_id), offsets_(std::move(offsets)) {}

  void operator()() {
    const QueueOffset offset = offsets_[next_++ % offsets_.size()];
    const absl::StatusOr<ReadResult> result = store_->Read(topic_, queue_id_, offset, options_);
    if (!result.ok()) [[unlikely]]
      Fail("read", result.status());
    if (result->size() != 1 || (*result)[0].queue_offset() != offset) [[unlikely]] {
      Fail("read", absl::InternalError(ReadOutcomeName(result->outcome())));
    }
  }

 private:
  MessageStore* const store_;
  const Topic topic_;
  const uint32_t queue_id_;
  const ReadOptions options_{.max_messages = 1};
  const std::vector<QueueOffset> offsets_;
  size_t next_ = 0;
};

// Reads a queue from `from` up to `end` in large bites; `visit` sees every message.
template <typename Visit>
uint64_t ReadQueue(MessageStore* store, Topic topic, uint32_t queue_id, QueueOffset from,
                   QueueOffset end, Visit visit) {
  uint64_t count = 0;
  while (from < end) {
    const ReadResult result =
        Must("read", store->Read(topic, queue_id, from, {.max_messages = 256}));
    if (result.outcome() != ReadOutcome::kFound) {
      Fail("read", absl::InternalError(ReadOutcomeName(result.outcome())));
    }
    for (const MessageView& message : result) {
      visit(message);
      ++count;
    }
    from = result.next_offset();
  }
  return count;
}

// Calls `kernel` `count` times and records what each call took, clock reads included.
template <typename Kernel>
void TimeEach(Kernel& kernel, size_t count, Histogram* nanos) {
  for (size_t i = 0; i < count; ++i) {
    const int64_t start = NowNanos();
    kernel();
    nanos->Record(static_cast<uint64_t>(NowNanos() - start));
  }
}

// Calls `kernel` `count` times; nanoseconds per call.
template <typename Kernel>
double TimeAll(Kernel& kernel, size_t count) {
  const int64_t start = NowNanos();
  for (size_t i = 0; i < count; ++i) kernel();
  return static_cast<double>(NowNanos() - start) / static_cast<double>(count);
}

// Calls `kernel` again and again for so long and records what each call took; calls per second.
template <typename Kernel>
double RateFor(Kernel& kernel, absl::Duration duration, Histogram* nanos) {
  const int64_t start = NowNanos();
  const int64_t end = start + absl::ToInt64Nanoseconds(duration);
  uint64_t count = 0;
  int64_t now = start;
  while (now < end) {
    kernel();
    const int64_t called = now;
    now = NowNanos();
    nanos->Record(static_cast<uint64_t>(now - called));
    ++count;
  }
  return static_cast<double>(count) * 1e9 / static_cast<double>(now - start);
}

// Calls `kernel` at a fixed pace. `calls` gets the time of each call, `responses` the time from
// the moment at which it should have begun.
template <typename Kernel>
void Pace(Kernel& kernel, double per_second, absl::Duration duration, Histogram* calls,
          Histogram* responses) {
  const double interval = 1e9 / per_second;
  const int64_t start = NowNanos();
  const uint64_t count = static_cast<uint64_t>(absl::ToDoubleSeconds(duration) * per_second);
  for (uint64_t i = 0; i < count; ++i) {
    const int64_t intended = start + static_cast<int64_t>(static_cast<double>(i) * interval);
    int64_t now = NowNanos();
    while (now < intended) now = NowNanos();
    kernel();
    const int64_t end = NowNanos();
    calls->Record(static_cast<uint64_t>(end - now));
    responses->Record(static_cast<uint64_t>(end - intended));
  }
}

}  // namespace weir::bench

#endif  // WEIR_BENCH_KERNELS_H_
