// The real file system, except that syncs of files wait while somebody holds them: a disk that
// hangs.

#ifndef WEIR_TESTS_KERNEL_HELD_SYNCS_H_
#define WEIR_TESTS_KERNEL_HELD_SYNCS_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "kernel/passing_file_system.h"

namespace weir::kernel {

// Where syncs pass.
class SyncGate {
 public:
  void Hold();
  void Release();
  // Waits until a sync waits at the gate.
  void AwaitCaught();
  void Pass();

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_held_ = false;
  uint64_t caught_ = 0;
};

class HeldSyncs final : public PassingFileSystem {
 public:
  explicit HeldSyncs(SyncGate* gate) : gate_(gate) {}

  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path,
                                                           bool create) override;

 private:
  SyncGate* const gate_;
};

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_HELD_SYNCS_H_
