// A walk over the whole log: where it may begin, and how it tells damage from the rest.

#include "log/log_scanner.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

// What a scan of [from, to) sees: bodies, "damage BEGIN-END", names of other types. No marks.
Words Scan(CommitLog& log, LogPosition from, LogPosition to) {
  OwnLogView view(&log, /*has_workers=*/false);
  LogScanner scanner(view, from, to);
  Words words;
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    const auto step = scanner.Next(&record, &damage);
    INFO(step.status());
    REQUIRE(step.ok());
    if (*step == LogScanner::Step::kEnd) return words;
    if (*step == LogScanner::Step::kDamage) {
      words.push_back(absl::StrCat("damage ", damage.begin.value(), "-", damage.end.value()));
      CHECK_FALSE(damage.reason.empty());
    } else if (record.header.type == RecordType::kMessage) {
      CHECK(record.end() <= scanner.position());
      words.emplace_back(DecodeParts(record.bytes)->body);
    } else if (record.header.type != RecordType::kMark) {
      words.emplace_back(RecordTypeName(record.header.type));
    }
  }
}
Words Scan(CommitLog& log, LogPosition from) { return Scan(log, from, log.ContiguousVisibleEnd()); }

std::string DamageFrom(LogPosition begin, LogPosition end) {
  return absl::StrCat("damage ", begin.value(), "-", end.value());
}

// Numbered records over several segments; closed and opened again they lie in files only.
class Sample {
 public:
  explicit Sample(bool in_files, size_t count = 12, size_t bytes = 700) {
    log = OpenLog(SmallLog(disk, clock));
    for (size_t i = 0; i < count; ++i) {
      bodies.push_back(Numbered(i, bytes));
      places.push_back(Append(*log, bodies.back()));
    }
    if (in_files) Reopen();
  }
  void Reopen() {
    REQUIRE(log->Close().ok());
    log.reset();
    log = OpenLog(SmallLog(disk, clock));
  }
  // What a scan sees that begins at record `first`, fillers left out.
  Words Bodies(LogPosition from) {
    Words words = Scan(*log, from);
    words.erase(std::remove(words.begin(), words.end(), "filler"), words.end());
    return words;
  }
  Words From(size_t first) const {
    return Words(bodies.begin() + static_cast<ptrdiff_t>(first), bodies.end());
  }

  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<CommitLog> log;
  Words bodies;
  std::vector<Reservation> places;
};

TEST_CASE("a scan may begin anywhere inside a record: the next one is seen, and no damage") {
  Sample sample(/*in_files=*/GENERATE(false, true));
  for (const size_t i : {0u, 1u, 2u, 5u, 11u}) {
    const Reservation& place = sample.places[i];
    REQUIRE(sample.Bodies(place.position) == sample.From(i));
    for (uint64_t inside = 1; inside < place.size; inside += 61) {
      INFO("record " << i << " + " << inside);
      REQUIRE(sample.Bodies(place.position + inside) == sample.From(i + 1));
    }
    REQUIRE(sample.Bodies(place.end()) == sample.From(i + 1));
  }
}

TEST_CASE("a scan may begin in a segment's header, in a filler, and behind the end") {
  Sample sample(/*in_files=*/GENERATE(false, true));
  const size_t second = 4;  // the first record of the second segment
  REQUIRE(sample.places[second].position == LogPosition(kSegment + kSegmentHeaderBytes));
  REQUIRE(sample.places[second - 1].end() + 8 < LogPosition(kSegment));

  CHECK(sample.Bodies(LogPosition(8)) == sample.From(0));
  CHECK(sample.Bodies(LogPosition(kSegment)) == sample.From(second));
  CHECK(sample.Bodies(LogPosition(kSegment + 504)) == sample.From(second));
  CHECK(sample.Bodies(LogPosition(kSegment - 8)) == sample.From(second));
  CHECK(sample.Bodies(sample.places[second - 1].end()) == sample.From(second));
  CHECK(sample.Bodies(LogPosition(1 << 20)).empty());
}

TEST_CASE("a scan ends where it is told, and what is behind that does not matter") {
  Sample sample(/*in_files=*/true);
  Damage(sample.disk, sample.places[2].position);

  CHECK(Scan(*sample.log, LogPosition(), sample.places[1].end()) ==
        Words{sample.bodies[0], sample.bodies[1]});
  CHECK(Scan(*sample.log, sample.places[1].position, sample.places[1].position).empty());
}

TEST_CASE("what somebody overwrote in the front is read from the file") {
  Sample sample(/*in_files=*/false, /*count=*/6);
  while (sample.log->WriteStep() == absl::ZeroDuration()) {
  }
  const auto hurt = GENERATE(0u, 3u, 4u, 16u, 60u);  // length, sign, checksum, stamp, body
  for (const size_t i : {1u, 4u}) sample.places[i].bytes[hurt] ^= static_cast<char>(0x80);

  CHECK(sample.Bodies(LogPosition()) == sample.From(0));
}

