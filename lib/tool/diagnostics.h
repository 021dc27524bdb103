// What the tool says on standard error, and the exit statuses that go with it.

#ifndef WEIR_TOOL_DIAGNOSTICS_H_
#define WEIR_TOOL_DIAGNOSTICS_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace weir::tool {

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kMisuse = 2;

// Something that the user should know although the command goes on.
void Note(absl::string_view command, absl::string_view text);

// The command could not do its work. Returns kFailure.
int Failed(absl::string_view command, absl::string_view text);
int Failed(absl::string_view command, const absl::Status& status);

// The command was called wrongly; says where help is to be had. Returns kMisuse.
int Misused(absl::string_view command, absl::string_view text);

}  // namespace weir::tool

#endif  // WEIR_TOOL_DIAGNOSTICS_H_
