// weir retain: applies a retention policy once.

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

constexpr absl::string_view kName = "retain";

int RunRetain(const std::string& directory) {
  const Retention policy{.max_age = absl::GetFlag(FLAGS_max_age),
                         .max_bytes = absl::GetFlag(FLAGS_max_bytes).value.value_or(0),
                         .unconsumed = absl::GetFlag(FLAGS_keep_unconsumed)
                                           ? Retention::Unconsumed::kKeep
                                           : Retention::Unconsumed::kDrop};
  if (policy.max_age == absl::InfiniteDuration() && policy.max_bytes == 0) {
    return Misused(kName, "--max_age or --max_bytes is wanted");
  }
  const bool is_dry = absl::GetFlag(FLAGS_dry_run);
  absl::StatusOr<std::unique_ptr<MessageStore>> store =
      MessageStore::Open({.directory = directory, .create_if_missing = false});
  if (!store.ok()) return Failed(kName, store.status());
  const absl::StatusOr<RetentionReport> report = (*store)->Retain(policy, is_dry);
  if (!report.ok()) return Failed(kName, report.status());
  if (const absl::Status closed = (*store)->Close(); !closed.ok()) return Failed(kName, closed);
  Output output(STDOUT_FILENO);
  output.Write(absl::StrCat(
      is_dry ? "would drop " : "dropped ", report->segments, " segments of ", report->bytes,
      " bytes; the log ", is_dry ? "would begin at " : "begins at ", report->begin.value(), "\n"));
  output.Flush();
  return output.status().ok() ? kSuccess : Failed(kName, output.status());
}

}  // namespace

const Command kRetainCommand = {
    .name = kName,
    .synopsis = "DIR [--max_age=DURATION] [--max_bytes=N] [--keep_unconsumed] [--dry_run]",
    .summary = "applies a retention policy once",
    .about =
        "Drops the oldest segments: those of which every message is older than --max_age (72h,\n"
        "30m), and as many as are more than --max_bytes allows. Never the newest; with\n"
        "--keep_unconsumed none with messages that a consumer group has still to read. Topics,\n"
        "offsets and groups stay as they were. Needs the store to itself.\n"
        "\n"
        "With --dry_run it only says what would go.\n",
    .flags = {"max_age", "max_bytes", "keep_unconsumed", "dry_run"},
    .run = RunRetain,
};

}  // namespace weir::tool
