// weir repair: computes index files again, and saves what is left of a damaged log.

#include "weir/repair.h"

#include <unistd.h>

#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "tool/commands.h"
#include "tool/diagnostics.h"
#include "tool/flags.h"
#include "tool/output.h"
#include "tool/recovery_text.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "repair";

std::string QueueName(const RepairedQueue& queue) {
  return absl::StrCat(
      queue.topic.empty() ? "a topic whose name is lost" : absl::Utf8SafeCEscape(queue.topic),
      ", queue ", queue.queue_id);
}

std::string DescribeQueue(const RepairedQueue& queue) {
  std::string text =
      absl::StrCat("saved: ", QueueName(queue), ", ", queue.messages, " messages of the offsets ",
                   queue.first.value(), " to ", queue.end.value() - 1, "\n");
  for (const auto& [from, to] : queue.lost) {
    absl::StrAppend(&text, "lost:  ", QueueName(queue), ", offsets ", from.value(), " to ",
                    to.value() - 1, "\n");
  }
  return text;
}

std::string DescribeOutcome(const RepairReport& report, bool is_dry) {
  if (!report.needs_copy && report.rebuilt.empty() && report.lost.empty()) {
    return "nothing to repair\n";
  }
  std::string text;
  if (!report.rebuilt.empty()) {
    absl::StrAppend(&text, report.rebuilt.size(), " index files ",
                    is_dry ? "would be computed again\n" : "were computed again\n");
  }
  if (report.needs_copy) {
    absl::StrAppend(&text, is_dry ? "would save " : "saved ", report.messages, " messages in ",
                    report.records, " records of ", report.bytes, " bytes in ",
                    report.new_directory, "\n");
  }
  absl::StrAppend(&text, report.is_whole()
                             ? std::string("nothing is lost\n")
                             : absl::StrCat("lost in ", report.lost.size(), " places\n"));
  return text;
}

int RunRepair(const std::string& directory) {
  const bool is_dry = absl::GetFlag(FLAGS_dry_run);
  const absl::StatusOr<RepairReport> report = RepairStore(
      {.directory = directory, .new_directory = absl::GetFlag(FLAGS_to), .dry_run = is_dry});
  if (!report.ok()) return Failed(kName, report.status());

  Output output(STDOUT_FILENO);
  for (const VerifyFinding& finding : report->found.findings) {
    output.Write(absl::StrCat("found: ", DescribeFinding(finding)));
  }
  for (const std::string& file : report->rebuilt) {
    output.Write(absl::StrCat("computed again: ", file, "\n"));
  }
  for (const RepairedQueue& queue : report->queues) output.Write(DescribeQueue(queue));
  if (report->journal_records > 0) {
    output.Write(absl::StrCat("saved: ", report->journal_records, " records of no topic\n"));
  }
  for (const VerifyFinding& range : report->lost) {
    output.Write(absl::StrCat("lost:  ", DescribeFinding(range)));
  }
  for (const std::string& note : report->notes) output.Write(absl::StrCat("note:  ", note, "\n"));
  output.Write(DescribeOutcome(*report, is_dry));
  output.Flush();
  if (!output.status().ok()) return Failed(kName, output.status());
  return report->is_whole() ? kSuccess : kFailure;
}

}  // namespace

const Command kRepairCommand = {
    .name = kName,
    .synopsis = "DIR [--dry_run] [--to=NEW_DIR]",
    .summary = "computes index files again; saves what is left of a damaged log",
    .about =
        "Index files that are missing or damaged are computed again from the log, in place. If\n"
        "the log is damaged, or the superblock, or a header of a segment, what is left is copied\n"
        "into a new directory: every record to the position that it had, with its queue offset\n"
        "and its time, and what is lost is marked so. The damaged log is never changed, and a\n"
        "copy that does not verify is removed again. Works on a store that does not open, and\n"
        "not on one that a process writes.\n"
        "\n"
        "Prints what was found, what of which queue was saved, and what is lost. The exit status\n"
        "is 0 if nothing is lost, 1 if something is, or if the repair failed.\n",
    .flags = {"dry_run", "to"},
    .run = RunRepair,
};

}  // namespace weir::tool
