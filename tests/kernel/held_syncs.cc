#include "kernel/held_syncs.h"

#include <utility>

#include "absl/status/status.h"

namespace weir::kernel {
namespace {

class HeldFile final : public File {
 public:
  HeldFile(std::unique_ptr<File> real, SyncGate* gate) : real_(std::move(real)), gate_(gate) {}

  absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> out) override {
    return real_->Read(offset, out);
  }
  absl::Status Write(uint64_t offset, absl::Span<const absl::string_view> pieces) override {
    return real_->Write(offset, pieces);
  }
  absl::Status Sync() override {
    gate_->Pass();
    return real_->Sync();
  }
  absl::Status Allocate(uint64_t size) override { return real_->Allocate(size); }
  absl::Status Truncate(uint64_t size) override { return real_->Truncate(size); }
  absl::StatusOr<FileStatus> Stat() override { return real_->Stat(); }
  absl::Status TryLock() override { return real_->TryLock(); }
  absl::Status ProbeLock() override { return real_->ProbeLock(); }

 private:
  const std::unique_ptr<File> real_;
  SyncGate* const gate_;
};

class HeldDirectory final : public Directory {
 public:
  HeldDirectory(std::unique_ptr<Directory> real, SyncGate* gate)
      : real_(std::move(real)), gate_(gate) {}

  absl::StatusOr<std::unique_ptr<File>> Open(absl::string_view name, OpenMode mode) override {
    absl::StatusOr<std::unique_ptr<File>> file = real_->Open(name, mode);
    if (!file.ok()) return file.status();
    return std::make_unique<HeldFile>(*std::move(file), gate_);
  }
  absl::StatusOr<std::vector<std::string>> List() override { return real_->List(); }
  absl::Status Rename(absl::string_view from, absl::string_view to) override {
    return real_->Rename(from, to);
  }
  absl::Status MoveTo(absl::string_view from, Directory& target, absl::string_view to) override {
    return real_->MoveTo(from, *static_cast<HeldDirectory&>(target).real_, to);
  }
  absl::Status LinkTo(absl::string_view from, Directory& target, absl::string_view to) override {
    return real_->LinkTo(from, *static_cast<HeldDirectory&>(target).real_, to);
  }
  absl::Status Remove(absl::string_view name) override { return real_->Remove(name); }
  absl::Status Sync() override { return real_->Sync(); }
  absl::StatusOr<FileStatus> Stat() override { return real_->Stat(); }
  absl::StatusOr<uint64_t> FreeBytes() override { return real_->FreeBytes(); }
  absl::StatusOr<std::unique_ptr<Directory>> Subdirectory(absl::string_view name,
                                                          bool create) override {
    absl::StatusOr<std::unique_ptr<Directory>> directory = real_->Subdirectory(name, create);
    if (!directory.ok()) return directory.status();
    return std::make_unique<HeldDirectory>(*std::move(directory), gate_);
  }

 private:
  const std::unique_ptr<Directory> real_;
  SyncGate* const gate_;
};

}  // namespace

void SyncGate::Hold() {
  const std::lock_guard lock(mutex_);
  is_held_ = true;
  caught_ = 0;
}

void SyncGate::Release() {
  const std::lock_guard lock(mutex_);
  is_held_ = false;
  changed_.notify_all();
}

void SyncGate::AwaitCaught() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return caught_ > 0; });
}

void SyncGate::Pass() {
  std::unique_lock lock(mutex_);
  if (!is_held_) return;
  ++caught_;
  changed_.notify_all();
  changed_.wait(lock, [&] { return !is_held_; });
}

absl::StatusOr<std::unique_ptr<Directory>> HeldSyncs::OpenDirectory(const std::string& path,
                                                                    bool create) {
  absl::StatusOr<std::unique_ptr<Directory>> directory = real_->OpenDirectory(path, create);
  if (!directory.ok()) return directory.status();
  return std::make_unique<HeldDirectory>(*std::move(directory), gate_);
}

}  // namespace weir::kernel
