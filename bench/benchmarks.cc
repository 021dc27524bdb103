// The kernels and their references as ordinary Google Benchmarks.

#include "benchmarks.h"

#include <benchmark/benchmark.h>

#include <memory>
#include <random>
#include <utility>
#include <vector>

#include "hand_off.h"
#include "kernels.h"
#include "references.h"

namespace weir::bench {
namespace {

// So many appends fit the front; then the store settles, untimed.
constexpr uint64_t kSettleBytes = uint64_t{12} << 20;

void RunAppend(benchmark::State& state, Workspace& workspace, Durability durability) {
  BenchStore store(workspace);
  const Topic topic = Must("topic", store->CreateTopic("append", 1));
  const size_t bytes = static_cast<size_t>(state.range(0));
  StoreAppend append(store.get(), topic, 0, Bodies(bytes, bytes), durability);
  const auto settle_every =
      static_cast<uint64_t>(static_cast<double>(kSettleBytes) / append.MeanRecordBytes());
  uint64_t count = 0;
  for (auto _ : state) {
    append();
    if (++count % settle_every == 0) {
      state.PauseTiming();
      store.Settle();
      state.ResumeTiming();
    }
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

template <typename Reference>
void RunReference(benchmark::State& state) {
  const size_t bytes = static_cast<size_t>(state.range(0));
  Reference reference{Bodies(bytes, bytes)};
  for (auto _ : state) {
    reference();
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(state.iterations() * state.range(0));
}

void RunRefSync(benchmark::State& state, Workspace& workspace) {
  RefSync sync(workspace.NewPath());
  for (auto _ : state) sync();
  state.SetItemsProcessed(state.iterations());
}

void RunRefMiss(benchmark::State& state) {
  RefMiss miss;
  for (auto _ : state) {
    miss();
    benchmark::DoNotOptimize(miss.at());
  }
}

void RunRefHandOff(benchmark::State& state) {
  internal::Histogram nanos;
  RefHandOff(static_cast<size_t>(state.max_iterations), &nanos);
  for (auto _ : state) state.SetIterationTime(nanos.Mean() / 1e9);
  state.counters["p50_ns"] = static_cast<double>(nanos.Percentile(50));
}

// A store with messages in one queue, for readers.
class FilledStore final {
 public:
  FilledStore(Workspace& workspace, size_t body_bytes)
      : store_(SmallFront(workspace)),
        topic_(Must("topic", store_->CreateTopic("read", 1))),
        count_((size_t{48} << 20) / (body_bytes + 56)) {
    StoreAppend append(store_.get(), topic_, 0, Bodies(body_bytes, body_bytes));
    TimeAll(append, count_);
    store_.Settle();
  }

  MessageStore* store() { return store_.get(); }
  Topic topic() const { return topic_; }
  size_t count() const { return count_; }

 private:
  // The front shall not hold what is read.
  static StoreOptions SmallFront(Workspace& workspace) {
    StoreOptions options = OptionsFor(workspace.NewPath());
    options.front_bytes = uint64_t{4} << 20;
    return options;
  }

  BenchStore store_;
  const Topic topic_;
  const size_t count_;
};

void RunSequentialRead(benchmark::State& state, Workspace& workspace) {
  FilledStore filled(workspace, static_cast<size_t>(state.range(0)));
  for (auto _ : state) {
    uint64_t sum = 0;
    ReadQueue(filled.store(), filled.topic(), 0, QueueOffset(), QueueOffset(filled.count()),
              [&sum](const MessageView& message) { sum += message.body().size(); });
    benchmark::DoNotOptimize(sum);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(filled.count()));
}

void RunRefRead(benchmark::State& state) {
  const std::string record(static_cast<size_t>(state.range(0)) + 48, 'r');
  RefRead records;
  for (size_t bytes = 0; bytes < size_t{48} << 20; bytes += record.size()) {
    records.Add(record.data(), record.size());
  }
  for (auto _ : state) benchmark::DoNotOptimize(records.Walk());
  state.SetItemsProcessed(state.iterations() * static_cast<int64_t>(records.count()));
}

void RunReadOne(benchmark::State& state, Workspace& workspace) {
  FilledStore filled(workspace, static_cast<size_t>(state.range(0)));
  std::mt19937_64 random(6);
  std::vector<QueueOffset> offsets;
  for (int i = 0; i < 100'000; ++i) offsets.push_back(QueueOffset(random() % filled.count()));
  StoreReadOne read(filled.store(), filled.topic(), 0, std::move(offsets));
  TimeAll(read, 100'000);
  for (auto _ : state) read();
  state.SetItemsProcessed(state.iterations());
}

}  // namespace

void RegisterBenchmarks(Workspace& workspace) {
  using benchmark::RegisterBenchmark;
  Workspace* const place = &workspace;
  const auto with_disk = [place](auto run) {
    return [place, run](benchmark::State& state) { run(state, *place); };
  };
  const auto append_with = [place](Durability durability) {
    return [place, durability](benchmark::State& state) { RunAppend(state, *place, durability); };
  };

  RegisterBenchmark("ref_append", RunReference<RefAppend>)->Arg(96)->Arg(1'024)->Arg(16'384);
  RegisterBenchmark("append", append_with(Durability::kProcess))->Arg(96)->Arg(1'024)->Arg(16'384);
  RegisterBenchmark("memcpy", RunReference<RefCopy>)->Arg(1'024)->Arg(16'384);
  RegisterBenchmark("ref_sync", with_disk(RunRefSync))->UseRealTime();
  RegisterBenchmark("append_durable", append_with(Durability::kDisk))->Arg(96)->UseRealTime();
  RegisterBenchmark("ref_handoff", RunRefHandOff)->UseManualTime()->Iterations(20'000);
  RegisterBenchmark("ref_miss", RunRefMiss);
  RegisterBenchmark("ref_read", RunRefRead)->Arg(128)->Arg(1'024);
  RegisterBenchmark("sequential_read", with_disk(RunSequentialRead))->Arg(128)->Arg(1'024);
  RegisterBenchmark("read_one", with_disk(RunReadOne))->Arg(128);
}

}  // namespace weir::bench
