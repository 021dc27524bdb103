#include "api/verification.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "format/message_copy.h"
#include "index/index_file.h"
#include "log/header_faults.h"
#include "log/log_scanner.h"

namespace weir::internal {
std::string FileAt(const Segments& segments, LogPosition position) {
  const auto entry = segments.EntryAt(position);
  return SegmentFileName(entry ? entry->name : SegmentName{.begin = segments.BeginOf(position)});
}

namespace {

// Collects what is found in the log.
class LogFindings {
 public:
  LogFindings(LogView& log, VerifyReport* report) : log_(log), report_(*report) {}

  void Add(LogPosition position, LogPosition end, std::string what, bool is_final = false) {
    report_.findings.push_back({.file = FileAt(log_.segments(), position),
                                .position = position,
                                .end = end,
                                .what = std::move(what),
                                .is_final = is_final});
    strangers_ = 0;
  }

  // A message of an unknown queue. If the record of a topic is lost there are many, and those that
  // follow one another are one finding.
  void AddStranger(const ScannedRecord& record) {
    if (strangers_ == 0) {
      Add(record.position, record.end(), "a message of an unknown queue", /*is_final=*/true);
      first_stranger_ = report_.findings.size() - 1;
    }
    if (++strangers_ == 1) return;
    report_.findings[first_stranger_].end = record.end();
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
    findings->Add(record.position, record.end(), "impossible parts", /*is_final=*/true);
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
      findings.Add(damage.begin, damage.end, damage.reason);
      continue;
    }
    ++report->records;
    report->bytes +=
        record.header.type == RecordType::kGroup ? kRecordHeaderBytes : record.header.bytes();
    if (IsLostRange(record.header)) {
      findings.Add(record.position, record.end(), "a lost range", /*is_final=*/true);
    }
    if (record.header.type == RecordType::kCopy && !DecodeCopy(record.bytes)) {
      findings.Add(record.position, record.end(), "impossible parts", /*is_final=*/true);
    }
    if (record.header.type != RecordType::kMessage) continue;
    ++report->messages;
    VerifyMessage(record, catalogue, &findings);
  }
}

absl::Status VerifyHeaders(LogView& log, VerifyReport* report) {
  Segments& segments = log.segments();
  ASSIGN_OR_RETURN(const std::vector<HeaderFault> faults, SuperblockFaults(segments.directory()));
  for (const HeaderFault& fault : faults) {
    report->findings.push_back({.file = fault.file,
                                .position = LogPosition(fault.offset),
                                .end = LogPosition(fault.offset + fault.bytes),
                                .what = fault.what});
  }
  for (const SegmentEntry& entry : segments.entries()) {
    // A file that was prepared and holds nothing is made again.
    if (entry.begin() >= log.claimed_end() && entry.begin() != segments.begin()) continue;
    ASSIGN_OR_RETURN(const std::vector<HeaderFault> in_file,
                     SegmentHeaderFaults(segments.directory(), entry));
    for (const HeaderFault& fault : in_file) {
      report->findings.push_back({.file = fault.file,
                                  .position = entry.begin() + fault.offset,
                                  .end = entry.begin() + fault.offset + fault.bytes,
                                  .what = fault.what});
    }
  }
  return absl::OkStatus();
}

void AddIndexFinding(const std::string& name, LogPosition begin, LogPosition end,
                     absl::string_view what, VerifyReport* report) {
  report->findings.push_back(
      {.file = name, .position = begin, .end = end, .what = std::string(what)});
}

// Index files whose segment is gone: they still say which topics and queues there were.
absl::Status VerifyOrphans(LogView& log, const std::vector<std::string>& names,
                           VerifyReport* report) {
  Segments& segments = log.segments();
  for (const std::string& name : names) {
    const std::optional<LogPosition> begin = ParseIndexFileName(name);
    if (!begin || *begin < segments.begin() || *begin >= log.claimed_end()) continue;
    const bool has_segment = segments.EntryAt(*begin) && segments.Find(*begin).ok();
    if (has_segment || segments.IsCutAt(*begin)) continue;
    const LogPosition end = *begin + segments.segment_bytes();
    const auto file = IndexFile::OpenOrphan(
        segments.directory(), name,
        {.store = segments.store(), .segment_begin = *begin, .segment_end = end});
    const absl::Status status = file.ok() ? (*file)->VerifyAll() : file.status();
    if (!status.ok() && !IsUnreadable(status)) return status;
    ++report->index_files;
    if (!status.ok()) AddIndexFinding(name, *begin, end, status.message(), report);
  }
  return absl::OkStatus();
}

// Every index file that is there, and every one of a segment that ends at `needed_end` or below.
// Opened anew, whatever the store holds open: what counts is what the next open will find.
absl::Status VerifyIndexFiles(LogView& log, Indexer& indexer, LogPosition needed_end,
                              VerifyReport* report) {
  const LogPosition sealed_end = indexer.sealed_end();
  Directory& directory = log.segments().directory();
  ASSIGN_OR_RETURN(const std::vector<std::string> names, directory.List());
  for (const SegmentEntry& entry : log.segments().entries()) {
    const std::string name = IndexFileName(entry.begin());
    const absl::StatusOr<IndexIdentity> identity = indexer.IdentityOf(entry.begin());
    if (absl::IsOutOfRange(identity.status())) continue;  // the segment itself is a finding
    RETURN_IF_ERROR(identity.status());
    const auto verify = [&] {
      const auto file = IndexFile::Open(directory, name, *identity, /*cache=*/nullptr);
      return file.ok() ? (*file)->VerifyAll() : file.status();
    };
    absl::Status status = verify();
    // It may just be taking the place of the one before.
    if (absl::IsNotFound(status)) status = verify();
    if (absl::IsNotFound(status)) {
      if (entry.limit > needed_end) continue;
      if (!log.segments().EntryAt(entry.begin())) continue;  // dropped since the list was taken
      AddIndexFinding(name, entry.begin(), entry.end(), "the index file is missing", report);
      continue;
    }
    // Of an earlier life of a segment that is not sealed yet: the seal writes it anew, and nobody
    // reads it.
    if (absl::IsFailedPrecondition(status) && entry.limit > sealed_end) continue;
    ++report->index_files;
    if (!status.ok() && !IsUnreadable(status)) return status;
    if (status.ok()) continue;
    const auto file = IndexFile::Open(directory, name, *identity, /*cache=*/nullptr);
    std::vector<absl::Status> damage = file.ok() ? (*file)->FindDamage() : std::vector{status};
    if (damage.empty()) damage.push_back(status);
    for (const absl::Status& found : damage) {
      AddIndexFinding(name, entry.begin(), entry.end(), found.message(), report);
    }
  }
  return VerifyOrphans(log, names, report);
}

// What opening gave up on, should the walk not have met it again.
void AddFoundAtOpen(const Segments& segments, const RecoveryReport& opened, VerifyReport* report) {
  for (const DamagedRange& range : opened.damage) {
    const bool is_told = std::any_of(
        report->findings.begin(), report->findings.end(), [&](const VerifyFinding& finding) {
          return finding.position >= range.begin && finding.position < range.end;
        });
    if (is_told) continue;
    report->findings.push_back({.file = FileAt(segments, range.begin),
                                .position = range.begin,
                                .end = range.end,
                                .what = range.reason});
  }
}

}  // namespace

