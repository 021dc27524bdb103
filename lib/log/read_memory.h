// The memory that the views of one read lie in: copies out of the front, and pinned blocks.

#ifndef WEIR_LOG_READ_MEMORY_H_
#define WEIR_LOG_READ_MEMORY_H_

#include <algorithm>
#include <cstddef>
#include <memory>
#include <utility>
#include <vector>

namespace weir::internal {

class ReadMemory {
 public:
  // `bytes` bytes, aligned to 8, that live as long as what Take() returns.
  char* Allocate(size_t bytes) {
    bytes = (bytes + 7) & ~size_t{7};
    if (bytes > left_) {
      // Below glibc's threshold for mmap: a chunk costs no page faults once the heap is warm.
      chunk_bytes_ = std::min(chunk_bytes_ * 2, kChunkBytesMax);
      const size_t size = std::max(bytes, chunk_bytes_);
      auto chunk = std::make_shared_for_overwrite<char[]>(size);
      next_ = chunk.get();
      left_ = size;
      pins_.push_back(std::move(chunk));
    }
    char* const memory = next_;
    next_ += bytes;
    left_ -= bytes;
    return memory;
  }

  void Pin(std::shared_ptr<const void> pin) { pins_.push_back(std::move(pin)); }

  std::vector<std::shared_ptr<const void>> Take() {
    left_ = 0;
    return std::exchange(pins_, {});
  }

 private:
  static constexpr size_t kChunkBytesMax = size_t{96} << 10;
  size_t chunk_bytes_ = 2048;
  char* next_ = nullptr;
  size_t left_ = 0;
  std::vector<std::shared_ptr<const void>> pins_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_READ_MEMORY_H_
