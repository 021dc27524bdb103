// Prints what a cursor reads, as far as it was asked for: the loop of `weir read` and `weir find`.

#ifndef WEIR_TOOL_SCAN_H_
#define WEIR_TOOL_SCAN_H_

#include <cstdint>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "tool/cursor.h"
#include "tool/flags.h"
#include "tool/output.h"
#include "tool/selection.h"
#include "weir/store.h"

namespace weir::tool {

struct Scan {
  absl::string_view command;  // in whose name damage is told
  MessageStore* store;
  const Selection* selection;
  Format format = Format::kBody;
  uint64_t max = std::numeric_limits<uint64_t>::max();
  bool follow = false;  // waits at the end

  // Prints up to `max` messages from where the cursor stands. kDataLoss if damage was met; it was
  // told, and reading went on behind it.
  absl::Status Print(Cursor& cursor, Output& output) const;
};

}  // namespace weir::tool

#endif  // WEIR_TOOL_SCAN_H_
