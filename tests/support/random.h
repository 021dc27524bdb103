// Random numbers that are the same on every machine: splitmix64.

#ifndef WEIR_TESTS_SUPPORT_RANDOM_H_
#define WEIR_TESTS_SUPPORT_RANDOM_H_

#include <cstdint>

namespace weir::testing {

class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}

  uint64_t Next() {
    state_ += 0x9e3779b97f4a7c15;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

  // In [0, bound); 0 if the bound is 0.
  uint64_t Below(uint64_t bound) { return bound == 0 ? 0 : Next() % bound; }
  // In [low, high].
  uint64_t Between(uint64_t low, uint64_t high) { return low + Below(high - low + 1); }
  bool OneIn(uint64_t n) { return Below(n) == 0; }

  // A seed from several numbers; any difference in any of them gives another stream.
  template <typename... Numbers>
  static uint64_t Mix(uint64_t first, Numbers... rest) {
    uint64_t mixed = Random(first).Next();
    ((mixed = Random(mixed ^ static_cast<uint64_t>(rest)).Next()), ...);
    return mixed;
  }

 private:
  uint64_t state_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_RANDOM_H_
