// The three macros of the library: return early on an error, unwrap or return, and check a promise
// of our own code.

#ifndef WEIR_BASE_STATUS_MACROS_H_
#define WEIR_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

#define RETURN_IF_ERROR(expression)                             \
  do {                                                          \
    if (::absl::Status status_ = (expression); !status_.ok()) { \
      return status_;                                           \
    }                                                           \
  } while (false)

#define WEIR_CONCAT_INNER(a, b) a##b
#define WEIR_CONCAT(a, b) WEIR_CONCAT_INNER(a, b)

#define ASSIGN_OR_RETURN(target, expression) \
  ASSIGN_OR_RETURN_INNER(WEIR_CONCAT(status_or_, __LINE__), target, expression)
#define ASSIGN_OR_RETURN_INNER(holder, target, expression) \
  auto holder = (expression);                              \
  if (!holder.ok()) return std::move(holder).status();     \
  target = *std::move(holder)

// A broken promise of our own code: never the world's fault, so a kInternal that makes the store
// read-only.
#define ENSURE(condition)                                                            \
  do {                                                                               \
    if (!(condition)) {                                                              \
      return ::absl::InternalError(                                                  \
          ::absl::StrCat(__FILE__, ":", __LINE__, ": broken promise: " #condition)); \
    }                                                                                \
  } while (false)

#endif  // WEIR_BASE_STATUS_MACROS_H_
