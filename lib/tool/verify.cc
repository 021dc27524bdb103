// weir verify: reads everything and says what is wrong.

#include <unistd.h>

#include <cstddef>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tool/commands.h"
#include "tool/diagnostics.h"
#include "tool/open_store.h"
#include "tool/output.h"
#include "tool/recovery_text.h"
#include "weir/repair.h"
#include "weir/store.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "verify";

// A store that does not open is looked at as `weir repair` would do it.
absl::StatusOr<VerifyReport> Verify(const std::string& directory) {
  const absl::StatusOr<std::unique_ptr<MessageStore>> store = OpenForReading(directory);
  if (store.ok()) return (*store)->Verify();
  if (absl::IsNotFound(store.status())) return store.status();
  absl::StatusOr<RepairReport> report = RepairStore({.directory = directory, .dry_run = true});
  if (!report.ok()) return store.status();
  return std::move(report->found);
}

int RunVerify(const std::string& directory) {
  const absl::StatusOr<VerifyReport> report = Verify(directory);
  if (!report.ok()) return Failed(kName, report.status());

  Output output(STDOUT_FILENO);
  for (const VerifyFinding& finding : report->findings) output.Write(DescribeFinding(finding));
  const size_t findings = report->findings.size();
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
    .summary = "checks every record, index file and header",
    .about =
        "Reads and checks every record, every index file, the headers of all segments and the\n"
        "superblock, and changes nothing. Prints each place that is damaged: the file, the\n"
        "position in the log, what is wrong, and up to where; of a superblock the place in the\n"
        "file. Works on a store that another process writes, and on one that does not open. The\n"
        "exit status is 0 if the store is sound and 1 if it is damaged.\n",
    .flags = {},
    .run = RunVerify,
};

}  // namespace weir::tool
