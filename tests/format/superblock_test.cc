#include "format/superblock.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

#include "base/bytes.h"
#include "base/checksum.h"

namespace weir::internal {
namespace {

// Places that a test must know to break them; FORMAT.md lists them all.
constexpr size_t kVersionAt = 8;
constexpr size_t kChecksumAt = kSuperblockSlotBytes - 8;

using States = std::array<SlotState, 2>;

Superblock Sample(uint64_t sequence) {
  Superblock block;
  block.store.fill(7);
  block.segment_bytes = 4096;
  block.hash_seed = 11;
  block.sequence = sequence;
  block.log_begin = LogPosition(4096);
  block.durable_end = LogPosition(9000);
  block.durable_incarnation = 12;
  block.prepared_end = LogPosition(20480);
  block.epoch = 13;
  block.incarnation = 14;
  block.next_incarnation = 15;
  block.boot.fill(9);
  block.front = FrontKind::kShared;
  block.last_sync = -5;
  block.last_store_time = 1'700'000'000'000'000'000;
  block.front_directory = "/run/fronts";
  return block;
}

// A file with these two superblocks, each in its slot.
std::string FileOf(const Superblock& a, const Superblock& b) {
  std::string file(kSuperblockBytes, '\0');
  for (const Superblock& block : {a, b}) {
    file.replace((block.sequence % 2) * kSuperblockSlotBytes, kSuperblockSlotBytes,
                 EncodeSuperblock(block));
  }
  return file;
}

char* SlotOf(std::string& file, uint64_t sequence) {
  return file.data() + (sequence % 2) * kSuperblockSlotBytes;
}

void Reseal(char* slot) {
  Store(slot + kChecksumAt, Checksum(slot, kChecksumAt, Load<uint64_t>(slot)));
}

TEST_CASE("a superblock comes back as it was, clean or open") {
  Superblock block = Sample(4);
  for (const bool is_clean : {false, true}) {
    for (const FrontKind front : {FrontKind::kNone, FrontKind::kShared, FrontKind::kPrivate}) {
      block.is_clean = is_clean;
      block.front = front;
      const std::string slot = EncodeSuperblock(block);
      const auto decoded = DecodeSuperblock(slot);
      REQUIRE(slot.size() == kSuperblockSlotBytes);
      REQUIRE(decoded.ok());
      CHECK(*decoded == block);
    }
  }
  block.front_directory.assign(kFrontDirectoryBytesMax, 'd');
  CHECK(DecodeSuperblock(EncodeSuperblock(block))->front_directory == block.front_directory);
}

TEST_CASE("the slot with the larger sequence wins, wherever it lies") {
  for (const uint64_t sequence : {uint64_t{1}, uint64_t{2}, uint64_t{1} << 40}) {
    const std::string file = FileOf(Sample(sequence), Sample(sequence + 1));
    const auto decoded = DecodeSuperblock(file);
    REQUIRE(decoded.ok());
    CHECK(decoded->sequence == sequence + 1);
  }
}

TEST_CASE("a write of a slot that is torn anywhere leaves the older superblock") {
  Superblock newer = Sample(8);
  newer.durable_end = LogPosition(12000);
  newer.front_directory.assign(kFrontDirectoryBytesMax, 'd');
  const std::string before = FileOf(Sample(7), Sample(6));
  const std::string after = FileOf(Sample(7), newer);
  const size_t slot = 8 % 2 * kSuperblockSlotBytes;

  for (size_t torn = 0; torn < kSuperblockSlotBytes; ++torn) {
    std::string file = before;
    file.replace(slot, torn, after, slot, torn);
    const auto decoded = DecodeSuperblock(file);
    INFO(torn << " bytes arrived");
    REQUIRE(decoded.ok());
    REQUIRE(decoded->sequence == 7);
  }
  CHECK(DecodeSuperblock(after)->sequence == 8);
}

TEST_CASE("no flipped bit of the newest slot is believed") {
  const std::string file = FileOf(Sample(7), Sample(8));

  for (size_t bit = 0; bit < kSuperblockSlotBytes * 8; ++bit) {
    std::string flipped = file;
    char& byte = SlotOf(flipped, 8)[bit / 8];
    byte = static_cast<char>(byte ^ (1 << (bit % 8)));
    const auto decoded = DecodeSuperblock(flipped);
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    REQUIRE(decoded.ok());
    REQUIRE(*decoded == Sample(7));
  }
}

TEST_CASE("two damaged slots are data loss, and a file of another kind is not a superblock") {
  std::string file = FileOf(Sample(7), Sample(8));
  SlotOf(file, 7)[100] ^= 1;
  SlotOf(file, 8)[100] ^= 1;

  CHECK(absl::IsDataLoss(DecodeSuperblock(file).status()));
  CHECK(absl::IsDataLoss(DecodeSuperblock("").status()));
  CHECK(absl::IsInvalidArgument(DecodeSuperblock("GIF89a").status()));
  CHECK(absl::IsInvalidArgument(DecodeSuperblock(std::string(kSuperblockBytes, 'x')).status()));
  CHECK(absl::IsInvalidArgument(DecodeSuperblock(std::string(kSuperblockBytes, '\0')).status()));
}

TEST_CASE("a superblock file that is cut short is an error unless a whole slot is left") {
  const std::string file = FileOf(Sample(7), Sample(8));

  for (const size_t size : {size_t{1}, size_t{100}, size_t{4095}}) {
    CHECK_FALSE(DecodeSuperblock(file.substr(0, size)).ok());
  }
  for (const size_t size : {size_t{4096}, size_t{8191}}) {
    const auto decoded = DecodeSuperblock(file.substr(0, size));
    REQUIRE(decoded.ok());
    CHECK(decoded->sequence == 8);  // even ones lie in the first slot
  }
}

TEST_CASE("a newer format is refused even beside a slot that could be read") {
  std::string file = FileOf(Sample(7), Sample(8));
  Store<uint32_t>(SlotOf(file, 8) + kVersionAt, 2);
  CHECK(DecodeSuperblock(file)->sequence == 7);  // no checksum holds: damage, not a format

  Reseal(SlotOf(file, 8));
  const auto newer = DecodeSuperblock(file);
  CHECK(absl::IsInvalidArgument(newer.status()));
  CHECK(newer.status().message().find("format 2") != absl::string_view::npos);
}

TEST_CASE("a slot of something else, or of an older format, is no superblock of this one") {
  const bool is_older = GENERATE(true, false);
  std::string file = FileOf(Sample(7), Sample(8));
  const auto magic = Load<uint64_t>(file.data());
  char* const slot = SlotOf(file, 8);
  if (is_older) {
    Store<uint32_t>(slot + kVersionAt, 0);
  } else {
    slot[0] ^= 1;
  }
  Store(slot + kChecksumAt, Checksum(slot, kChecksumAt, magic));

  CHECK(DecodeSuperblock(file)->sequence == 7);
  CHECK(SuperblockSlots(file) == States{SlotState::kDamaged, SlotState::kWhole});
}

TEST_CASE("what stands behind the two slots counts for nothing") {
  const std::string file = FileOf(Sample(7), Sample(8)) + EncodeSuperblock(Sample(9));

  CHECK(DecodeSuperblock(file)->sequence == 8);
}

TEST_CASE("every slot is whole, empty, damaged, or of a format that is not this one's") {
  std::string file = FileOf(Sample(7), Sample(8));
  CHECK(SuperblockSlots(file) == States{SlotState::kWhole, SlotState::kWhole});
  CHECK(SuperblockSlots(file.substr(0, kSuperblockBytes - 1)) ==
        States{SlotState::kWhole, SlotState::kDamaged});
  CHECK(SuperblockSlots("") == States{SlotState::kDamaged, SlotState::kDamaged});

  Store<uint32_t>(SlotOf(file, 8) + kVersionAt, 2);
  Reseal(SlotOf(file, 8));
  std::reverse(SlotOf(file, 7), SlotOf(file, 7) + 8);  // the magic
  CHECK(SuperblockSlots(file) == States{SlotState::kForeign, SlotState::kForeign});

  Superblock impossible = Sample(8);
  impossible.segment_bytes = 0;
  file.replace(0, kSuperblockSlotBytes, EncodeSuperblock(impossible));
  file.replace(kSuperblockSlotBytes, kSuperblockSlotBytes, kSuperblockSlotBytes, '\0');
  CHECK(SuperblockSlots(file) == States{SlotState::kDamaged, SlotState::kEmpty});
}

TEST_CASE("another byte order is refused") {
  std::string file = FileOf(Sample(7), Sample(8));
  std::reverse(SlotOf(file, 8), SlotOf(file, 8) + 8);  // the magic

  CHECK(absl::IsInvalidArgument(DecodeSuperblock(file).status()));
}

TEST_CASE("a superblock that no sane writer writes is not believed though its checksum holds") {
  const auto refused = [](auto change) {
    Superblock block = Sample(8);
    change(block);
    return absl::IsDataLoss(DecodeSuperblock(EncodeSuperblock(block)).status());
  };
  using Block = Superblock;

  CHECK_FALSE(refused([](Block&) {}));
  CHECK(refused([](Block& b) { b.segment_bytes = 0; }));
  CHECK(refused([](Block& b) { b.segment_bytes = 2048; }));
  CHECK(refused([](Block& b) { b.segment_bytes = 4097; }));
  CHECK(refused([](Block& b) { b.segment_bytes = uint64_t{1} << 31; }));
  CHECK(refused([](Block& b) { b.log_begin = LogPosition(4104); }));
  CHECK(refused([](Block& b) { b.log_begin = LogPosition(12288); }));
  CHECK(refused([](Block& b) { b.durable_end = LogPosition(9001); }));
  CHECK(refused([](Block& b) { b.durable_end = LogPosition(20488); }));
  CHECK(refused([](Block& b) { b.prepared_end = LogPosition(20488); }));
  CHECK(refused([](Block& b) { b.front = static_cast<FrontKind>(3); }));
  CHECK(refused([](Block& b) { b.front_directory.assign(kFrontDirectoryBytesMax + 1, 'd'); }));
}

}  // namespace
}  // namespace weir::internal
