#include "tool/recovery_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "tool/message_format.h"

namespace weir::tool {

std::string DescribeRecovery(const RecoveryReport& report) {
  if (report.was_clean) return "clean";
  std::string text = absl::StrFormat("recovered in %.2f ms: the log goes on at %d, %d bytes read",
                                     absl::ToDoubleMilliseconds(report.duration),
                                     report.end.value(), report.bytes_read);
  if (report.front_adopted) absl::StrAppend(&text, ", front of the dead process adopted");
  if (report.possible_loss) {
    absl::StrAppend(&text, ", POSSIBLE LOSS: the front of the dead process is gone");
  }
  if (report.voided_claims > 0) {
    absl::StrAppend(&text, ", ", report.voided_claims, " unfinished appends made void");
  }
  // The time of the last sync tells what a power loss may have taken; else nobody needs it.
  if (report.dropped_bytes > 0) {
    absl::StrAppend(
        &text, ", ", report.dropped_records, " records in ", report.dropped_bytes,
        " bytes behind a hole left out, last sync ",
        report.last_sync == absl::InfinitePast() ? "never" : FormatTimeUtc(report.last_sync));
  }
  if (!report.damage.empty()) {
    absl::StrAppend(&text, ", ", report.damage.size(), " damaged ranges");
  }
  return text;
}

absl::Status MissingBecauseOf(absl::Span<const DamagedRange> damage) {
  return damage.empty() ? absl::OkStatus()
                        : absl::DataLossError("messages may be missing because of damage");
}

std::string DescribeDropped(const DroppedOffsets& dropped) {
  return absl::StrCat(
      "left out: ", dropped.topic.empty() ? "a topic that was left out itself" : dropped.topic,
      ", queue ", dropped.queue_id, ", offsets ", dropped.first.value(), " to ",
      dropped.end.value() - 1);
}

std::string DescribeDamage(const DamagedRange& range) {
  return absl::StrCat("damaged ", range.begin.value(), " to ", range.end.value(), ": ",
                      range.reason);
}

std::string DescribeFinding(const VerifyFinding& finding) {
  const bool has_end = finding.end > finding.position;
  return absl::StrCat(finding.file, " at ", finding.position.value(), ": ", finding.what,
                      has_end ? absl::StrCat(" (up to ", finding.end.value(), ")") : "", "\n");
}

}  // namespace weir::tool
