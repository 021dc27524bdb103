// What the steps of the log count. Relaxed atomics: reading them stops nobody.

#ifndef WEIR_LOG_LOG_COUNTERS_H_
#define WEIR_LOG_LOG_COUNTERS_H_

#include <atomic>
#include <cstdint>

#include "base/shared_histogram.h"

namespace weir::internal {

struct LogCounters {
  std::atomic<uint64_t> writes{0};
  std::atomic<uint64_t> written_bytes{0};
  std::atomic<uint64_t> syncs{0};
  std::atomic<uint64_t> sync_waiters{0};
  std::atomic<uint64_t> marks{0};
  std::atomic<uint64_t> replacements{0};
  std::atomic<uint64_t> stalls_front_full{0};
  std::atomic<uint64_t> stalls_segment{0};
  std::atomic<uint64_t> stalls_unsynced{0};
  std::atomic<uint64_t> stalls_reader{0};
  SharedHistogram appends_per_sync;
  SharedHistogram sync_nanos;
  SharedHistogram stall_nanos;  // of appends that waited for room
  SharedHistogram write_bytes;
};

inline void Count(std::atomic<uint64_t>& counter, uint64_t by = 1) {
  counter.fetch_add(by, std::memory_order_relaxed);
}

}  // namespace weir::internal

#endif  // WEIR_LOG_LOG_COUNTERS_H_
