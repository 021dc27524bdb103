// One random program of calls on a message store, and of deaths; every answer is compared with the
// reference model.

#ifndef WEIR_TESTS_DIFFERENTIAL_STORE_PROGRAM_H_
#define WEIR_TESTS_DIFFERENTIAL_STORE_PROGRAM_H_

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "differential/answers.h"
#include "differential/draft.h"
#include "differential/places.h"
#include "differential/settings.h"
#include "differential/trace.h"
#include "differential/world.h"
#include "support/reference_model.h"
#include "weir/store.h"

namespace weir::testing {

class StoreProgram {
 public:
  StoreProgram(uint64_t seed, Trace& trace);
  ~StoreProgram();
  void Run();

 private:
  using Ordinal = ReferenceModel::Ordinal;

  struct OpenClaim {
    Ordinal ordinal;
    std::string body;
    MessageClaim claim;
  };
  struct Pending {
    Ordinal ordinal;
    Durability durability;
  };
  // Another process that reads.
  struct Reader {
    std::unique_ptr<FaultFileSystem> disk;
    std::unique_ptr<MessageStore> store;
    Visibility visibility = Visibility::kOnAppend;
    Ordinal seen = 0;  // so many records at least, from now on
  };
  // --- store_program.cc: what is done next
  void Step();
  void Work();
  void AdvanceClock();
  void MakeTrouble();
  void EndTrouble();
  void FindOrCreateTopic();
  void CreateTopicOfName(const std::string& name, uint32_t queue_count);
  uint32_t QueueCountOf(const std::string& topic) const;

  // --- store_writing.cc
  void Append();
  void AppendBatch();
  void AppendAsync();
  void Claim();
  void Commit();
  void GiveUp();
  void WaitFor();
  void Flush();
  AppendOptions RandomAppendOptions();
  bool MayBeRefused(const AppendOptions& options) const;
  Draft NextDraft(uint64_t bytes_max);
  uint64_t record_bytes_max() const;
  Ordinal Accept(Draft& draft, const Receipt& receipt, const Place& place, bool is_claim);
  void Acknowledge(Ordinal ordinal, Durability reached);
  uint64_t Appended(const std::string& topic) const;
  void AfterRefusal(const absl::Status& status, std::vector<Draft>& drafts, uint64_t before,
                    const AppendOptions& options);
  void LearnTopics(const absl::Status& status, const std::vector<Draft>& drafts);
  void CalledBack(uint64_t life, const absl::Status& status, const Receipt& receipt);

  // --- store_refusals.cc
  void AppendInvalid();
  void ReadInvalid();

  // --- store_reading.cc
  void Read();
  void ReadBackwards();
  void ReadLast();
  void ReadTopic();
  void ReadAt();
  void Bounds();
  void Describe();
  void VerifyAndDump();
  void ReadEverything();
  void RefreshVisible();
  StoreInfo NoteEnds();
  QueueName RandomQueue();
  uint64_t RandomOffset(const QueueName& queue);
  LogPosition RandomPosition();
  ReadOptions RandomReadOptions(std::string& tags);
  // Whether the answer can be compared at all; an error is right only while faults are about.
  bool IsComparable(const absl::StatusOr<ReadResult>& result);
  void Judge(const std::string& what, const std::string& wrong);

  // --- store_deaths.cc
  void EndLife();
  void CloseStore();
  void DieOf(Death death, bool within_a_call);
  void DieAlone();
  void DoSomethingWithin();
  void Forget();
  void OpenAgain(Ordinal floor, bool expects_clean);
  StoreOptions OptionsToOpen();
  bool OpenOnce();
  bool OpenWithTrouble();
  void CheckRecovery(bool expects_clean);
  void ResolveSurvivors(Ordinal floor);
  void ResolveTopics();
  bool IsPresent(Ordinal ordinal);
  Ordinal FirstClaim() const;

  // --- store_beside.cc
  void ReadBeside();
  bool OpenReader();
  void ReadAs(Reader& reader, Ordinal low, Ordinal high);
  void BoundsAs(Reader& reader, Ordinal low, Ordinal high);
  Ordinal VisibleTo(const Reader& reader, bool& is_exact);

  Trace& trace_;
  Random random_;
  DraftSource drafts_;
  World world_;
  Settings settings_;
  uint64_t front_bytes_ = 0;  // of the front that is in use, or less
  bool knows_front_ = false;
  bool is_shared_ = false;
  Visibility visibility_ = Visibility::kOnAppend;

  ReferenceModel model_;
  Places places_;
  Answers answers_;
  std::map<std::pair<std::string, std::string>, uint32_t> queue_of_key_;
  std::set<std::string> durable_topics_;
  uint64_t groups_ = 0;
  LogPosition floor_position_;  // new records lie behind it

  // Stores whose process died while others live on: their objects may not touch the shared memory
  // of the living, so they are kept until all is over.
  std::vector<std::unique_ptr<MessageStore>> remains_;
  std::unique_ptr<MessageStore> store_;
  std::vector<OpenClaim> claims_;
  std::deque<Pending> pending_;
  std::vector<Reader> readers_;
  LogPosition durable_;  // last seen; never goes back
  LogPosition written_;
  uint64_t life_ = 0;
  uint64_t expected_voids_ = 0;
  bool knows_voids_ = false;
  bool has_trouble_ = false;
  bool is_read_only_ = false;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_STORE_PROGRAM_H_
