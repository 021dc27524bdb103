// weir snapshot: a copy of a store, also of one that is in use.

#include <unistd.h>

#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "tool/commands.h"
#include "tool/diagnostics.h"
#include "tool/flags.h"
#include "tool/open_store.h"
#include "tool/output.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "snapshot";

int RunSnapshot(const std::string& directory) {
  const std::string target = absl::GetFlag(FLAGS_to);
  if (target.empty()) return Misused(kName, "--to=NEW_DIRECTORY is wanted");
  const absl::StatusOr<std::unique_ptr<MessageStore>> store = OpenForReading(directory);
  if (!store.ok()) return Failed(kName, store.status());
  const absl::StatusOr<SnapshotReport> report = (*store)->Snapshot(target);
  if (!report.ok()) return Failed(kName, report.status());
  Output output(STDOUT_FILENO);
  output.Write(absl::StrCat(target, " holds the log up to ", report->end.value(), ": ",
                            report->linked_files, " files linked, ", report->copied_files,
                            " copied with ", report->copied_bytes, " bytes\n"));
  output.Flush();
  return output.status().ok() ? kSuccess : Failed(kName, output.status());
}

}  // namespace

const Command kSnapshotCommand = {
    .name = kName,
    .synopsis = "DIR --to=NEW_DIRECTORY",
    .summary = "copies a store, also while another process writes it",
    .about =
        "Makes a store of its own in NEW_DIRECTORY, which must be empty or missing, with "
        "everything\n"
        "that can be read when the command begins. Files that will not change any more are linked\n"
        "where the file system can do that; the end of the log is copied. Neither store touches\n"
        "the other afterwards, but a damaged file that both have is damaged in both.\n",
    .flags = {"to"},
    .run = RunSnapshot,
};

}  // namespace weir::tool
