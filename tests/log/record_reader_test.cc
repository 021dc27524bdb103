// Single records by position: out of the front, out of the files, and what is overwritten in one
// of them out of the other.

#include "log/record_reader.h"

#include <catch2/catch.hpp>
#include <string>

#include "log/small_log.h"

namespace weir::testing {
namespace {

// What a read of one position says: the body, or why there is none.
std::string Read(CommitLog& log, LogPosition position) {
  OwnFrontReader front(log.front(), log.segments());
  ReadMemory memory;
  RecordReader reader(front, log.segments(), memory);
  const char* record = nullptr;
  const absl::StatusOr<Found> found = reader.Read(position, &record);
  INFO(found.status());
  REQUIRE(found.ok());
  if (*found == Found::kUnpublished) return "unpublished";
  if (*found == Found::kDamaged) {
    CHECK_FALSE(reader.why().empty());
    return "damaged";
  }
  REQUIRE(*found == Found::kRecord);
  return std::string(DecodeParts(record)->body);
}

struct Sample {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<CommitLog> log = OpenLog(SmallLog(disk, clock));
  Reservation one = Append(*log, "one");
  Reservation two = Append(*log, "two");

  void Write() {
    while (log->WriteStep() == absl::ZeroDuration()) {
    }
    REQUIRE(log->front().written_end() == two.end());
  }
};

TEST_CASE("a record is read from the front, and from its file once the process is another") {
  Sample sample;
  CHECK(Read(*sample.log, sample.two.position) == "two");
  const Reservation open = Claim(*sample.log, 10);
  CHECK(Read(*sample.log, open.position) == "unpublished");
  CHECK(Read(*sample.log, open.end()) == "unpublished");
  Publish(open.bytes, Fill(*sample.log, open.bytes, open.position, "0123456789"));
  CHECK(Read(*sample.log, open.position) == "0123456789");

  REQUIRE(sample.log->Close().ok());
  sample.log = OpenLog(SmallLog(sample.disk, sample.clock));
  CHECK(Read(*sample.log, sample.one.position) == "one");
  CHECK(Read(*sample.log, sample.two.position) == "two");
}

TEST_CASE(
    "what a stray write hurt in the front is damaged until it is written, and then it is not") {
  Sample sample;
  const auto hurt = GENERATE(0, 4, 16, 48);  // the sign of the word, its checksum, ..., the body
  char& byte = sample.one.bytes[hurt == 0 ? 3 : hurt];
  SECTION("before") {
    byte = static_cast<char>(byte ^ (hurt == 0 ? 0x80 : 1));
    // A word that says "claimed" is believed while nobody knows better.
    CHECK(Read(*sample.log, sample.one.position) == (hurt == 0 ? "unpublished" : "damaged"));
  }
  SECTION("behind") {
    sample.Write();
    byte = static_cast<char>(byte ^ (hurt == 0 ? 0x80 : 1));
    CHECK(Read(*sample.log, sample.one.position) == "one");
  }
  CHECK(Read(*sample.log, sample.two.position) == "two");
}

TEST_CASE("what is hurt in the file alone is read from the front while it is there") {
  Sample sample;
  sample.Write();
  Damage(sample.disk, sample.one.position);
  CHECK(Read(*sample.log, sample.one.position) == "one");

  sample.one.bytes[kRecordHeaderBytes] ^= 1;
  CHECK(Read(*sample.log, sample.one.position) == "damaged");
  CHECK(Read(*sample.log, sample.two.position) == "two");
}

}  // namespace
}  // namespace weir::testing
