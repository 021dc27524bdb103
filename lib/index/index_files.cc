#include "index/index_files.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {

void IndexFiles::Register(LogPosition segment_begin, const IndexIdentity& identity) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[segment_begin.value()];
  HOLDS(identity.segment_begin == segment_begin);
  Close(entry);
  HOLDS(entry.file == nullptr && !entry.is_kept);
  entry.identity = identity;
  entry.registration = ++registrations_;
}

void IndexFiles::Keep(LogPosition segment_begin, std::shared_ptr<IndexFile> file) {
  MutexLock lock(mutex_);
  Entry& entry = entries_[segment_begin.value()];
  HOLDS(file->header().identity.segment_begin == segment_begin);
  Close(entry);
  HOLDS(entry.file == nullptr && !entry.is_kept);
  entry.identity = file->header().identity;
  entry.registration = ++registrations_;
  entry.file = std::move(file);
  entry.is_kept = true;
}

void IndexFiles::Forget(LogPosition segment_begin) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(segment_begin.value());
  if (found == entries_.end()) return;
  Close(found->second);
  HOLDS(found->second.file == nullptr);
  entries_.erase(found);
  HOLDS(newest_first_.size() <= entries_.size());
}

void IndexFiles::Close(Entry& entry) {
  if (entry.file == nullptr) return;
  HOLDS(entry.is_kept || !newest_first_.empty());
  HOLDS(entry.is_kept || *entry.recency == entry.identity.segment_begin);
  if (!std::exchange(entry.is_kept, false)) newest_first_.erase(entry.recency);
  entry.file = nullptr;
}

absl::StatusOr<std::shared_ptr<IndexFile>> IndexFiles::Get(LogPosition segment_begin) {
  IndexIdentity identity;
  uint64_t registration = 0;
  bool is_known = false;
  {
    MutexLock lock(mutex_);
    is_known = entries_.contains(segment_begin.value());
  }
  if (!is_known && resolver_) {
    ASSIGN_OR_RETURN(const IndexIdentity resolved, resolver_(segment_begin));
    Register(segment_begin, resolved);
  }
  {
    MutexLock lock(mutex_);
    const auto found = entries_.find(segment_begin.value());
    if (found == entries_.end()) {
      return absl::NotFoundError(
          absl::StrCat(IndexFileName(segment_begin), ": no such index file is in use"));
    }
    const Entry& entry = found->second;
    if (entry.file != nullptr && entry.is_kept) return entry.file;
    if (entry.file != nullptr) {
      newest_first_.splice(newest_first_.begin(), newest_first_, entry.recency);
      return entry.file;
    }
    identity = entry.identity;
    registration = entry.registration;
  }

  // Without the lock: a slow disk must not stop those whose files are open.
  ASSIGN_OR_RETURN(std::shared_ptr<IndexFile> file,
                   IndexFile::Open(*directory_, IndexFileName(segment_begin), identity, cache_));

  MutexLock lock(mutex_);
  const auto found = entries_.find(segment_begin.value());
  if (found == entries_.end() || found->second.registration != registration) {
    return file;  // forgotten or replaced meanwhile: good for this caller, not to be kept
  }
  Entry& entry = found->second;
  if (entry.file != nullptr) return entry.file;  // somebody else was faster
  ENSURE(file->header().identity == identity);
  newest_first_.push_front(segment_begin);
  entry.file = file;
  entry.recency = newest_first_.begin();
  if (newest_first_.size() > kOpenFilesMax) {
    const auto oldest = entries_.find(newest_first_.back().value());
    ENSURE(oldest != entries_.end());
    Close(oldest->second);
  }
  return file;
}

absl::StatusOr<std::optional<FoundRun>> IndexFiles::FindRun(LogPosition segment_begin,
                                                            uint32_t queue_number) {
  probes_.fetch_add(1, std::memory_order_relaxed);
  ASSIGN_OR_RETURN(std::shared_ptr<IndexFile> file, Get(segment_begin));
  ASSIGN_OR_RETURN(const std::optional<QueueRun> run, file->FindRun(queue_number));
  if (!run) return std::nullopt;
  return FoundRun{.file = std::move(file), .run = *run};
}

size_t IndexFiles::open_files() const {
  MutexLock lock(mutex_);
  return newest_first_.size();
}

}  // namespace weir::internal
