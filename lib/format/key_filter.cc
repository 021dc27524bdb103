#include "format/key_filter.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <iterator>
#include <vector>

namespace weir::internal {
namespace {

constexpr uint8_t kShiftMin = 2;
constexpr uint8_t kShiftMax = 18;
// With the sizes below a seed fails for one set in thousands.
constexpr uint16_t kSeedsMax = 256;
// From so many hashes on stretches have 2^3, 2^4, ... slots: 3.33 to the power of the number
// - 2.25, rounded up. In whole numbers, so that every machine builds the same bytes.
constexpr uint32_t kHashesOfShift[] = {
    3,      9,       28,      92,        304,       1'010,      3'362,      11'193,
    37'273, 124'118, 413'310, 1'376'322, 4'583'150, 15'261'887, 50'822'082, 169'237'530};
static_assert(std::size(kHashesOfShift) == kShiftMax - kShiftMin);

// A slot's number has 32 bits.
constexpr uint32_t kHashesMax = uint32_t{1} << 31;

// How large the filter of `hash_count` hashes is, at most kHashesMax; the seed is still to be
// found.
KeyFilterShape ShapeOf(uint32_t hash_count) {
  KeyFilterShape shape;
  if (hash_count == 0) return shape;
  const auto* const above =
      std::upper_bound(std::begin(kHashesOfShift), std::end(kHashesOfShift), hash_count);
  shape.shift = static_cast<uint8_t>(kShiftMin + (above - std::begin(kHashesOfShift)));
  // Slots for each 1,024 hashes: 1,152 for a million and more, and the more the fewer there are.
  const auto octave = std::max<uint64_t>(std::bit_width(hash_count) - 1, 1);
  const uint64_t per_1024 = std::max<uint64_t>(1152, 896 + 5102 / octave);
  const uint64_t slots = (hash_count * per_1024 + 1023) / 1024;
  const uint64_t stretches = (slots + (uint64_t{1} << shape.shift) - 1) >> shape.shift;
  shape.begins = static_cast<uint32_t>(std::max<uint64_t>(stretches, 3) - 2);
  return shape;
}

// Which hashes have a slot, as far as they are not placed: how many, and all of them combined by
// exclusive or. Of one alone that is the hash itself.
struct Slot {
  uint32_t count = 0;
  uint32_t hashes = 0;
};

// Where a hash was the only one left: its slot is free to make its three slots come out right.
struct Placed {
  uint32_t hash = 0;
  uint32_t slot = 0;
};

std::array<uint32_t, 3> SlotsOf(uint32_t hash, const KeyFilterShape& shape) {
  const FilterProbe probe(hash, shape);
  return {probe.first, probe.second, probe.third};
}

// Takes the hashes off one by one, each from a slot that it has for itself. Fewer than all: with
// this seed some are in the way of each other.
std::vector<Placed> Peel(absl::Span<const uint32_t> hashes, const KeyFilterShape& shape) {
  std::vector<Slot> slots(shape.bytes());
  for (const uint32_t hash : hashes) {
    for (const uint32_t at : SlotsOf(hash, shape)) {
      ++slots[at].count;
      slots[at].hashes ^= hash;
    }
  }
  std::vector<uint32_t> single;
  single.reserve(slots.size());
  for (size_t at = 0; at < slots.size(); ++at) {
    if (slots[at].count == 1) single.push_back(static_cast<uint32_t>(at));
  }
  std::vector<Placed> placed;
  placed.reserve(hashes.size());
  while (!single.empty()) {
    const uint32_t slot = single.back();
    single.pop_back();
    if (slots[slot].count != 1) continue;
    const uint32_t hash = slots[slot].hashes;
    placed.push_back({hash, slot});
    for (const uint32_t at : SlotsOf(hash, shape)) {
      slots[at].hashes ^= hash;
      if (--slots[at].count == 1) single.push_back(at);
    }
  }
  return placed;
}

}  // namespace

absl::string_view FaultOf(const KeyFilterShape& shape, uint32_t hash_count) {
  if (shape.begins == 0) return shape == KeyFilterShape{} ? "" : "a key filter without slots";
  if (shape.shift < kShiftMin || shape.shift > kShiftMax) return "a key filter of no known shape";
  // Fewer hashes may take a little more room than more: a stretch is rounded up.
  const KeyFilterShape largest = ShapeOf(std::min(hash_count, kHashesMax));
  if (shape.bytes() > largest.bytes() + (uint64_t{2} << largest.shift)) {
    return "a key filter larger than its keys need";
  }
  return {};
}

KeyFilter BuildKeyFilter(absl::Span<const uint32_t> hashes) {
  KeyFilter filter;
  if (hashes.size() > kHashesMax) return filter;
  filter.shape = ShapeOf(static_cast<uint32_t>(hashes.size()));
  if (filter.shape.begins == 0) return filter;
  for (uint16_t seed = 0; seed < kSeedsMax; ++seed) {
    filter.shape.seed = seed;
    const std::vector<Placed> placed = Peel(hashes, filter.shape);
    if (placed.size() < hashes.size()) continue;
    // The last one taken off first: whose slots were others', theirs were set before.
    filter.slots.assign(filter.shape.bytes(), '\0');
    for (size_t i = placed.size(); i-- > 0;) {
      const FilterProbe probe(placed[i].hash, filter.shape);
      filter.slots[placed[i].slot] =
          static_cast<char>(probe.fingerprint ^ filter.slots[probe.first] ^
                            filter.slots[probe.second] ^ filter.slots[probe.third]);
    }
    return filter;
  }
  return {};
}

}  // namespace weir::internal
