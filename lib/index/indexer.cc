#include "index/indexer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "index/segment_runs.h"
#include "log/log_scanner.h"

namespace weir::internal {

absl::StatusOr<IndexIdentity> Indexer::IdentityOf(LogPosition segment_begin) {
  const std::optional<SegmentEntry> entry = log_->segments().EntryAt(segment_begin);
  if (!entry || entry->begin() != segment_begin) {
    return absl::OutOfRangeError(absl::StrCat("no segment begins at ", segment_begin.value()));
  }
  const absl::StatusOr<std::shared_ptr<SegmentFile>> file = log_->segments().Find(segment_begin);
  if (IsUnreadable(file.status()) && !IsFromDevice(file.status())) {
    // As good as gone: a link into it leads nowhere.
    return absl::OutOfRangeError(file.status().message());
  }
  if (!file.ok()) return file.status();
  return IndexIdentity{.store = log_->segments().store(),
                       .segment_begin = entry->begin(),
                       .segment_end = entry->limit,
                       .records_end = entry->end(),
                       .incarnation = (*file)->header().incarnation};
}

// --- Opening

absl::Status Indexer::Feed(const ScannedRecord& record, LeftOut& left_out) {
  // What was fed is not fed twice, or messages would be counted twice.
  ENSURE(record.position >= fed_end());
  ENSURE(record.end() > record.position);
  absl::Status first_trouble;
  for (LogIndex* const index : indexes_) {
    const absl::Status status = index->Apply(record);
    if (!status.ok() && first_trouble.ok()) first_trouble = status;
  }
  const absl::Status entered = queues_->Apply(record);
  if (!entered.ok() && first_trouble.ok()) first_trouble = entered;
  Digest(record);
  // A record that verifies and makes no sense: it and nothing else is left out, loudly.
  if (absl::IsDataLoss(first_trouble)) {
    left_out.Add(record, first_trouble.message());
    return absl::OkStatus();
  }
  const RecordType type = record.header.type;
  const bool is_void = type == RecordType::kVoid;
  if (is_void || type == RecordType::kMessage || type == RecordType::kCatalogue ||
      type == RecordType::kState) {
    left_out.EndRange();
  }
  if (is_void && observer_ != nullptr) voids_.Add({}, record.position);
  return first_trouble;
}

absl::StatusOr<std::vector<LogPosition>> Indexer::ListFiles(LogPosition end) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, log_->segments().directory().List());
  const std::vector<SegmentEntry> entries = log_->segments().entries();
  std::vector<LogPosition> named;
  for (const std::string& name : names) {
    const std::optional<LogPosition> begin = ParseIndexFileName(name);
    if (!begin) continue;
    const auto behind = std::upper_bound(
        entries.begin(), entries.end(), *begin,
        [](LogPosition at, const SegmentEntry& entry) { return at < entry.begin(); });
    const SegmentEntry* const entry = behind == entries.begin() ? nullptr : &*std::prev(behind);
    const bool is_here = entry != nullptr && entry->begin() == *begin;
    // Numbers that a cut skips are nobody's. And a segment that is not whole has no index file:
    // what has its name knows of a log that is gone.
    if (entry != nullptr && !is_here && entry->cut) continue;
    const LogPosition whole_at = is_here ? entry->end() : *begin + log_->segments().segment_bytes();
    if (whole_at <= end) named.push_back(*begin);
  }
  std::sort(named.begin(), named.end());
  return named;
}

void Indexer::TellMissing(const std::vector<LogPosition>& named, LogPosition end, bool was_clean,
                          Report* report) {
  LogPosition once_sealed_end;
  std::optional<std::pair<LogPosition, LogPosition>> gap;  // begins of its first and last segment
  const auto tell = [&] {
    if (!gap) return;
    report->notes.push_back(gap->first == gap->second
                                ? absl::StrCat("index file ", IndexFileName(gap->first),
                                               " is missing and is computed again")
                                : absl::StrCat("index files ", IndexFileName(gap->first), " to ",
                                               IndexFileName(gap->second),
                                               " are missing and are computed again"));
    gap.reset();
  };
  for (const SegmentEntry& entry : log_->segments().entries()) {
    // A process that dies leaves the newest without. Files are written in the order of the log,
    // so an older one was there.
    const bool was_sealed =
        (!named.empty() && entry.begin() <= named.back()) || (was_clean && entry.limit < end);
    if (!was_sealed) continue;
    if (!named.empty() && entry.begin() <= named.back()) once_sealed_end = entry.limit;
    if (std::binary_search(named.begin(), named.end(), entry.begin())) {
      tell();
    } else {
      gap = {gap ? gap->first : entry.begin(), entry.begin()};
    }
  }
  tell();
  once_sealed_end_.store(once_sealed_end.value(), std::memory_order_release);
}

