#include "store/retainer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/log_scanner.h"
#include "store/topic_totals.h"

namespace weir::internal {
namespace {

constexpr absl::Duration kRest = absl::Seconds(1);
// Superblock, its slots, LOCK.
constexpr uint64_t kStoreFilesBytes = 16 << 10;
// Files of dropped segments that wait to be used again, where nobody counts bytes.
constexpr size_t kSparesMax = 2;

}  // namespace

// --- What there is

std::optional<int64_t> Retainer::BeginTime(const SegmentEntry& entry) {
  const auto known = begin_times_.find(entry.begin());
  if (known != begin_times_.end()) return known->second;
  LogScanner scanner(*parts_.view, entry.begin(),
                     std::min(entry.end(), parts_.view->ContiguousVisibleEnd()));
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    const absl::StatusOr<LogScanner::Step> step = scanner.Next(&record, &damage);
    if (!step.ok() || *step == LogScanner::Step::kEnd) return std::nullopt;
    if (*step == LogScanner::Step::kDamage) continue;
    HOLDS(record.position >= entry.begin());
    HOLDS(record.end() <= entry.end());
    begin_times_[entry.begin()] = record.header.store_time;
    return record.header.store_time;
  }
}

uint64_t Retainer::IndexBytes(LogPosition segment_begin) {
  const auto known = index_bytes_.find(segment_begin);
  if (known != index_bytes_.end()) return known->second;
  const absl::StatusOr<std::shared_ptr<IndexFile>> file = parts_.files->Get(segment_begin);
  if (!file.ok()) return 0;
  HOLDS((*file)->header().identity.segment_begin == segment_begin);
  HOLDS((*file)->header().identity.segment_end <= parts_.indexer->sealed_end());
  return index_bytes_[segment_begin] = (*file)->header().file_bytes();
}

RetentionFacts Retainer::Facts(int64_t now) {
  CommitLog& log = *parts_.log;
  const uint64_t segment_bytes = log.segments().segment_bytes();
  RetentionFacts facts{.now = now, .used_bytes = kStoreFilesBytes};
  const LogPosition whole = std::min({parts_.indexer->sealed_end(), log.front().durable_end(),
                                      log.segments().BeginOf(log.front().claimed_end())});
  const std::vector<SegmentEntry> entries = log.segments().entries();
  for (size_t i = 0; i < entries.size(); ++i) {
    facts.used_bytes += segment_bytes;
    if (entries[i].limit > whole || i + 1 == entries.size()) continue;
    const uint64_t bytes = segment_bytes + IndexBytes(entries[i].begin());
    facts.used_bytes += bytes - segment_bytes;
    // The time of the next segment's first record: nothing before it is younger.
    facts.segments.push_back({.begin = entries[i].begin(),
                              .limit = entries[i].limit,
                              .newest = BeginTime(entries[i + 1]).value_or(now),
                              .bytes = bytes});
  }
  // The file that is prepared next.
  facts.used_bytes += segment_bytes;
  if (log.options().retention.free_bytes_low > 0 || log.options().retention.free_bytes_min > 0) {
    facts.free_bytes = log.directory().FreeBytes().value_or(~uint64_t{0});
  }
  return facts;
}

absl::StatusOr<std::vector<QueuePurge>> Retainer::RunEnds(LogPosition segment_begin) {
  absl::StatusOr<std::shared_ptr<IndexFile>> file = parts_.files->Get(segment_begin);
  if (IsUnreadable(file.status())) {
    RETURN_IF_ERROR(parts_.indexer->Rebuild(segment_begin));
    file = parts_.files->Get(segment_begin);
  }
  if (!file.ok()) return file.status();
  std::vector<QueuePurge> ends;
  RETURN_IF_ERROR((*file)->ForEachRun([&](const QueueRun& run) {
    if (parts_.queues->has(run.queue_number)) {
      ends.push_back({run.queue_number, run.end().value()});
    }
    return absl::OkStatus();
  }));
  return ends;
}

