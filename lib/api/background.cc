#include "api/background.h"

#include <algorithm>
#include <new>
#include <utility>

#include "base/status_macros.h"

namespace weir::internal {
namespace {

// Where the log's own jobs stand in the table.
enum : size_t { kWriter, kSyncer, kPreparer, kCallbacks };

// A step that got no memory is tried again after this long.
constexpr absl::Duration kRetry = absl::Milliseconds(20);

absl::Duration Run(const Job& job, CommitLog& log) {
  try {
    const absl::Duration rest = job.step();
    log.JudgePromises().IgnoreError();  // the listener is told
    return rest;
  } catch (const std::bad_alloc&) {
    return kRetry;
  }
}

}  // namespace

Background::Background(CommitLog* log, std::vector<Job> more) : log_(log) {
  jobs_.push_back({.name = "weir-writer", .step = [log] { return log->WriteStep(); }});
  jobs_.push_back({.name = "weir-syncer", .step = [log] { return log->SyncStep(); }});
  jobs_.push_back({.name = "weir-preparer", .step = [log] { return log->PrepareStep(); }});
  jobs_.push_back({.name = "weir-callbacks", .step = [log] { return log->CallbackStep(); }});
  for (Job& job : more) jobs_.push_back(std::move(job));
}

absl::Status Background::Start(int core) {
  for (Job& job : jobs_) {
    // Steps wake each other, so none runs before all workers are there.
    const auto step = [this, &job] {
      return started_.load(std::memory_order_acquire) ? Run(job, *log_) : absl::InfiniteDuration();
    };
    job.worker = std::make_unique<Worker>(job.name, step, core);
    RETURN_IF_ERROR(job.worker->status());
  }
  const auto wake = [this](size_t job) { return [this, job] { jobs_[job].worker->Notify(); }; };
  log_->SetWakeups({.writer = wake(kWriter),
                    .syncer = wake(kSyncer),
                    .preparer = wake(kPreparer),
                    .callbacks = wake(kCallbacks)});
  started_.store(true, std::memory_order_release);
  for (Job& job : jobs_) job.worker->Notify();
  return absl::OkStatus();
}

void Background::Stop() {
  for (Job& job : jobs_) {
    if (job.worker != nullptr) job.worker->Stop();
  }
}

absl::Duration Background::RunOnce() {
  absl::Duration rest = absl::InfiniteDuration();
  for (Job& job : jobs_) rest = std::min(rest, Run(job, *log_));
  return rest;
}

}  // namespace weir::internal
