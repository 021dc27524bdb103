// The macros of the library: return early on an error, unwrap or return, and check a promise of our
// own code, where a status can be returned and where none can.

#ifndef WEIR_BASE_STATUS_MACROS_H_
#define WEIR_BASE_STATUS_MACROS_H_

#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/promise.h"

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

// Whether a promise of our own code is kept. If not, that is what becomes of the call or step that
// this thread is in, and the store is read-only (base/promise.h). For functions that return no
// status: they go on without doing harm, or return. The compiler sees that it is false then, and
// keeps nothing in registers for what will not run.
#define HOLDS(...)                                                                        \
  (__builtin_expect(static_cast<bool>(__VA_ARGS__), true) || [] {                         \
    static constexpr ::weir::internal::Promise promise{__FILE__, __LINE__, #__VA_ARGS__}; \
    ::weir::internal::Break(promise);                                                     \
    return false;                                                                         \
  }())

// The same for functions that return one: a promise that is not kept is returned as kInternal.
#define ENSURE(...)                                             \
  do {                                                          \
    if (!HOLDS(__VA_ARGS__)) return ::weir::internal::Broken(); \
  } while (false)

#endif  // WEIR_BASE_STATUS_MACROS_H_
