// A run of a small program in a world where calls of the file system fail, or allocations of the
// library do. It goes on whatever happens: errors are what it is about. What must not happen even
// so is a problem of the run.

#ifndef WEIR_TESTS_FAULTS_TRIAL_H_
#define WEIR_TESTS_FAULTS_TRIAL_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "faults/async_outcomes.h"
#include "support/crash_image.h"
#include "support/failing_memory.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/oracle.h"
#include "support/random.h"
#include "support/send_history.h"
#include "support/subject.h"
#include "weir/repair.h"
#include "weir/store.h"

namespace weir::testing {

// Where a damaged store is mended to.
inline constexpr const char* kMendedDirectory = "/mended";

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

  // Allocations of the library fail so, counted from here on.
  void FailMemory(MemoryFailure failure);
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
  void KillWriter();  // and nobody opens
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
  // Of a random queue, forward or back.
  void CommitOffset(const std::string& group, Durability durability);
  void WaitForLast(Durability durability);
  // Everything that can be read, in all ways; what is given must have been sent.
  void ReadEverything();
  // At the end of a queue, where nothing comes.
  void ReadWaiting();
  // All that there is to ask for besides messages.
  void LookAtEverything();
  void Verify();
  // By key, by id and by time. What was acknowledged with a key must be found by it.
  void FindEverything();
  // A group of consumers goes on to the end of a queue; it never goes back.
  void CommitOffset();
  void CheckOffset();
  // Messages that nobody will miss, to a topic that nobody else appends to.
  void AppendDoomed(const std::string& topic, int count);
  // Creates, alters, purges and deletes such a topic.
  void ManageTopic(const std::string& name);
  // Drops the segments in which everything is older than an hour.
  void Retain();
  void GetOld();  // by two hours
  // Drops the older half of the journal.
  void Trim();
  void RunOnce();
  void RunUntilIdle();
  void Flush();

  // Another process reads the store.
  void OpenReader();
  void ReadAsReader();
  void CloseReader();
  // Of a closed store: one index file is damaged, or both copies of the superblock are; what is
  // left then is repaired, in place or into a copy.
  void RepairIndexFile();
  void RepairIntoCopy();

  // --- The end of the run

  // Nothing fails any more.
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
  uint64_t failed_calls() const;  // of the file system
  // Of the file system and of memory.
  uint64_t failures() const { return failed_calls() + failed_allocations(); }
  const std::vector<std::string>& problems() const { return problems_; }
  void Problem(const std::string& text) { problems_.push_back(text); }

 private:
  // How long a call may wait.
  static constexpr absl::Duration kTimeout = absl::Milliseconds(2);

  // The last state that the store told of.
  class Listener final : public StateListener {
   public:
    void OnState(StoreState state, const std::string&) override { last_ = state; }
    StoreState last() const { return last_; }

   private:
    std::atomic<StoreState> last_{StoreState::kHealthy};
  };

  void Enter(CrashImage image);
  void Abandon();
  // Takes the store away, with all that lies in it.
  void DropStore();
  void GoOn(CrashImage image, Durability survives);
  void EnterAfter(CrashImage image, Durability survives);
  // Behind the first open that succeeds after a crash: is everything there that survives it?
  void LookAround();
  StoreOptions Options();

  // A call of the library: what it allocates may fail, and what it returns is judged.
  template <typename Call>
  auto Within(const char* what, Call&& call) -> decltype(call());
  // The same for one that cannot fail.
  template <typename Call>
  void WithinSound(const char* what, Call&& call) {
    Within(what, [&] {
      call();
      return absl::OkStatus();
    }).IgnoreError();
  }
  static const absl::Status& StatusOf(const absl::Status& status) { return status; }
  template <typename T>
  static const absl::Status& StatusOf(const absl::StatusOr<T>& result) {
    return result.status();
  }
  // An error where nothing has failed yet is a problem; so is one where all that was to fail has
  // failed before the call; and so is a code that is not promised.
  void Judge(const char* what, const absl::Status& status, uint64_t failures_before);
  uint64_t failed_allocations() const;
  // Whether a fault lies behind us that does not come again.
  bool HasPassed() const;

  template <typename Messages>
  void CheckMessages(const char* what, const Messages& messages);
  void CheckRead(const char* what, const absl::StatusOr<ReadResult>& result);
  void FindByKey(const std::string& topic, const std::string& key);
  void CheckPurged(const char* what, const std::string& topic, const absl::Status& purged,
                   QueueOffset first);
  void ReadJournal();
  absl::StatusOr<MessageClaim> Claim(size_t sent, size_t body_bytes);
  void ReadAllOf(MessageStore& store);
  absl::StatusOr<RepairReport> RepairBehind(const std::string& file, const std::string& content,
                                            const RepairOptions& options);
  void CheckUnrepaired(const RepairOptions& options);
  void CheckCopy(const std::string& directory);
  void CheckThreads();
  // What asynchronous appends were told goes into the history.
  void SettleOutcomes();
  size_t Send(size_t body_bytes_max = 700, uint64_t group = 0);

  const SubjectShape shape_;
  Durability survives_death_ = Durability::kProcess;
  const std::optional<Injection> injection_;
  std::optional<MemoryFailure> memory_failure_;
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
  std::optional<Receipt> last_receipt_;
  QueueOffset committed_;  // by the group, and acknowledged
  AsyncOutcomes outcomes_;
  Listener listener_;
  bool is_closed_well_ = false;  // the store, by the last Close()
  bool is_wounded_ = false;      // and not by anything that the library did
  bool has_opened_with_failure_ = false;

  // One process, and one that reads. Destroyed from the last to the first.
  std::unique_ptr<FaultFileSystem> disk_;
  std::unique_ptr<FaultFileSystem> reader_disk_;
  Subject subject_;
  std::vector<MessageClaim> claims_;
  std::unique_ptr<MessageStore> reader_;
};

template <typename Messages>
void Trial::CheckMessages(const char* what, const Messages& messages) {
  for (const MessageView& message : messages) {
    const std::optional<size_t> sent = history_.Identify(message.body());
    if (!sent.has_value() || history_[*sent].body != message.body()) {
      Problem(absl::StrCat(what, " gives what was never sent"));
    }
  }
}

// That there is no such thing is no error: its creation may have failed.
inline absl::Status IfThere(const absl::Status& status) {
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

template <typename Call>
auto Trial::Within(const char* what, Call&& call) -> decltype(call()) {
  const uint64_t before = failures();
  try {
    auto result = [&] {
      const FailingMemory::Watch watch;
      return call();
    }();
    Judge(what, StatusOf(result), before);
    SettleOutcomes();
    return result;
  } catch (const std::bad_alloc&) {
    Problem(absl::StrCat(what, " throws"));
    return absl::UnavailableError("thrown");
  }
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_FAULTS_TRIAL_H_