std::string Retainer::WhyKept(const Retention& policy, const OldSegment& segment) {
  if (policy.unconsumed == Retention::Unconsumed::kDrop) return "";
  const absl::StatusOr<std::vector<QueuePurge>> ends = RunEnds(segment.begin);
  if (!ends.ok()) {
    return absl::StrCat("nobody knows who waits for segment ", segment.begin.value(), ": ",
                        ends.status().message());
  }
  for (const QueuePurge& run : *ends) {
    const auto behind = parts_.groups->FindBehind(run.number, run.first);
    const Topic::Entry* const topic = parts_.catalogue->OfQueue(run.number);
    if (behind.empty() || topic == nullptr || topic->is_deleted.load()) continue;
    return absl::StrCat("group ", behind[0].group, " is only at offset ", behind[0].offset,
                        " of queue ", run.number - topic->first_queue, " of topic ", topic->name);
  }
  return "";
}

// --- Dropping

absl::Status Retainer::Drop(const std::vector<OldSegment>& segments) {
  ENSURE(!segments.empty() && segments.front().begin >= parts_.log->segments().begin());
  const LogPosition below = segments.back().limit;
  // What is dropped is in files, and what is said again behind it has a place.
  ENSURE(below <= parts_.indexer->sealed_end() && below <= parts_.log->front().durable_end());
  for (Carried* const state : parts_.carried) {
    ASSIGN_OR_RETURN(const uint64_t bytes, state->Carry(below));
    carried_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  }
  RETURN_IF_ERROR(parts_.log->Flush(kNever));
  ENSURE(!parts_.latest->HasAny(below));
  std::map<uint32_t, uint64_t> ends;
  for (const OldSegment& segment : segments) {
    // What is not known of a damaged one, its readers will find out.
    const auto runs = RunEnds(segment.begin);
    if (!runs.ok()) continue;
    for (const QueuePurge& run : *runs) ends[run.number] = run.first;
  }
  RETURN_IF_ERROR(parts_.log->TrimTo(below));
  ENSURE(parts_.log->segments().begin() >= below);
  for (const auto& [number, end] : ends) {
    parts_.queues->queue(number).RaiseFirst(end);
    const Topic::Entry* const topic = parts_.catalogue->OfQueue(number);
    if (topic == nullptr || topic->is_deleted.load()) continue;
    for (GroupOffsets::Behind& behind : parts_.groups->FindBehind(number, end)) {
      untold_.push_back({.group = std::move(behind.group),
                         .topic = topic->name,
                         .queue_id = number - topic->first_queue,
                         .first = QueueOffset(behind.offset),
                         .end = QueueOffset(end)});
    }
  }
  // Few segments hold few states that are whole, and the next open shall find one.
  if (parts_.log->segments().entries().size() < 2 * Snapshots::kFilesPerFull) {
    parts_.indexer->RequestFullSnapshot();
  }
  for (const OldSegment& segment : segments) {
    begin_times_.erase(segment.begin);
    index_bytes_.erase(segment.begin);
    parts_.files->Forget(segment.begin);
    const absl::Status removed = parts_.log->directory().Remove(IndexFileName(segment.begin));
    // The next open removes it.
    if (!removed.ok() && !absl::IsNotFound(removed)) return removed;
    dropped_.fetch_add(1, std::memory_order_relaxed);
  }
  return absl::OkStatus();
}

absl::Status Retainer::DropEach(const std::vector<OldSegment>& segments) {
  ENSURE(!segments.empty());
  if (!parts_.latest->HasAny(segments.back().limit)) return Drop(segments);
  for (const OldSegment& segment : segments) RETURN_IF_ERROR(Drop({segment}));
  ENSURE(parts_.log->segments().begin() >= segments.back().limit);
  return absl::OkStatus();
}

absl::Status Retainer::DropSome(const std::vector<OldSegment>& segments, bool* more) {
  ENSURE(!segments.empty());
  ENSURE(segments.front().begin >= parts_.log->segments().begin());
  *more = false;
  if (!parts_.latest->HasAny(segments.back().limit)) return Drop(segments);
  if (segments.front().begin >= planned_) planned_ = segments.back().limit;
  bool has_more_to_carry = false;
  ASSIGN_OR_RETURN(const uint64_t bytes,
                   parts_.latest->CarrySome(segments.front().limit, &has_more_to_carry));
  carried_bytes_.fetch_add(bytes, std::memory_order_relaxed);
  *more = has_more_to_carry || segments.front().limit < planned_;
  if (has_more_to_carry) return absl::OkStatus();
  return Drop({segments.front()});
}

