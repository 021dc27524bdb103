#include "log/header_faults.h"

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "format/segment_header.h"
#include "format/superblock.h"
#include "log/superblock_file.h"

namespace weir::internal {
namespace {

// A living writer may be at it: what is damaged is looked at again before it is told.
constexpr int kReadings = 3;

// The first bytes of a file. What the device does not give is shown as zeros, and told in `unread`.
absl::StatusOr<std::string> ReadHead(Directory& directory, const std::string& name, size_t size,
                                     std::string* unread) {
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file, directory.Open(name, OpenMode::kRead));
  std::string bytes(size, '\0');
  const absl::StatusOr<size_t> got = file->Read(0, absl::MakeSpan(bytes));
  if (!got.ok() && !IsUnreadable(got.status())) return got.status();
  *unread = got.ok() ? "" : std::string(got.status().message());
  if (got.ok()) bytes.resize(*got);
  return bytes;
}

struct SuperblockLook {
  std::string name;
  std::array<SlotState, 2> slots{};
  std::string unread;
  std::optional<uint64_t> sequence;  // of what the file says; none: nothing
};

absl::StatusOr<SuperblockLook> LookAtSuperblock(Directory& directory, const std::string& name) {
  SuperblockLook look{.name = name};
  for (int looks = 0; looks < kReadings; ++looks) {
    ASSIGN_OR_RETURN(const std::string bytes,
                     ReadHead(directory, name, kSuperblockBytes, &look.unread));
    look.slots = SuperblockSlots(bytes);
    const absl::StatusOr<Superblock> found = DecodeSuperblock(bytes);
    look.sequence = found.ok() ? std::optional(found->sequence) : std::nullopt;
    const bool is_damaged = std::count(look.slots.begin(), look.slots.end(), SlotState::kDamaged);
    if (look.sequence && !is_damaged) break;
  }
  return look;
}

void AddFaults(const SuperblockLook& look, std::vector<HeaderFault>* faults) {
  for (size_t i = 0; i < look.slots.size(); ++i) {
    // One that was never written is no fault beside one that was.
    if (look.slots[i] == SlotState::kWhole) continue;
    if (look.slots[i] == SlotState::kEmpty && look.sequence) continue;
    faults->push_back(
        {.file = look.name,
         .offset = i * kSuperblockSlotBytes,
         .bytes = kSuperblockSlotBytes,
         .what = absl::StrCat("slot ", i, " of the superblock is ",
                              look.slots[i] == SlotState::kEmpty     ? "empty"
                              : look.slots[i] == SlotState::kForeign ? "of another format"
                                                                     : "not whole",
                              look.sequence ? "; the other one serves" : "",
                              look.unread.empty() ? "" : ": ", look.unread)});
  }
}

}  // namespace

absl::StatusOr<bool> HasForeignSuperblock(Directory& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, SuperblockFile::List(directory));
  for (const std::string& name : names) {
    ASSIGN_OR_RETURN(const SuperblockLook look, LookAtSuperblock(directory, name));
    if (std::count(look.slots.begin(), look.slots.end(), SlotState::kForeign) > 0) return true;
  }
  return false;
}

absl::StatusOr<std::vector<HeaderFault>> SuperblockFaults(Directory& directory) {
  std::vector<SuperblockLook> looks;
  for (std::vector<std::string> seen; looks.empty();) {
    ASSIGN_OR_RETURN(std::vector<std::string> names, SuperblockFile::List(directory));
    if (names == seen) break;
    for (const std::string& name : names) {
      absl::StatusOr<SuperblockLook> look = LookAtSuperblock(directory, name);
      if (absl::IsNotFound(look.status())) continue;  // replaced by its next generation
      if (!look.ok()) return look.status();
      looks.push_back(*std::move(look));
    }
    seen = std::move(names);
  }
  std::vector<HeaderFault> faults;
  if (looks.empty()) {
    faults.push_back(
        {.file = std::string(kSuperblockFileName), .what = "the superblock is missing"});
    return faults;
  }
  const auto serving = std::max_element(looks.begin(), looks.end(),
                                        [](const SuperblockLook& one, const SuperblockLook& other) {
                                          return one.sequence < other.sequence;
                                        });
  if (serving->sequence) {
    AddFaults(*serving, &faults);
  } else {
    for (const SuperblockLook& look : looks) AddFaults(look, &faults);
  }
  return faults;
}

absl::StatusOr<std::vector<HeaderFault>> SegmentHeaderFaults(Directory& directory,
                                                             const SegmentEntry& entry) {
  const std::string name = SegmentFileName(entry.name);
  std::vector<HeaderFault> faults;
  std::array<bool, 2> whole{};
  std::string unread;
  for (int looks = 0; looks < kReadings && !(whole[0] && whole[1]); ++looks) {
    const absl::StatusOr<std::string> bytes =
        ReadHead(directory, name, kSegmentHeaderBytes, &unread);
    if (!bytes.ok() && IsUnreadable(bytes.status())) return faults;
    if (!bytes.ok()) return bytes.status();
    whole = WholeHeaderCopies(*bytes);
  }
  for (size_t i = 0; i < whole.size(); ++i) {
    if (whole[i]) continue;
    faults.push_back({.file = name,
                      .offset = i * kSegmentHeaderCopyBytes,
                      .bytes = kSegmentHeaderCopyBytes,
                      .what = absl::StrCat("copy ", i, " of the segment header is not whole",
                                           whole[1 - i] ? "; the other one serves" : "",
                                           unread.empty() ? "" : ": ", unread)});
  }
  return faults;
}

}  // namespace weir::internal
