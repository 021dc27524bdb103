#include "support/failing_memory.h"

#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <new>

#include "support/fault_world.h"

namespace weir::testing {
namespace {

// Of this thread.
thread_local int watches = 0;
thread_local int asides = 0;
thread_local bool is_tester = false;  // it called Fail()

std::atomic<bool> is_on{false};
std::atomic<bool> watches_others{false};
std::atomic<uint64_t> first_failing{MemoryFailure::kNever};
std::atomic<uint64_t> last_failing{MemoryFailure::kNever};
std::atomic<uint64_t> allocation_count{0};
std::atomic<uint64_t> failure_count{0};
std::atomic<int64_t> live_count{0};
std::atomic<int64_t> mapping_count{0};

// Whether the allocation that is about to be made fails.
bool Fails() {
  if (!is_on.load(std::memory_order_relaxed) || asides > 0 || inside_fault_world > 0) return false;
  const bool is_others = !is_tester && watches_others.load(std::memory_order_relaxed);
  if (watches == 0 && !is_others) return false;
  const uint64_t ordinal = allocation_count.fetch_add(1, std::memory_order_relaxed);
  if (ordinal < first_failing || ordinal > last_failing) return false;
  failure_count.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void* Take(size_t size, size_t alignment) {
  if (Fails()) throw std::bad_alloc();
  void* const memory =
      alignment == 0
          ? std::malloc(size)
          : std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
  if (memory == nullptr) throw std::bad_alloc();
  live_count.fetch_add(1, std::memory_order_relaxed);
  return memory;
}

void Give(void* memory) {
  if (memory != nullptr) live_count.fetch_sub(1, std::memory_order_relaxed);
  std::free(memory);
}

}  // namespace

void FailingMemory::Fail(MemoryFailure failure, bool others) {
  is_tester = true;
  allocation_count = 0;
  failure_count = 0;
  first_failing = failure.nth;
  last_failing = failure.is_for_ever ? MemoryFailure::kNever : failure.nth;
  watches_others = others;
  is_on = true;
}

void FailingMemory::BringBack() { is_on = false; }

uint64_t FailingMemory::allocations() { return allocation_count; }
uint64_t FailingMemory::failures() { return failure_count; }
int64_t FailingMemory::live() { return live_count; }
int64_t FailingMemory::live_mappings() { return mapping_count; }

FailingMemory::Watch::Watch() { ++watches; }
FailingMemory::Watch::~Watch() { --watches; }
FailingMemory::Aside::Aside() { ++asides; }
FailingMemory::Aside::~Aside() { --asides; }

}  // namespace weir::testing

// Not inlined: compilers take the pair for a mismatch otherwise.
[[gnu::noinline]] void* operator new(size_t size) { return weir::testing::Take(size, 0); }
[[gnu::noinline]] void* operator new(size_t size, std::align_val_t alignment) {
  return weir::testing::Take(size, static_cast<size_t>(alignment));
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { weir::testing::Give(memory); }
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  weir::testing::Give(memory);
}
[[gnu::noinline]] void operator delete(void* memory, std::align_val_t) noexcept {
  weir::testing::Give(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t, std::align_val_t) noexcept {
  weir::testing::Give(memory);
}

// Before libc's, for everything that is linked into the program. What is mapped at a fixed address
// lies in a reservation that was counted.
extern "C" void* mmap(void* address, size_t size, int protection, int flags, int descriptor,
                      off_t offset) noexcept {
  if (weir::testing::Fails()) {
    errno = ENOMEM;
    return MAP_FAILED;
  }
  const long result = syscall(SYS_mmap, address, size, protection, flags, descriptor, offset);
  void* const mapping = reinterpret_cast<void*>(result);
  if (mapping != MAP_FAILED && (flags & MAP_FIXED) == 0) ++weir::testing::mapping_count;
  return mapping;
}
extern "C" int munmap(void* address, size_t size) noexcept {
  const int result = static_cast<int>(syscall(SYS_munmap, address, size));
  if (result == 0) --weir::testing::mapping_count;
  return result;
}
