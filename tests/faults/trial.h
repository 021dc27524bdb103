// A run of a small program in a world where calls of the file system fail. It goes on whatever
// happens: errors are what it is about. What must not happen even so is a problem of the run.

#ifndef WEIR_TESTS_FAULTS_TRIAL_H_
#define WEIR_TESTS_FAULTS_TRIAL_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "faults/subject.h"
#include "support/crash_image.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/oracle.h"
#include "support/random.h"
#include "support/send_history.h"
#include "weir/store.h"

namespace weir::testing {

// `fault` happens at this call of the run, counted from 0 over all its processes, and at as many
// behind it as Fault::times says.
struct Injection {
  uint64_t call = 0;
  Fault fault;
};

// The world just before a call.
struct TrialMoment {
  CrashImage image;
  uint64_t as_of = 0;  // in the history
  uint64_t call = 0;
};

class Trial {
 public:
  Trial(SubjectShape shape, uint64_t seed, std::optional<Injection> injection);
  ~Trial();
  Trial(const Trial&) = delete;
  Trial& operator=(const Trial&) = delete;

  // What a death of the process leaves in these runs; kProcess if nothing is said.
  void SetSurvivesDeath(Durability level) { survives_death_ = level; }
  // The moments before these calls are kept.
  void Watch(std::vector<uint64_t> calls) { watched_ = std::move(calls); }

  // --- What programs do. Without a store they do nothing.

  Random& random() { return random_; }
  bool is_open() const { return subject_.is_open(); }

  void Open();
  void Close();
  void KillAndOpen();
  void CutPowerAndOpen();

  void CreateTopic(const std::string& name);
  void Append(Durability durability);
  void AppendMany(int count, Durability durability);
  void AppendAsync(Durability durability);
  void AppendGroup(size_t count, Durability durability);
  void FanOut(Durability durability);
  void CommitClaim(Durability durability);
  void GiveUpClaim();
  void LeaveClaimOpen();
  void AppendToNewTopic(const std::string& name);
  // Everything that can be read, in all ways; what is given must have been sent.
  void ReadEverything();
  // Drops the older half of the journal.
  void Trim();
  void RunOnce();
  void RunUntilIdle();
  void Flush();

  // --- The end of the run

  // No call fails any more.
  void Heal();
  // The store works again as if nothing had been: opened if it was not, its work done, and an
  // append confirmed as kDisk. `may_be_read_only`: unless the fault was one for good.
  void Resume(bool may_be_read_only);
  // Ends the store, which must have let go of everything. Finish() closes it first.
  void Destroy();
  absl::Status Finish();
  // Opens again, with whatever faults there are.
  absl::Status Reopen();

  const SubjectShape& shape() const { return shape_; }
  const Subject& subject() const { return subject_; }
  FaultFileSystem& disk() { return *disk_; }
  ManualClock& clock() { return clock_; }
  const SendHistory& history() const { return history_; }
  const std::vector<TrialMoment>& moments() const { return moments_; }
  // Of each call that was made.
  const std::vector<OperationKind>& calls() const { return calls_; }
  uint64_t failed_calls() const;
  const std::vector<std::string>& problems() const { return problems_; }
  void Problem(const std::string& text) { problems_.push_back(text); }

 private:
  void Enter(CrashImage image);
  void Abandon();
  void GoOn(CrashImage image, Durability survives);
  // Behind the first open that succeeds after a crash: is everything there that survives it?
  void LookAround();
  // An error where nothing has failed yet is a problem; so is a code that is not promised.
  void Judge(const char* what, const absl::Status& status);
  void CheckRead(const char* what, const absl::StatusOr<ReadResult>& result);
  size_t Send(size_t body_bytes_max = 700, uint64_t group = 0);

  const SubjectShape shape_;
  Durability survives_death_ = Durability::kProcess;
  const std::optional<Injection> injection_;
  Random random_;
  ManualClock clock_;
  SendHistory history_;
  std::vector<std::string> topics_;  // two queues each
  std::vector<uint64_t> watched_;
  std::vector<TrialMoment> moments_;
  std::vector<OperationKind> calls_;
  std::vector<std::string> problems_;
  std::optional<Durability> crashed_;  // and not opened since; the weakest level that survives
  uint64_t failed_before_ = 0;         // in processes that are gone

  // One process. Destroyed from the last to the first.
  std::unique_ptr<FaultFileSystem> disk_;
  Subject subject_;
  std::vector<MessageClaim> claims_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_TRIAL_H_
