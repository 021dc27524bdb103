// Every name that can appear in the store's directory or beside its front, made and parsed here.

#ifndef WEIR_FORMAT_FILE_NAMES_H_
#define WEIR_FORMAT_FILE_NAMES_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "weir/message.h"

namespace weir::internal {

inline constexpr absl::string_view kLockFileName = "LOCK";
inline constexpr absl::string_view kSuperblockFileName = "superblock";
inline constexpr absl::string_view kQuarantineName = "quarantine";
inline constexpr absl::string_view kTemporarySuffix = ".tmp";

struct SegmentName {
  LogPosition begin;
  uint64_t generation = 0;  // > 0: replaces a failed file
  friend bool operator==(const SegmentName&, const SegmentName&) = default;
};

// "00000000000067108864", with ".2" behind it for generation 2.
std::string SegmentFileName(SegmentName name);
std::optional<SegmentName> ParseSegmentFileName(absl::string_view file);

// "superblock", with ".2" behind it for generation 2: the file that replaced a failed one.
std::string SuperblockFileName(uint64_t generation);
std::optional<uint64_t> ParseSuperblockFileName(absl::string_view file);

// "00000000000067108864.index"
std::string IndexFileName(LogPosition begin);
std::optional<LogPosition> ParseIndexFileName(absl::string_view file);

// A name under which a file is written before it takes its own.
std::string TemporaryName(absl::string_view file);
bool IsTemporaryName(absl::string_view file);

// Names of shared memory: the front of an incarnation and the doorbells beside it.
std::string FrontName(uint64_t incarnation);
std::string DoorbellName(uint64_t incarnation);

}  // namespace weir::internal

#endif  // WEIR_FORMAT_FILE_NAMES_H_
