#include "log/front_memory.h"

#include <cstdint>
#include <utility>

#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/front_layout.h"

namespace weir::internal {
namespace {

// Smaller than this, private memory of the full size serves better.
constexpr uint64_t kSharedFrontBytesMin = uint64_t{1} << 20;

// "", or the directory that a front would be created in; an error says why it must be private.
absl::StatusOr<std::string> SharedFrontDirectory(const StoreOptions& options,
                                                 FileSystem& file_system) {
  if (options.front_directory == "private") {
    return absl::FailedPreconditionError("a private front was asked for");
  }
  if (!options.front_directory.empty()) return options.front_directory;
  RETURN_IF_ERROR(file_system.SharedMemoryOutlivesProcess());
  return std::string();
}

}  // namespace

absl::StatusOr<FrontMemory> CreateFrontMemory(const StoreOptions& options, FileSystem& file_system,
                                              const std::string& name) {
  FrontMemory front;
  const absl::StatusOr<std::string> directory = SharedFrontDirectory(options, file_system);
  front.why_private = directory.status();
  SharedMemorySize size{.header_bytes = kFrontHeaderBytes,
                        .ring_bytes = static_cast<size_t>(options.front_bytes)};
  if (directory.ok()) {
    file_system.RemoveShared(*directory, name).IgnoreError();  // creating it tells
    for (;;) {
      auto created = file_system.CreateShared(*directory, name, size);
      front.why_private = created.status();
      if (created.ok()) front.memory = *std::move(created);
      if (!absl::IsResourceExhausted(front.why_private) ||
          size.ring_bytes <= kSharedFrontBytesMin) {
        break;
      }
      size.ring_bytes /= 2;
    }
  }
  if (front.memory != nullptr) {
    ENSURE(front.memory->is_shared());
    front.directory = *directory;
    if (!Without(Protection::kFrontLock)) RETURN_IF_ERROR(front.memory->TryLock());
    return front;
  }
  size.ring_bytes = static_cast<size_t>(options.front_bytes);
  ASSIGN_OR_RETURN(front.memory, file_system.CreatePrivate(size));
  ENSURE(!front.why_private.ok());
  return front;
}

}  // namespace weir::internal
