// The open objects of FaultFileSystem: files, directories and shared memory of a FaultWorld.

#ifndef WEIR_TESTS_SUPPORT_FAULT_HANDLES_H_
#define WEIR_TESTS_SUPPORT_FAULT_HANDLES_H_

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "support/fault_world.h"
#include "weir/file_system.h"

namespace weir::testing {

// What every open object knows: its machine, its process and its name.
struct FaultOrigin {
  std::shared_ptr<FaultWorld> world;
  std::shared_ptr<FaultProcess> process;
  std::string name;

  FaultWorld::Permit Enter(OperationKind kind) const {
    return world->Enter(*process, {.kind = kind, .name = name});
  }
  FaultOrigin Named(std::string other) const { return {world, process, std::move(other)}; }
};

// Counts an open object of a machine for as long as it lives.
class FaultHandle {
 public:
  explicit FaultHandle(std::shared_ptr<FaultWorld> world) : world_(std::move(world)) {
    ++world_->handles;
  }
  ~FaultHandle() { --world_->handles; }
  FaultHandle(const FaultHandle&) = delete;
  FaultHandle& operator=(const FaultHandle&) = delete;

 private:
  const std::shared_ptr<FaultWorld> world_;
};

class FaultFile final : public File {
 public:
  // With the world's mutex held.
  FaultFile(FaultOrigin origin, uint64_t inode, bool is_writable);
  ~FaultFile() override;

  absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> out) override;
  absl::Status Write(uint64_t offset, absl::Span<const absl::string_view> pieces) override;
  absl::Status Sync() override;
  absl::Status Allocate(uint64_t size) override;
  absl::Status Truncate(uint64_t size) override;
  absl::StatusOr<FileStatus> Stat() override;
  absl::Status TryLock() override;
  absl::Status ProbeLock() override;

 private:
  absl::Status CheckWritable() const;
  void WritePrefix(uint64_t offset, absl::Span<const absl::string_view> pieces, uint64_t bytes);

  const FaultOrigin origin_;
  const FaultHandle handle_{origin_.world};
  const uint64_t inode_;
  const bool is_writable_;
};

class FaultDirectory final : public Directory {
 public:
  FaultDirectory(FaultOrigin origin, uint64_t inode) : origin_(std::move(origin)), inode_(inode) {}

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override;
  absl::StatusOr<std::vector<std::string>> List() override;
  absl::Status Rename(absl::string_view from, absl::string_view to) override;
  absl::Status MoveTo(absl::string_view from, Directory& target, absl::string_view to) override;
  absl::Status LinkTo(absl::string_view from, Directory& target, absl::string_view to) override;
  absl::Status Remove(absl::string_view name) override;
  absl::Status Sync() override;
  absl::StatusOr<FileStatus> Stat() override;
  absl::StatusOr<uint64_t> FreeBytes() override;
  absl::StatusOr<std::unique_ptr<Directory>> Subdirectory(absl::string_view name,
                                                          bool create) override;

 private:
  const FaultOrigin origin_;
  const FaultHandle handle_{origin_.world};
  const uint64_t inode_;
};

class FaultSharedMemory final : public SharedMemory {
 public:
  // With the world's mutex held, and `region` mapped. `alias`: where this process has it, if not
  // there.
  FaultSharedMemory(FaultOrigin origin, std::shared_ptr<FaultSharedRegion> region,
                    std::unique_ptr<MirroredMemory> alias = nullptr);
  ~FaultSharedMemory() override;

  bool is_shared() const override { return true; }
  absl::Status TryLock() override;
  absl::Status ProbeLock() override;
  absl::StatusOr<bool> IsLinked() override;

 private:
  const FaultOrigin origin_;
  const FaultHandle handle_{origin_.world};
  const std::shared_ptr<FaultSharedRegion> region_;
  const std::unique_ptr<MirroredMemory> alias_;
};

class FaultPrivateMemory final : public SharedMemory {
 public:
  FaultPrivateMemory(std::shared_ptr<FaultWorld> world, std::unique_ptr<MirroredMemory> memory);

  bool is_shared() const override { return false; }
  absl::Status TryLock() override { return absl::OkStatus(); }
  absl::Status ProbeLock() override { return absl::OkStatus(); }
  absl::StatusOr<bool> IsLinked() override { return true; }

 private:
  const FaultHandle handle_;
  const std::unique_ptr<MirroredMemory> memory_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_FAULT_HANDLES_H_
