// With which options a program opens its store: chosen at random, and in part again at each open.

#ifndef WEIR_TESTS_DIFFERENTIAL_SETTINGS_H_
#define WEIR_TESTS_DIFFERENTIAL_SETTINGS_H_

#include <cstdint>
#include <string>

#include "support/random.h"
#include "weir/options.h"

namespace weir::testing {

struct Settings {
  static Settings Choose(Random& random);
  // What another run of the same host may choose otherwise.
  void ChooseAgain(Random& random);

  // Without file system and clock.
  StoreOptions options() const;
  std::string ToString() const;

  bool is_private() const { return front_directory == "private"; }
  uint64_t smaller() const { return segment_bytes < front_bytes ? segment_bytes : front_bytes; }

  uint64_t segment_bytes = 4096;
  uint64_t front_bytes = 8192;
  std::string front_directory;
  Visibility visibility = Visibility::kOnAppend;
  uint32_t default_queue_count = 1;
  uint64_t read_cache_bytes = 64 << 10;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_SETTINGS_H_
