#include "format/state_record.h"

#include <catch2/catch.hpp>
#include <string>

#include "format/record.h"

namespace weir::internal {
namespace {

constexpr LogPosition kPosition{4096};
constexpr uint64_t kIncarnation = 0x1111111111111111;

std::string Encoded(absl::string_view name, absl::string_view entries) {
  const uint32_t bytes = StateRecordBytes(name, entries.size());
  std::string record(bytes, 'x');
  StampState(record.data(), bytes, /*time=*/7);
  FillState(record.data(), kPosition, kIncarnation, {.name = name, .entries = entries});
  return record;
}

TEST_CASE("a state record comes back with its name and its entries, which may be none") {
  for (const absl::string_view entries : {"", "a", "an entry, and another one"}) {
    const std::string record = Encoded("groups", entries);
    const auto state = DecodeState(record.data());
    REQUIRE(state.has_value());
    CHECK(state->name == "groups");
    CHECK(state->entries == entries);
  }
}

TEST_CASE("a state record without a name that an index may have makes no sense") {
  std::string record = Encoded(std::string(kStateNameBytesMax, 'n'), "entries");
  REQUIRE(DecodeState(record.data()).has_value());
  // The length of the name is the first byte of the body.
  for (const size_t length : {size_t{0}, kStateNameBytesMax + 1, size_t{255}}) {
    record[kRecordHeaderBytes] = static_cast<char>(length);
    CHECK_FALSE(DecodeState(record.data()).has_value());
  }
}

TEST_CASE("a state record whose parts lead out of it makes no sense") {
  std::string record(kRecordHeaderBytes + 16, '\xFF');
  WriteStamp(record.data(), {.bytes = static_cast<uint32_t>(record.size()),
                             .type = RecordType::kState,
                             .flags = kHasTag});
  CHECK_FALSE(DecodeState(record.data()).has_value());
}

}  // namespace
}  // namespace weir::internal