absl::StatusOr<VerifyReport> VerifyStore(LogView& log, TopicCatalogue& catalogue, Indexer& indexer,
                                         const RecoveryReport& opened, Verifier verifier) {
  VerifyReport report;
  // What is missing before the oldest segment shows in no file.
  for (const DamagedRange& range : opened.damage) {
    if (range.begin >= log.segments().begin()) continue;
    report.findings.push_back({.file = FileAt(log.segments(), range.begin),
                               .position = range.begin,
                               .end = range.end,
                               .what = range.reason});
  }
  RETURN_IF_ERROR(VerifyHeaders(log, &report));
  RETURN_IF_ERROR(VerifyLog(log, catalogue, &report));
  // Who closes a store leaves an index file beside every whole segment; a journal has none. And a
  // writer may be about to write those anew that he could not use when he opened.
  const bool is_reader = verifier == Verifier::kReader;
  const bool was_closed = is_reader && opened.was_clean && !catalogue.All().empty();
  LogPosition needed_end = is_reader ? indexer.once_sealed_end() : indexer.sealed_end();
  if (was_closed) needed_end = std::max(needed_end, opened.end - 1);
  RETURN_IF_ERROR(VerifyIndexFiles(log, indexer, needed_end, &report));
  if (is_reader) AddFoundAtOpen(log.segments(), opened, &report);
  return report;
}

}  // namespace weir::internal
