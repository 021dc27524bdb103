// The bytes are a program of calls against a store on a disk in memory, which dies, loses power and
// is damaged on the way. The oracle judges what it delivers.

#ifndef WEIR_TESTS_FUZZ_API_PROGRAM_H_
#define WEIR_TESTS_FUZZ_API_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fuzz/fuzz_input.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/oracle.h"
#include "support/send_history.h"
#include "weir/store.h"

namespace weir::testing {

class ApiProgram {
 public:
  explicit ApiProgram(FuzzInput input);
  ~ApiProgram();
  ApiProgram(const ApiProgram&) = delete;
  ApiProgram& operator=(const ApiProgram&) = delete;

  void Run();

 private:
  struct OpenClaim {
    MessageClaim claim;
    size_t sent = 0;
  };

  // --- The store's life
  StoreOptions Options();
  void Open(CrashImage image);
  void Abandon();
  void CloseAndOpen();
  void DieAndOpen();
  void LosePowerAndOpen();
  void DamageAndOpen();
  void Judge(MessageStore& store, const Expectation& expectation);
  void RunUntilIdle();

  // --- Calls
  void Operate();
  void CreateTopic();
  Outgoing AnyMessage();
  AppendOptions AnyAppendOptions();
  absl::Status Meaning(const absl::Status& status) const;
  void Settle(size_t sent, const absl::StatusOr<Receipt>& result);
  void Append(const Outgoing& message);
  void AppendBatch();
  void AppendAsync();
  void MakeClaim();
  void EndClaim();
  void Flush();
  void Read();
  void ReadTopic();
  void ReadByAnotherProcess();
  void CheckRead(const absl::StatusOr<ReadResult>& result);
  void Tick();

  FuzzInput input_;
  const uint8_t shape_;
  SendHistory history_;
  std::vector<std::pair<std::string, uint32_t>> topics_;
  // What damage took nobody can know; what is delivered must be right all the same.
  bool is_damaged_ = false;

  // One process. Destroyed from the last to the first.
  ManualClock clock_;
  bool is_dead_ = false;
  std::unique_ptr<FaultFileSystem> disk_;
  std::unique_ptr<MessageStore> store_;
  std::vector<OpenClaim> claims_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_FUZZ_API_PROGRAM_H_
