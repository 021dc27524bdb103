#include "tool/scan.h"

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tool/diagnostics.h"
#include "tool/message_format.h"

namespace weir::tool {
namespace {

constexpr uint32_t kMessagesPerRead = 1024;
// While it waits, the command looks this often whether anybody still reads what it prints.
constexpr absl::Duration kWait = absl::Seconds(1);
// A store that is being trimmed may send a read back a few times; more is a mistake of ours.
constexpr int kStandstillsMax = 1000;

}  // namespace

absl::Status Scan::Print(Cursor& cursor, Output& output) const {
  absl::Status damage;
  int standstills = 0;
  uint64_t left = max;
  while (left > 0 && !output.is_closed()) {
    const uint64_t before = cursor.place();
    const std::string where = cursor.Describe();
    // As many however few are wanted: most may not be selected.
    const absl::StatusOr<ReadResult> result =
        cursor.Read(kMessagesPerRead, follow ? kWait : absl::ZeroDuration());
    if (!result.ok()) return result.status();

    std::string text;
    for (const MessageView& message : *result) {
      if (selection->EndsBefore(message)) left = 0;
      if (left == 0) break;
      if (!selection->Has(message)) continue;
      FormatMessage(*store, message, format, &text);
      --left;
    }
    output.Write(text);
    if (follow) output.Flush();
    if (left == 0) return damage;

    switch (result->outcome()) {
      case ReadOutcome::kFound:
      case ReadOutcome::kNoMatch:
      case ReadOutcome::kBeingRemoved:
        break;
      case ReadOutcome::kAtEnd:
        if (!follow) return damage;
        output.Probe();
        continue;
      case ReadOutcome::kOffsetTooSmall:
        if (before != 0) Note(command, absl::StrCat(where, " was dropped; reads on behind it"));
        break;
      case ReadOutcome::kBeyondEnd:
        return absl::OutOfRangeError(
            absl::StrCat(where, " is beyond the end (", cursor.place(), ")"));
      case ReadOutcome::kNoSuchQueue:
        return absl::NotFoundError(absl::StrCat(where, ": there is no such queue"));
      case ReadOutcome::kDamaged: {
        const absl::string_view reason =
            result->damage() ? result->damage()->reason : absl::string_view("damaged");
        Note(command, absl::StrCat(where, ": ", reason));
        damage = absl::DataLossError("messages are missing because of damage");
        break;
      }
    }
    standstills = cursor.place() == before ? standstills + 1 : 0;
    if (standstills > kStandstillsMax) {
      return absl::InternalError(absl::StrCat(where, ": reading does not get on"));
    }
  }
  return damage;
}

}  // namespace weir::tool
