// One random program against one store: appends of every kind, reads of every kind, deaths and
// re-opens, each answer compared with the ledger.

#ifndef WEIR_TESTS_MODEL_PROGRAM_H_
#define WEIR_TESTS_MODEL_PROGRAM_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "model/ledger.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "weir/store.h"

namespace weir::testing {

class Program {
 public:
  explicit Program(uint64_t seed);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  // Runs up to `operations` operations; false at the first mismatch.
  bool Run(uint64_t operations);
  uint64_t operations() const { return operations_; }
  const std::string& mismatch() const { return mismatch_; }

 private:
  struct OpenClaim {
    MessageClaim claim;
    size_t item = 0;
  };
  struct Draft {
    LedgerItem item;
    bool names_queue = true;
    // Views of the item.
    Message message;
    std::vector<QueueRef> further;
  };
  enum class Fit : uint8_t { kMust, kMay, kMustNot };

  // --- Chance
  uint64_t Below(uint64_t bound) { return bound == 0 ? 0 : random_() % bound; }
  bool OneIn(uint64_t n) { return Below(n) == 0; }
  size_t AnyTopic() { return Below(ledger_.topic_count()); }
  uint32_t AnyQueue(size_t topic) {
    return static_cast<uint32_t>(Below(ledger_.topic(topic).queues.size()));
  }
  std::string AnyTags();

  template <typename... Parts>
  void Wrong(const Parts&... parts) {
    if (mismatch_.empty()) mismatch_ = absl::StrCat(parts...);
  }
  bool Check(const absl::Status& status, absl::string_view what) {
    if (!status.ok()) Wrong(what, ": ", status.ToString());
    return status.ok();
  }

  // --- The store's life
  StoreOptions Options();
  void Open(const CrashImage* image);
  void SettleClaims();
  void Drive();  // steps until there is nothing to do
  void CloseAndOpen();
  void CloseWithClaims();
  void DieAndOpen();
  void LosePowerAndOpen();

  // --- Writing
  void Operate();
  void NewTopic();
  void MakeDraft(Draft* draft, size_t topic, size_t body_bytes);
  void AddFurtherQueues(Draft* draft);
  void Point(Draft* draft);
  size_t AnyBodyBytes();
  Fit FitOf(const LedgerItem& item, uint64_t most) const;
  AppendOptions AnyAppendOptions();
  void AppendOne();
  void AppendBatch();
  void AppendAsync();
  void MakeClaim();
  void EndClaim();
  void AppendRefused();
  bool Accept(Draft* draft, const Receipt& receipt, bool has_own_end);
  bool Refused(const absl::Status& status, Fit fit);

  // --- Reading
  Ledger::Limit VisibleLimit() const;
  void ReadQueue();
  void ReadBackwards();
  void ReadLast();
  void ReadTopic();
  void ReadAt();
  void ReadUnknown();
  void CheckBounds();
  void CheckEverything();
  void CompareMessages(const ReadResult& result, const std::vector<uint64_t>& offsets, size_t topic,
                       uint32_t id);
  uint64_t NewestVisible(size_t topic, uint32_t id, Ledger::Limit limit) const;

  // Constant after construction.
  std::mt19937_64 random_;
  uint64_t segment_bytes_ = 4096;
  uint64_t front_bytes_ = 8192;
  bool is_private_ = false;
  bool is_on_durable_ = false;

  Ledger ledger_;
  uint64_t operations_ = 0;
  uint64_t messages_ = 0;
  uint64_t pending_callbacks_ = 0;
  LogPosition last_callback_;
  std::string mismatch_;

  // One process. Destroyed from the last to the first.
  ManualClock clock_;
  std::unique_ptr<FaultFileSystem> disk_;
  std::unique_ptr<MessageStore> store_;
  std::vector<OpenClaim> claims_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_MODEL_PROGRAM_H_