// How many files there may be, and how many of those that wait to be used again.
void Retainer::KeepInBudget(const RetentionFacts& facts) {
  const Retention& policy = parts_.log->options().retention;
  Segments& segments = parts_.log->segments();
  size_t spares = policy.free_bytes_low > facts.free_bytes ? 0 : kSparesMax;
  if (policy.max_bytes > 0) {
    uint64_t beside = kStoreFilesBytes;
    for (const auto& [begin, bytes] : index_bytes_) beside += bytes;
    const uint64_t files =
        (policy.max_bytes - std::min(beside, policy.max_bytes)) / segments.segment_bytes();
    segments.set_files_max(files);
    const size_t in_use = segments.entries().size();
    spares = std::min<size_t>(spares, files > in_use ? files - in_use : 0);
  }
  segments.RemoveSpares(spares).IgnoreError();  // another time
}

void Retainer::Begin() {
  MutexLock lock(retaining_);
  if (parts_.log->options().retention.max_bytes == 0) return;
  KeepInBudget(Facts(parts_.clock->Now(parts_.log->front().last_store_time())));
}

absl::StatusOr<Retainer::Dropped> Retainer::Apply(const Retention& policy, bool dry_run) {
  MutexLock lock(retaining_);
  const RetentionFacts facts = Facts(parts_.log->clock().WallNanos());
  const RetentionPlan plan =
      PlanRetention(policy, facts, [&](const OldSegment& segment) ABSL_NO_THREAD_SAFETY_ANALYSIS {
        return WhyKept(policy, segment);
      });
  Dropped dropped{.segments = plan.drop, .begin = parts_.log->segments().begin()};
  ENSURE(plan.drop <= facts.segments.size());
  if (plan.drop == 0) return dropped;
  const std::vector<OldSegment> segments(
      facts.segments.begin(), facts.segments.begin() + static_cast<ptrdiff_t>(plan.drop));
  for (const OldSegment& segment : segments) dropped.bytes += segment.bytes;
  ENSURE(segments.back().limit > dropped.begin);
  dropped.begin = segments.back().limit;
  if (!dry_run) {
    RETURN_IF_ERROR(DropEach(segments));
    RETURN_IF_ERROR(parts_.log->segments().RemoveSpares(0));
  }
  return dropped;
}

absl::Status Retainer::MakeSpace() {
  MutexLock lock(retaining_);
  CommitLog& log = *parts_.log;
  if (!log.segments().IsFull()) return absl::OkStatus();  // somebody else was faster
  RETURN_IF_ERROR(log.Flush(kNever));
  const LogPosition durable = log.front().durable_end();
  parts_.topics->AwaitChanges();
  parts_.ends->AwaitChanges();
  for (bool more = true; more;) {
    ASSIGN_OR_RETURN(more, parts_.indexer->SealSome(durable));
  }
  RetentionFacts facts = Facts(parts_.clock->Now(log.front().last_store_time()));
  KeepInBudget(facts);
  const Retention& policy = log.options().retention;
  if (facts.segments.empty()) {
    return absl::ResourceExhaustedError("the store's budget is full of what may not go yet");
  }
  const std::string kept = WhyKept(policy, facts.segments.front());
  if (!kept.empty()) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the store's budget of ", policy.max_bytes, " bytes is full, and ", kept));
  }
  facts.segments.resize(1);
  ENSURE(log.segments().entries().size() > 1);  // the newest one is never old
  RETURN_IF_ERROR(Drop(facts.segments));
  ENSURE(log.segments().begin() >= facts.segments.front().limit);
  KeepInBudget(facts);
  return absl::OkStatus();
}

// --- Topics

// Whether the topic's own policy wants nothing of the segment any more.
bool Retainer::IsSpent(const Topic::Entry& topic, const OldSegment& segment, int64_t now) {
  const int64_t max_age = topic.max_age_nanos.load(std::memory_order_relaxed);
  if (max_age > 0 && now - segment.newest > max_age) return true;
  const uint64_t max_bytes = topic.max_bytes.load(std::memory_order_relaxed);
  if (max_bytes == 0) return false;
  const absl::StatusOr<std::shared_ptr<IndexFile>> file = parts_.files->Get(segment.begin);
  if (!file.ok()) return false;
  const auto saved = (*file)->Saved(TopicTotals::kName);
  if (!saved.ok() || !*saved) return false;
  const std::optional<uint64_t> then = TopicTotals::BytesOf((*saved)->bytes, topic);
  // A segment that says nothing of the topic has nothing of it.
  return !then || topic.bytes.load(std::memory_order_relaxed) - *then >= max_bytes;
}

