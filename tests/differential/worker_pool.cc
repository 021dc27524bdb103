#include "differential/worker_pool.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

constexpr uint64_t kFailuresMax = 20;
constexpr int kHangSeconds = 60;

// What a worker tells; in memory that outlives it.
struct Slot {
  std::atomic<uint64_t> program;
  std::atomic<uint64_t> operations;
  std::atomic<uint64_t> programs;
  // Set by the worker, taken back by the parent.
  std::atomic<bool> has_mismatch;
  std::atomic<bool> is_idle;  // between two programs
  char mismatch[2048];
};

struct Board {
  std::atomic<uint64_t> next_program;
  std::atomic<uint64_t> operations;
  std::atomic<bool> is_over;
};

struct Worker {
  pid_t process = 0;
  Slot* slot = nullptr;
  uint64_t seen_program = ~uint64_t{0};
  int seconds = 0;
};

template <typename T>
T* Share(size_t count) {
  void* const memory =
      mmap(nullptr, count * sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : static_cast<T*>(memory);
}

void Pause(int64_t nanos) {
  const timespec rest{.tv_sec = nanos / 1'000'000'000, .tv_nsec = nanos % 1'000'000'000};
  nanosleep(&rest, nullptr);
}

void Work(Board& board, Slot& slot, uint64_t operations,
          const std::function<ProgramResult(uint64_t)>& run) {
  while (!board.is_over && board.operations < operations) {
    slot.program = board.next_program++;
    slot.is_idle = false;
    const ProgramResult result = run(slot.program);
    slot.operations += result.operations;
    board.operations += result.operations;
    ++slot.programs;
    slot.is_idle = true;
    if (result.mismatch.empty()) continue;
    const size_t bytes = std::min(result.mismatch.size(), sizeof(slot.mismatch) - 1);
    std::memcpy(slot.mismatch, result.mismatch.data(), bytes);
    slot.mismatch[bytes] = '\0';
    slot.has_mismatch = true;
    while (slot.has_mismatch && !board.is_over) Pause(1'000'000);
  }
}

class Pool {
 public:
  Pool(uint64_t operations, const std::function<ProgramResult(uint64_t)>& run,
       const std::function<void(uint64_t, const std::string&)>& report)
      : operations_(operations), run_(run), report_(report) {}

  PoolResult Run() {
    board_ = Share<Board>(1);
    const auto count =
        static_cast<size_t>(std::clamp<int64_t>(sysconf(_SC_NPROCESSORS_ONLN), 1, 8));
    slots_ = Share<Slot>(count);
    if (board_ == nullptr || slots_ == nullptr) return {.failures = 1};
    for (size_t i = 0; i < count; ++i) {
      workers_.push_back({.slot = &slots_[i]});
      Start(workers_.back());
    }
    uint64_t looks = 0;
    while (std::any_of(workers_.begin(), workers_.end(),
                       [](const Worker& worker) { return worker.process != 0; })) {
      Pause(5'000'000);
      for (Worker& worker : workers_) Look(worker);
      if (++looks % 200 == 0) {
        for (Worker& worker : workers_) LookForHang(worker);
      }
    }
    PoolResult result{.operations = board_->operations, .failures = failures_};
    for (const Worker& worker : workers_) result.programs += worker.slot->programs;
    return result;
  }

 private:
  void Start(Worker& worker) {
    worker.slot->is_idle = true;
    worker.process = fork();
    if (worker.process != 0) return;
    Work(*board_, *worker.slot, operations_, run_);
    _exit(0);
  }

  void Fail(uint64_t program, const std::string& what) {
    report_(program, what);
    if (++failures_ >= kFailuresMax) board_->is_over = true;
  }

  void Look(Worker& worker) {
    if (worker.process == 0) return;
    int status = 0;
    const bool is_gone = waitpid(worker.process, &status, WNOHANG) == worker.process;
    if (worker.slot->has_mismatch) {
      Fail(worker.slot->program, worker.slot->mismatch);
      worker.slot->has_mismatch = false;
    }
    if (!is_gone) return;
    worker.process = 0;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
    Fail(worker.slot->program, WIFSIGNALED(status)
                                   ? absl::StrCat("ended by signal ", WTERMSIG(status))
                                   : absl::StrCat("exited with ", WEXITSTATUS(status)));
    if (!board_->is_over) Start(worker);
  }

  void LookForHang(Worker& worker) {
    const uint64_t program = worker.slot->program;
    worker.seconds =
        program == worker.seen_program && !worker.slot->is_idle ? worker.seconds + 1 : 0;
    worker.seen_program = program;
    if (worker.process != 0 && worker.seconds > kHangSeconds) kill(worker.process, SIGABRT);
  }

  const uint64_t operations_;
  const std::function<ProgramResult(uint64_t)>& run_;
  const std::function<void(uint64_t, const std::string&)>& report_;
  Board* board_ = nullptr;
  Slot* slots_ = nullptr;
  std::vector<Worker> workers_;
  uint64_t failures_ = 0;
};

}  // namespace

PoolResult RunPrograms(uint64_t operations, const std::function<ProgramResult(uint64_t)>& run,
                       const std::function<void(uint64_t, const std::string&)>& report) {
  return Pool(operations, run, report).Run();
}

}  // namespace weir::testing
