// Whether a segment may have a key: a binary fuse filter over the key hashes of its index file.
//
// T. M. Graf, D. Lemire: "Binary Fuse Filters: Fast and Smaller Than Xor Filters", Journal of
// Experimental Algorithmics 27 (2022). With three slots for a hash and fingerprints of eight bits
// it takes 9 bits for each of a million hashes and says yes to one in 256 that it does not have.
//
// The bytes are an array of slots. A hash is in the filter if its three slots, combined by
// exclusive or, give its fingerprint. FORMAT.md says which slots and what fingerprint.

#ifndef WEIR_FORMAT_KEY_FILTER_H_
#define WEIR_FORMAT_KEY_FILTER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace weir::internal {

// What the slots of a hash follow from, besides the hash.
struct KeyFilterShape {
  uint32_t begins = 0;  // stretches in which a first slot may lie; 0: there is no filter
  uint16_t seed = 0;    // the first one that this set of hashes could be stored with
  uint8_t shift = 0;    // a stretch has 2^shift slots

  // Of the array: the second and the third slot lie in the two stretches behind the first.
  uint64_t bytes() const { return begins == 0 ? 0 : (uint64_t{begins} + 2) << shift; }
  friend bool operator==(const KeyFilterShape&, const KeyFilterShape&) = default;
};

// Why no filter of up to `hash_count` hashes has this shape; empty if one may have.
absl::string_view FaultOf(const KeyFilterShape& shape, uint32_t hash_count);

struct KeyFilter {
  KeyFilterShape shape;
  std::string slots;
};

// Of distinct hashes, the same for the same set. Without shape and slots if there are none; or if
// no seed serves, which nobody has seen.
KeyFilter BuildKeyFilter(absl::Span<const uint32_t> hashes);

// A hash as a filter sees it.
struct FilterProbe {
  uint32_t first = 0;
  uint32_t second = 0;
  uint32_t third = 0;
  uint8_t fingerprint = 0;

  FilterProbe(uint32_t hash, const KeyFilterShape& shape) {
    const uint64_t mixed = Mix(hash | uint64_t{shape.seed} << 32);
    const uint32_t stretch = uint32_t{1} << shape.shift;
    const uint64_t firsts = uint64_t{shape.begins} << shape.shift;
    first = static_cast<uint32_t>(((mixed >> 32) * firsts) >> 32);
    second = (first + stretch) ^ (static_cast<uint32_t>(mixed >> 18) & (stretch - 1));
    third = (first + 2 * stretch) ^ (static_cast<uint32_t>(mixed) & (stretch - 1));
    fingerprint = static_cast<uint8_t>(mixed ^ mixed >> 32);
  }

  // The finalizer of MurmurHash3: one-to-one, so distinct hashes stay distinct.
  static uint64_t Mix(uint64_t value) {
    value = (value ^ value >> 33) * 0xFF51AFD7ED558CCD;
    value = (value ^ value >> 33) * 0xC4CEB9FE1A85EC53;
    return value ^ value >> 33;
  }
};

// `slots` are shape.bytes() many, and shape has no fault. Without a branch: looks into many filters
// overlap.
inline bool MayHold(const KeyFilterShape& shape, const char* slots, uint32_t hash) {
  const FilterProbe probe(hash, shape);
  return static_cast<uint8_t>(slots[probe.first] ^ slots[probe.second] ^ slots[probe.third]) ==
         probe.fingerprint;
}

}  // namespace weir::internal

#endif  // WEIR_FORMAT_KEY_FILTER_H_