TEST_CASE("a damaged record is one range, and its neighbours are seen") {
  Sample sample(/*in_files=*/true);
  const Reservation& bad = sample.places[5];
  Damage(sample.disk, bad.position);

  const Words words = sample.Bodies(LogPosition());

  REQUIRE(words.size() == 12);
  CHECK(words[4] == sample.bodies[4]);
  CHECK(words[5] == DamageFrom(bad.position, bad.end()));
  CHECK(words[6] == sample.bodies[6]);
}

TEST_CASE("damage is told to whoever begins at it or inside it") {
  Sample sample(/*in_files=*/true);
  const Reservation& bad = sample.places[1];
  Damage(sample.disk, bad.position);

  const auto first = [&](LogPosition from) { return sample.Bodies(from).front(); };
  CHECK(first(bad.position) == DamageFrom(bad.position, bad.end()));
  CHECK(first(bad.position + 104) == DamageFrom(bad.position + 104, bad.end()));
  // Who begins before or behind it is not misled by it.
  CHECK(first(sample.places[0].position + 104) == DamageFrom(bad.position, bad.end()));
  CHECK(first(sample.places[2].position + 104) == sample.bodies[3]);
}

TEST_CASE("damage at a segment's end does not hide the next segment") {
  Sample sample(/*in_files=*/true);
  const Reservation& bad = sample.places[3];
  Damage(sample.disk, bad.position);
  Damage(sample.disk, bad.end());  // the filler behind it

  const Words words = sample.Bodies(LogPosition());

  REQUIRE(words.size() == 12);
  CHECK(words[3] == DamageFrom(bad.position, LogPosition(kSegment)));
  CHECK(words[4] == sample.bodies[4]);
}

TEST_CASE("a segment that cannot be opened is damage of its range, and the others are seen") {
  Sample sample(/*in_files=*/true);
  const std::string file = FileOf(LogPosition(kSegment));
  SECTION("its headers are gone") {
    sample.disk.WriteFile(file, std::string(kSegmentHeaderBytes, 'x') +
                                    sample.disk.ReadFile(file).substr(kSegmentHeaderBytes));
  }
  SECTION("it is gone") { sample.disk.RemoveFile(file); }

  const Words words = sample.Bodies(LogPosition());

  REQUIRE(words.size() == 9);
  CHECK(words[3] == sample.bodies[3]);
  CHECK(words[4] == DamageFrom(LogPosition(kSegment), LogPosition(2 * kSegment)));
  CHECK(words[5] == sample.bodies[8]);
  // Who begins in it meets the rest of it.
  CHECK(sample.Bodies(sample.places[6].position).front() ==
        DamageFrom(sample.places[6].position, LogPosition(2 * kSegment)));
}

TEST_CASE("what went before a scan began is no damage to who knew the log's begin before") {
  Sample sample(/*in_files=*/true);
  const LogPosition begin = sample.log->segments().begin();
  const LogPosition end = sample.log->ContiguousVisibleEnd();
  REQUIRE(sample.log->TrimTo(begin + 2 * sample.log->segments().segment_bytes()).ok());
  OwnLogView view(sample.log.get(), /*has_workers=*/false);
  ScannedRecord record;
  DamagedRange damage;

  LogScanner known(view, begin, end, begin);
  CHECK(*known.Next(&record, &damage) == LogScanner::Step::kRecord);
  CHECK(record.position >= sample.log->segments().begin());
  CHECK(known.TakePassedDropped());
  // To others a file is missing.
  LogScanner unknown(view, begin, end);
  CHECK(*unknown.Next(&record, &damage) == LogScanner::Step::kDamage);
  CHECK(damage.end == sample.log->segments().begin());
}

TEST_CASE("a segment that the device does not give is damage from there to its end") {
  Sample sample(/*in_files=*/true);
  const std::string name = SegmentFileName({.begin = LogPosition(kSegment)});
  REQUIRE(sample.log->segments().Find(LogPosition(kSegment)).ok());
  sample.disk.Inject(InputOutputError(
      {.kind = OperationKind::kRead, .name_contains = name, .times = Fault::kForEver}));

  const Words words = sample.Bodies(LogPosition());

  REQUIRE(words.size() == 9);
  CHECK(words[4] == DamageFrom(sample.places[4].position, LogPosition(2 * kSegment)));
  CHECK(words[5] == sample.bodies[8]);
}

TEST_CASE("an error that may pass is an error of the scan, which can go on afterwards") {
  Sample sample(/*in_files=*/true);
  OwnLogView view(sample.log.get(), /*has_workers=*/false);
  LogScanner scanner(view, LogPosition(), sample.log->ContiguousVisibleEnd());
  sample.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen, .times = 2}));
  ScannedRecord record;
  DamagedRange damage;

  CHECK(absl::IsUnavailable(scanner.Next(&record, &damage).status()));
  CHECK(absl::IsUnavailable(scanner.Next(&record, &damage).status()));
  const auto step = scanner.Next(&record, &damage);
  REQUIRE(step.ok());
  CHECK(*step == LogScanner::Step::kRecord);
  CHECK(record.position == sample.places[0].position);
}

