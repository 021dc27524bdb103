#include "api/store_check.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "index/index_file.h"
#include "log/log_scanner.h"

namespace weir::internal {
namespace {

uint64_t Get(const std::atomic<uint64_t>& counter) {
  return counter.load(std::memory_order_relaxed);
}

// What the writer's and the reader's description have in common.
void Describe(LogView& log, TopicCatalogue& catalogue, Directory& directory, Health& health,
              StoreInfo* info) {
  info->reason = health.reason();
  info->begin = log.segments().begin();
  info->end = log.claimed_end();
  const absl::StatusOr<std::vector<std::string>> files = directory.List();
  for (const SegmentEntry& entry : log.segments().entries()) {
    const bool has_index = files.ok() && std::find(files->begin(), files->end(),
                                                   IndexFileName(entry.begin())) != files->end();
    if (entry.begin() >= info->end && entry.begin() != info->begin) continue;  // prepared
    info->segments.push_back({.file = SegmentFileName(entry.name),
                              .begin = entry.begin(),
                              .end = std::min(entry.end(), std::max(info->end, entry.begin())),
                              .is_sealed = entry.end() <= info->end && info->end != entry.begin(),
                              .has_index = has_index});
  }
  for (const Topic::Entry* const topic : catalogue.All()) {
    info->topics.push_back({.name = topic->name,
                            .queue_count = topic->queue_count,
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
  if (header.type == RecordType::kFiller) {
    return (header.flags & kIsLost) != 0 ? "a lost range" : "";
  }
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
  stats.cache_hits = engine.log().cache().hits();
  stats.cache_misses = engine.log().cache().misses();
  stats.doorbell_rings = engine.log().doorbell().rings();
  return stats;
}

StoreStats StatsOf(Follower& follower) {
  StoreStats stats;
  stats.index_probes = follower.index_files().probes();
  stats.index_memory_bytes = follower.queues().memory_bytes();
  stats.cache_hits = follower.log().cache().hits();
  stats.cache_misses = follower.log().cache().misses();
  return stats;
}

StoreInfo InfoOf(Engine& engine) {
  StoreInfo info;
  CommitLog& log = engine.log();
  // Ends only grow: the lowest is looked at first, so that none passes the next.
  info.durable = log.front().durable_end();
  info.written = log.front().written_end();
  Describe(engine.view(), engine.catalogue(), log.directory(), log.health(), &info);
  info.front_is_shared = log.front().is_shared();
  return info;
}

StoreInfo InfoOf(Follower& follower) {
  StoreInfo info;
  FollowedLog& log = follower.log();
  Describe(log, follower.catalogue(), log.directory(), log.health(), &info);
  info.written = log.written_end();
  info.durable = std::min(log.durable_end(), info.end);
  info.front_is_shared = log.front_is_shared();
  return info;
}

namespace {

// Collects what is found in the log.
class LogFindings {
 public:
  LogFindings(LogView& log, VerifyReport* report) : log_(log), report_(*report) {}

  void Add(LogPosition position, std::string what) {
    const auto entry = log_.segments().EntryAt(position);
    report_.findings.push_back(
        {entry ? SegmentFileName(entry->name) : std::string("the log"), position, std::move(what)});
    strangers_ = 0;
  }

  // A message of an unknown queue. If the record of a topic is lost there are many, and those that
  // follow one another are one finding.
  void AddStranger(const ScannedRecord& record) {
    if (strangers_ == 0) {
      Add(record.position, "a message of an unknown queue");
      first_stranger_ = report_.findings.size() - 1;
    }
    if (++strangers_ == 1) return;
    report_.findings[first_stranger_].what = absl::StrCat(
        strangers_, " messages of unknown queues, up to position ", record.end().value());
  }
  void EndStrangers() { strangers_ = 0; }

 private:
  LogView& log_;
  VerifyReport& report_;
  uint64_t strangers_ = 0;
  size_t first_stranger_ = 0;
};

void VerifyMessage(const ScannedRecord& record, const TopicCatalogue& catalogue,
                   LogFindings* findings) {
  const uint32_t number = record.header.queue_number;
  if (!DecodeParts(record.bytes)) {
    findings->Add(record.position, "impossible parts");
  } else if (number != kNoQueue && catalogue.OfQueue(number) == nullptr) {
    findings->AddStranger(record);
  } else {
    findings->EndStrangers();
  }
}

absl::Status VerifyLog(LogView& log, const TopicCatalogue& catalogue, VerifyReport* report) {
  LogFindings findings(log, report);
  LogScanner scanner(log, log.segments().begin(), log.ContiguousVisibleEnd());
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
    if (step == LogScanner::Step::kEnd) return absl::OkStatus();
    if (step == LogScanner::Step::kDamage) {
      findings.Add(damage.begin, damage.reason);
      continue;
    }
    ++report->records;
    report->bytes +=
        record.header.type == RecordType::kGroup ? kRecordHeaderBytes : record.header.bytes();
    if (record.header.type == RecordType::kFiller && (record.header.flags & kIsLost) != 0) {
      findings.Add(record.position, "a lost range");
    }
    if (record.header.type != RecordType::kMessage) continue;
    ++report->messages;
    VerifyMessage(record, catalogue, &findings);
  }
}

// Every index file that is there, and every one that should be. Opened anew, whatever the store
// holds open: what counts is what the next open will find.
absl::Status VerifyIndexFiles(LogView& log, Indexer& indexer, VerifyReport* report) {
  const LogPosition once_sealed_end = indexer.once_sealed_end();
  Directory& directory = log.segments().directory();
  ASSIGN_OR_RETURN(std::vector<std::string> names, directory.List());
  std::sort(names.begin(), names.end());
  for (const SegmentEntry& entry : log.segments().entries()) {
    const std::string name = IndexFileName(entry.begin());
    const absl::StatusOr<IndexIdentity> identity = indexer.IdentityOf(entry.begin());
    if (absl::IsOutOfRange(identity.status())) continue;  // the segment itself is a finding
    RETURN_IF_ERROR(identity.status());
    if (!std::binary_search(names.begin(), names.end(), name)) {
      if (entry.limit > once_sealed_end) continue;
      report->findings.push_back({name, entry.begin(), "the index file is missing"});
      continue;
    }
    const auto verify = [&] {
      const auto file = IndexFile::Open(directory, name, *identity, /*cache=*/nullptr);
      return file.ok() ? (*file)->VerifyAll() : file.status();
    };
    absl::Status status = verify();
    // It may just be taking the place of the one before.
    if (absl::IsNotFound(status)) status = verify();
    // Of an earlier life, at a number that is not sealed yet: it will be overwritten, and nobody
    // reads it.
    if (absl::IsFailedPrecondition(status) && entry.limit > indexer.sealed_end()) continue;
    // Of an earlier life of a segment that is not sealed yet: the seal writes it anew.
    if (absl::IsFailedPrecondition(status) && entry.limit > once_sealed_end) continue;
    ++report->index_files;
    if (!status.ok() && !IsUnreadable(status)) return status;
    if (!status.ok()) {
      report->findings.push_back({name, entry.begin(), std::string(status.message())});
    }
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<VerifyReport> VerifyStore(LogView& log, TopicCatalogue& catalogue, Indexer& indexer,
                                         const RecoveryReport& opened) {
  VerifyReport report;
  // What is missing before the oldest segment shows in no file.
  for (const DamagedRange& range : opened.damage) {
    if (range.begin >= log.segments().begin()) continue;
    report.findings.push_back({"the log", range.begin, range.reason});
  }
  RETURN_IF_ERROR(VerifyLog(log, catalogue, &report));
  RETURN_IF_ERROR(VerifyIndexFiles(log, indexer, &report));
  return report;
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
