#include "log/segments.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/record.h"

namespace weir::internal {
namespace {

// Open descriptors of sealed segments; readers of old data open files again when they need them.
// With those of index files a quarter of the 1,024 that most processes may have.
constexpr size_t kOpenFilesMax = 128;

// Whether a record begins behind the header: a file without one holds nothing.
bool HasFirstRecord(const SegmentFile& file) {
  const LogPosition start = file.begin() + kSegmentHeaderBytes;
  std::string bytes(kRecordHeaderBytes, '\0');
  if (!file.ReadZeroFilled(start, absl::MakeSpan(bytes)).ok()) return true;  // cannot be told
  const RecordHeader header = LoadHeader(bytes.data());
  const uint64_t available = file.limit() - start;
  if (!HeaderIsPlausible(header, available)) return false;
  bytes.resize(CoveredBytes(header));
  return !file.ReadZeroFilled(start, absl::MakeSpan(bytes)).ok() ||
         Verify(bytes.data(), available, start, file.header().incarnation);
}

}  // namespace

std::string NoFile(LogPosition begin, LogPosition end) {
  return absl::StrCat("segment ", SegmentFileName({.begin = begin}),
                      " is missing: no file for the log from ", begin.value(), " to ", end.value());
}

absl::StatusOr<std::vector<SegmentName>> Segments::ListNewestGenerations() {
  ASSIGN_OR_RETURN(const std::vector<std::string> files, directory_->List());
  std::map<uint64_t, std::vector<uint64_t>> generations;
  for (const std::string& file : files) {
    if (const auto name = ParseSegmentFileName(file)) {
      if (name->begin.value() % segment_bytes_ != 0) {
        return absl::InvalidArgumentError(absl::StrCat(
            "segment ", file, ": segments of this store begin at multiples of ", segment_bytes_));
      }
      // Nothing is behind the last position, nor newer than the last generation.
      if (name->begin.value() > ~uint64_t{0} - segment_bytes_ || name->generation == ~uint64_t{0}) {
        return absl::InvalidArgumentError(
            absl::StrCat("segment ", file, ": no segment has such a number"));
      }
      generations[name->begin.value()].push_back(name->generation);
    }
  }
  std::vector<SegmentName> newest;
  for (auto& [begin, found] : generations) {
    // The highest generation whose header verifies serves; a lower one is what it replaced.
    std::sort(found.rbegin(), found.rend());
    SegmentName name{LogPosition(begin), found.front()};
    for (const uint64_t generation : found) {
      if (found.size() == 1) break;
      const SegmentName candidate{LogPosition(begin), generation};
      const auto file = SegmentFile::Open(*directory_, SegmentFileName(candidate), OpenMode::kRead,
                                          /*cache_file=*/0);
      if (IsFromDevice(file.status())) return WhyNotOpened(file.status());
      if (!file.ok() && !IsUnreadable(file.status())) return file.status();
      if (file.ok() && (*file)->header().store == store_) {
        name = candidate;
        break;
      }
    }
    newest.push_back(name);
  }
  return newest;
}

absl::Status Segments::Load(LogPosition log_begin, LogPosition durable_end,
                            std::vector<DamagedRange>* missing) {
  ASSIGN_OR_RETURN(const std::vector<SegmentName> names, ListNewestGenerations());
  // Beside the list that is there: an error leaves that one.
  std::map<uint64_t, Slot> slots;
  std::vector<std::string> spares;
  LogPosition expected = log_begin;
  for (const SegmentName& name : names) {
    if (name.begin < log_begin) {
      spares.push_back(SegmentFileName(name));
      continue;
    }
    Slot slot{.entry = {.name = name, .limit = name.begin + segment_bytes_}};
    if (name.begin != expected) {
      // A gap in the numbers: the header says whether the log was cut or a file is missing.
      auto file = SegmentFile::Open(*directory_, SegmentFileName(name), mode_, cache_->NewFile());
      if (IsFromDevice(file.status())) return WhyNotOpened(file.status());
      if (!file.ok() && !IsUnreadable(file.status())) return file.status();
      const LogPosition predecessor_end =
          file.ok() ? (*file)->header().predecessor_end : name.begin;
      if (file.ok()) slot.file = *std::move(file);
      while (!slots.empty() && slots.rbegin()->second.entry.begin() >= predecessor_end) {
        spares.push_back(SegmentFileName(slots.rbegin()->second.entry.name));
        slots.erase(std::prev(slots.end()));
      }
      // Skipped files are recycled one by one: gaps between them are nobody's.
      while (!missing->empty() && missing->back().begin >= predecessor_end) missing->pop_back();
      const LogPosition before = slots.empty() ? log_begin : slots.rbegin()->second.entry.limit;
      // A process that went on in an older segment prepares the next ones anew, one by one; if it
      // dies at that, files that hold nothing stand behind a gap.
      if (before >= durable_end && before < predecessor_end && slot.file != nullptr &&
          !HasFirstRecord(*slot.file)) {
        spares.push_back(SegmentFileName(name));
        continue;
      }
      if (predecessor_end < name.begin && !slots.empty() &&
          predecessor_end <= slots.rbegin()->second.entry.limit) {
        slots.rbegin()->second.entry.cut = predecessor_end;
      }
      if (before < predecessor_end && !Without(Protection::kMissingTold)) {
        missing->push_back({before, predecessor_end, NoFile(before, predecessor_end)});
      }
    }
    expected = name.begin + segment_bytes_;
    slots.emplace(name.begin.value(), std::move(slot));
  }
  // The newest file may be the one that is missing: nothing stands behind it to show the gap.
  const LogPosition known = slots.empty() ? log_begin : slots.rbegin()->second.entry.limit;
  if (known < durable_end && !Without(Protection::kMissingLastTold)) {
    missing->push_back({known, durable_end, NoFile(known, durable_end)});
  }
  MutexLock lock(mutex_);
  slots_.swap(slots);
  spares_.swap(spares);
  UpdateEnds();
  for (const auto& [begin, slot] : slots_) {
    ENSURE(begin % segment_bytes_ == 0 && begin >= log_begin.value());
    ENSURE(slot.entry.begin() < slot.entry.end() && slot.entry.end() <= slot.entry.limit);
  }
  return absl::OkStatus();
}

bool Segments::IsInUse(const std::string& file_name) const {
  const auto name = ParseSegmentFileName(file_name);
  if (!name) return false;
  const auto slot = slots_.find(name->begin.value());
  return slot != slots_.end() && slot->second.entry.name.generation == name->generation;
}

void Segments::UpdateEnds() {
  begin_.store(slots_.empty() ? 0 : slots_.begin()->first, std::memory_order_release);
  prepared_end_.store(slots_.empty() ? 0 : slots_.rbegin()->first + segment_bytes_,
                      std::memory_order_release);
}

std::vector<SegmentEntry> Segments::entries() const {
  MutexLock lock(mutex_);
  std::vector<SegmentEntry> all;
  all.reserve(slots_.size());
  for (const auto& [begin, slot] : slots_) all.push_back(slot.entry);
  return all;
}

std::optional<SegmentEntry> Segments::EntryAt(LogPosition position) const {
  MutexLock lock(mutex_);
  const auto found = slots_.find(BeginOf(position).value());
  if (found == slots_.end()) return std::nullopt;
  return found->second.entry;
}

std::optional<SegmentEntry> Segments::GoOn(LogPosition position) const {
  MutexLock lock(mutex_);
  const auto found = slots_.find(BeginOf(position).value());
  if (found != slots_.end() && position < found->second.entry.end()) return found->second.entry;
  const auto next = slots_.upper_bound(BeginOf(position).value());
  if (next == slots_.end()) return std::nullopt;
  return next->second.entry;
}

bool Segments::IsCutAt(LogPosition position) const {
  MutexLock lock(mutex_);
  auto slot = slots_.upper_bound(position.value());
  if (slot == slots_.begin()) return false;
  const SegmentEntry& entry = std::prev(slot)->second.entry;
  return entry.cut && position >= *entry.cut && position <= entry.limit;
}

absl::StatusOr<std::shared_ptr<SegmentFile>> Segments::Find(LogPosition position) {
  SegmentName name;
  {
    MutexLock lock(mutex_);
    const auto found = slots_.find(BeginOf(position).value());
    if (found == slots_.end()) {
      if (position < begin()) {
        return absl::OutOfRangeError(absl::StrCat(
            "position ", position.value(), " was dropped; the log begins at ", begin().value()));
      }
      return absl::NotFoundError(absl::StrCat("no segment holds position ", position.value()));
    }
    Slot& slot = found->second;
    slot.last_use = ++use_;
    if (slot.file != nullptr) return slot.file;
    name = slot.entry.name;
  }
  // Without the lock: a slow disk must not stop those whose files are open, the writer among them.
  const std::string file_name = SegmentFileName(name);
  ASSIGN_OR_RETURN(std::shared_ptr<SegmentFile> file,
                   SegmentFile::Open(*directory_, file_name, mode_, cache_->NewFile()));
  if (file->header().store != store_ || file->header().segment_bytes != segment_bytes_) {
    return absl::DataLossError(absl::StrCat("segment ", file_name, " belongs to another store"));
  }
  ENSURE(position >= file->begin() && position < file->limit());
  ENSURE(file->begin() == name.begin);
  MutexLock lock(mutex_);
  const auto found = slots_.find(name.begin.value());
  // Dropped or replaced meanwhile: good for this caller, not to be kept.
  if (found == slots_.end() || found->second.entry.name.generation != name.generation) return file;
  Slot& slot = found->second;
  if (slot.file == nullptr) {
    slot.file = std::move(file);
    slot.last_use = ++use_;
    CloseIdleFiles();
  }
  return slot.file;
}

std::shared_ptr<SegmentFile> Segments::FindOpen(LogPosition position) const {
  MutexLock lock(mutex_);
  const auto found = slots_.find(BeginOf(position).value());
  return found == slots_.end() ? nullptr : found->second.file;
}

void Segments::CloseIdleFiles() {
  size_t open = 0;
  Slot* oldest = nullptr;
  for (auto& [begin, slot] : slots_) {
    if (slot.file == nullptr) continue;
    ++open;
    // The descriptor that wrote is the one that syncs, and only this object knows how far it was
    // written: it stays until the segment is whole and synced.
    const uint64_t written = slot.file->written_end.load(std::memory_order_acquire);
    const bool is_whole = written == slot.file->synced_end.load(std::memory_order_acquire) &&
                          written >= slot.entry.end().value();
    const bool is_done =
        (written == 0 || is_whole) && !slot.file->is_poisoned.load(std::memory_order_acquire);
    const bool is_last = begin + 3 * segment_bytes_ >= prepared_end().value();
    // Whoever opens a file wants it, even if all others wait for a sync.
    const bool is_wanted = slot.last_use == use_;
    if (is_done && !is_last && !is_wanted &&
        (oldest == nullptr || slot.last_use < oldest->last_use)) {
      oldest = &slot;
    }
  }
  if (open <= kOpenFilesMax || oldest == nullptr) return;
  // What another descriptor would sync says nothing of what this one wrote.
  const SegmentFile& file = *oldest->file;
  if (!HOLDS(file.written_end.load() == 0 || file.written_end.load() == file.synced_end.load())) {
    return;
  }
  if (!HOLDS(!file.is_poisoned.load())) return;
  oldest->file.reset();
}

void Segments::SetCut(LogPosition predecessor_end, LogPosition begin) {
  MutexLock lock(mutex_);
  HOLDS(predecessor_end <= begin);
  const auto next = slots_.lower_bound(begin.value());
  if (next == slots_.begin()) return;
  // If the file that was cut is missing, the one before it is whole.
  SegmentEntry& before = std::prev(next)->second.entry;
  if (!HOLDS(before.begin() < predecessor_end)) return;
  if (predecessor_end <= before.limit) before.cut = predecessor_end;
}

void Segments::TakeOver(std::shared_ptr<SegmentFile> replacement) {
  MutexLock lock(mutex_);
  const auto found = slots_.find(replacement->begin().value());
  if (!HOLDS(found != slots_.end())) return;
  Slot& slot = found->second;
  // Of two files of a segment the next open takes the one with the higher generation.
  if (!HOLDS(replacement->header().generation >= slot.entry.name.generation)) return;
  slot.entry.name.generation = replacement->header().generation;
  slot.file = std::move(replacement);
}

void Segments::DropBelow(LogPosition position) {
  MutexLock lock(mutex_);
  const LogPosition before = begin();
  while (slots_.size() > 1 && slots_.begin()->second.entry.limit <= position) {
    Slot& slot = slots_.begin()->second;
    if (slot.file != nullptr) {
      dropped_.push_back(std::move(slot.file));
    } else {
      spares_.push_back(SegmentFileName(slot.entry.name));
    }
    slots_.erase(slots_.begin());
  }
  UpdateEnds();
  HOLDS(begin() >= before);
  HOLDS(begin() <= prepared_end());
}

std::vector<SegmentName> Segments::TakeFrom(LogPosition position) {
  MutexLock lock(mutex_);
  HOLDS(position == BeginOf(position));
  std::vector<SegmentName> taken;
  for (auto slot = slots_.lower_bound(position.value()); slot != slots_.end();) {
    taken.push_back(slot->second.entry.name);
    slot = slots_.erase(slot);
  }
  UpdateEnds();
  HOLDS(prepared_end() <= position);
  return taken;
}

}  // namespace weir::internal
