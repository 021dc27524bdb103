// The real file system, to be changed in one place by who derives from it.

#ifndef WEIR_TESTS_KERNEL_PASSING_FILE_SYSTEM_H_
#define WEIR_TESTS_KERNEL_PASSING_FILE_SYSTEM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "weir/file_system.h"

namespace weir::kernel {

class PassingFileSystem : public FileSystem {
 public:
  absl::StatusOr<std::unique_ptr<Directory>> OpenDirectory(const std::string& path,
                                                           bool create) override {
    return real_->OpenDirectory(path, create);
  }
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

 protected:
  FileSystem* const real_ = FileSystem::Posix();
};

// As after the machine was started again.
class NextBoot final : public PassingFileSystem {
 public:
  std::string BootId() override {
    std::string boot = real_->BootId();
    for (char& byte : boot) byte = static_cast<char>(byte ^ 0x5a);
    return boot;
  }
};

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_PASSING_FILE_SYSTEM_H_
