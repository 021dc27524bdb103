#include "support/mirrored_memory.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <mutex>
#include <utility>
#include <vector>

namespace weir::testing {
namespace {

// A mapping costs some twenty microseconds to make and as many to fault in. Only small ones are
// kept: a test that takes 32 MiB takes it once.
constexpr size_t kKeptBytesMax = size_t{1} << 20;
constexpr size_t kKeptMappingsMax = 32;

class Pool {
 public:
  // Lives for ever: objects of static duration may give mappings back late.
  static Pool& Get() {
    static Pool* const pool = new Pool;
    return *pool;
  }

  char* Take(SharedMemorySize size) {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (process_ != getpid()) {
      // What was mapped before a fork is the parent's too.
      mappings_.clear();
      process_ = getpid();
    }
    std::vector<char*>& mappings = mappings_[{size.header_bytes, size.ring_bytes}];
    if (mappings.empty()) return nullptr;
    char* const mapping = mappings.back();
    mappings.pop_back();
    return mapping;
  }

  bool Give(char* mapping, SharedMemorySize size) {
    if (size.header_bytes + size.ring_bytes > kKeptBytesMax) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (process_ != getpid()) return false;
    std::vector<char*>& mappings = mappings_[{size.header_bytes, size.ring_bytes}];
    if (mappings.size() >= kKeptMappingsMax) return false;
    mappings.push_back(mapping);
    return true;
  }

 private:
  std::mutex mutex_;
  pid_t process_ = getpid();
  std::map<std::pair<size_t, size_t>, std::vector<char*>> mappings_;
};

bool MapAt(char* address, size_t bytes, int descriptor, size_t offset) {
  return bytes == 0 || mmap(address, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
                            descriptor, static_cast<off_t>(offset)) != MAP_FAILED;
}

char* Map(SharedMemorySize size) {
  const size_t bytes = size.header_bytes + size.ring_bytes;
  const size_t span = bytes + size.ring_bytes;
  const int descriptor = memfd_create("weir-test", MFD_CLOEXEC);
  if (descriptor < 0) return nullptr;
  void* base = MAP_FAILED;
  if (ftruncate(descriptor, static_cast<off_t>(bytes)) == 0) {
    base = mmap(nullptr, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  }
  if (base == MAP_FAILED) {
    close(descriptor);
    return nullptr;
  }
  char* const address = static_cast<char*>(base);
  const bool is_mapped = MapAt(address, bytes, descriptor, 0) &&
                         MapAt(address + bytes, size.ring_bytes, descriptor, size.header_bytes);
  close(descriptor);
  if (is_mapped) return address;
  munmap(base, span);
  return nullptr;
}

}  // namespace

std::unique_ptr<MirroredMemory> MirroredMemory::Create(SharedMemorySize size) {
  char* base = Pool::Get().Take(size);
  if (base != nullptr) {
    std::memset(base, 0, size.header_bytes + size.ring_bytes);
  } else {
    base = Map(size);
  }
  if (base == nullptr) return nullptr;
  return std::unique_ptr<MirroredMemory>(new MirroredMemory(base, size, /*is_alias=*/false));
}

std::unique_ptr<MirroredMemory> MirroredMemory::MapAgain() const {
  const size_t bytes = size_.header_bytes + size_.ring_bytes;
  const size_t span = bytes + size_.ring_bytes;
  void* const base = mmap(nullptr, span, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (base == MAP_FAILED) return nullptr;
  char* const address = static_cast<char*>(base);
  // An old size of 0 leaves the old mapping where it is.
  const auto alias = [&](char* from, size_t size, char* to) {
    return size == 0 || mremap(from, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED;
  };
  if (alias(base_, bytes, address) && alias(ring(), size_.ring_bytes, address + bytes)) {
    return std::unique_ptr<MirroredMemory>(new MirroredMemory(address, size_, /*is_alias=*/true));
  }
  munmap(base, span);
  return nullptr;
}

MirroredMemory::~MirroredMemory() {
  if (is_alias_ || !Pool::Get().Give(base_, size_)) {
    munmap(base_, size_.header_bytes + 2 * size_.ring_bytes);
  }
}

void MirroredMemory::Assign(absl::string_view bytes) {
  std::memcpy(base_, bytes.data(), std::min(bytes.size(), this->bytes().size()));
}

}  // namespace weir::testing
