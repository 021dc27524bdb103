#include "log/superblock_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {

absl::StatusOr<std::vector<std::string>> SuperblockFile::List(Directory& directory) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, directory.List());
  std::erase_if(names, [](const std::string& name) { return !ParseSuperblockFileName(name); });
  std::sort(names.begin(), names.end());
  return names;
}

absl::StatusOr<std::unique_ptr<SuperblockFile>> SuperblockFile::Load(Directory& directory,
                                                                     OpenMode mode) {
  ASSIGN_OR_RETURN(std::vector<std::string> names, List(directory));
  for (;;) {
    absl::StatusOr<std::unique_ptr<SuperblockFile>> loaded = LoadNewest(directory, mode, names);
    if (!absl::IsNotFound(loaded.status())) return loaded;
    // A living writer may have written it anew since they were listed.
    ASSIGN_OR_RETURN(std::vector<std::string> now, List(directory));
    if (now == names) return loaded;
    names = std::move(now);
  }
}

absl::StatusOr<std::unique_ptr<SuperblockFile>> SuperblockFile::LoadNewest(
    Directory& directory, OpenMode mode, const std::vector<std::string>& names) {
  std::unique_ptr<SuperblockFile> newest;
  absl::Status trouble;
  uint64_t furthest_generation = 0;
  for (const std::string& name : names) {
    const uint64_t generation = *ParseSuperblockFileName(name);
    furthest_generation = std::max(furthest_generation, generation);
    ASSIGN_OR_RETURN(std::unique_ptr<File> file, directory.Open(name, mode));
    std::string bytes(kSuperblockBytes, '\0');
    ASSIGN_OR_RETURN(const size_t got, file->Read(0, absl::MakeSpan(bytes)));
    bytes.resize(got);
    const absl::StatusOr<Superblock> superblock = DecodeSuperblock(bytes);
    if (!superblock.ok()) {
      trouble = absl::Status(superblock.status().code(),
                             absl::StrCat(name, ": ", superblock.status().message()));
      // A newer format beats everything: an older generation may be behind the times.
      if (absl::IsInvalidArgument(trouble)) return trouble;
      continue;
    }
    if (newest == nullptr || superblock->sequence > newest->current().sequence) {
      newest.reset(
          new SuperblockFile(directory, std::move(file), generation, *superblock, Origin::kRead));
    }
  }
  if (newest == nullptr) {
    if (!trouble.ok()) return trouble;
    return newest;
  }
  MutexLock lock(newest->mutex_);
  newest->furthest_generation_ = furthest_generation;
  return newest;
}

absl::Status SuperblockFile::CheckNotPlanted(Directory& directory) {
  const auto found = directory.Open(kSuperblockFileName, OpenMode::kRead);
  if (found.ok() || absl::IsNotFound(found.status())) return absl::OkStatus();
  return found.status();
}

absl::StatusOr<std::unique_ptr<File>> SuperblockFile::WriteAnew(Directory& directory,
                                                                uint64_t generation,
                                                                const Superblock& superblock) {
  const std::string name = SuperblockFileName(generation);
  const std::string temporary = TemporaryName(name);
  const absl::Status removed = directory.Remove(temporary);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, directory.Open(temporary, OpenMode::kCreate));
  RETURN_IF_ERROR(file->TryLock());
  RETURN_IF_ERROR(file->Allocate(kSuperblockBytes));
  const std::string slot = EncodeSuperblock(superblock);
  ENSURE(slot.size() == kSuperblockSlotBytes);
  ENSURE(DecodeSuperblock(slot).ok());
  RETURN_IF_ERROR(
      file->Write((superblock.sequence % 2) * kSuperblockSlotBytes, {absl::string_view(slot)}));
  if (!Without(Protection::kNewSuperblockSync)) RETURN_IF_ERROR(file->Sync());
  absl::Status renamed = directory.Rename(temporary, name);
  if (absl::IsAlreadyExists(renamed)) {
    // Left by a try that failed at its end. Its sequence is smaller than this one's.
    RETURN_IF_ERROR(directory.Remove(name));
    renamed = directory.Rename(temporary, name);
  }
  RETURN_IF_ERROR(renamed);
  if (!Without(Protection::kNewSuperblockName)) RETURN_IF_ERROR(directory.Sync());
  return file;
}

