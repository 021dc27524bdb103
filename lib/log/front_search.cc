#include "log/front_search.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "format/file_names.h"
#include "log/front_adoption.h"
#include "log/segment_file.h"

namespace weir::internal {

absl::StatusOr<std::unique_ptr<SharedMemory>> FrontSearch::Told(const std::string& directory,
                                                                const FrontIdentity& identity) {
  absl::StatusOr<std::unique_ptr<SharedMemory>> found =
      TakeFront(file_system_, directory, FrontName(identity.incarnation), identity);
  if (found.ok()) return found;
  // Too few descriptors, too little memory, an error of the machine: what the front holds must not
  // be lost to that.
  if (IsFromDevice(found.status()) || !IsUnreadable(found.status())) return found.status();
  report_.possible_loss = true;
  report_.notes.push_back(absl::StrCat(
      absl::IsNotFound(found.status()) ? "the front of the last process is gone; what was not yet "
                                         "written to the segments is lost with it: "
                                       : "a front was found and left alone: ",
      found.status().message()));
  return nullptr;
}

absl::StatusOr<std::unique_ptr<SharedMemory>> FrontSearch::Untold(const FrontIdentity& identity) {
  if (options_.front_directory == "private") return nullptr;
  absl::StatusOr<std::unique_ptr<SharedMemory>> found =
      TakeFront(file_system_, options_.front_directory, FrontName(identity.incarnation), identity);
  if (!found.ok()) {
    const bool is_none = IsUnreadable(found.status()) && !IsFromDevice(found.status());
    if (!is_none) return found.status();
    return nullptr;
  }
  const auto& header = *reinterpret_cast<const FrontHeader*>((*found)->header());
  if (header.claimed_end.load(std::memory_order_acquire) ==
      header.front_begin.load(std::memory_order_acquire)) {
    return nullptr;
  }
  const std::string what =
      "superblock: the slot that told of the last process is gone; its front was found without it";
  if (options_.strict_recovery) return absl::DataLossError(what);
  health_.Raise(Condition::kDamage, what);
  report_.notes.push_back(what);
  return found;
}

}  // namespace weir::internal
