// A file system in memory that keeps apart what processes see, what is synced and what directory
// syncs made durable; that fails any call on demand; and that can be frozen at any moment into an
// image of what a crash would leave. Shared memory is real memory, mapped twice, so a store runs on
// it unchanged.
//
//   FaultFileSystem file_system(/*seed=*/1);
//   ManualClock clock;
//   auto store = MessageStore::Open({.directory = "/store", .background = Background::kManual,
//                                    .segment_bytes = 4096, .front_bytes = 16384,
//                                    .file_system = &file_system, .clock = &clock});
//   ... append ...
//   FaultFileSystem after_kill(file_system.ProcessDeath());            // keeps the shared front
//   FaultFileSystem after_cut(file_system.PowerLoss(LossPlan::LoseEverything()));
//   file_system.Kill();  // the old store object may now be destroyed; it reaches nothing
//
// The root directory is there; "/store" is made by Open() with create_if_missing. All functions
// may be called from any thread.

#ifndef WEIR_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
#define WEIR_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "support/crash_image.h"
#include "support/fault.h"
#include "support/fault_handles.h"
#include "support/fault_world.h"
#include "weir/file_system.h"

namespace weir::testing {

class FaultFileSystem final : public FileSystem {
 public:
  // A new machine with an empty disk.
  explicit FaultFileSystem(uint64_t seed = 1);
  // A machine as the image shows it, and a new process on it.
  explicit FaultFileSystem(const CrashImage& image);

  // Another process on the same machine: same disk, same shared memory, its own locks.
  std::unique_ptr<FaultFileSystem> AnotherProcess();

  // --- Faults

  void Inject(Fault fault);
  void ClearFaults();
  // Calls made and calls failed by Inject(), ever.
  uint64_t operations() const;
  uint64_t failures() const;
  // Files, directories and mappings that are open now, of any process.
  uint64_t open_handles() const;

  // Called before each call of any process, with no lock held: it may freeze the world, kill the
  // process (the call then answers kUnavailable), or block.
  void SetHook(std::function<void(const Operation&)> hook);

  // How many bytes all files may take, in whole pages of 4 KiB; may be raised or lowered.
  void SetCapacity(uint64_t bytes);
  void SetSharedCapacity(uint64_t bytes);
  uint64_t used_bytes() const;

  // --- Crashes

  // Ends this process: every later call through this object and what it opened is refused with
  // kUnavailable, its locks are free, its writes to shared memory no longer reach the machine.
  void Kill();

  // The world now. With other threads inside the store, shared memory is copied as they write it.
  CrashImage Freeze() const;
  CrashImage ProcessDeath() const { return Freeze().ProcessDeath(); }
  CrashImage PowerLoss(const LossPlan& plan) const { return Freeze().PowerLoss(plan); }

  // --- The hand of a stranger: past all faults and hooks, durable at once with all that is
  // unsynced in the same directory. Paths are absolute. Tests only; a wrong path ends the test.

  void MakeDirectory(const std::string& path);
  bool DirectoryExists(const std::string& path) const;
  bool FileExists(const std::string& path) const;
  std::string ReadFile(const std::string& path) const;
  void WriteFile(const std::string& path, absl::string_view content);
  void RemoveFile(const std::string& path);
  void RenameFile(const std::string& from, const std::string& to);
  void LinkFile(const std::string& existing, const std::string& path);
  void PlantSpecialFile(const std::string& path);  // a FIFO, a symbolic link
  std::vector<std::string> ListFiles(const std::string& directory) const;
  std::vector<std::string> ListShared(const std::string& directory = "") const;

  // --- What the store asks

  void SetProcessId(uint64_t id);
  void SetBootId(const std::string& sixteen_bytes);
  void SetSharedMemoryOutlivesProcess(const absl::Status& status);

  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path,
                                                           bool create) override;
  absl::StatusOr<std::unique_ptr<SharedMemory>> CreateShared(const std::string& directory,
                                                             absl::string_view name,
                                                             SharedMemorySize size) override;
  absl::StatusOr<std::unique_ptr<SharedMemory>> OpenShared(const std::string& directory,
                                                           absl::string_view name,
                                                           size_t header_bytes,
                                                           OpenMode mode) override;
  absl::Status RemoveShared(const std::string& directory, absl::string_view name) override;
  absl::StatusOr<std::unique_ptr<SharedMemory>> CreatePrivate(SharedMemorySize size) override;
  absl::Status SharedMemoryOutlivesProcess() override;
  std::string BootId() override;
  uint64_t ProcessId() override;
  uint64_t RandomBits() override;

 private:
  explicit FaultFileSystem(std::shared_ptr<FaultWorld> world);

  FaultOrigin Origin(std::string name) const { return {world_, process_, std::move(name)}; }
  // The directory and the last component of a path.
  std::pair<uint64_t, std::string> Split(const std::string& path) const;

  const std::shared_ptr<FaultWorld> world_;
  const std::shared_ptr<FaultProcess> process_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_FAULT_FILE_SYSTEM_H_