absl::StatusOr<std::unique_ptr<SuperblockFile>> SuperblockFile::Create(
    Directory& directory, const Superblock& superblock) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, WriteAnew(directory, 0, superblock));
  return std::unique_ptr<SuperblockFile>(
      new SuperblockFile(directory, std::move(file), 0, superblock, Origin::kWritten));
}

absl::Status SuperblockFile::TryLock() {
  MutexLock lock(mutex_);
  const absl::Status locked = file_->TryLock();
  if (!absl::IsUnavailable(locked)) return locked;
  return absl::UnavailableError(
      absl::StrCat("another writer has the store open, and LOCK is not the file that it locked: ",
                   locked.message()));
}

absl::Status SuperblockFile::WriteSlot(uint64_t sequence, absl::string_view slot) {
  ENSURE(sequence - current_.sequence <= 1);
  ENSURE(slot.size() == kSuperblockSlotBytes);
  const uint64_t slot_number = Without(Protection::kTwoSlots) ? 0 : sequence % 2;
  absl::Status status = file_->Write(slot_number * kSuperblockSlotBytes, {slot});
  if (status.ok() && !Without(Protection::kSuperblockSync)) status = file_->Sync();
  if (!status.ok() && Without(Protection::kPoisonedSuperblock)) status = file_->Sync();
  return status;
}

// Who wrote the slot that was read may have died before it was synced, or have seen its sync fail.
// As long as it is in memory only, the power could take both slots.
absl::Status SuperblockFile::SettleCurrent() {
  ENSURE(file_ != nullptr);
  ENSURE(!is_poisoned_);
  if (is_settled_ || Without(Protection::kSlotSettled)) return absl::OkStatus();
  RETURN_IF_ERROR(WriteSlot(current_.sequence, EncodeSuperblock(current_)));
  is_settled_ = true;
  return absl::OkStatus();
}

absl::Status SuperblockFile::Update(const std::function<void(Superblock&)>& change) {
  MutexLock lock(mutex_);
  if (file_ == nullptr) return absl::FailedPreconditionError("closed");
  Superblock next = current_;
  change(next);
  ++next.sequence;
  const std::string slot = EncodeSuperblock(next);
  // Nobody would believe another one, and in the end there would be none.
  ENSURE(next.store == current_.store && next.segment_bytes == current_.segment_bytes);
  const absl::StatusOr<Superblock> decoded = DecodeSuperblock(slot);
  ENSURE(decoded.ok() && *decoded == next);
  if (!is_poisoned_) {
    absl::Status status = SettleCurrent();
    if (status.ok()) status = WriteSlot(next.sequence, slot);
    if (status.ok()) {
      current_ = std::move(next);
      return status;
    }
    // Nothing is known of either slot of this file any more, and a later sync would prove nothing.
    is_poisoned_ = true;
  }
  // Whatever became of this try, the next one is newer: what stands on the disk in part must never
  // beat what is written whole.
  if (!Without(Protection::kSpentSequence)) current_.sequence = next.sequence;
  ASSIGN_OR_RETURN(std::unique_ptr<File> file,
                   WriteAnew(directory_, furthest_generation_ + 1, next));
  const std::string failed = SuperblockFileName(generation_);
  file_ = std::move(file);
  generation_ = ++furthest_generation_;
  current_ = std::move(next);
  is_poisoned_ = false;
  is_settled_ = true;
  // The newer sequence wins whether or not the failed file goes.
  directory_.Remove(failed).IgnoreError();
  return absl::OkStatus();
}

}  // namespace weir::internal
