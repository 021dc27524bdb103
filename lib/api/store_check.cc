#include "api/store_check.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "format/message_copy.h"
#include "log/log_scanner.h"

namespace weir::internal {
namespace {

uint64_t Get(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

// What the writer's and the reader's description have in common, and what takes memory.
void DescribeParts(LogView& log, TopicCatalogue& catalogue, Directory& directory, Health& health,
                   StoreInfo* info) {
  info->reason = health.reason();
  const absl::StatusOr<std::vector<std::string>> files = directory.List();
  for (const SegmentEntry& entry : log.segments().entries()) {
    const bool has_index = files.ok() && std::find(files->begin(), files->end(),
                                                   IndexFileName(entry.begin())) != files->end();
    if (entry.begin() >= info->end && entry.begin() != info->begin) continue;  // prepared
    info->segments.push_back({.file = SegmentFileName(entry.name),
                              .begin = entry.begin(),
                              .end = std::min(entry.end(), std::max(info->end, entry.begin())),
                              .is_sealed = entry.end() <= info->end && info->end != entry.begin(),
                              .has_index = has_index,
                              .is_cut = entry.cut.has_value()});
  }
  for (const Topic::Entry* const topic : catalogue.All()) {
    if (topic->is_deleted.load(std::memory_order_acquire)) continue;
    info->topics.push_back({.name = topic->name,
                            .queue_count = topic->queue_count,
                            .is_compacted = topic->is_compacted,
                            .messages = Get(topic->messages),
                            .bytes = Get(topic->bytes)});
  }
  const auto quarantine = directory.Subdirectory(kQuarantineName, /*create=*/false);
  if (!quarantine.ok()) return;
  const absl::StatusOr<std::vector<std::string>> kept = (*quarantine)->List();
  if (kept.ok()) info->quarantine = *kept;
  std::sort(info->quarantine.begin(), info->quarantine.end());
}

std::string TextOf(const ScannedRecord& record, const TopicCatalogue& catalogue) {
  const RecordHeader& header = record.header;
  if (const auto open = DecodeOpen(record)) {
    return absl::StrCat("incarnation ", absl::Hex(open->incarnation, absl::kZeroPad16), " from ",
                        open->from.value());
  }
  if (const auto mark = DecodeMark(record)) {
    return absl::StrCat("durable to ", mark->durable_end.value());
  }
  if (const auto copy = DecodeCopy(record.bytes)) {
    const Topic::Entry* const topic = catalogue.OfQueue(copy->queue_number);
    const auto parts = DecodeParts(copy->message);
    return absl::StrCat(topic == nullptr ? "" : absl::StrCat(topic->name, " "),
                        "key=", absl::CHexEscape(FirstKey(*parts)), " first at ",
                        copy->first.value());
  }
  if (header.type == RecordType::kCopy) return "impossible parts";
  if (header.type == RecordType::kFiller) return IsLostRange(header) ? "a lost range" : "";
  if (header.type != RecordType::kMessage && header.type != RecordType::kCatalogue) return "";
  const auto parts = DecodeParts(record.bytes);
  if (!parts) return "impossible parts";
  constexpr size_t kBodyShown = 64;
  std::string text;
  if (header.type == RecordType::kMessage && header.queue_number != kNoQueue) {
    const Topic::Entry* const topic = catalogue.OfQueue(header.queue_number);
    if (topic != nullptr) {
      absl::StrAppend(&text, topic->name, "/", header.queue_number - topic->first_queue, " ");
    }
  }
  if (!parts->tag.empty()) absl::StrAppend(&text, "tag=", absl::CHexEscape(parts->tag), " ");
  absl::StrAppend(&text, absl::CHexEscape(parts->body.substr(0, kBodyShown)),
                  parts->body.size() > kBodyShown ? "..." : "");
  return text;
}

Distribution DistributionOf(const SharedHistogram& histogram) {
  const Histogram values = histogram.Snapshot();
  return {.count = values.Count(),
          .mean = values.Mean(),
          .p50 = values.Percentile(50),
          .p99 = values.Percentile(99),
          .p999 = values.Percentile(99.9),
          .max = values.Max()};
}

}  // namespace

StoreStats StatsOf(const CommitLog& log) {
  const LogCounters& counters = log.counters();
  const Front& front = log.front();
  StoreStats stats;
  stats.appends = front.appends();
  stats.append_bytes = front.append_bytes();
  stats.writes = Get(counters.writes);
  stats.written_bytes = Get(counters.written_bytes);
  stats.syncs = Get(counters.syncs);
  stats.sync_waiters = Get(counters.sync_waiters);
  stats.marks = Get(counters.marks);
  stats.segments_prepared = log.segments().prepared_count();
  stats.segments_recycled = log.segments().recycled_count();
  stats.replacements = Get(counters.replacements);
  stats.stalls_front_full = Get(counters.stalls_front_full);
  stats.stalls_segment = Get(counters.stalls_segment);
  stats.stalls_unsynced = Get(counters.stalls_unsynced);
  stats.stalls_reader = Get(counters.stalls_reader);
  // The lower end first: both only grow, so the difference is never negative.
  const LogPosition written = front.written_end();
  const LogPosition durable = std::min(front.durable_end(), written);
  const LogPosition claimed = front.claimed_end();
  stats.front_fill_bytes = claimed - written;
  stats.unsynced_bytes = claimed - durable;
  stats.appends_per_sync = DistributionOf(counters.appends_per_sync);
  stats.sync_nanos = DistributionOf(counters.sync_nanos);
  stats.stall_nanos = DistributionOf(counters.stall_nanos);
  stats.write_bytes = DistributionOf(counters.write_bytes);
  return stats;
}

StoreStats StatsOf(Engine& engine) {
  StoreStats stats = StatsOf(std::as_const(engine).log());
  stats.index_probes = engine.index_files().probes();
  stats.index_files_rebuilt = engine.indexer().rebuilt();
  stats.index_memory_bytes = engine.queues().memory_bytes();
  stats.key_memory_bytes = engine.digests().memory_bytes();
  stats.filter_memory_bytes = engine.finder().filter_bytes();
  stats.latest_keys = engine.latest_keys().keys();
  stats.latest_bytes = engine.latest_keys().copy_bytes();
  stats.latest_memory_bytes = engine.latest_keys().memory_bytes();
  stats.carried_messages = engine.latest_carrier().copies();
  stats.carried_bytes = engine.retainer().carried_bytes();
  stats.cache_hits = engine.log().cache().hits();
  stats.cache_misses = engine.log().cache().misses();
  stats.doorbell_rings = engine.log().doorbell().rings();
  return stats;
}

StoreStats StatsOf(Follower& follower) {
  StoreStats stats;
  stats.index_probes = follower.index_files().probes();
  stats.index_memory_bytes = follower.queues().memory_bytes();
  stats.key_memory_bytes = follower.digests().memory_bytes();
  stats.filter_memory_bytes = follower.finder().filter_bytes();
  stats.latest_keys = follower.latest_keys().keys();
  stats.latest_bytes = follower.latest_keys().copy_bytes();
  stats.latest_memory_bytes = follower.latest_keys().memory_bytes();
  stats.cache_hits = follower.log().cache().hits();
  stats.cache_misses = follower.log().cache().misses();
  return stats;
}

void Describe(Engine& engine, StoreInfo* info) {
  CommitLog& log = engine.log();
  // Ends only grow: the lowest is looked at first, so that none passes the next.
  info->begin = log.segments().begin();
  info->durable = log.front().durable_end();
  info->written = log.front().written_end();
  info->end = log.front().claimed_end();
  info->front_is_shared = log.front().is_shared();
  DescribeParts(engine.view(), engine.catalogue(), log.directory(), log.health(), info);
}

void Describe(Follower& follower, StoreInfo* info) {
  FollowedLog& log = follower.log();
  info->begin = log.segments().begin();
  info->end = log.claimed_end();
  info->written = log.written_end();
  info->durable = std::min(log.durable_end(), info->end);
  info->front_is_shared = log.front_is_shared();
  DescribeParts(log, follower.catalogue(), log.directory(), log.health(), info);
}

absl::StatusOr<std::vector<RecordInfo>> DumpRecords(LogView& log, TopicCatalogue& catalogue,
                                                    LogPosition position, size_t max) {
  std::vector<RecordInfo> records;
  LogScanner scanner(log, std::max(position, log.segments().begin()), log.ContiguousVisibleEnd());
  while (records.size() < max) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) break;
    if (step == LogScanner::Step::kDamage) {
      constexpr uint64_t kBytesMax = 0xFFFFFFFF;
      records.push_back(
          {.position = damage.begin,
           .bytes = static_cast<uint32_t>(std::min(damage.end - damage.begin, kBytesMax)),
           .type = "damage",
           .queue_number = kNoQueue,
           .text = std::move(damage.reason)});
      continue;
    }
    records.push_back({.position = record.position,
                       .bytes = record.header.bytes(),
                       .type = RecordTypeName(record.header.type),
                       .queue_number = record.header.queue_number,
                       .queue_offset = QueueOffset(record.header.queue_offset),
                       .store_time = absl::FromUnixNanos(record.header.store_time),
                       .checksum = record.header.checksum,
                       .text = TextOf(record, catalogue)});
  }
  return records;
}

}  // namespace weir::internal