absl::Status Indexer::Restore(LogPosition end, const RecoveryReport& opened, Report* report) {
  const LogPosition log_begin = log_->segments().begin();
  const bool has_segments = !log_->segments().entries().empty();
  queues_->set_knows_begin(!has_segments || log_begin == LogPosition(0));
  for (const DamagedRange& range : opened.damage) {
    if (has_segments && range.begin < log_begin) lost_below_.store(log_begin.value());
  }
  ASSIGN_OR_RETURN(const std::vector<LogPosition> named, ListFiles(end));
  TellMissing(named, end, opened.was_clean, report);
  ASSIGN_OR_RETURN(const Snapshots::Loaded loaded, snapshots_.Load(named, &report->notes));
  report->bytes_read += loaded.bytes_read;
  const LogPosition from = loaded.is_loaded ? loaded.end : has_segments ? log_begin : end;
  sealed_end_.store(from.value(), std::memory_order_release);
  fed_end_.store(from.value(), std::memory_order_release);
  digested_end_.store(from.value(), std::memory_order_release);
  if (!loaded.is_loaded && from > LogPosition(0)) RETURN_IF_ERROR(FeedTopics(from, end, report));
  RETURN_IF_ERROR(CatchUp(end, log_begin, report, &unread_));
  ENSURE(fed_end() >= end);
  ENSURE(sealed_end() == from);
  // What was told when the log was opened is not told again.
  std::erase_if(report->damage, [&](const DamagedRange& range) {
    return std::any_of(opened.damage.begin(), opened.damage.end(), [&](const DamagedRange& known) {
      return known.begin <= range.begin && range.end <= known.end;
    });
  });
  return absl::OkStatus();
}

// Where the begin of the log was dropped the record of a topic may stand behind its messages.
absl::Status Indexer::FeedTopics(LogPosition from, LogPosition end, Report* report) {
  LogScanner scanner(*log_, from, end);
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) break;
    if (step == LogScanner::Step::kDamage || record.header.type != RecordType::kCatalogue) continue;
    for (LogIndex* const index : indexes_) index->Apply(record).IgnoreError();
  }
  report->bytes_read += scanner.bytes_read();
  return absl::OkStatus();
}

absl::Status Indexer::CatchUp(LogPosition end, Report* report) {
  // Between two looks of a reading process segments go that it never saw.
  const LogPosition log_begin = log_->segments().begin();
  if (fed_end() < log_begin) {
    // First: who meets an error in it does it again, and has left out no message for want of its
    // topic.
    RETURN_IF_ERROR(FeedTopics(log_begin, end, report));
    SkipDropped(log_begin);
    ENSURE(fed_end() >= log_begin);
  }
  absl::Status unread;
  RETURN_IF_ERROR(CatchUp(end, log_begin, report, &unread));
  ENSURE(fed_end() >= end);
  return absl::OkStatus();
}

void Indexer::SkipDropped(LogPosition log_begin) {
  MutexLock lock(digesting_);
  HOLDS(log_begin > fed_end());
  HOLDS(digested_end() <= fed_end());
  queues_->set_dropped_below(log_begin);
  fed_end_.store(log_begin.value(), std::memory_order_release);
  digested_end_.store(log_begin.value(), std::memory_order_release);
}

