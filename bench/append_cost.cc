#include "append_cost.h"

#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "allocation_counter.h"
#include "kernels.h"
#include "weir/store.h"
#include "workspace.h"

namespace weir::bench {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr uint64_t kFrontBytes = 16 * kMiB;
constexpr uint64_t kSegmentBytes = 16 * kMiB;
constexpr uint64_t kWarmUpBytes = 6 * kSegmentBytes;
constexpr uint64_t kMeasuredBytes = 2 * kFrontBytes;
// Far below what the writer can drain: the front never fills, and the worker never falls idle.
constexpr uint64_t kBytesPerSecond = 40 * kMiB;

// What the child tells its parent.
struct Counts {
  bool is_traced;
  uint64_t appends;
  uint64_t bytes;
  uint64_t allocations;
  uint64_t page_faults;
  uint64_t context_switches;
  uint64_t front_stalls;
};

// A system call that nothing else here makes: the tracer sees where counting begins and ends.
void MarkForTracer() { syscall(SYS_getppid); }

// Appends until `bytes` more of the log are used, evenly in time; waits by spinning, so that the
// loop itself makes no system call. Returns how many appends it took.
uint64_t AppendPaced(StoreAppend& append, uint64_t bytes) {
  const uint64_t count =
      static_cast<uint64_t>(static_cast<double>(bytes) / append.MeanRecordBytes());
  const double interval = append.MeanRecordBytes() * 1e9 / static_cast<double>(kBytesPerSecond);
  double next = static_cast<double>(NowNanos());
  for (uint64_t i = 0; i < count; ++i) {
    double now = static_cast<double>(NowNanos());
    while (now < next) now = static_cast<double>(NowNanos());
    append();
    // What was missed while the thread had no core is not made up for by a burst.
    next = std::max(next + interval, now);
  }
  return count;
}

Counts AppendInChild(const std::string& directory) {
  Counts counts{};
  counts.is_traced = ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0;
  if (counts.is_traced) raise(SIGSTOP);

  StoreOptions options = OptionsFor(directory);
  options.front_bytes = kFrontBytes;
  options.segment_bytes = kSegmentBytes;
  auto store = Must("open", MessageStore::Open(options));
  const Topic topic = Must("topic", store->CreateTopic("cost", 1));
  StoreAppend append(store.get(), topic, 0, Bodies(64, 128));
  AppendPaced(append, kWarmUpBytes);

  const StoreStats stats_before = store->Stats();
  const uint64_t allocations_before = ThreadAllocations();
  rusage before;
  rusage after;
  getrusage(RUSAGE_THREAD, &before);
  MarkForTracer();
  counts.appends = AppendPaced(append, kMeasuredBytes);
  MarkForTracer();
  getrusage(RUSAGE_THREAD, &after);
  counts.allocations = ThreadAllocations() - allocations_before;
  const StoreStats stats = store->Stats();

  counts.bytes = stats.append_bytes - stats_before.append_bytes;
  counts.front_stalls = stats.stalls_front_full - stats_before.stalls_front_full;
  counts.page_faults = static_cast<uint64_t>(after.ru_minflt - before.ru_minflt + after.ru_majflt -
                                             before.ru_majflt);
  counts.context_switches = static_cast<uint64_t>(after.ru_nvcsw - before.ru_nvcsw);
  Must("close", store->Close());
  return counts;
}

// Lets the traced child run to its end; returns the system calls that its first thread began
// between the two marks.
uint64_t TraceToTheEnd(pid_t child) {
  uint64_t calls = 0;
  int marks = 0;
  int status;
  while (waitpid(child, &status, __WALL) == child && !WIFEXITED(status) && !WIFSIGNALED(status)) {
    int signal = 0;
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
      __ptrace_syscall_info info;
      memset(&info, 0, sizeof(info));
      if (ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof(info), &info) > 0 &&
          info.op == PTRACE_SYSCALL_INFO_ENTRY) {
        if (info.entry.nr == SYS_getppid) {
          ++marks;
        } else if (marks == 1) {
          ++calls;
        }
      }
    } else if (WSTOPSIG(status) == SIGSTOP) {
      ptrace(PTRACE_SETOPTIONS, child, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    } else {
      signal = WSTOPSIG(status);
    }
    // Behind the second mark nothing is counted any more; the child ends at full speed.
    ptrace(marks < 2 ? PTRACE_SYSCALL : PTRACE_CONT, child, 0, signal);
  }
  return calls;
}

}  // namespace

AppendCost MeasureAppendCost(const std::string& directory) {
  AppendCost cost;
  int channel[2];
  if (pipe(channel) != 0) {
    cost.failure = "pipe failed";
    return cost;
  }
  fflush(nullptr);  // else the child would print what is buffered once more
  const pid_t child = fork();
  if (child == 0) {
    close(channel[0]);
    const Counts counts = AppendInChild(directory);
    const bool is_told = write(channel[1], &counts, sizeof(counts)) == sizeof(counts);
    _exit(is_told ? 0 : 1);
  }
  close(channel[1]);
  if (child > 0) cost.system_calls = TraceToTheEnd(child);

  Counts counts;
  const bool is_told = child > 0 && read(channel[0], &counts, sizeof(counts)) == sizeof(counts);
  close(channel[0]);
  std::error_code ignored;  // the caller's directory is removed as a whole anyway
  std::filesystem::remove_all(directory, ignored);
  if (!is_told) {
    cost.failure = "the measuring child died; its standard error says why";
    return cost;
  }
  cost.appends = counts.appends;
  cost.bytes = counts.bytes;
  cost.allocations = counts.allocations;
  cost.page_faults = counts.page_faults;
  cost.context_switches = counts.context_switches;
  cost.front_stalls = counts.front_stalls;
  if (!counts.is_traced) cost.untraced = "the kernel refused ptrace";
  cost.wakes_max = counts.bytes / (kFrontBytes / 4) + 2;
  return cost;
}

}  // namespace weir::bench
