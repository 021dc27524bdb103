// The real file system, except that syncs of files wait while somebody holds them: a disk that
// hangs.

#ifndef WEIR_TESTS_KERNEL_HELD_SYNCS_H_
#define WEIR_TESTS_KERNEL_HELD_SYNCS_H_

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "weir/file_system.h"

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

class HeldSyncs final : public FileSystem {
 public:
  explicit HeldSyncs(SyncGate* gate) : gate_(gate) {}

  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path,
                                                           bool create) override;
  absl::StatusOr<std::unique_ptr<SharedMemory>> CreateShared(const std::string& directory,
                                                             absl::string_view name,
                                                             SharedMemorySize size) override {
    return real_->CreateShared(directory, name, size);
  }
  absl::StatusOr<std::unique_ptr<SharedMemory>> OpenShared(const std::string& directory,
                                                           absl::string_view name,
                                                           size_t header_bytes,
                                                           OpenMode mode) override {
    return real_->OpenShared(directory, name, header_bytes, mode);
  }
  absl::Status RemoveShared(const std::string& directory, absl::string_view name) override {
    return real_->RemoveShared(directory, name);
  }
  absl::StatusOr<std::unique_ptr<SharedMemory>> CreatePrivate(SharedMemorySize size) override {
    return real_->CreatePrivate(size);
  }
  absl::Status SharedMemoryOutlivesProcess() override {
    return real_->SharedMemoryOutlivesProcess();
  }
  std::string BootId() override { return real_->BootId(); }
  uint64_t ProcessId() override { return real_->ProcessId(); }
  uint64_t RandomBits() override { return real_->RandomBits(); }

 private:
  SyncGate* const gate_;
  FileSystem* const real_ = FileSystem::Posix();
};

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_HELD_SYNCS_H_
