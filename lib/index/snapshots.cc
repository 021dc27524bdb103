#include "index/snapshots.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {
namespace {

constexpr absl::string_view kQueuesName = "queues";
// Changes are saved until they outweigh everything by this much: what an open has to read stays
// in proportion, and so does what sealing writes.
constexpr uint64_t kChangesPerFull = 4;
// A state is small up to this part of its segment, or up to so many bytes.
constexpr uint64_t kSegmentsPerSmall = 256;
constexpr uint64_t kSmallBytes = 1024;

}  // namespace

// --- Saving

bool Snapshots::IsTimeForFull(absl::string_view name, uint64_t all_bytes, uint64_t change_bytes,
                              bool is_requested) {
  Since& since = since_[std::string(name)];
  const uint64_t small = std::max(kSmallBytes, log_.segments().segment_bytes() / kSegmentsPerSmall);
  const bool is_full = all_bytes <= small || since.files + 1 >= kFilesPerFull ||
                       since.bytes + change_bytes >= all_bytes / kChangesPerFull || is_requested;
  since = is_full ? Since{.files = 0} : Since{since.files + 1, since.bytes + change_bytes};
  HOLDS(since.files < kFilesPerFull);
  HOLDS(is_full == (since.files == 0));
  return is_full;
}

absl::Status Snapshots::AddTo(SegmentSeal& seal) {
  const LogPosition from = seal.segment().begin();
  const LogPosition to = seal.segment().limit;
  ENSURE(from < to);
  const bool is_requested = full_is_requested_.exchange(false, std::memory_order_relaxed);
  for (LogIndex* const index : indexes_) {
    ENSURE(index->name() != kQueuesName);
    const std::string all = index->SaveAll(to);
    const std::string changes = index->SaveChanges(from, to);
    const bool is_full = IsTimeForFull(index->name(), all.size(), changes.size(), is_requested);
    RETURN_IF_ERROR(seal.writer().AddSaved(
        index->name(), is_full ? SavedKind::kFull : SavedKind::kChange, is_full ? all : changes));
  }
  // The queues' changes are the runs themselves.
  const bool is_full =
      IsTimeForFull(kQueuesName, uint64_t{queues_.size()} * ConsumeQueues::kSavedQueueBytes,
                    seal.runs().size() * kQueueRunBytes, is_requested);
  if (!is_full) return absl::OkStatus();
  return seal.writer().AddSaved(kQueuesName, SavedKind::kFull, queues_.Save(seal.runs()));
}

void Snapshots::CopyTo(IndexFileWriter& writer, LogPosition segment_begin) {
  const absl::StatusOr<std::shared_ptr<IndexFile>> file = Open(segment_begin);
  if (!file.ok()) return;
  HOLDS((*file)->header().identity.segment_begin == segment_begin);
  std::vector<std::pair<std::string, SavedSection>> sections;
  std::vector<absl::string_view> names;
  for (const LogIndex* const index : indexes_) names.push_back(index->name());
  names.push_back(kQueuesName);
  for (const absl::string_view name : names) {
    absl::StatusOr<std::optional<SavedSection>> saved = (*file)->Saved(name);
    if (!saved.ok()) return;  // all or none: a file with some of them serves nobody
    if (*saved) sections.emplace_back(name, **std::move(saved));
  }
  HOLDS(sections.size() <= names.size());
  for (const auto& [name, saved] : sections) {
    if (!writer.AddSaved(name, saved.kind, saved.bytes).ok()) return;
  }
}

// --- Loading

// A file whose segment is lost tells what the indexes knew all the same.
absl::StatusOr<std::shared_ptr<IndexFile>> Snapshots::Open(LogPosition segment_begin) {
  if (log_.segments().EntryAt(segment_begin)) {
    absl::StatusOr<std::shared_ptr<IndexFile>> file = files_.Get(segment_begin);
    if (!absl::IsOutOfRange(file.status())) return file;
  }
  return IndexFile::OpenOrphan(log_.segments().directory(), IndexFileName(segment_begin),
                               {.store = log_.segments().store(),
                                .segment_begin = segment_begin,
                                .segment_end = segment_begin + log_.segments().segment_bytes()});
}

// Reads the sections that are `pending`, and takes those out of it that are full. kNotFound: the
// file lacks one of them.
absl::StatusOr<Snapshots::Link> Snapshots::Take(LogPosition begin, std::shared_ptr<IndexFile> file,
                                                Names& pending) {
  Link link{.begin = begin, .file = std::move(file)};
  Names full;
  for (const absl::string_view name : pending) {
    ASSIGN_OR_RETURN(std::optional<SavedSection> saved, link.file->Saved(name));
    if (!saved && name != kQueuesName) {
      return absl::NotFoundError(absl::StrCat(link.file->name(), ": it has no section ", name));
    }
    if (!saved) {
      link.has_queue_changes = true;
      RETURN_IF_ERROR(link.file->ForEachRun([](const QueueRun&) { return absl::OkStatus(); }));
      continue;
    }
    if (saved->kind == SavedKind::kFull) full.insert(name);
    link.sections[std::string(name)] = std::move(saved->bytes);
  }
  for (const absl::string_view name : full) pending.erase(name);
  return link;
}

