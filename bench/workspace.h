// The directory in which a run keeps its stores, removed when the run ends; and the short way in
// which a benchmark deals with an error: it says what failed and ends the program.

#ifndef WEIR_BENCH_WORKSPACE_H_
#define WEIR_BENCH_WORKSPACE_H_

#include <cstdint>
#include <ctime>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "weir/store.h"

namespace weir::bench {

[[noreturn]] void Fail(absl::string_view what, const absl::Status& status);

inline void Must(absl::string_view what, const absl::Status& status) {
  if (!status.ok()) [[unlikely]]
    Fail(what, status);
}

template <typename T>
T Must(absl::string_view what, absl::StatusOr<T> value) {
  if (!value.ok()) [[unlikely]]
    Fail(what, value.status());
  return *std::move(value);
}

// Nanoseconds of the monotonic clock. Every percentile row reads it in the same way on both sides.
inline int64_t NowNanos() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

class Workspace final {
 public:
  // Makes a fresh directory inside `parent`, which is made if it is missing. Whatever else lies in
  // `parent` is left alone.
  explicit Workspace(const std::string& parent);
  ~Workspace();
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;

  const std::string& directory() const { return directory_; }

  // A path in the workspace that nobody had before.
  std::string NewPath();

 private:
  const std::string directory_;
  // Forked children end with the parent's objects in their memory: only the maker removes.
  const int owner_;
  int paths_ = 0;
};

// Options for a store at `directory`. The front is asked for in /dev/shm also where the library
// cannot see that it outlives the process (a container): a host in a container would do the same.
StoreOptions OptionsFor(const std::string& directory);

// A store that exists for one measurement: opened fresh, closed and removed afterwards.
class BenchStore final {
 public:
  explicit BenchStore(Workspace& workspace) : BenchStore(OptionsFor(workspace.NewPath())) {}
  explicit BenchStore(const StoreOptions& options);
  ~BenchStore();
  BenchStore(const BenchStore&) = delete;
  BenchStore& operator=(const BenchStore&) = delete;

  MessageStore* get() const { return store_.get(); }
  MessageStore* operator->() const { return store_.get(); }

  // Waits until everything is on disk, so that no background work of the past burst is left to
  // disturb what is measured next.
  void Settle() { Must("flush", store_->Flush()); }

  // Waits until every segment but the active one is sealed and has its index file.
  void WaitUntilSealed();

 private:
  const std::string directory_;
  std::unique_ptr<MessageStore> store_;
};

// What the files below `directory` take on disk, metadata of the file system excluded.
uint64_t DiskBytes(const std::string& directory);

}  // namespace weir::bench

#endif  // WEIR_BENCH_WORKSPACE_H_
