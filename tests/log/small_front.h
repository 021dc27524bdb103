// A front with the smallest ring there is for four small segments, filled by hand.
//
//   SmallFront front;
//   const Reservation one = front.Append(64);
//   CHECK(front->PublishedEnd() == one.end());

#ifndef WEIR_TESTS_LOG_SMALL_FRONT_H_
#define WEIR_TESTS_LOG_SMALL_FRONT_H_

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "log/front.h"
#include "support/fault_file_system.h"

namespace weir::testing {

using namespace weir::internal;

inline constexpr uint64_t kSegment = 4096;
inline constexpr uint64_t kRing = 16384;
inline constexpr uint64_t kIncarnation = 0x77;

// A front in private memory that goes on at `end`, with room for everything that the ring holds.
struct SmallFront {
  explicit SmallFront(LogPosition end = LogPosition(0), uint64_t segment_bytes = kSegment) {
    auto memory = disk.CreatePrivate({.header_bytes = kFrontHeaderBytes, .ring_bytes = kRing});
    REQUIRE(memory.ok());
    front = std::make_unique<Front>(*std::move(memory), segment_bytes, kIncarnation);
    front->Begin(end);
    front->set_limit(end + kRing);
  }
  Front* operator->() { return front.get(); }

  std::optional<Reservation> TryClaim(uint32_t bytes, int64_t now = 0) {
    Reservation claimed;
    const auto stamp = [&](LogPosition, char* memory, int64_t time) {
      WriteStamp(memory, {.bytes = bytes, .store_time = time});
    };
    if (!front->TryClaim(bytes, now, stamp, &claimed)) return std::nullopt;
    return claimed;
  }
  Reservation Claim(uint32_t bytes, int64_t now = 0) {
    const auto claimed = TryClaim(bytes, now);
    REQUIRE(claimed);
    return *claimed;
  }
  void Publish(const Reservation& claimed) {
    WriteParts(claimed.bytes, {}, 0, claimed.size - kRecordHeaderBytes);
    internal::Publish(claimed.bytes, Seal(claimed.bytes, claimed.position, kIncarnation));
  }
  Reservation Append(uint32_t bytes) {
    const Reservation claimed = Claim(bytes);
    Publish(claimed);
    return claimed;
  }

  FaultFileSystem disk;
  std::unique_ptr<Front> front;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_LOG_SMALL_FRONT_H_
