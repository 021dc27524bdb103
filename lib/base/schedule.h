// Where other threads may come in between: at locks, and before and behind what one thread tells
// the others with a single store.
//
// In the library itself MayYield() is nothing. With WEIR_SCHEDULES, which everything in the build
// with the thread sanitizer is compiled with, a thread gives its processor away there now and then,
// so that orders of events come up which a machine seldom shows.

#ifndef WEIR_BASE_SCHEDULE_H_
#define WEIR_BASE_SCHEDULE_H_

namespace weir::internal {

#ifdef WEIR_SCHEDULES
void MayYield();
#else
inline void MayYield() {}
#endif

}  // namespace weir::internal

#endif  // WEIR_BASE_SCHEDULE_H_
