// A small program against a store, in a world that is remembered at every call of the file system:
// each such moment is a place where a crash can happen.

#ifndef WEIR_TESTS_CRASH_WORKLOAD_H_
#define WEIR_TESTS_CRASH_WORKLOAD_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "support/crash_image.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/oracle.h"
#include "support/random.h"
#include "support/send_history.h"
#include "support/subject.h"
#include "weir/store.h"

namespace weir::testing {

// The world just before a call of the file system, or between two steps of the program.
struct Moment {
  CrashImage image;
  uint64_t as_of = 0;  // in the history
  std::string what;
  // The same when the process died inside the write that was about to happen.
  std::vector<CrashImage> torn_deaths;
};

class Workload {
 public:
  Workload(SubjectShape shape, uint64_t seed);
  ~Workload();
  Workload(const Workload&) = delete;
  Workload& operator=(const Workload&) = delete;

  // --- What scenarios do. What fails although it must not is a problem of the run.

  Random& random() { return random_; }
  FaultFileSystem& disk() { return *disk_; }
  MessageStore& store() { return *store_; }
  bool is_open() const { return store_ != nullptr; }

  void Open();
  void Close();
  // The process dies, or the power goes and takes what the plan of this ordinal says. The store is
  // opened again, must keep its promises, and the program goes on with what it delivers.
  void KillAndOpen();
  void CutPowerAndOpen();

  void CreateTopic(const std::string& name, uint32_t queue_count);
  // To a random queue of a random topic. Answers whether it was acknowledged.
  bool Append(Durability durability);
  void AppendMany(int count, Durability durability);
  void AppendAsync(Durability durability);
  void AppendGroup(size_t count, Durability durability);
  void FanOut(Durability durability);
  void CommitClaim(Durability durability);
  void GiveUpClaim();
  // Stays open until the process dies.
  void LeaveClaimOpen();
  void AppendToNewTopic(const std::string& name);
  // Of a random queue, anywhere in it; now and then the group may be set back.
  void CommitOffset(const std::string& group, Durability durability);

  // The store has a policy of its own.
  void MayDropByItself() { history_.MayDropByItself(); }
  // Drops what is beyond so many bytes.
  void Retain(uint64_t max_bytes);
  // Of a random queue, up to anywhere in it.
  void Purge();
  void DeleteTopic(const std::string& name);

  // One call of RunOnce(), or as many as it asks for, with some time between.
  void RunOnce();
  void RunUntilIdle();
  void Flush();
  void Remember(const std::string& what);
  void Problem(const std::string& text) { problems_.push_back(text); }

  // --- What is left of the run

  const SubjectShape& shape() const { return shape_; }
  const SendHistory& history() const { return history_; }
  // No call of the file system was made to fail.
  bool is_faultless() const { return failures_ + disk_->failures() == 0; }
  const std::vector<Moment>& moments() const { return moments_; }
  const std::vector<std::string>& problems() const { return problems_; }

 private:
  void Enter(CrashImage image);
  void Reopen(CrashImage image, Durability survives);
  void Abandon();
  Outgoing AnyMessage();
  AppendOptions Options(Durability durability) const;

  const SubjectShape shape_;
  Random random_;
  ManualClock clock_;
  SendHistory history_;
  uint64_t failures_ = 0;  // in processes that are gone
  std::vector<std::pair<std::string, uint32_t>> topics_;
  std::vector<Moment> moments_;
  std::vector<std::string> problems_;

  // One process: its world, its store, its open claims. Destroyed from the last to the first.
  std::unique_ptr<FaultFileSystem> disk_;
  std::unique_ptr<MessageStore> store_;
  std::vector<MessageClaim> claims_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_CRASH_WORKLOAD_H_