absl::Status Retainer::PurgeTopics(const RetentionFacts& facts) {
  for (const Topic::Entry* const topic : parts_.catalogue->All()) {
    if (topic->is_deleted.load(std::memory_order_acquire) ||
        (topic->max_age_nanos.load() == 0 && topic->max_bytes.load() == 0)) {
      continue;
    }
    LogPosition& purged = purged_[topic->first_queue];
    std::map<uint32_t, uint64_t> firsts;
    LogPosition reached = purged;
    for (const OldSegment& segment : facts.segments) {
      if (segment.limit <= purged) continue;
      if (!IsSpent(*topic, segment, facts.now)) break;
      ASSIGN_OR_RETURN(const std::vector<QueuePurge> ends, RunEnds(segment.begin));
      for (const QueuePurge& run : ends) {
        if (run.number - topic->first_queue < topic->queue_count) firsts[run.number] = run.first;
      }
      reached = segment.limit;
    }
    std::vector<QueuePurge> purges;
    for (const auto& [number, first] : firsts) {
      if (parts_.queues->queue(number).first() < first) purges.push_back({number, first});
    }
    if (!purges.empty()) RETURN_IF_ERROR(parts_.ends->Purge(purges, kNever));
    ENSURE(reached >= purged);
    ENSURE(reached <= parts_.indexer->sealed_end());
    purged = reached;
  }
  return absl::OkStatus();
}

// --- The step

// Whether there is anything to look for.
bool Retainer::HasPolicy() const {
  const Retention& policy = parts_.log->options().retention;
  if (policy.NeedsSpace() || policy.max_age != absl::InfiniteDuration()) return true;
  const std::vector<const Topic::Entry*> topics = parts_.catalogue->All();
  return std::any_of(topics.begin(), topics.end(), [](const Topic::Entry* topic) {
    return topic->max_age_nanos.load() != 0 || topic->max_bytes.load() != 0;
  });
}

absl::Duration Retainer::Step() {
  if (parts_.log->is_stopped()) return kRest;
  Health& health = parts_.log->health();
  bool has_more = false;
  {
    MutexLock lock(retaining_);
    const Retention& policy = parts_.log->options().retention;
    if (!HasPolicy()) return kRest;
    const RetentionFacts facts = Facts(parts_.clock->Now(parts_.log->front().last_store_time()));
    const RetentionPlan plan =
        PlanRetention(policy, facts, [&](const OldSegment& segment) ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return WhyKept(policy, segment);
        });
    absl::Status status = PurgeTopics(facts);
    HOLDS(plan.drop <= facts.segments.size());
    if (plan.drop > 0 && !AnyBroken()) {
      const absl::Status dropped = DropSome(
          {facts.segments.begin(), facts.segments.begin() + static_cast<ptrdiff_t>(plan.drop)},
          &has_more);
      if (status.ok()) status = dropped;
    }
    KeepInBudget(facts);
    parts_.log->Refuse(plan.refuse);
    if (!status.ok()) {
      health.Raise(Condition::kRetention, std::string(status.message()));
      has_more = false;
    } else {
      health.Clear(Condition::kRetention);
    }
  }
  TellListener();
  parts_.log->JudgePromises().IgnoreError();  // what is read-only drops nothing
  return has_more ? absl::ZeroDuration() : kRest;
}

void Retainer::TellListener() {
  std::vector<UnconsumedMessages> untold;
  {
    MutexLock lock(retaining_);
    untold.swap(untold_);
  }
  StateListener* const listener = parts_.log->options().state_listener;
  if (listener == nullptr) return;
  for (const UnconsumedMessages& messages : untold) {
    try {
      listener->OnUnconsumedDropped(messages);
    } catch (...) {
      // The host's exception must not unwind through our steps; hooks.h says so.
    }
  }
}

}  // namespace weir::internal
