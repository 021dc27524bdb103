// A reader on a thread of its own: inside from the constructor until Leave().

#ifndef WEIR_TESTS_LOG_READER_THREAD_H_
#define WEIR_TESTS_LOG_READER_THREAD_H_

#include <atomic>
#include <thread>

#include "log/reader_slots.h"

namespace weir::testing {

class ReaderThread {
 public:
  explicit ReaderThread(internal::ReaderSlots& slots)
      : thread_([this, &slots] {
          const internal::ReaderSlots::Guard guard(slots);
          is_inside_.store(true);
          is_inside_.notify_all();
          may_leave_.wait(false);
        }) {
    is_inside_.wait(false);
  }
  ~ReaderThread() { Leave(); }
  ReaderThread(const ReaderThread&) = delete;
  ReaderThread& operator=(const ReaderThread&) = delete;

  void Leave() {
    if (!thread_.joinable()) return;
    may_leave_.store(true);
    may_leave_.notify_all();
    thread_.join();
  }

 private:
  std::atomic<bool> is_inside_{false};
  std::atomic<bool> may_leave_{false};
  std::thread thread_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_LOG_READER_THREAD_H_