absl::Status Snapshots::LoadRuns(const Link& link) {
  return link.file->ForEachRun([&](const QueueRun& run) {
    if (!queues_.has(run.queue_number)) {
      return absl::DataLossError(
          absl::StrCat(link.file->name(), ": unknown queue ", run.queue_number));
    }
    ConsumeQueue& queue = queues_.queue(run.queue_number);
    const uint64_t first = queue.end() == 0 ? run.first.value() : queue.first();
    if (first > run.end().value()) {
      return absl::DataLossError(
          absl::StrCat(link.file->name(), ": queue ", run.queue_number, " ends before it begins"));
    }
    queue.Restore(first, run.end().value(), {link.begin, run.first});
    ENSURE(queue.first() <= queue.end());
    ENSURE(queue.end() == run.end().value());
    return absl::OkStatus();
  });
}

// Index by index: a full state may stand in a newer file than that of an index before it.
absl::Status Snapshots::LoadIndex(LogIndex& index, const std::vector<Link>& links,
                                  uint64_t* bytes_read) {
  for (const Link& link : links) {
    const auto saved = link.sections.find(index.name());
    if (saved == link.sections.end()) continue;
    *bytes_read += saved->second.size();
    RETURN_IF_ERROR(index.Load(saved->second));
  }
  return absl::OkStatus();
}

absl::Status Snapshots::LoadQueues(const std::vector<Link>& links, uint64_t* bytes_read) {
  for (const Link& link : links) {
    const auto saved = link.sections.find(kQueuesName);
    if (saved != link.sections.end()) {
      *bytes_read += saved->second.size();
      RETURN_IF_ERROR(queues_.Load(saved->second));
    } else if (link.has_queue_changes) {
      *bytes_read += link.file->header().run_count * kQueueRunBytes;
      RETURN_IF_ERROR(LoadRuns(link));
    }
  }
  return absl::OkStatus();
}

absl::Status Snapshots::LoadAll(const std::vector<Link>& links, uint64_t* bytes_read) {
  for (LogIndex* const index : indexes_) {
    if (!index->follows_queues()) RETURN_IF_ERROR(LoadIndex(*index, links, bytes_read));
  }
  RETURN_IF_ERROR(LoadQueues(links, bytes_read));
  for (LogIndex* const index : indexes_) {
    if (index->follows_queues()) RETURN_IF_ERROR(LoadIndex(*index, links, bytes_read));
  }
  return absl::OkStatus();
}

void Snapshots::Restart() {
  for (LogIndex* const index : indexes_) index->Restart();
  for (uint32_t number = queues_.Next(0); number < queues_.end();
       number = queues_.Next(number + 1)) {
    queues_.queue(number).Restore(0, 0, kNoLink);
  }
}

absl::StatusOr<Snapshots::Loaded> Snapshots::Load(const std::vector<LogPosition>& named,
                                                  std::vector<std::string>* notes) {
  const std::vector<SegmentEntry> entries = log_.segments().entries();
  const auto has_segment = [&](LogPosition from, LogPosition to) {
    return std::any_of(entries.begin(), entries.end(), [&](const SegmentEntry& entry) {
      return entry.begin() >= from && entry.begin() < to;
    });
  };
  // Back from the newest file to one behind which every index is known.
  std::vector<Link> chain;
  Names pending;
  for (size_t i = named.size(); i-- > 0;) {
    const LogPosition begin = named[i];
    if (log_.segments().BeginOf(begin) != begin) continue;
    absl::StatusOr<std::shared_ptr<IndexFile>> file = Open(begin);
    // What changed in a segment without an index file stands in the log only: it is read from
    // there again, and so is all behind it.
    if (file.ok() && !chain.empty() &&
        has_segment((*file)->header().identity.segment_end, chain.back().begin)) {
      chain.clear();
    }
    if (chain.empty()) {
      pending = {kQueuesName};
      for (const LogIndex* const index : indexes_) pending.insert(index->name());
    }
    absl::StatusOr<Link> link =
        file.ok() ? Take(begin, *std::move(file), pending) : absl::StatusOr<Link>(file.status());
    if (link.ok()) {
      chain.push_back(*std::move(link));
      if (pending.empty()) break;
      continue;
    }
    if (!IsUnreadable(link.status())) return link.status();
    notes->push_back(absl::StrCat("an index file is computed again: ", link.status().message()));
    chain.clear();
  }
  if (!chain.empty() && !pending.empty() && has_segment(LogPosition(0), chain.back().begin)) {
    chain.clear();
  }
  Loaded loaded;
  if (chain.empty()) return loaded;
  loaded.end = chain.front().file->header().identity.segment_end;
  ENSURE(loaded.end > chain.front().begin && chain.front().begin >= chain.back().begin);
  std::reverse(chain.begin(), chain.end());
  const absl::Status status = LoadAll(chain, &loaded.bytes_read);
  loaded.is_loaded = status.ok();
  ENSURE(chain.back().file->header().identity.segment_end == loaded.end);
  if (status.ok()) return loaded;
  if (!IsUnreadable(status)) return status;
  notes->push_back(absl::StrCat("index files are computed again: ", status.message()));
  Restart();
  return loaded;
}

}  // namespace weir::internal
