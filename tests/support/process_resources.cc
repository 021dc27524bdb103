#include "support/process_resources.h"

#include <malloc.h>
#include <sched.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

namespace fs = std::filesystem;

// As much as the heap's caches of small pieces may hold.
constexpr uint64_t kBytesKept = 256 << 10;

uint64_t CountEntries(const char* directory) {
  const fs::directory_iterator entries(directory);
  return static_cast<uint64_t>(std::distance(fs::begin(entries), fs::end(entries)));
}

uint64_t CountMappings() {
  std::ifstream maps("/proc/self/maps");
  uint64_t count = 0;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream words(line);
    std::string range, permissions, offset, device, inode;
    words >> range >> permissions >> offset >> device >> inode;
    count += inode != "0" ? 1 : 0;
  }
  return count;
}

}  // namespace

ProcessResources ProcessResources::Now() {
  const struct mallinfo2 heap = mallinfo2();
  return {.descriptors = CountEntries("/proc/self/fd"),
          .mappings = CountMappings(),
          .threads = CountEntries("/proc/self/task"),
          .bytes = heap.uordblks + heap.hblkhd};
}

uint64_t ProcessResources::Threads(uint64_t expected) {
  constexpr int kLooks = 10'000;
  uint64_t count = CountEntries("/proc/self/task");
  for (int look = 0; look < kLooks && count > expected; ++look) {
    sched_yield();
    count = CountEntries("/proc/self/task");
  }
  return count;
}

std::string ProcessResources::Excess(const ProcessResources& before) const {
  std::string text;
  const auto tell = [&text](uint64_t now, uint64_t then, uint64_t slack, const char* what) {
    if (now > then + slack) absl::StrAppend(&text, now - then, " ", what, " ");
  };
  tell(descriptors, before.descriptors, 0, "descriptors");
  tell(mappings, before.mappings, 0, "mappings");
  tell(threads, before.threads, 0, "threads");
  tell(bytes, before.bytes, kBytesKept, "bytes");
  return text;
}

}  // namespace weir::testing
