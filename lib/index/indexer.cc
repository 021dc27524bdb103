#include "index/indexer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/log_scanner.h"

namespace weir::internal {
namespace {

constexpr absl::string_view kQueuesName = "queues";
constexpr size_t kEntriesPerStep = 4096;
constexpr uint32_t kQueuesPerStep = 65536;
// Changes are saved until they outweigh everything by this much: what an open has to read stays
// in proportion, and so does what sealing writes.
constexpr uint64_t kChangesPerFull = 4;

}  // namespace

absl::StatusOr<IndexIdentity> Indexer::IdentityOf(LogPosition segment_begin) {
  const std::optional<SegmentEntry> entry = log_->segments().EntryAt(segment_begin);
  if (!entry) {
    return absl::OutOfRangeError(absl::StrCat("no segment begins at ", segment_begin.value()));
  }
  const absl::StatusOr<std::shared_ptr<SegmentFile>> file = log_->segments().Find(segment_begin);
  if (IsUnreadable(file.status())) {
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

absl::Status Indexer::Feed(const ScannedRecord& record, Report* report) {
  absl::Status first_trouble;
  for (LogIndex* const index : indexes_) {
    const absl::Status status = index->Apply(record);
    if (!status.ok() && first_trouble.ok()) first_trouble = status;
  }
  const absl::Status entered = queues_->Apply(record);
  if (!entered.ok() && first_trouble.ok()) first_trouble = entered;
  if (first_trouble.ok()) return absl::OkStatus();
  // A record that verifies and makes no sense: it and nothing else is left out, loudly.
  if (!absl::IsDataLoss(first_trouble)) return first_trouble;
  report->damage.push_back({record.position, record.end(), std::string(first_trouble.message())});
  return absl::OkStatus();
}

absl::Status Indexer::Load(const std::vector<LogPosition>& segments, Report* report) {
  // `segments`, oldest first: the first has everything, the later ones have changes.
  for (const LogPosition begin : segments) {
    ASSIGN_OR_RETURN(const std::shared_ptr<IndexFile> file, files_->Get(begin));
    for (LogIndex* const index : indexes_) {
      ASSIGN_OR_RETURN(const auto saved, file->Saved(index->name()));
      if (!saved) continue;
      report->bytes_read += saved->bytes.size();
      RETURN_IF_ERROR(index->Load(saved->bytes));
    }
    ASSIGN_OR_RETURN(const auto queues, file->Saved(kQueuesName));
    if (queues) {
      report->bytes_read += queues->bytes.size();
      RETURN_IF_ERROR(queues_->Load(queues->bytes));
      continue;
    }
    RETURN_IF_ERROR(file->ForEachRun([&](const QueueRun& run) {
      if (!queues_->has(run.queue_number)) {
        return absl::DataLossError(
            absl::StrCat("index file ", file->name(), ": unknown queue ", run.queue_number));
      }
      ConsumeQueue& queue = queues_->queue(run.queue_number);
      const uint64_t first = queue.end() == 0 ? run.first.value() : queue.first();
      queue.Restore(first, run.end().value(), {begin, run.first});
      report->bytes_read += kQueueRunBytes;
      return absl::OkStatus();
    }));
  }
  return absl::OkStatus();
}

absl::Status Indexer::Restore(LogPosition end, Report* report) {
  const std::vector<SegmentEntry> entries = log_->segments().entries();
  queues_->set_knows_begin(entries.empty() || entries.front().begin() == LogPosition(0));
  // Back from the newest sealed segment with an index file to one that saved everything.
  std::vector<LogPosition> chain;
  LogPosition from = entries.empty() ? end : entries.front().begin();
  for (size_t i = entries.size(); i-- > 0;) {
    const LogPosition begin = entries[i].begin();
    if (entries[i].end() > end) continue;
    const absl::StatusOr<std::shared_ptr<IndexFile>> file = files_->Get(begin);
    if (absl::IsOutOfRange(file.status())) continue;  // nothing of the segment can be read
    if (!file.ok() && !IsUnreadable(file.status())) return file.status();
    if (!file.ok()) {
      // Where none newer is, it was not written yet.
      if (!absl::IsNotFound(file.status()) || !chain.empty()) {
        report->notes.push_back(
            absl::StrCat("an index file is computed again: ", file.status().message()));
      }
      // Everything from here on is read from the log again, and sealed again.
      chain.clear();
      continue;
    }
    if (chain.empty()) from = entries[i].limit;
    chain.push_back(begin);
    const auto queues = (*file)->Saved(kQueuesName);
    bool has_all = queues.ok() && queues->has_value();
    for (LogIndex* const index : indexes_) {
      const auto saved = (*file)->Saved(index->name());
      if (!saved.ok()) has_all = false;
      if (saved.ok() && saved->has_value() && (*saved)->kind != SavedKind::kFull) has_all = false;
    }
    if (has_all) break;
    if (i == 0) break;
  }
  std::reverse(chain.begin(), chain.end());
  if (chain.empty()) from = entries.empty() ? end : entries.front().begin();
  if (!chain.empty()) {
    const absl::Status loaded = Load(chain, report);
    if (!loaded.ok() && !IsUnreadable(loaded)) return loaded;
    if (!loaded.ok()) {
      // What was loaded stays: it was true, and the log says it again.
      report->notes.push_back(absl::StrCat("index files are computed again: ", loaded.message()));
      from = entries.front().begin();
      for (uint32_t number = 0; number < queues_->count(); ++number) {
        queues_->queue(number).Restore(0, 0, kNoLink);
      }
    }
  }
  sealed_end_.store(from.value(), std::memory_order_release);
  fed_end_.store(from.value(), std::memory_order_release);
  return CatchUp(end, report);
}

absl::Status Indexer::CatchUp(LogPosition end, Report* report) {
  LogScanner scanner(*log_, fed_end(), end);
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) break;
    if (step == LogScanner::Step::kDamage) {
      report->damage.push_back(std::move(damage));
      continue;
    }
    RETURN_IF_ERROR(Feed(record, report));
  }
  report->bytes_read += scanner.bytes_read();
  fed_end_.store(std::max(fed_end(), end).value(), std::memory_order_release);
  return absl::OkStatus();
}

// --- Sealing

absl::StatusOr<size_t> Indexer::SealQueue(Sealing& sealing, uint32_t number) {
  ConsumeQueue& queue = queues_->queue(number);
  const uint64_t first = queue.memory_first();
  if (first == queue.end()) return 0;
  std::vector<IndexEntry> entries;
  uint64_t bytes = 0;
  size_t holes = 0;  // at the end: they belong to the run of the next message
  for (uint64_t offset = first;;) {
    QueueEntry batch[256];
    size_t count = 0;
    {
      const ReaderSlots::Guard guard(*queues_->readers());
      count = queue.CopyEntries(offset, std::size(batch), batch);
    }
    size_t taken = 0;
    for (; taken < count; ++taken) {
      const QueueEntry& entry = batch[taken];
      if (entry.is_hole()) {
        entries.push_back({});
        ++holes;
        continue;
      }
      if (entry.position >= sealing.segment.limit) break;
      holes = 0;
      bytes += entry.record_bytes;
      entries.push_back(IndexEntry::At(sealing.segment.begin(), entry.position, entry.filter));
    }
    offset += taken;
    if (taken < count || count == 0) break;
  }
  entries.resize(entries.size() - holes);
  if (entries.empty()) return 0;
  absl::StatusOr<RunLinks> links =
      LinksForNewRun(*files_, number, queue.tail(), log_->segments().begin());
  if (absl::IsOutOfRange(links.status())) {
    // The segment of the run before is missing; those before it need not be.
    ASSIGN_OR_RETURN(const RunLink older, FindOlderRun(number, sealing.segment.begin()));
    links = LinksForNewRun(*files_, number, older, log_->segments().begin());
  }
  if (!links.ok()) return links.status();
  RETURN_IF_ERROR(sealing.writer.AddRun(number, QueueOffset(first), *links, entries));
  sealing.sealed.push_back(
      {number, first + entries.size(), {sealing.segment.begin(), QueueOffset(first)}});
  observer_->OnRun(number, entries.size(), bytes);
  return entries.size();
}

absl::Status Indexer::AddSavedSections(Sealing& sealing) {
  const LogPosition from = sealing.segment.begin();
  const LogPosition to = sealing.segment.limit;
  for (LogIndex* const index : indexes_) {
    const std::string name(index->name());
    const std::string all = index->SaveAll(to);
    const std::string changes = index->SaveChanges(from, to);
    uint64_t& since = change_bytes_.try_emplace(name, ~uint64_t{0} / 2).first->second;
    const bool full = since + changes.size() >= all.size() / kChangesPerFull;
    since = full ? 0 : since + changes.size();
    RETURN_IF_ERROR(sealing.writer.AddSaved(name, full ? SavedKind::kFull : SavedKind::kChange,
                                            full ? all : changes));
  }
  // The queues' changes are the runs themselves.
  const uint64_t run_bytes = sealing.sealed.size() * kQueueRunBytes;
  uint64_t& since =
      change_bytes_.try_emplace(std::string(kQueuesName), ~uint64_t{0} / 2).first->second;
  if (since + run_bytes >= uint64_t{queues_->count()} * kQueueRunBytes / kChangesPerFull) {
    std::vector<uint64_t> ends(queues_->count());
    std::vector<RunLink> tails(queues_->count());
    for (uint32_t number = 0; number < ends.size(); ++number) {
      ends[number] = queues_->queue(number).memory_first();
      tails[number] = queues_->queue(number).tail();
    }
    for (const auto& sealed : sealing.sealed) {
      ends[sealed.number] = sealed.end;
      tails[sealed.number] = sealed.run;
    }
    RETURN_IF_ERROR(
        sealing.writer.AddSaved(kQueuesName, SavedKind::kFull, queues_->Save(ends, tails)));
    since = 0;
  } else {
    since += run_bytes;
  }
  return absl::OkStatus();
}

absl::Status Indexer::FinishSealing(Sealing& sealing) {
  const LogPosition begin = sealing.segment.begin();
  RETURN_IF_ERROR(AddSavedSections(sealing));
  RETURN_IF_ERROR(sealing.writer.WriteTo(log_->segments().directory(), IndexFileName(begin)));
  ASSIGN_OR_RETURN(const IndexIdentity identity, IdentityOf(begin));
  files_->Register(begin, identity);
  for (const auto& sealed : sealing.sealed) {
    queues_->ForgetBelow(sealed.number, sealed.end, sealed.run);
  }
  sealed_end_.store(sealing.segment.limit.value(), std::memory_order_release);
  return absl::OkStatus();
}

absl::StatusOr<bool> Indexer::SealSome(LogPosition durable_end) {
  MutexLock lock(step_);
  queues_->Reuse();
  if (!sealing_) {
    const std::optional<LogPosition> next = log_->segments().GoOn(sealed_end());
    if (!next) return false;
    const std::optional<SegmentEntry> entry = log_->segments().EntryAt(*next);
    // A cut segment is whole below its cut; the next one's begin is durable then.
    if (!entry || entry->limit > durable_end) return false;
    ASSIGN_OR_RETURN(const IndexIdentity identity, IdentityOf(entry->begin()));
    sealing_.emplace(Sealing{.segment = *entry, .writer = IndexFileWriter(identity)});
    sealing_->writer.SetStoreTimes(0, 0);
  }
  Sealing& sealing = *sealing_;
  const uint32_t queues = queues_->count();
  size_t entries = 0;
  uint32_t looked_at = 0;
  absl::Status status;
  while (sealing.next_queue < queues && entries < kEntriesPerStep && looked_at++ < kQueuesPerStep) {
    absl::StatusOr<size_t> sealed = SealQueue(sealing, sealing.next_queue++);
    if (!sealed.ok()) {
      status = sealed.status();
      break;
    }
    entries += *sealed;
  }
  if (status.ok() && sealing.next_queue < queues) return true;
  if (status.ok()) status = FinishSealing(sealing);
  observer_->OnSealed(status.ok());
  sealing_.reset();
  if (!status.ok()) {
    health_->Raise(Condition::kIndex, std::string(status.message()));
    return status;
  }
  health_->Clear(Condition::kIndex);
  queues_->Reuse();
  queues_->chunks().Replenish();
  return true;
}

// --- Rebuilding

absl::StatusOr<RunLink> Indexer::FindOlderRun(uint32_t number, LogPosition below) {
  const std::vector<SegmentEntry> entries = log_->segments().entries();
  for (size_t i = entries.size(); i-- > 0;) {
    if (entries[i].begin() >= below) continue;
    const absl::StatusOr<std::optional<FoundRun>> found =
        files_->FindRun(entries[i].begin(), number);
    if (absl::IsNotFound(found.status()) || absl::IsOutOfRange(found.status())) continue;
    if (!found.ok()) return found.status();
    if (found->has_value()) return RunLink{entries[i].begin(), (*found)->run.first};
  }
  return kNoLink;
}

absl::StatusOr<Indexer::Place> Indexer::FindWithoutLinks(uint32_t number, QueueOffset offset) {
  Place place{.holes_end = QueueOffset(queues_->queue(number).memory_first())};
  const std::vector<SegmentEntry> entries = log_->segments().entries();
  for (size_t i = entries.size(); i-- > 0;) {
    if (entries[i].limit > sealed_end()) continue;
    absl::StatusOr<std::optional<FoundRun>> found = files_->FindRun(entries[i].begin(), number);
    if (absl::IsOutOfRange(found.status()) || IsUnreadable(found.status())) continue;
    if (!found.ok()) return found.status();
    if (!found->has_value()) continue;
    QueueRun& run = (*found)->run;
    if (offset >= run.end()) break;
    if (offset >= run.first) {
      place.run = RunLocation{entries[i].begin(), std::move((*found)->file), run};
      break;
    }
    place.holes_end = run.first;
  }
  return place;
}

absl::Status Indexer::Rebuild(LogPosition segment_begin) {
  ASSIGN_OR_RETURN(const IndexIdentity identity, IdentityOf(segment_begin));
  const std::optional<SegmentEntry> entry = log_->segments().EntryAt(segment_begin);
  if (!entry || entry->limit > sealed_end()) {
    return absl::NotFoundError("the segment is not sealed");
  }
  Runs runs;
  LogScanner scanner(*log_, entry->begin(), entry->end());
  const auto enter = [&](uint32_t number, uint64_t offset, const ScannedRecord& record) {
    runs[number].emplace_back(
        offset, IndexEntry::At(entry->begin(), record.position, record.header.filter));
  };
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) break;
    if (step == LogScanner::Step::kDamage) continue;
    if (record.header.type != RecordType::kMessage && record.header.type != RecordType::kVoid) {
      continue;
    }
    if (record.header.queue_number == kNoQueue) continue;
    enter(record.header.queue_number, record.header.queue_offset, record);
    if (const auto queues = DecodeQueues(record.bytes)) {
      for (uint32_t i = 0; i < queues->further_queue_count; ++i) {
        const FurtherQueue further = queues->further_queue(i);
        enter(further.number, further.offset, record);
      }
    }
  }
  std::vector<uint32_t> numbers;
  for (const auto& [number, entries] : runs) numbers.push_back(number);
  std::sort(numbers.begin(), numbers.end());
  IndexFileWriter writer(identity);
  for (const uint32_t number : numbers) {
    const auto& found = runs[number];
    const uint64_t first = found.front().first;
    ASSIGN_OR_RETURN(const RunLink older, FindOlderRun(number, segment_begin));
    ASSIGN_OR_RETURN(const RunLinks links,
                     LinksForNewRun(*files_, number, older, log_->segments().begin()));
    std::vector<IndexEntry> entries;
    for (const auto& [offset, index_entry] : found) {
      if (offset < first || offset - first > (uint64_t{1} << 24)) continue;
      // Offsets whose record could not be found are holes.
      if (entries.size() <= offset - first) entries.resize(offset - first + 1);
      entries[offset - first] = index_entry;
    }
    RETURN_IF_ERROR(writer.AddRun(number, QueueOffset(first), links, entries));
  }
  RETURN_IF_ERROR(writer.WriteTo(log_->segments().directory(), IndexFileName(segment_begin)));
  files_->Register(segment_begin, identity);
  rebuilt_.fetch_add(1, std::memory_order_relaxed);
  return absl::OkStatus();
}

