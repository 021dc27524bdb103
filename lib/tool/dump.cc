// weir dump: the records of the log as they lie.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tool/commands.h"
#include "tool/diagnostics.h"
#include "tool/flags.h"
#include "tool/message_format.h"
#include "tool/open_store.h"
#include "tool/output.h"
#include "weir/store.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "dump";
constexpr uint64_t kRecordsPerRead = 1024;

bool IsDamage(const RecordInfo& record) { return record.type == "damage"; }

// What the store says of a record is in printable characters already.
std::string Format(const RecordInfo& record) {
  const std::string time =
      record.store_time == absl::UnixEpoch() ? "-" : FormatTimeUtc(record.store_time);
  return absl::StrFormat("%d\t%d\t%s\t%d\t%d\t%s\t%016x\t%s\n", record.position.value(),
                         record.bytes, record.type, record.queue_number,
                         record.queue_offset.value(), time, record.checksum, record.text);
}

// Where the next row is looked for. The members of a group stand inside it, and nothing stands
// inside damage.
LogPosition Behind(const RecordInfo& record) {
  return record.position + (IsDamage(record) && record.bytes > 0 ? record.bytes : 1);
}

int RunDump(const std::string& directory) {
  LogPosition position(absl::GetFlag(FLAGS_from).value.value_or(0));
  uint64_t max = absl::GetFlag(FLAGS_max).value.value_or(std::numeric_limits<uint64_t>::max());
  const absl::StatusOr<std::unique_ptr<MessageStore>> store = OpenForReading(directory);
  if (!store.ok()) return Failed(kName, store.status());
  // A mistyped position would look like a log without records.
  if (const LogPosition end = (*store)->Info().end; position > end) {
    return Failed(kName, absl::StrCat("position ", position.value(),
                                      " is beyond the end of the log, which is ", end.value()));
  }

  Output output(STDOUT_FILENO);
  uint64_t damages = 0;
  output.Write("position\tbytes\ttype\tqueue_number\toffset\tstore_time\tchecksum\ttext\n");
  while (max > 0 && !output.is_closed()) {
    const absl::StatusOr<std::vector<RecordInfo>> records =
        (*store)->Dump(position, static_cast<size_t>(std::min(max, kRecordsPerRead)));
    if (!records.ok()) {
      output.Flush();
      return Failed(kName, records.status());
    }
    if (records->empty()) break;
    for (const RecordInfo& record : *records) {
      output.Write(Format(record));
      if (IsDamage(record)) ++damages;
    }
    max -= std::min<uint64_t>(max, records->size());
    position = std::max(position + 1, Behind(records->back()));
  }
  output.Flush();
  if (!output.status().ok()) return Failed(kName, output.status());
  if (damages > 0) return Failed(kName, absl::StrCat("damaged in ", damages, " places"));
  return kSuccess;
}

}  // namespace

const Command kDumpCommand = {
    .name = kName,
    .synopsis = "DIR [--from=POSITION] [--max=N]",
    .summary = "prints the records of the log as they lie",
    .about =
        "Prints one line for each record of the log, from the first that begins at --from or\n"
        "behind it: messages, and what the store itself writes. Works on a store that another\n"
        "process writes. A position beyond the end of the log is an error.\n"
        "\n"
        "A line of the type `damage` stands where no valid record is; then the exit status is 1.\n"
        "Its time is `-`, because none is known.\n",
    .flags = {"from", "max"},
    .own_help = {{"from", "Position in the log at which to begin (default: 0)."}},
    .run = RunDump,
};

}  // namespace weir::tool
