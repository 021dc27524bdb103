// Real memory in the shape of weir::SharedMemory: a header, then a ring that is mapped twice back
// to back. Mappings of tests are small and many, so they are kept and used again.

#ifndef WEIR_TESTS_SUPPORT_MIRRORED_MEMORY_H_
#define WEIR_TESTS_SUPPORT_MIRRORED_MEMORY_H_

#include <cstddef>
#include <memory>
#include <string>

#include "absl/strings/string_view.h"
#include "weir/file_system.h"

namespace weir::testing {

class MirroredMemory {
 public:
  // Zeroed. Null if the machine is out of memory or mappings.
  static std::unique_ptr<MirroredMemory> Create(SharedMemorySize size);
  // The same memory at another address, as another process has it. Null as above.
  std::unique_ptr<MirroredMemory> MapAgain() const;
  ~MirroredMemory();
  MirroredMemory(const MirroredMemory&) = delete;
  MirroredMemory& operator=(const MirroredMemory&) = delete;

  char* header() const { return base_; }
  char* ring() const { return base_ + size_.header_bytes; }
  SharedMemorySize size() const { return size_; }

  // Header and ring once, back to back.
  absl::string_view bytes() const { return {base_, size_.header_bytes + size_.ring_bytes}; }
  void Assign(absl::string_view bytes);

 private:
  MirroredMemory(char* base, SharedMemorySize size, bool is_alias)
      : base_(base), size_(size), is_alias_(is_alias) {}

  char* const base_;
  const SharedMemorySize size_;
  const bool is_alias_;  // of what somebody else has: not to be used again
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_MIRRORED_MEMORY_H_
