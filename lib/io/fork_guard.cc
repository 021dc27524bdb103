#include "io/fork_guard.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include <new>

namespace weir::internal {
namespace {

// Where the kernel cannot empty a page: how often the way to this process was forked. Blind to
// children made by a bare clone(), which runs no handlers.
std::atomic<uint32_t> fork_count{0};

std::atomic<uint32_t>* CountedForks() {
  static const int registered =
      pthread_atfork(nullptr, nullptr, [] { fork_count.fetch_add(1, std::memory_order_relaxed); });
  static_cast<void>(registered);
  return &fork_count;
}

}  // namespace

ForkGuard::ForkGuard() {
  const auto page_bytes = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  void* const page =
      mmap(nullptr, page_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED && madvise(page, page_bytes, MADV_WIPEONFORK) == 0) {
    word_ = new (page) std::atomic<uint32_t>(1);
    page_bytes_ = page_bytes;
  } else {
    if (page != MAP_FAILED) munmap(page, page_bytes);
    word_ = CountedForks();
  }
  expected_ = word_->load(std::memory_order_relaxed);
}

ForkGuard::~ForkGuard() {
  if (page_bytes_ > 0) munmap(word_, page_bytes_);
}

}  // namespace weir::internal
