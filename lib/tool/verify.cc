// weir verify: reads everything and says what is wrong.

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tool/commands.h"
#include "tool/diagnostics.h"
#include "tool/open_store.h"
#include "tool/output.h"
#include "weir/store.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "verify";

int RunVerify(const std::string& directory) {
  const absl::StatusOr<std::unique_ptr<MessageStore>> store = OpenForReading(directory);
  if (!store.ok()) return Failed(kName, store.status());
  const absl::StatusOr<VerifyReport> report = (*store)->Verify();
  if (!report.ok()) return Failed(kName, report.status());

  Output output(STDOUT_FILENO);
  for (const VerifyFinding& finding : report->findings) {
    output.Write(
        absl::StrCat(finding.file, " at ", finding.position.value(), ": ", finding.what, "\n"));
  }
  // What opening gave up on is damage too, should the walk not have met it again.
  size_t findings = report->findings.size();
  for (const DamagedRange& range : (*store)->recovery().damage) {
    const bool is_told = std::any_of(
        report->findings.begin(), report->findings.end(), [&](const VerifyFinding& finding) {
          return finding.position >= range.begin && finding.position < range.end;
        });
    if (is_told) continue;
    ++findings;
    output.Write(absl::StrCat(directory, " at ", range.begin.value(), ": ", range.reason, "\n"));
  }
  output.Write(
      absl::StrCat(findings == 0 ? "sound" : absl::StrCat("damaged in ", findings, " places"), ": ",
                   report->records, " records, ", report->messages, " messages, ", report->bytes,
                   " bytes, ", report->index_files, " index files\n"));
  output.Flush();
  if (!output.status().ok()) return Failed(kName, output.status());
  return findings == 0 ? kSuccess : kFailure;
}

}  // namespace

const Command kVerifyCommand = {
    .name = kName,
    .synopsis = "DIR",
    .summary = "checks every record and every index file",
    .about =
        "Reads and checks every record and every index file, and changes nothing. Prints what\n"
        "is damaged, by file and position in the log. Works on a store that another process\n"
        "writes. The exit status is 0 if the store is sound and 1 if it is damaged.\n",
    .flags = {},
    .run = RunVerify,
};

}  // namespace weir::tool
