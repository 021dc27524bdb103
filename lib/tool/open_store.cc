#include "tool/open_store.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "weir/file_system.h"

namespace weir::tool {

absl::StatusOr<std::unique_ptr<MessageStore>> OpenForReading(const std::string& directory) {
  absl::StatusOr<std::unique_ptr<MessageStore>> store =
      MessageStore::Open({.directory = directory, .read_only = true});
  if (absl::IsNotFound(store.status())) {
    return absl::NotFoundError(absl::StrCat("there is no store in ", directory));
  }
  return store;
}

absl::optional<std::string> WriterOf(const std::string& directory) {
  const auto opened = FileSystem::Posix()->OpenDirectory(directory, /*create=*/false);
  if (!opened.ok()) return absl::nullopt;
  // FORMAT.md: who writes holds the lock of this file, and its process id stands in it.
  const auto file = (*opened)->Open("LOCK", OpenMode::kRead);
  if (!file.ok() || !absl::IsUnavailable((*file)->ProbeLock())) return absl::nullopt;
  std::string holder(32, '\0');
  const absl::StatusOr<size_t> size = (*file)->Read(0, absl::MakeSpan(holder));
  holder.resize(size.ok() ? *size : 0);
  absl::StripAsciiWhitespace(&holder);
  return holder.empty() ? "unknown" : holder;
}

}  // namespace weir::tool