absl::Status Indexer::CatchUp(LogPosition end, LogPosition log_begin, Report* report,
                              absl::Status* unread) {
  MutexLock lock(digesting_);
  const LogPosition before = fed_end();
  // What is sealed is in the files, and would be fed once more.
  ENSURE(sealed_end() <= before);
  const auto feed = [this](const ScannedRecord& record, LeftOut& left_out) {
    return Feed(record, left_out);
  };
  const Stretch stretch{.from = before, .to = end, .log_begin = log_begin};
  ASSIGN_OR_RETURN(const LogPosition fed, Walk(stretch, feed, report, unread));
  ENSURE(fed >= before);
  fed_end_.store(fed.value(), std::memory_order_release);
  digested_end_.store(fed.value(), std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<LogPosition> Indexer::Walk(const Stretch& stretch, Visit visit, Report* report,
                                          absl::Status* unread) {
  LogScanner scanner(*log_, stretch.from, stretch.to, stretch.log_begin);
  LeftOut left_out(&report->damage);
  bool is_at_end = stretch.from >= stretch.to;
  for (size_t records = 0; records < stretch.records_max && !is_at_end;) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    is_at_end = step == LogScanner::Step::kEnd;
    if (scanner.TakePassedDropped()) queues_->set_dropped_below(log_->segments().begin());
    if (is_at_end) break;
    if (step == LogScanner::Step::kRecord) {
      RETURN_IF_ERROR(visit(record, left_out));
      ++records;
      continue;
    }
    // What stands there may be read some day, and then it counts.
    if (!scanner.unread().ok()) digests_->MarkIncomplete(log_->segments().BeginOf(damage.begin));
    report->damage.push_back(std::move(damage));
    left_out.EndRange();
  }
  report->bytes_read += scanner.bytes_read();
  if (!scanner.unread().ok()) *unread = scanner.unread();
  // A log that was cut ends before it.
  return is_at_end ? std::max(stretch.from, stretch.to) : scanner.position();
}

absl::StatusOr<bool> Indexer::DigestSome(LogPosition end) {
  MutexLock lock(digesting_);
  const LogPosition from = digested_end();
  if (from >= end) return false;
  Report report;
  absl::Status unread;
  const auto digest = [this](const ScannedRecord& record, LeftOut& left_out)
                          ABSL_NO_THREAD_SAFETY_ANALYSIS {
                            Digest(record);
                            return Follow(record, left_out);
                          };
  const Stretch stretch{.from = from,
                        .to = end,
                        .log_begin = log_->segments().begin(),
                        .records_max = kRecordsPerStep};
  ASSIGN_OR_RETURN(const LogPosition digested, Walk(stretch, digest, &report, &unread));
  // Who waits for all of it calls again and again.
  ENSURE(digested > from);
  ENSURE(digested <= end);
  for (const DamagedRange& range : report.damage) {
    health_->Raise(Condition::kDamage, range.reason);
  }
  digested_end_.store(digested.value(), std::memory_order_release);
  return digested < end;
}

absl::Status Indexer::Follow(const ScannedRecord& record, LeftOut& left_out) {
  if (record.position < followed_end()) return absl::OkStatus();
  for (LogIndex* const index : indexes_) {
    if (!index->follows_log()) continue;
    const absl::Status status = index->Apply(record);
    if (absl::IsDataLoss(status)) {
      left_out.Add(record, status.message());
    } else {
      RETURN_IF_ERROR(status);
    }
  }
  return absl::OkStatus();
}

absl::Status Indexer::FollowTo(LogPosition end) {
  MutexLock lock(digesting_);
  const LogPosition from = followed_end();
  if (from >= end) return absl::OkStatus();
  ENSURE(end <= log_->claimed_end());
  Report report;
  absl::Status unread;
  const auto follow = [this](const ScannedRecord& record, LeftOut& left_out)
                          ABSL_NO_THREAD_SAFETY_ANALYSIS { return Follow(record, left_out); };
  const Stretch stretch{.from = from, .to = end, .log_begin = log_->segments().begin()};
  ASSIGN_OR_RETURN(const LogPosition followed, Walk(stretch, follow, &report, &unread));
  // Of what could not be read it would say that nothing stands there.
  RETURN_IF_ERROR(unread);
  ENSURE(followed >= end);
  for (const DamagedRange& range : report.damage) {
    health_->Raise(Condition::kDamage, range.reason);
  }
  followed_end_.store(end.value(), std::memory_order_release);
  return absl::OkStatus();
}

absl::Status Indexer::DigestTo(LogPosition end) {
  while (digested_end() < end) RETURN_IF_ERROR(DigestSome(end).status());
  return absl::OkStatus();
}

absl::StatusOr<LogPosition> Indexer::DigestVisible() {
  // Who only reads is fed topics and queues by the same walk: without a topic there is no key.
  const LogPosition visible = log_->ContiguousVisibleEnd();
  const LogPosition end = observer_ == nullptr ? std::min(visible, fed_end()) : visible;
  RETURN_IF_ERROR(DigestTo(end));
  return end;
}

void Indexer::ForgetSealed() {
  while (const std::optional<SegmentEntry> entry = log_->segments().GoOn(sealed_end())) {
    if (entry->limit > fed_end() || !HOLDS(entry->limit > sealed_end())) break;
    const absl::StatusOr<std::shared_ptr<IndexFile>> file = files_->Get(entry->begin());
    if (!file.ok()) break;  // not sealed yet; or damaged, then the memory stays
    const absl::Status forgotten = (*file)->ForEachRun([&](const QueueRun& run) {
      if (!queues_->has(run.queue_number)) return absl::OkStatus();
      if (queues_->queue(run.queue_number).memory_first() >= run.end().value() ||
          queues_->queue(run.queue_number).end() < run.end().value()) {
        return absl::OkStatus();
      }
      queues_->ForgetBelow(run.queue_number, run.end().value(), {entry->begin(), run.first});
      return absl::OkStatus();
    });
    if (!forgotten.ok()) break;  // what its other blocks have stays in memory as well
    sealed_end_.store(entry->limit.value(), std::memory_order_release);
    digests_->ForgetBelow(entry->limit);
  }
  HOLDS(sealed_end() <= fed_end());
  queues_->Reuse();
}

// --- Rebuilding

absl::StatusOr<Indexer::Place> Indexer::FindWithoutLinks(uint32_t number, QueueOffset offset) {
  LogPosition log_begin = log_->segments().begin();
  ASSIGN_OR_RETURN(RunSearch::Place place, search_.Find(number, offset, sealed_end()));
  // Files go with their segments: what is missing may have been dropped, in a reading process
  // since its last look.
  for (bool has_looked = false; !place.run && !place.lost.ok();) {
    if (!std::exchange(has_looked, true)) RETURN_IF_ERROR(log_->LookAgain().status());
    const LogPosition before = std::exchange(log_begin, log_->segments().begin());
    if (log_begin == before) break;
    ASSIGN_OR_RETURN(place, search_.Find(number, offset, sealed_end()));
  }
  const bool is_whole = log_begin == LogPosition(0) || log_begin.value() == lost_below_.load();
  return Place{.run = std::move(place.run),
               .holes_end = place.holes_end,
               .is_dropped = place.is_oldest && !is_whole,
               .lost = std::move(place.lost)};
}

absl::Status Indexer::Rebuild(LogPosition segment_begin) {
  MutexLock lock(rebuilding_);
  return RebuildLocked(segment_begin);
}

absl::Status Indexer::RebuildLocked(LogPosition segment_begin) {
  ASSIGN_OR_RETURN(const IndexIdentity identity, IdentityOf(segment_begin));
  if (identity.segment_end > sealed_end()) {
    return absl::NotFoundError("the segment is not sealed");
  }
  ENSURE(identity.segment_begin == segment_begin);
  ENSURE(identity.records_end <= identity.segment_end);
  SegmentRuns runs(segment_begin, queues_, &search_);
  SegmentDigest digest = digests_->New(segment_begin);
  LogScanner scanner(*log_, identity.segment_begin, identity.records_end);
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) break;
    if (step != LogScanner::Step::kRecord) continue;
    RETURN_IF_ERROR(runs.Apply(record));
    digest.Apply(record);
  }
  // A file without what could not be read today would be believed tomorrow.
  RETURN_IF_ERROR(scanner.unread());
  if (segment_begin < log_->segments().begin()) {
    return absl::OutOfRangeError(
        absl::StrCat("segment ", segment_begin.value(), " was dropped while it was read"));
  }
  IndexFileWriter writer(identity);
  RETURN_IF_ERROR(digest.AddTo(writer));
  RETURN_IF_ERROR(runs.AddTo(writer, *files_, log_->segments().begin()));
  const std::string name = IndexFileName(segment_begin);
  if (observer_ == nullptr) {
    // Nothing on the disk is changed from here. The writer will see to it.
    ASSIGN_OR_RETURN(std::string bytes, writer.Contents());
    ASSIGN_OR_RETURN(std::shared_ptr<IndexFile> file,
                     IndexFile::FromBytes(name, std::move(bytes), identity));
    files_->Keep(segment_begin, std::move(file));
    rebuilt_.fetch_add(1, std::memory_order_relaxed);
    return absl::OkStatus();
  }
  // What was saved at the seal cannot be computed from the segment alone. An open that needs this
  // file and finds nothing in it reads the log from here; the next file has it all.
  snapshots_.CopyTo(writer, segment_begin);
  snapshots_.RequestFull();
  RETURN_IF_ERROR(writer.WriteTo(log_->segments().directory(), name));
  files_->Register(segment_begin, identity);
  rebuilt_.fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

// Computes the file again if it is missing, stale or damaged.
absl::Status Indexer::Repair(LogPosition segment_begin) {
  MutexLock lock(rebuilding_);
  const absl::StatusOr<std::shared_ptr<IndexFile>> file = files_->Get(segment_begin);
  const absl::Status status = file.ok() ? (*file)->VerifyAll() : file.status();
  // Sound, or dropped meanwhile.
  if (status.ok() || absl::IsOutOfRange(status)) return absl::OkStatus();
  if (!IsUnreadable(status)) return status;
  return RebuildLocked(segment_begin);
}

absl::Status Indexer::RebuildDamaged() {
  for (const SegmentEntry& entry : log_->segments().entries()) {
    if (entry.limit > sealed_end()) break;
    RETURN_IF_ERROR(Repair(entry.begin()));
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