// A log in one large segment: a damaged record in it is longer than what is read at a time.
struct Large {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<CommitLog> log;
  std::vector<Reservation> places;

  Large() {
    log = OpenLog(Options());
    for (const size_t bytes : {10u, 40'000u, 10u, 300u, 40'000u, 10u}) {
      places.push_back(Append(*log, std::string(bytes, 'x')));
    }
    REQUIRE(log->Close().ok());
    for (const size_t i : {size_t{1}, size_t{4}}) {
      std::string content = disk.ReadFile("/store/" + SegmentFileName({}));
      content[places[i].position.value() + record_field::kChecksum] ^= 1;
      disk.WriteFile("/store/" + SegmentFileName({}), content);
    }
  }
  StoreOptions Options() {
    StoreOptions options = SmallLog(disk, clock);
    options.segment_bytes = options.front_bytes = 1 << 18;
    return options;
  }
  // What a scan sees in which one call fails; it goes on behind the error, if there is one.
  Words ScanOver(LogPosition from, const Fault& fault, bool* was_met) {
    log = nullptr;
    log = OpenLog(Options());  // nothing is known of the file
    OwnLogView view(log.get(), /*has_workers=*/false);
    LogScanner scanner(view, from, places.back().end());
    const uint64_t failures = disk.failures();
    disk.Inject(fault);
    Words words;
    for (;;) {
      ScannedRecord record;
      DamagedRange damage;
      const auto step = scanner.Next(&record, &damage);
      if (!step.ok()) {
        CHECK(absl::IsUnavailable(step.status()));
        disk.ClearFaults();
      } else if (*step == LogScanner::Step::kEnd) {
        *was_met = disk.failures() != failures;
        disk.ClearFaults();
        return words;
      } else if (*step == LogScanner::Step::kDamage) {
        words.push_back(DamageFrom(damage.begin, damage.end));
      } else {
        words.push_back(absl::StrCat(record.position.value()));
      }
    }
  }
};

TEST_CASE("an error that may pass is never damage, whichever read of a scan meets it") {
  Large large;
  // From the begin, out of a record that is whole, and out of one that is damaged.
  const size_t inside = GENERATE(size_t{0}, size_t{3}, size_t{4});
  const LogPosition from = inside == 0 ? LogPosition() : large.places[inside].position + 104;
  bool was_met = false;
  Fault fault = TooManyOpenFiles({.kind = OperationKind::kRead, .nth = 1'000'000});
  const Words expected = large.ScanOver(from, fault, &was_met);
  REQUIRE(expected.size() >= 2);

  for (fault.nth = 1;; ++fault.nth) {
    CAPTURE(inside, fault.nth);
    CHECK(large.ScanOver(from, fault, &was_met) == expected);
    if (!was_met) break;
  }
  CHECK(fault.nth >= 4);
}

TEST_CASE("members of a group are seen one by one, behind their header") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  const Reservation group = AppendGroup(*log, {"first", "second", "third"});
  Append(*log, "behind");

  CHECK(Scan(*log, LogPosition()) == Words{"group", "first", "second", "third", "behind"});
  const LogPosition second = group.position + kRecordHeaderBytes + SizeOf(5);
  CHECK(Scan(*log, second) == Words{"second", "third", "behind"});
  CHECK(Scan(*log, second + 8) == Words{"third", "behind"});
}

TEST_CASE("a scan that begins behind a change of incarnation finds out what wrote there") {
  FaultFileSystem disk;
  ManualClock clock;
  std::vector<Reservation> places;
  for (int i = 0; i < 3; ++i) {
    auto log = OpenLog(SmallLog(disk, clock));
    places.push_back(Append(*log, absl::StrCat("life ", i)));
    REQUIRE(log->Close().ok());
  }
  auto log = OpenLog(SmallLog(disk, clock));

  // Each with a file that nobody has looked at yet.
  for (size_t i = 3; i-- > 0;) {
    const auto start = places[i].position;
    INFO("life " << i);
    CHECK(Scan(*log, start).front() == absl::StrCat("life ", i));
    REQUIRE(log->Close().ok());
    log.reset();
    log = OpenLog(SmallLog(disk, clock));
  }
  CHECK(Scan(*log, places[0].position) ==
        Words{"life 0", "open", "open", "life 1", "open", "open", "life 2"});
}

TEST_CASE("over a cut the scan goes on in the next segment, without damage") {
  FaultFileSystem disk;
  ManualClock clock;
  auto log = OpenLog(SmallLog(disk, clock));
  Append(*log, "one");
  SyncNow(*log);
  const Reservation lost = Append(*log, "lost");
  log->WriteStep();

  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  disk.Kill();
  auto again = OpenLog(SmallLog(after, clock));
  Append(*again, "two");

  CHECK(Scan(*again, LogPosition()) == Words{"one", "two"});
  CHECK(Scan(*again, lost.position) == Words{"two"});
  CHECK(Scan(*again, lost.position + 8) == Words{"two"});
}

}  // namespace
}  // namespace weir::testing
