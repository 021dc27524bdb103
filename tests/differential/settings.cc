#include "differential/settings.h"

#include "absl/strings/str_cat.h"

namespace weir::testing {

Settings Settings::Choose(Random& random) {
  Settings settings;
  settings.segment_bytes = uint64_t{4096} << random.Below(5);
  settings.default_queue_count = static_cast<uint32_t>(random.Below(4));
  settings.ChooseAgain(random);
  return settings;
}

void Settings::ChooseAgain(Random& random) {
  front_bytes = uint64_t{8192} << random.Below(4);
  visibility = random.OneIn(2) ? Visibility::kOnAppend : Visibility::kOnDurable;
  // Shared in its usual place, shared in a place that was named, private.
  const uint64_t kind = random.Below(5);
  front_directory = kind < 2 ? "" : kind == 2 ? "/front" : "private";
  read_cache_bytes = uint64_t{4096} << random.Below(6);
}

StoreOptions Settings::options() const {
  return {.directory = "/store",
          .background = Background::kManual,
          .segment_bytes = segment_bytes,
          .front_bytes = front_bytes,
          .front_directory = front_directory,
          .read_cache_bytes = read_cache_bytes,
          .visibility = visibility,
          .default_queue_count = default_queue_count};
}

std::string Settings::ToString() const {
  return absl::StrCat("segment ", segment_bytes, ", front ", front_bytes, " in '", front_directory,
                      "', visible ",
                      visibility == Visibility::kOnAppend ? "on_append" : "on_durable", ", ",
                      default_queue_count, " queues by default, cache ", read_cache_bytes);
}

}  // namespace weir::testing
