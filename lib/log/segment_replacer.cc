#include "log/segment_replacer.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/record_copier.h"

namespace weir::internal {

absl::Status SegmentReplacer::CoverLost(SegmentFile& target, LogPosition begin, LogPosition end,
                                        uint64_t incarnation, const std::string& reason) {
  ENSURE(begin < end);
  ENSURE(begin >= target.begin() + kSegmentHeaderBytes && end <= target.limit());
  std::string filler(kRecordHeaderBytes, '\0');
  if (end - begin >= kRecordHeaderBytes && !Without(Protection::kLostCovered)) {
    WriteFiller(filler.data(), begin, static_cast<uint32_t>(end - begin), kIsLost,
                front_->last_store_time(), incarnation);
    RETURN_IF_ERROR(target.Write(begin, {absl::string_view(filler)}));
  }
  if (!Without(Protection::kLostTold)) lost_->Add({begin, end, reason});
  health_->Raise(Condition::kDamage, reason);
  return absl::OkStatus();
}

absl::Status SegmentReplacer::CopyRecords(SegmentFile& failed, LogPosition ring_begin,
                                          SegmentFile& target) {
  const LogPosition start = failed.begin() + kSegmentHeaderBytes;
  // The front knows how far the log was written; the file that failed may have been opened anew.
  const LogPosition written = std::clamp(front_->written_end(), start, failed.limit());
  const LogPosition synced(failed.synced_end.load(std::memory_order_acquire));
  ENSURE(synced <= failed.limit());
  ENSURE(target.begin() == failed.begin() && target.limit() == failed.limit());
  RecordCopier copier({.file = failed,
                       .begin = start,
                       .end = std::max(start, written),
                       .front = front_,
                       .ring_begin = ring_begin});
  const absl::Status copied = copier.CopyTo(target, [&](LogPosition gap, LogPosition gap_end) {
    const std::string reason =
        absl::StrCat(failed.Describe(gap), ": ", gap_end - gap,
                     " bytes are neither in the front nor readable from the file that failed");
    const LogPosition lost = std::min(std::max(gap, synced), gap_end);
    if (lost < gap_end) {
      RETURN_IF_ERROR(CoverLost(target, lost, gap_end, failed.IncarnationAt(lost), reason));
    }
    if (lost == gap) return absl::OkStatus();
    // Old damage: it stays what it was, and the quarantined file keeps the bytes.
    health_->Raise(Condition::kDamage, reason);
    lost_->Add({gap, lost, reason});
    return absl::OkStatus();
  });
  if (IsFromDevice(copied)) {
    // The old file stays until the disk gives what is in it: not to be read is not to be lost.
    return absl::UnavailableError(absl::StrCat(
        "segment ", failed.name(), " is to be replaced and cannot be read: ", copied.message()));
  }
  RETURN_IF_ERROR(copied);
  // The walk has met every open record.
  for (const auto& [from, incarnation] : failed.incarnations()) {
    if (from != start) target.ChangeIncarnation(from, incarnation);
  }
  target.set_incarnations_complete();
  return absl::OkStatus();
}

absl::Status SegmentReplacer::Replace(const std::shared_ptr<SegmentFile>& failed,
                                      LogPosition ring_begin) {
  Directory& directory = segments_->directory();
  ENSURE(ring_begin <= front_->written_end());
  SegmentHeader header = failed->header();
  // Of the name: that is what the next open goes by.
  const std::optional<SegmentName> failed_name = ParseSegmentFileName(failed->name());
  ENSURE(failed_name && failed_name->begin == failed->begin());
  header.generation = failed_name->generation + 1;
  const std::string name = SegmentFileName({header.begin, header.generation});
  const std::string temporary = TemporaryName(name);
  const absl::Status removed = directory.Remove(temporary);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;

  ASSIGN_OR_RETURN(std::unique_ptr<File> file, directory.Open(temporary, OpenMode::kCreate));
  auto target =
      std::make_shared<SegmentFile>(name, header, std::move(file), segments_->cache().NewFile());
  const LogPosition written =
      std::clamp(front_->written_end(), failed->begin() + kSegmentHeaderBytes, failed->limit());
  absl::Status status = target->Allocate(target->limit());
  const std::string header_bytes = EncodeSegmentHeader(header);
  if (status.ok()) status = target->Write(target->begin(), {absl::string_view(header_bytes)});
  if (status.ok()) status = CopyRecords(*failed, ring_begin, *target);
  if (status.ok() && !Without(Protection::kReplacementSync)) status = target->Sync();
  if (!status.ok()) {
    directory.Remove(temporary).IgnoreError();  // it is not the log; the next try removes it too
    return status;
  }
  target->written_end.store(written.value(), std::memory_order_release);
  target->synced_end.store(written.value(), std::memory_order_release);
  // It takes over only whole, under its own name, and not before that name is durable.
  if (Without(Protection::kReplacementLast)) segments_->TakeOver(target);
  absl::Status renamed = directory.Rename(temporary, name);
  if (absl::IsAlreadyExists(renamed)) {
    // Left by a try whose directory sync failed.
    RETURN_IF_ERROR(directory.Remove(name));
    renamed = directory.Rename(temporary, name);
  }
  RETURN_IF_ERROR(renamed);
  if (!Without(Protection::kReplacementName)) RETURN_IF_ERROR(directory.Sync());
  segments_->TakeOver(target);
  ENSURE(segments_->FindOpen(target->begin()) == target);

  if (Without(Protection::kFailedFileKept)) return directory.Remove(failed->name());
  // The failed file is evidence, and its lower generation no longer serves wherever it lies.
  absl::StatusOr<std::unique_ptr<Directory>> quarantine =
      directory.Subdirectory(kQuarantineName, /*create=*/true);
  if (quarantine.ok()) {
    directory.MoveTo(failed->name(), **quarantine, failed->name()).IgnoreError();
    (*quarantine)->Sync().IgnoreError();
    directory.Sync().IgnoreError();
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
