// Tells a forked child that it is one, for the price of one load.
//
// A child shares files and locks with its parent but has none of its threads; if it wrote, two
// would write. The word lies in a page that the kernel empties in every child (MADV_WIPEONFORK).

#ifndef WEIR_IO_FORK_GUARD_H_
#define WEIR_IO_FORK_GUARD_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace weir::internal {

class ForkGuard final {
 public:
  ForkGuard();
  ~ForkGuard();

  ForkGuard(const ForkGuard&) = delete;
  ForkGuard& operator=(const ForkGuard&) = delete;

  // True in a process that was forked, at any remove, from the one that made this object.
  bool forked() const { return word_->load(std::memory_order_relaxed) != expected_; }

 private:
  std::atomic<uint32_t>* word_;
  uint32_t expected_;
  size_t page_bytes_ = 0;  // 0: the word is not ours
};

}  // namespace weir::internal

#endif  // WEIR_IO_FORK_GUARD_H_
