#include "log/store_directory.h"

#include <algorithm>
#include <bit>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {
namespace {

// The active one, one that is being sealed, those prepared ahead, and one that goes.
constexpr uint64_t kSegmentsPerBudgetMin = 6;

bool IsOurName(absl::string_view name) {
  if (IsTemporaryName(name)) name.remove_suffix(kTemporarySuffix.size());
  return name == kLockFileName || ParseSuperblockFileName(name) || ParseSegmentFileName(name) ||
         ParseIndexFileName(name);
}

Superblock FirstSuperblock(const StoreOptions& options) {
  FileSystem& file_system = *options.file_system;
  Superblock superblock;
  Store(reinterpret_cast<char*>(superblock.store.data()), file_system.RandomBits());
  Store(reinterpret_cast<char*>(superblock.store.data()) + 8, file_system.RandomBits());
  superblock.segment_bytes = options.segment_bytes;
  superblock.hash_seed = file_system.RandomBits();
  superblock.next_incarnation = file_system.RandomBits();
  superblock.is_clean = true;
  return superblock;
}

}  // namespace

absl::Status CheckOptions(const StoreOptions& options) {
  if (!std::has_single_bit(options.segment_bytes) || options.segment_bytes < 4096 ||
      options.segment_bytes > uint64_t{1} << 30) {
    return absl::InvalidArgumentError("segment_bytes is not a power of two from 4 KiB to 1 GiB");
  }
  if (!std::has_single_bit(options.front_bytes) || options.front_bytes < 8192 ||
      options.front_bytes > uint64_t{4} << 30) {
    return absl::InvalidArgumentError("front_bytes is not a power of two from 8 KiB to 4 GiB");
  }
  if (options.default_queue_count > kMaxQueuesPerTopic) {
    return absl::InvalidArgumentError("default_queue_count is larger than kMaxQueuesPerTopic");
  }
  if (options.retention.max_bytes > 0 &&
      options.retention.max_bytes / kSegmentsPerBudgetMin < options.segment_bytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("retention.max_bytes is less than ", kSegmentsPerBudgetMin, " segments"));
  }
  if (options.front_directory.size() > kFrontDirectoryBytesMax) {
    return absl::InvalidArgumentError("front_directory is too long");
  }
  return absl::OkStatus();
}

absl::StatusOr<StoreDirectory> OpenStoreDirectory(const StoreOptions& options) {
  RETURN_IF_ERROR(CheckOptions(options));
  StoreDirectory opened;
  ASSIGN_OR_RETURN(opened.directory, options.file_system->OpenDirectory(options.directory,
                                                                        options.create_if_missing));
  Directory& directory = *opened.directory;
  ASSIGN_OR_RETURN(const std::vector<std::string> names, directory.List());
  const bool has_superblock = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return ParseSuperblockFileName(name).has_value();
  });
  const bool has_foreign = std::any_of(names.begin(), names.end(),
                                       [](const std::string& name) { return !IsOurName(name); });
  const bool has_segments = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return ParseSegmentFileName(name).has_value();
  });
  if (!has_superblock) RETURN_IF_ERROR(SuperblockFile::CheckNotPlanted(directory));
  if (!has_superblock && has_foreign) {
    return absl::InvalidArgumentError(
        absl::StrCat(options.directory, " is not a store and not empty"));
  }
  if (!has_superblock && has_segments) {
    return absl::DataLossError(absl::StrCat(options.directory, " has segments but no superblock"));
  }
  if (!has_superblock && !options.create_if_missing) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", options.directory));
  }
  ASSIGN_OR_RETURN(opened.lock, DirectoryLock::Take(*options.file_system, directory));
  ASSIGN_OR_RETURN(opened.superblock, SuperblockFile::Load(directory, OpenMode::kReadWrite));
  if (opened.superblock == nullptr) {
    ASSIGN_OR_RETURN(opened.superblock,
                     SuperblockFile::Create(directory, FirstSuperblock(options)));
  } else if (!Without(Protection::kStoreLock)) {
    RETURN_IF_ERROR(opened.superblock->TryLock());
  }
  ASSIGN_OR_RETURN(const FileStatus status, opened.superblock->Stat());
  if (status.links > 1 && !Without(Protection::kSuperblockLinks)) {
    return absl::FailedPreconditionError(
        "the superblock has a second hard link: a copy of the store shares it; copy stores "
        "without hard links, or with the snapshot function");
  }
  // Who changes anything from here on has both.
  ENSURE(opened.lock != nullptr);
  ENSURE(opened.superblock->current().log_begin <= opened.superblock->current().durable_end);
  for (const std::string& name : names) {
    if (IsTemporaryName(name) && IsOurName(name)) directory.Remove(name).IgnoreError();
  }
  return opened;
}

}  // namespace weir::internal
