// How segments get their files: prepared ahead, out of spares, and removed when they were not
// needed.

#include <algorithm>
#include <utility>

#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/segments.h"

namespace weir::internal {
namespace {

constexpr uint64_t kZeroPieceBytes = uint64_t{1} << 20;

}  // namespace

void Segments::AddSpare(const std::string& file_name) {
  MutexLock lock(mutex_);
  HOLDS(!file_name.empty());
  if (!HOLDS(!IsInUse(file_name))) return;
  spares_.push_back(file_name);
}

// Files that somebody still reads wait; dropping them was the reader's "being removed".
void Segments::CollectDropped() {
  for (size_t i = dropped_.size(); i-- > 0;) {
    if (dropped_[i].use_count() == 1 || Without(Protection::kSpareReaders)) {
      // Spares are overwritten; and one that is there twice would be handed out twice.
      HOLDS(!IsInUse(dropped_[i]->name()));
      HOLDS(std::find(spares_.begin(), spares_.end(), dropped_[i]->name()) == spares_.end());
      spares_.push_back(dropped_[i]->name());
      dropped_.erase(dropped_.begin() + static_cast<ptrdiff_t>(i));
    }
  }
}

bool Segments::IsFull() const {
  const uint64_t max = files_max_.load(std::memory_order_acquire);
  if (max == 0) return false;
  MutexLock lock(mutex_);
  return spares_.empty() && slots_.size() + dropped_.size() >= max;
}

absl::Status Segments::RemoveSpares(size_t keep) {
  std::vector<std::string> names;
  {
    MutexLock lock(mutex_);
    CollectDropped();
    while (spares_.size() > keep) {
      ENSURE(!spares_.front().empty());
      ENSURE(!IsInUse(spares_.front()));
      names.push_back(std::move(spares_.front()));
      spares_.erase(spares_.begin());
    }
  }
  for (const std::string& name : names) {
    const absl::Status removed = directory_->Remove(name);
    if (removed.ok() || absl::IsNotFound(removed)) continue;
    AddSpare(name);
    return removed;
  }
  return absl::OkStatus();
}

std::optional<std::string> Segments::TakeSpare(const std::string& preferred) {
  MutexLock lock(mutex_);
  CollectDropped();
  if (spares_.empty()) return std::nullopt;
  auto chosen = std::find(spares_.begin(), spares_.end(), preferred);
  if (chosen == spares_.end()) chosen = std::prev(spares_.end());
  std::string spare = *chosen;
  spares_.erase(chosen);
  HOLDS(!spare.empty());
  // It is about to be overwritten, or removed.
  if (!HOLDS(!IsInUse(spare))) return std::nullopt;
  return spare;
}

absl::StatusOr<Segments::Preparation> Segments::StartPreparation(LogPosition begin) {
  ENSURE(begin == BeginOf(begin));
  ENSURE(!EntryAt(begin));
  Preparation preparation{.begin = begin};
  preparation.temporary_name = TemporaryName(SegmentFileName({.begin = begin}));
  const absl::Status removed = directory_->Remove(preparation.temporary_name);
  if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
  if (const std::optional<std::string> spare = TakeSpare(SegmentFileName({.begin = begin}))) {
    absl::StatusOr<std::unique_ptr<File>> file = directory_->Open(*spare, OpenMode::kReadWrite);
    absl::StatusOr<FileStatus> status = file.ok() ? (*file)->Stat() : file.status();
    if (status.ok() && Without(Protection::kSpareLinks)) status->links = 1;
    // With a second link the bytes are somebody's copy of the store: leave them alone.
    if (status.ok() && status->links == 1 &&
        directory_->Rename(*spare, preparation.temporary_name).ok()) {
      preparation.file = *std::move(file);
      recycled_.fetch_add(1, std::memory_order_relaxed);
      // Before a byte of it is written: else a power loss could bring back the old name, of a
      // segment whose header is gone.
      if (!Without(Protection::kRecycledName)) RETURN_IF_ERROR(SyncDirectory());
      // As long as a spare was, no longer: what lay behind the new header never verifies.
      if (status->size > segment_bytes_) {
        RETURN_IF_ERROR(preparation.file->Truncate(segment_bytes_));
      }
    }
    if (status.ok() && status->links != 1) RETURN_IF_ERROR(directory_->Remove(*spare));
    // Not today: another time, or it is removed at the end. But not what has the new segment's
    // name: it makes room for it, and from then on the name is that of a segment in use.
    const bool is_usable = !status.ok() || status->links == 1;
    if (preparation.file == nullptr && is_usable && !absl::IsNotFound(status.status()) &&
        *spare != SegmentFileName({.begin = begin})) {
      AddSpare(*spare);
    }
  }
  if (preparation.file == nullptr) {
    ASSIGN_OR_RETURN(preparation.file,
                     directory_->Open(preparation.temporary_name, OpenMode::kCreate));
  }
  if (absl::Status status = preparation.file->Allocate(segment_bytes_); !status.ok()) {
    // What it got is space that somebody else may need now.
    directory_->Remove(preparation.temporary_name).IgnoreError();
    return status;
  }
  return preparation;
}

absl::Status Segments::FinishPreparation(Preparation& preparation, LogPosition predecessor_end,
                                         uint64_t incarnation) {
  ENSURE(preparation.file != nullptr);
  ENSURE(predecessor_end <= preparation.begin);
  const SegmentHeader header{.store = store_,
                             .segment_bytes = segment_bytes_,
                             .begin = preparation.begin,
                             .generation = 0,
                             .incarnation = incarnation,
                             .predecessor_end = predecessor_end};
  const std::string bytes = EncodeSegmentHeader(header);
  ENSURE(DecodeSegmentHeader(bytes).ok());
  const absl::string_view piece = bytes;
  RETURN_IF_ERROR(preparation.file->Write(0, {piece}));
  if (!Without(Protection::kPreparedSync)) RETURN_IF_ERROR(preparation.file->Sync());
  const SegmentName name{.begin = preparation.begin};
  absl::Status renamed = directory_->Rename(preparation.temporary_name, SegmentFileName(name));
  if (absl::IsAlreadyExists(renamed)) {
    // Not in the list, so it holds no record: the rest of a preparation that failed at its end.
    RETURN_IF_ERROR(directory_->Remove(SegmentFileName(name)));
    renamed = directory_->Rename(preparation.temporary_name, SegmentFileName(name));
  }
  RETURN_IF_ERROR(renamed);
  if (!Without(Protection::kPreparedName)) RETURN_IF_ERROR(SyncDirectory());
  auto file = std::make_shared<SegmentFile>(SegmentFileName(name), header,
                                            std::move(preparation.file), cache_->NewFile());
  file->set_incarnations_complete();
  const uint64_t start = (header.begin + kSegmentHeaderBytes).value();
  file->written_end.store(start, std::memory_order_release);
  file->synced_end.store(start, std::memory_order_release);
  MutexLock lock(mutex_);
  ENSURE(!slots_.contains(preparation.begin.value()));
  slots_[preparation.begin.value()] =
      Slot{.entry = {.name = name, .limit = preparation.begin + segment_bytes_},
           .file = std::move(file),
           .last_use = ++use_};
  prepared_.fetch_add(1, std::memory_order_relaxed);
  UpdateEnds();
  CloseIdleFiles();
  return absl::OkStatus();
}

absl::Status Segments::Create(LogPosition begin, LogPosition predecessor_end, uint64_t incarnation,
                              bool zero) {
  MutexLock lock(preparing_);
  ASSIGN_OR_RETURN(Preparation preparation, StartPreparation(begin));
  if (zero) {
    const std::string zeros(std::min(segment_bytes_, kZeroPieceBytes), '\0');
    for (uint64_t at = 0; at < segment_bytes_; at += zeros.size()) {
      RETURN_IF_ERROR(preparation.file->Write(at, {absl::string_view(zeros)}));
    }
  }
  RETURN_IF_ERROR(FinishPreparation(preparation, predecessor_end, incarnation));
  ENSURE(FindOpen(begin) != nullptr);
  ENSURE(prepared_end() >= begin + segment_bytes_);
  return absl::OkStatus();
}

absl::StatusOr<bool> Segments::Prepare(LogPosition wanted_end, uint64_t incarnation, bool zero) {
  MutexLock lock(preparing_);
  const LogPosition before = prepared_end();
  ENSURE(before == BeginOf(before));
  absl::StatusOr<bool> more = PrepareSome(wanted_end, incarnation, zero);
  ENSURE(prepared_end() >= before);
  const absl::Status& why = more.status();
  // No record stands in such a file: another may do. Only if that fails too it is for good.
  if (more.ok() || absl::IsResourceExhausted(why) || absl::IsUnavailable(why)) return more;
  if (directory_failed_ || std::exchange(prepares_anew_, true)) return more;
  preparation_.reset();
  return PrepareSome(wanted_end, incarnation, zero);
}

absl::StatusOr<bool> Segments::PrepareSome(LogPosition wanted_end, uint64_t incarnation,
                                           bool zero) {
  const LogPosition next = prepared_end();
  if (next >= wanted_end && !preparation_) return false;
  if (preparation_ && preparation_->begin != next) preparation_.reset();
  if (!preparation_) {
    absl::StatusOr<Preparation> started = StartPreparation(next);
    if (!started.ok()) return started.status();
    preparation_ = *std::move(started);
    if (zero) return true;
  }
  // With its last zero it is no longer one that was begun.
  ENSURE(preparation_->zeroed < segment_bytes_);
  if (zero) {
    const std::string zeros(std::min(segment_bytes_, kZeroPieceBytes), '\0');
    const absl::Status written =
        preparation_->file->Write(preparation_->zeroed, {absl::string_view(zeros)});
    if (!written.ok()) {
      preparation_.reset();
      return written;
    }
    preparation_->zeroed += zeros.size();
    if (preparation_->zeroed < segment_bytes_) return true;
  }
  Preparation preparation = *std::exchange(preparation_, std::nullopt);
  RETURN_IF_ERROR(FinishPreparation(preparation, next, incarnation));
  ENSURE(prepared_end() == next + segment_bytes_);
  prepares_anew_ = false;
  return prepared_end() < wanted_end;
}

absl::Status Segments::RemovePrepared(LogPosition end) {
  MutexLock preparing(preparing_);
  if (preparation_) {
    const std::string name = preparation_->temporary_name;
    preparation_.reset();
    RETURN_IF_ERROR(directory_->Remove(name));
  }
  while (const std::optional<std::string> spare = TakeSpare("")) {
    RETURN_IF_ERROR(directory_->Remove(*spare));
  }
  // The segment that holds `end` stays, also when nothing is in it yet.
  const LogPosition keep = BeginOf(end) + segment_bytes_;
  ENSURE(keep > end);
  for (const SegmentName& name : TakeFrom(keep)) {
    RETURN_IF_ERROR(directory_->Remove(SegmentFileName(name)));
  }
  ENSURE(prepared_end() <= keep);
  return absl::OkStatus();
}

}  // namespace weir::internal
