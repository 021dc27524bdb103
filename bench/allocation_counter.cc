#include "allocation_counter.h"

#include <algorithm>
#include <cstdlib>
#include <new>

namespace weir::bench {
namespace {

// Constant-initialised: the first allocation of a thread may come before anything else in it.
constinit thread_local uint64_t allocations = 0;

void* Allocate(size_t bytes, size_t alignment) {
  ++allocations;
  const size_t rounded = (std::max<size_t>(bytes, 1) + alignment - 1) / alignment * alignment;
  void* memory = alignment <= __STDCPP_DEFAULT_NEW_ALIGNMENT__ ? malloc(std::max<size_t>(bytes, 1))
                                                               : aligned_alloc(alignment, rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

uint64_t ThreadAllocations() { return allocations; }

}  // namespace weir::bench

// The array forms of the standard library call these, and so does the nothrow form; but that of the
// address sanitizer does not, and complains of what it gave and our delete took.
void* operator new(size_t bytes) { return weir::bench::Allocate(bytes, 1); }
void* operator new(size_t bytes, std::align_val_t alignment) {
  return weir::bench::Allocate(bytes, static_cast<size_t>(alignment));
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept {
  try {
    return weir::bench::Allocate(bytes, 1);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}
void operator delete(void* memory) noexcept { free(memory); }
void operator delete(void* memory, size_t) noexcept { free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { free(memory); }
void operator delete(void* memory, size_t, std::align_val_t) noexcept { free(memory); }
