#include "log/log_cut.h"

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {
namespace {

// Copies what stands behind the cut inside its segment, before anything is written there.
absl::Status KeepRest(Segments& segments, LogPosition end) {
  const absl::StatusOr<std::shared_ptr<SegmentFile>> file = segments.Find(end);
  if (!file.ok()) return absl::OkStatus();
  Directory& directory = segments.directory();
  ASSIGN_OR_RETURN(std::unique_ptr<Directory> quarantine,
                   directory.Subdirectory(kQuarantineName, /*create=*/true));
  const std::string name = absl::StrCat(SegmentFileName({.begin = end}), ".cut");
  absl::StatusOr<std::unique_ptr<File>> kept = quarantine->Open(name, OpenMode::kCreate);
  if (absl::IsAlreadyExists(kept.status())) {
    kept = quarantine->Open(name, OpenMode::kReadWrite);  // an earlier recovery was interrupted
  }
  if (!kept.ok()) return kept.status();
  ENSURE(end > (*file)->begin() && end < (*file)->limit());
  ENSURE((*file)->limit() - end <= segments.segment_bytes());
  std::string bytes((*file)->limit() - end, '\0');
  RETURN_IF_ERROR((*file)->ReadZeroFilled(end, absl::MakeSpan(bytes)));
  RETURN_IF_ERROR((*kept)->Write(0, {absl::string_view(bytes)}));
  if (!Without(Protection::kCutRestSync)) RETURN_IF_ERROR((*kept)->Sync());
  if (!Without(Protection::kCutRestName)) RETURN_IF_ERROR(quarantine->Sync());
  return directory.Sync();
}

absl::Status Quarantine(Directory& directory, const std::string& file) {
  ASSIGN_OR_RETURN(std::unique_ptr<Directory> quarantine,
                   directory.Subdirectory(kQuarantineName, /*create=*/true));
  const absl::Status moved = directory.MoveTo(file, *quarantine, file);
  if (!moved.ok() && !absl::IsAlreadyExists(moved)) return moved;
  if (!Without(Protection::kCutFilesName)) RETURN_IF_ERROR(quarantine->Sync());
  return directory.Sync();
}

// What cannot be read is kept for whoever can.
bool IsWorthKeeping(const TailScan& scan, LogPosition begin, LogPosition end) {
  return std::any_of(scan.records.begin(), scan.records.end(),
                     [&](LogPosition record) { return record >= begin && record < end; }) ||
         std::any_of(scan.unreadable.begin(), scan.unreadable.end(),
                     [&](const SegmentEntry& entry) { return entry.begin() == begin; });
}

}  // namespace

absl::StatusOr<LogPosition> CutLog(Segments& segments, const TailScan& scan, const LogCut& cut) {
  const uint64_t segment_bytes = segments.segment_bytes();
  const bool at_border = cut.end.value() % segment_bytes == 0;
  const bool keeps = cut.keep_rest && !Without(Protection::kCutRestKept);
  if (keeps && !at_border) RETURN_IF_ERROR(KeepRest(segments, cut.end));
  const LogPosition next = segments.BeginOf(cut.end) + segment_bytes;
  const LogPosition furthest = std::max({segments.prepared_end(), cut.prepared_end, next});
  // One number stays without a file: a gap in the numbers is how a cut is told from a roll.
  const LogPosition begin = furthest + (Without(Protection::kCutNumber) ? 0 : segment_bytes);
  ENSURE(cut.end < begin);
  ENSURE(begin == segments.BeginOf(begin));
  const std::vector<SegmentName> skipped = segments.TakeFrom(at_border ? cut.end : next);
  RETURN_IF_ERROR(segments.Create(begin, cut.end, cut.incarnation, /*zero=*/false));
  segments.SetCut(cut.end, begin);
  ENSURE(segments.prepared_end() == begin + segment_bytes);
  for (const SegmentName& name : skipped) {
    const std::string file = SegmentFileName(name);
    if (IsWorthKeeping(scan, name.begin, name.begin + segment_bytes) &&
        !Without(Protection::kCutFilesKept)) {
      RETURN_IF_ERROR(Quarantine(segments.directory(), file));
    } else {
      segments.AddSpare(file);
    }
  }
  return begin + kSegmentHeaderBytes;
}

}  // namespace weir::internal
