#include "api/store_snapshot.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "api/new_directory.h"
#include "base/bytes.h"
#include "base/mutant.h"
#include "base/promise.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/log_scanner.h"
#include "log/superblock_file.h"

namespace weir::internal {
namespace {

// So often it begins anew because segments were dropped or replaced under it.
constexpr int kTries = 5;
constexpr size_t kPieceBytes = size_t{1} << 20;

class Snapshot {
 public:
  Snapshot(LogView& log, FileSystem& file_system, Directory& target)
      : log_(log), file_system_(file_system), target_(target) {}

  // False: the files changed meanwhile, and what is in the directory is no store.
  absl::StatusOr<bool> Take();
  const SnapshotReport& report() const { return report_; }

 private:
  Directory& source() const { return log_.segments().directory(); }
  absl::StatusOr<Superblock> LoadSuperblock() const;
  absl::Status Enter(const std::string& name);
  absl::Status CopyFile(const std::string& name);
  absl::Status CopySegment(const SegmentEntry& entry, LogPosition end);
  absl::Status EnterIndexFiles(LogPosition end);
  absl::StatusOr<bool> IsStillSo(const std::vector<SegmentEntry>& entries) const;
  absl::StatusOr<Superblock> SuperblockAt(LogPosition end) const;

  LogView& log_;
  FileSystem& file_system_;
  Directory& target_;
  Superblock found_;
  SnapshotReport report_;
};

absl::StatusOr<Superblock> Snapshot::LoadSuperblock() const {
  ASSIGN_OR_RETURN(const std::unique_ptr<SuperblockFile> file,
                   SuperblockFile::Load(source(), OpenMode::kRead));
  if (file == nullptr) return absl::NotFoundError("the store has no superblock any more");
  return file->current();
}

absl::StatusOr<bool> Snapshot::Take() {
  report_ = {};
  ASSIGN_OR_RETURN(found_, LoadSuperblock());
  report_.end = log_.ContiguousVisibleEnd();
  std::vector<SegmentEntry> linked;
  LogPosition linked_end = found_.log_begin;
  for (const SegmentEntry& entry : log_.segments().entries()) {
    if (entry.begin() >= report_.end) break;
    const bool is_whole = entry.limit <= found_.durable_end;
    const absl::Status status = is_whole ? Enter(SegmentFileName(entry.name))
                                         : CopySegment(entry, std::min(report_.end, entry.end()));
    // Dropped, or replaced by another file, since the list was taken.
    if (absl::IsNotFound(status) || absl::IsOutOfRange(status)) return false;
    RETURN_IF_ERROR(status);
    if (!is_whole) continue;
    linked.push_back(entry);
    linked_end = entry.limit;
  }
  RETURN_IF_ERROR(EnterIndexFiles(linked_end));
  ASSIGN_OR_RETURN(const bool is_still_so, IsStillSo(linked));
  if (!is_still_so && !Without(Protection::kSnapshotLooksAgain)) return false;
  ASSIGN_OR_RETURN(const Superblock superblock, SuperblockAt(report_.end));
  RETURN_IF_ERROR(target_.Sync());
  // The last thing: without a superblock it is no store.
  RETURN_IF_ERROR(SuperblockFile::Create(target_, superblock).status());
  return true;
}

// A second name for the file, or a copy of it where there can be none.
absl::Status Snapshot::Enter(const std::string& name) {
  const absl::Status linked = source().LinkTo(name, target_, name);
  if (absl::IsUnimplemented(linked)) return CopyFile(name);
  RETURN_IF_ERROR(linked);
  ++report_.linked_files;
  return absl::OkStatus();
}

absl::Status Snapshot::CopyFile(const std::string& name) {
  ASSIGN_OR_RETURN(const std::unique_ptr<File> from, source().Open(name, OpenMode::kRead));
  ASSIGN_OR_RETURN(const FileStatus status, from->Stat());
  ASSIGN_OR_RETURN(const std::unique_ptr<File> to, target_.Open(name, OpenMode::kCreate));
  RETURN_IF_ERROR(to->Allocate(status.size));
  std::string piece(std::min<uint64_t>(kPieceBytes, status.size), '\0');
  for (uint64_t at = 0; at < status.size;) {
    const uint64_t bytes = std::min<uint64_t>(piece.size(), status.size - at);
    ASSIGN_OR_RETURN(const size_t read, from->Read(at, absl::MakeSpan(piece.data(), bytes)));
    // Who reads the copy judges it like any file that is cut.
    if (read == 0) break;
    RETURN_IF_ERROR(to->Write(at, {absl::string_view(piece.data(), read)}));
    at += read;
    report_.copied_bytes += read;
  }
  ++report_.copied_files;
  return to->Sync();
}

// What is not durable yet may stand in the front alone.
absl::Status Snapshot::CopySegment(const SegmentEntry& entry, LogPosition end) {
  ASSIGN_OR_RETURN(const std::shared_ptr<SegmentFile> from, log_.segments().Find(entry.begin()));
  ASSIGN_OR_RETURN(const std::unique_ptr<File> to,
                   target_.Open(SegmentFileName(entry.name), OpenMode::kCreate));
  RETURN_IF_ERROR(to->Allocate(log_.segments().segment_bytes()));
  RETURN_IF_ERROR(to->Write(0, {EncodeSegmentHeader(from->header())}));
  std::string piece(kPieceBytes, '\0');
  for (LogPosition at = entry.begin() + kSegmentHeaderBytes; at < end;) {
    const uint64_t bytes = std::min<uint64_t>(piece.size(), end - at);
    RETURN_IF_ERROR(log_.ReadBytes(at, absl::MakeSpan(piece.data(), bytes)));
    RETURN_IF_ERROR(to->Write(at - entry.begin(), {absl::string_view(piece.data(), bytes)}));
    at = at + bytes;
    report_.copied_bytes += bytes;
  }
  ++report_.copied_files;
  return to->Sync();
}

// Of segments that are whole. Without one the next open makes it anew.
absl::Status Snapshot::EnterIndexFiles(LogPosition end) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, source().List());
  for (const std::string& name : names) {
    const std::optional<LogPosition> begin = ParseIndexFileName(name);
    if (!begin || *begin < found_.log_begin || *begin >= end) continue;
    if (const absl::Status status = Enter(name); !absl::IsNotFound(status)) {
      RETURN_IF_ERROR(status);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Snapshot::IsStillSo(const std::vector<SegmentEntry>& entries) const {
  ASSIGN_OR_RETURN(const Superblock now, LoadSuperblock());
  if (now.log_begin != found_.log_begin) return false;
  RETURN_IF_ERROR(log_.LookAgain().status());
  return std::all_of(entries.begin(), entries.end(), [&](const SegmentEntry& entry) {
    const std::optional<SegmentEntry> today = log_.segments().EntryAt(entry.begin());
    return today && today->name == entry.name;
  });
}

// That of a store that was closed at `end`.
absl::StatusOr<Superblock> Snapshot::SuperblockAt(LogPosition end) const {
  Superblock superblock = found_;
  superblock.sequence = 1;
  superblock.durable_end = end;
  superblock.prepared_end = LogPosition(AlignUp(end.value(), log_.segments().segment_bytes()));
  superblock.next_incarnation = file_system_.RandomBits();
  superblock.front = FrontKind::kNone;
  superblock.front_directory.clear();
  superblock.is_clean = true;
  // Who writes at the end is what its last records say, some of which may be younger than the
  // superblock.
  const LogPosition segment = log_.segments().BeginOf(end);
  if (const auto file = log_.segments().FindOpen(segment); file != nullptr) {
    superblock.durable_incarnation = file->header().incarnation;
  }
  LogScanner scanner(log_, segment, end);
  scanner.AddIncarnations({found_.incarnation, log_.CurrentIncarnation()});
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) break;
    if (step == LogScanner::Step::kDamage) continue;
    superblock.durable_incarnation = scanner.IncarnationAt(record.position);
    superblock.last_store_time = std::max(superblock.last_store_time, record.header.store_time);
    if (const auto open = DecodeOpen(record)) superblock.durable_incarnation = open->incarnation;
  }
  ENSURE(superblock.log_begin <= superblock.durable_end);
  return superblock;
}

}  // namespace

absl::StatusOr<SnapshotReport> SnapshotStore(LogView& log, FileSystem& file_system,
                                             const std::string& source,
                                             const std::string& directory) {
  ASSIGN_OR_RETURN(NewDirectory target, NewDirectory::Make(file_system, directory, source));
  Snapshot snapshot(log, file_system, *target);
  for (int tries = 0; tries < kTries; ++tries) {
    ASSIGN_OR_RETURN(const bool is_taken, snapshot.Take());
    if (is_taken) {
      target.Keep();
      return snapshot.report();
    }
    target.Empty();
    RETURN_IF_ERROR(log.LookAgain().status());
  }
  return absl::UnavailableError(absl::StrCat("segments of ", source,
                                             " were dropped or replaced in each of ", kTries,
                                             " tries to copy it"));
}

}  // namespace weir::internal
