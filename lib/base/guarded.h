// Makes a status of an allocation that failed: no exception leaves a step, or the library.
//
//   return Guarded([&] { return engine->Append(message, options); });
//
// Abseil and the standard library throw. What lies between a throw and here keeps its promises by
// its destructors, and by allocating before it changes anything.

#ifndef WEIR_BASE_GUARDED_H_
#define WEIR_BASE_GUARDED_H_

#include <new>

#include "absl/status/status.h"

namespace weir::internal {

// kUnavailable, as the file system says it of memory. Takes none itself once it was called.
const absl::Status& OutOfMemory();

// `call` returns a Status or a StatusOr.
template <typename Call>
auto Guarded(Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  }
}

}  // namespace weir::internal

#endif  // WEIR_BASE_GUARDED_H_
