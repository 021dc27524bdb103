#include "stress/scenario.h"

namespace weir::testing {

const std::vector<Scenario>& Scenarios() {
  // The ring of the small fronts is full all the time, and so is what may be unsynced.
  constexpr uint64_t kSmallSegment = 16 << 10;
  constexpr uint64_t kSmallFront = 8 << 10;
  constexpr uint64_t kSmallUnsynced = 12 << 10;
  static const auto* const scenarios = new std::vector<Scenario>{
      {.name = "shared front, on a disk", .is_on_disk = true},
      {.name = "no workers", .background = Background::kManual},
      {.name = "disk that fails in between", .fails = true},
      {.name = "journal", .is_journal = true},
      {.name = "old segments dropped", .drops = true, .segment_bytes = kSmallSegment},
      {.name = "small front",
       .segment_bytes = kSmallSegment,
       .front_bytes = kSmallFront,
       .unsynced_bytes_max = kSmallUnsynced},
      {.name = "closed early", .closes_early = true},
      {.name = "private front, on a disk", .has_private_front = true, .is_on_disk = true},
      {.name = "visible when durable", .visibility = Visibility::kOnDurable},
      {.name = "journal without workers",
       .is_journal = true,
       .background = Background::kManual,
       .has_private_front = true},
      {.name = "no workers, a small private front, visible when durable",
       .background = Background::kManual,
       .visibility = Visibility::kOnDurable,
       .has_private_front = true,
       .segment_bytes = kSmallSegment,
       .front_bytes = kSmallFront,
       .unsynced_bytes_max = kSmallUnsynced},
      {.name = "no workers, closed early", .background = Background::kManual, .closes_early = true},
      {.name = "no workers, a disk that fails in between",
       .background = Background::kManual,
       .has_private_front = true,
       .fails = true},
      {.name = "no workers, old segments dropped",
       .background = Background::kManual,
       .has_private_front = true,
       .drops = true,
       .segment_bytes = kSmallSegment},
      {.name = "journal on a disk, closed early",
       .is_journal = true,
       .is_on_disk = true,
       .closes_early = true},
      {.name = "journal with a small front on a disk that fails in between",
       .is_journal = true,
       .fails = true,
       .segment_bytes = kSmallSegment,
       .front_bytes = kSmallFront,
       .unsynced_bytes_max = kSmallUnsynced},
      {.name = "no workers, policies and limits",
       .background = Background::kManual,
       .has_private_front = true,
       .drops = true,
       .retains = true,
       .segment_bytes = kSmallSegment},
      {.name = "policies and limits",
       .drops = true,
       .retains = true,
       .segment_bytes = kSmallSegment},
  };
  return *scenarios;
}

}  // namespace weir::testing
