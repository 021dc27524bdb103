// Segments made ahead of their use, in a directory in memory.

#ifndef WEIR_TESTS_LOG_SEGMENTS_AHEAD_H_
#define WEIR_TESTS_LOG_SEGMENTS_AHEAD_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "log/sample_segment.h"
#include "log/segments.h"

namespace weir::testing {

struct Ahead {
  explicit Ahead(uint64_t segment = kSegment)
      : segments(store.directory.get(), OpenMode::kReadWrite, SampleStore(), segment, &cache) {}

  static LogPosition Begin(uint64_t number) { return LogPosition(number * kSegment); }
  static std::string Name(uint64_t number) { return SegmentFileName({Begin(number)}); }
  static std::string Path(uint64_t number) { return "/store/" + Name(number); }
  void Load(uint64_t first = 0) {
    std::vector<DamagedRange> missing;
    REQUIRE(segments.Load(Begin(first), LogPosition(0), &missing).ok());
  }
  absl::StatusOr<bool> Prepare(uint64_t end, bool zero = false) {
    return segments.Prepare(Begin(end), kIncarnation, zero);
  }
  void PrepareAll(uint64_t end, bool zero = false) {
    for (;;) {
      const auto more = Prepare(end, zero);
      INFO(more.status());
      REQUIRE(more.ok());
      if (!*more) return;
    }
  }
  std::vector<std::string> Files() const {
    auto files = store.disk.ListFiles("/store");
    std::sort(files.begin(), files.end());
    return files;
  }
  uint64_t Inode(uint64_t number) const {
    const auto file = store.directory->Open(Name(number), OpenMode::kRead);
    REQUIRE(file.ok());
    return (*file)->Stat()->inode;
  }

  StoreDirectory store;
  BlockCache cache{1 << 20};
  Segments segments;
};

// Whether the image holds a whole, empty segment.
inline bool IsWhole(const CrashImage& image, uint64_t number) {
  const FaultFileSystem disk(image);
  if (!disk.FileExists(Ahead::Path(number))) return false;
  const std::string content = disk.ReadFile(Ahead::Path(number));
  const auto header = DecodeSegmentHeader(content);
  return content.size() == kSegment && header.ok() && *header == SampleHeader(number);
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_LOG_SEGMENTS_AHEAD_H_
