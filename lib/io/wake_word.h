// Sleeping on a word until somebody wakes those who sleep on it (futex).
//
//   waiter:  WaitOnWord(word, seen, timeout);     waker:  word.fetch_add(1);  WakeAll(word);
//
// The word may lie in shared memory: it is found by what it is in, not by its address, so waiters
// and wakers of several processes meet. A waiter needs no permission to write to it.

#ifndef WEIR_IO_WAKE_WORD_H_
#define WEIR_IO_WAKE_WORD_H_

#include <atomic>
#include <cstdint>

#include "absl/time/time.h"

namespace weir::internal {

// Returns at once if `word` is not `expected`, else when woken, after `timeout`, or for no reason:
// look again at what you wait for.
void WaitOnWord(std::atomic<uint32_t>& word, uint32_t expected, absl::Duration timeout);

void WakeAll(std::atomic<uint32_t>& word);

// The same for a word that only this process sleeps on, which is cheaper. Each waiter says for what
// kinds of wake he waits, a bit for each; WakeOwn() wakes up to `count` of those who wait for one
// of `kinds`.
void WaitOnOwnWord(std::atomic<uint32_t>& word, uint32_t expected, uint32_t kinds,
                   absl::Duration timeout);
void WakeOwn(std::atomic<uint32_t>& word, uint32_t kinds, int count);

}  // namespace weir::internal

#endif  // WEIR_IO_WAKE_WORD_H_
