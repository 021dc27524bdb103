// Promises of our own code that a thread broke, until somebody can return them.
//
// ENSURE and HOLDS (base/status_macros.h) keep the first one here. Whoever began the call or the
// step asks when it ends: so a broken promise is heard of whatever became of its status on the way,
// and also where there was none to return. It is an error of what this thread was doing, hence
// nobody else's.

#ifndef WEIR_BASE_PROMISE_H_
#define WEIR_BASE_PROMISE_H_

#include "absl/status/status.h"

namespace weir::internal {

// What is to be true in a place of the code.
struct Promise {
  const char* file;
  int line;
  const char* condition;
};

// Null while all were kept.
extern constinit thread_local const Promise* broken_promise;

inline bool AnyBroken() { return __builtin_expect(broken_promise != nullptr, false); }

// Keeps `promise`, which is static, unless one is kept: the first that broke is the cause of the
// others. Takes no memory.
[[gnu::cold]] void Break(const Promise& promise);

// kInternal, with file, line and condition of the promise that is kept; OK if none is.
[[gnu::cold]] absl::Status Broken();
// It was told where it had to be.
inline void ForgetBroken() { broken_promise = nullptr; }
// Both.
absl::Status TakeBroken();

}  // namespace weir::internal

#endif  // WEIR_BASE_PROMISE_H_
