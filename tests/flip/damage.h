// One wound of a store: a bit flipped, a file cut short, a sector zeroed, swapped with another one,
// or written where another one belongs, or a block zeroed, which is the sector of many drives. And
// what the oracle says of the store then: what may be missing, what must not, and whether it was
// said.

#ifndef WEIR_TESTS_FLIP_DAMAGE_H_
#define WEIR_TESTS_FLIP_DAMAGE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "flip/sample_store.h"
#include "support/oracle.h"

namespace weir::testing {

inline constexpr uint64_t kBlockBytes = 4096;

struct Damage {
  enum class Kind : uint8_t { kFlip, kCut, kZero, kSwap, kMisplace, kBlock };

  Kind kind = Kind::kFlip;
  size_t file = 0;      // in SampleStore::files
  uint64_t offset = 0;  // of the byte, or the first lost one
  uint32_t bit = 0;     // kFlip only

  // "flip:BYTE:BIT", "cut:LENGTH", "zero:BYTE", "swap:BYTE", "misplace:BYTE",
  // "block:BYTE"
  std::string ToString() const;
  static std::optional<Damage> Parse(absl::string_view text);
};

enum class FileKind : uint8_t { kSegment, kIndex, kSuperblock, kLock, kFront };
inline constexpr size_t kFileKinds = 5;
FileKind KindOf(const SampleFile& file);
absl::string_view FileKindName(FileKind kind);

// Opens the damaged store and asks the oracle. Thorough: verifies, reads in the order of the log,
// appends, and opens it again in every way.
Verdict Examine(const SampleStore& sample, const Damage& damage, bool is_thorough);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FLIP_DAMAGE_H_