absl::Status Indexer::ForgetSealed() {
  while (const std::optional<LogPosition> next = log_->segments().GoOn(sealed_end())) {
    const std::optional<SegmentEntry> entry = log_->segments().EntryAt(*next);
    if (!entry || entry->limit > fed_end()) break;
    const absl::StatusOr<std::shared_ptr<IndexFile>> file = files_->Get(entry->begin());
    if (!file.ok()) break;  // not sealed yet; or damaged, then the memory stays
    RETURN_IF_ERROR((*file)->ForEachRun([&](const QueueRun& run) {
      if (!queues_->has(run.queue_number)) return absl::OkStatus();
      if (queues_->queue(run.queue_number).memory_first() >= run.end().value() ||
          queues_->queue(run.queue_number).end() < run.end().value()) {
        return absl::OkStatus();
      }
      queues_->ForgetBelow(run.queue_number, run.end().value(), {entry->begin(), run.first});
      return absl::OkStatus();
    }));
    sealed_end_.store(entry->limit.value(), std::memory_order_release);
  }
  queues_->Reuse();
  return absl::OkStatus();
}

absl::Status Indexer::RebuildDamaged() {
  if (observer_ == nullptr) {
    return absl::DataLossError(
        "an index file is missing or damaged; the store's writer computes it again");
  }
  for (const SegmentEntry& entry : log_->segments().entries()) {
    if (entry.limit > sealed_end()) break;
    const absl::StatusOr<std::shared_ptr<IndexFile>> file = files_->Get(entry.begin());
    absl::Status status = file.ok() ? (*file)->VerifyAll() : file.status();
    if (status.ok() || absl::IsOutOfRange(status)) continue;  // sound, or dropped meanwhile
    if (!IsUnreadable(status)) return status;
    RETURN_IF_ERROR(Rebuild(entry.begin()));
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
