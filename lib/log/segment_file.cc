#include "log/segment_file.h"

#include <algorithm>
#include <utility>

#include "absl/strings/cord.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "format/record.h"

namespace weir::internal {
namespace {

constexpr absl::string_view kDevicePayload = "weir/device";

// As much of `out` as the file has.
absl::StatusOr<size_t> ReadSome(File& file, uint64_t offset, absl::Span<char> out) {
  absl::StatusOr<size_t> got = file.Read(offset, out);
  if (!got.ok()) return FromDevice(std::move(got).status());
  return got;
}

}  // namespace

bool IsUnreadable(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsNotFound(status) || absl::IsInvalidArgument(status) ||
         absl::IsFailedPrecondition(status);
}

bool IsLost(const absl::Status& status) {
  return IsUnreadable(status) || absl::IsOutOfRange(status);
}

absl::Status FromDevice(absl::Status status) {
  if (absl::IsDataLoss(status)) status.SetPayload(kDevicePayload, absl::Cord());
  return status;
}

bool IsFromDevice(const absl::Status& status) {
  return !status.ok() && status.GetPayload(kDevicePayload).has_value();
}

absl::Status WhyNotOpened(const absl::Status& status) {
  if (!IsFromDevice(status)) return status;
  return FromDevice(absl::DataLossError(
      absl::StrCat(status.message(),
                   "; this part of the log is needed to open it, and nothing was changed. If "
                   "the disk never gives it, a copy of the file with zeros in its place does")));
}

absl::StatusOr<std::shared_ptr<SegmentFile>> SegmentFile::Open(Directory& directory,
                                                               const std::string& name,
                                                               OpenMode mode, uint64_t cache_file) {
  absl::StatusOr<std::unique_ptr<File>> opened = directory.Open(name, mode);
  if (!opened.ok()) return FromDevice(std::move(opened).status());
  std::unique_ptr<File> file = *std::move(opened);
  std::string bytes(kSegmentHeaderBytes, '\0');
  ASSIGN_OR_RETURN(const size_t got, ReadSome(*file, 0, absl::MakeSpan(bytes)));
  bytes.resize(got);
  const absl::StatusOr<SegmentHeader> header = DecodeSegmentHeader(bytes);
  if (!header.ok()) {
    return absl::Status(header.status().code(),
                        absl::StrCat("segment ", name, ": ", header.status().message()));
  }
  const auto parsed = ParseSegmentFileName(name);
  if (parsed && parsed->begin != header->begin) {
    return absl::DataLossError(absl::StrCat(
        "segment ", name, ": its header says that it begins at ", header->begin.value()));
  }
  return std::make_shared<SegmentFile>(name, *header, std::move(file), cache_file);
}

std::string SegmentFile::Describe(LogPosition position) const {
  return absl::StrCat("segment ", name_, " at +", position - begin());
}

absl::Status SegmentFile::Read(LogPosition position, absl::Span<char> out) const {
  ASSIGN_OR_RETURN(const size_t got, ReadSome(*file_, position - begin(), out));
  if (got == out.size()) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(Describe(position), ": the file ends ", out.size() - got, " bytes too early"));
}

absl::Status SegmentFile::ReadZeroFilled(LogPosition position, absl::Span<char> out) const {
  ASSIGN_OR_RETURN(const size_t got, ReadSome(*file_, position - begin(), out));
  std::fill(out.begin() + static_cast<ptrdiff_t>(got), out.end(), '\0');
  return absl::OkStatus();
}

absl::Status SegmentFile::Write(LogPosition position, absl::Span<const absl::string_view> pieces) {
  return file_->Write(position - begin(), pieces);
}

uint64_t SegmentFile::ChangedIncarnationAt(LogPosition position) const {
  MutexLock lock(mutex_);
  uint64_t incarnation = header_.incarnation;
  for (const auto& [from, changed] : changes_) {
    if (from <= position) incarnation = changed;
  }
  return incarnation;
}

void SegmentFile::ReserveChange() {
  MutexLock lock(mutex_);
  changes_.reserve(changes_.size() + 1);
}

void SegmentFile::ChangeIncarnation(LogPosition from, uint64_t incarnation) {
  MutexLock lock(mutex_);
  HOLDS(from >= begin() + kSegmentHeaderBytes);
  HOLDS(from.value() % kRecordAlignment == 0);
  for (const auto& change : changes_) {
    if (change.first == from) return;
  }
  changes_.emplace_back(from, incarnation);
  std::sort(changes_.begin(), changes_.end());
  has_changes_.store(true, std::memory_order_release);
}

std::vector<std::pair<LogPosition, uint64_t>> SegmentFile::incarnations() const {
  std::vector<std::pair<LogPosition, uint64_t>> all = {
      {begin() + kSegmentHeaderBytes, header_.incarnation}};
  MutexLock lock(mutex_);
  all.insert(all.end(), changes_.begin(), changes_.end());
  return all;
}

}  // namespace weir::internal
