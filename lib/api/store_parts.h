// What the public classes share: options with their defaults filled in, and waiting reads.

#ifndef WEIR_API_STORE_PARTS_H_
#define WEIR_API_STORE_PARTS_H_

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/time/time.h"
#include "base/guarded.h"
#include "base/promise.h"
#include "log/log_view.h"
#include "weir/options.h"

namespace weir::internal {

inline StoreOptions WithDefaults(StoreOptions options) {
  if (options.file_system == nullptr) options.file_system = FileSystem::Posix();
  // Whoever sleeps asks it, whatever clock the store has; then there may be no memory to make it.
  Clock* const system = Clock::System();
  if (options.clock == nullptr) options.clock = system;
  return options;
}

// What a call of the public classes answers: a status also if memory ran out, or if it broke a
// promise. `judge` has the store told of that and says what it is.
template <typename Judge, typename Call>
auto Answer(Judge&& judge, Call&& call) -> decltype(call()) {
  auto answer = Guarded(call);
  if (AnyBroken()) {
    absl::Status broken = Guarded(judge);
    if (answer.ok()) answer = std::move(broken);
  }
  return answer;
}

// Calls `try_read` until it returns true or `wait` has passed: spinning first, then asleep at
// `word`, which rings when something new may be there. `has_more` is asked between the two.
template <typename TryRead, typename HasMore>
absl::Status ReadOrWait(LogView& log, Clock& clock, std::atomic<uint32_t>& word,
                        absl::Duration wait, absl::Duration spin, TryRead&& try_read,
                        HasMore&& has_more) {
  absl::StatusOr<bool> done = try_read();
  if (!done.ok() || *done || wait <= absl::ZeroDuration()) return done.status();
  const int64_t begun = clock.MonotonicNanos();
  const auto passed = [&] { return absl::Nanoseconds(clock.MonotonicNanos() - begun); };
  for (;;) {
    if (const absl::Status status = log.WhyNoRead(); !status.ok()) return status;
    for (int looks = 0; passed() < std::min(spin, wait); ++looks) {
      for (int i = 0; i < 64 && !has_more(); ++i) SpinPause();
      if (has_more()) break;
    }
    if (!has_more()) {
      // Not for ever: a writer of another process may go without a word.
      const absl::Duration left = std::min(wait - passed(), absl::Milliseconds(100));
      if (left > absl::ZeroDuration()) {
        log.HelpReader();
        log.doorbell().Wait(word, left, [&] { return has_more() || !log.WhyNoRead().ok(); });
      }
    }
    done = try_read();
    if (!done.ok() || *done || passed() >= wait) return done.status();
  }
}

}  // namespace weir::internal

#endif  // WEIR_API_STORE_PARTS_H_
