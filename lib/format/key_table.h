// Keys as an index file holds them: an entry of hash and place for each key and each topic of a
// message, sorted by hash, then place, and none twice. Real keys stand in the records.

#ifndef WEIR_FORMAT_KEY_TABLE_H_
#define WEIR_FORMAT_KEY_TABLE_H_

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "absl/strings/string_view.h"
#include "weir/message.h"

namespace weir::internal {

inline constexpr uint32_t kKeyEntryBytes = 8;

// One number, so that entries are sorted and compared as numbers; in memory as on the disk.
struct KeyEntry {
  uint64_t value = 0;

  static constexpr KeyEntry Of(uint32_t hash, uint32_t position_word) {
    return {uint64_t{hash} << 32 | position_word};
  }
  constexpr uint32_t hash() const { return static_cast<uint32_t>(value >> 32); }
  // Position / 8, counted from the segment's begin.
  constexpr uint32_t position_word() const { return static_cast<uint32_t>(value); }
  friend constexpr auto operator<=>(KeyEntry, KeyEntry) = default;
};
static_assert(sizeof(KeyEntry) == kKeyEntryBytes && std::is_trivially_copyable_v<KeyEntry>);

// Of a key in a topic, which is known by the number of its first queue. The seed is the store's, so
// that nobody outside can make keys that collide.
uint32_t KeyHash(uint64_t seed, uint32_t first_queue, absl::string_view key);

// Where to look for `wanted` among [begin, end), of which the first is no smaller than `low` and
// the last no larger than `high`. Hashes are spread evenly, so a guess by proportion mostly hits at
// once; every second look halves what is left, whatever the entries are.
inline uint64_t GuessEntry(uint64_t look, uint64_t begin, uint64_t end, KeyEntry wanted,
                           KeyEntry low, KeyEntry high) {
  if (look % 2 == 1 || low >= high) return begin + (end - begin) / 2;
  const auto span = static_cast<double>(high.value - low.value);
  const auto rest = static_cast<double>(std::clamp(wanted, low, high).value - low.value);
  const auto last = end - begin - 1;
  return begin + std::min(last, static_cast<uint64_t>(static_cast<double>(last) * (rest / span)));
}

}  // namespace weir::internal

#endif  // WEIR_FORMAT_KEY_TABLE_H_
