#include "support/fault.h"

namespace weir::testing {

absl::string_view OperationKindName(OperationKind kind) {
  static constexpr absl::string_view kNames[kOperationKinds] = {
      "open directory", "open",        "create",        "read",           "write",
      "sync",           "allocate",    "truncate",      "stat",           "lock",
      "list",           "rename",      "link",          "remove",         "sync directory",
      "create shared",  "open shared", "remove shared", "create private", "stat shared"};
  return kNames[static_cast<size_t>(kind)];
}

}  // namespace weir::testing
