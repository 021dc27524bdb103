#include "format/file_names.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace weir::internal {
namespace {

constexpr size_t kPositionDigits = 20;
constexpr absl::string_view kIndexSuffix = ".index";

// Only the canonical spelling counts: a second name for one file must not exist.
std::optional<uint64_t> ParseNumber(absl::string_view digits, size_t width) {
  uint64_t value = 0;
  if (digits.empty() || (width > 0 && digits.size() != width)) return std::nullopt;
  if (!std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit)) return std::nullopt;
  if (width == 0 && digits[0] == '0') return std::nullopt;
  if (!absl::SimpleAtoi(digits, &value)) return std::nullopt;
  return value;
}

}  // namespace

std::string SegmentFileName(SegmentName name) {
  std::string file = absl::StrCat(absl::Dec(name.begin.value(), absl::kZeroPad20));
  if (name.generation > 0) absl::StrAppend(&file, ".", name.generation);
  return file;
}

std::optional<SegmentName> ParseSegmentFileName(absl::string_view file) {
  const auto begin = ParseNumber(file.substr(0, kPositionDigits), kPositionDigits);
  if (!begin) return std::nullopt;
  SegmentName name{.begin = LogPosition(*begin)};
  file.remove_prefix(kPositionDigits);
  if (file.empty()) return name;
  if (!absl::ConsumePrefix(&file, ".")) return std::nullopt;
  const auto generation = ParseNumber(file, 0);
  if (!generation) return std::nullopt;
  name.generation = *generation;
  return name;
}

std::string SuperblockFileName(uint64_t generation) {
  std::string file(kSuperblockFileName);
  if (generation > 0) absl::StrAppend(&file, ".", generation);
  return file;
}

std::optional<uint64_t> ParseSuperblockFileName(absl::string_view file) {
  if (!absl::ConsumePrefix(&file, kSuperblockFileName)) return std::nullopt;
  if (file.empty()) return 0;
  if (!absl::ConsumePrefix(&file, ".")) return std::nullopt;
  return ParseNumber(file, 0);
}

std::string IndexFileName(LogPosition begin) {
  return absl::StrCat(SegmentFileName({.begin = begin}), kIndexSuffix);
}

std::optional<LogPosition> ParseIndexFileName(absl::string_view file) {
  if (!absl::ConsumeSuffix(&file, kIndexSuffix)) return std::nullopt;
  const auto begin = ParseNumber(file, kPositionDigits);
  if (!begin) return std::nullopt;
  return LogPosition(*begin);
}

std::string TemporaryName(absl::string_view file) { return absl::StrCat(file, kTemporarySuffix); }

bool IsTemporaryName(absl::string_view file) { return absl::EndsWith(file, kTemporarySuffix); }

std::string FrontName(uint64_t incarnation) {
  return absl::StrCat("weir-", absl::Hex(incarnation, absl::kZeroPad16));
}

std::string DoorbellName(uint64_t incarnation) {
  return absl::StrCat(FrontName(incarnation), ".bell");
}

}  // namespace weir::internal
