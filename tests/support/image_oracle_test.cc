// What takes several opens of an image is noticed when it is not as it should be: I8, I10, I12, I13
// and I14 of oracle.h.

#include "support/image_oracle.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

#include "support/send_history.h"

namespace weir::testing {
namespace {

using Kind = Violation::Kind;

// An image of a store in which some segments are sealed, and the history of it.
struct Sample {
  explicit Sample(uint32_t messages = 40) {
    history.DeclareTopic("orders", 2);
    OpenedImage world({}, shape);
    REQUIRE(world.Open().ok());
    MessageStore& store = *world.subject().store;
    REQUIRE(store.CreateTopic("orders", 2).ok());
    history.AcknowledgeTopic("orders");
    for (uint32_t i = 0; i < messages; ++i) {
      const size_t sent = history.Send({.queues = {{"orders", i % 2}}, .body_bytes = 300});
      history.Settle(sent, store.Append(history[sent].message()));
    }
    REQUIRE(store.Flush().ok());
    world.clock().Advance(absl::Seconds(2));
    while (store.RunOnce() <= absl::ZeroDuration()) {
    }
    image = world.disk().ProcessDeath();
  }

  ImageOracle oracle() const { return {shape, history, expectation}; }

  SubjectShape shape;
  SendHistory history;
  Expectation expectation{.is_faultless = true, .is_thorough = true, .opens_again = true};
  CrashImage image;
};

TEST_CASE("an honest image is sound in every way in which it is opened") {
  const Sample sample;
  REQUIRE(sample.image.Hash() != WithoutIndexFiles(sample.image).Hash());
  const Verdict verdict =
      ExamineImage(sample.image, sample.shape, sample.history, sample.expectation);
  CHECK(verdict.ToString().empty());
  CHECK(verdict.acknowledged_checked == 40);
}

TEST_CASE("an image that does not open is told of, unless it may be refused") {
  Sample sample;
  FaultFileSystem disk(sample.image);
  disk.RemoveFile("/store/superblock");
  sample.image = disk.Freeze();
  const auto verdict = [&] {
    return ExamineImage(sample.image, sample.shape, sample.history, sample.expectation);
  };
  CHECK(verdict().Count(Kind::kBroken) == 1);
  sample.expectation.may_be_refused = true;
  CHECK(verdict().ok());
  CHECK(verdict().was_refused);
  CHECK(absl::IsDataLoss(verdict().error));
}

TEST_CASE("I8, I12: an open that gives other messages, bounds or totals than before is told of") {
  const Sample sample;
  const Service nobody;
  Verdict verdict = sample.oracle().Examine(sample.image);
  REQUIRE(verdict.ok());
  sample.oracle().CheckAgain(sample.image, "again", Kind::kDerived, nobody, verdict);
  REQUIRE(verdict.ok());

  SECTION("a message is missing") {
    const Sample shorter(39);
    sample.oracle().CheckAgain(shorter.image, "again", Kind::kDerived, nobody, verdict);
    CHECK(verdict.Count(Kind::kLost) == 1);
    CHECK(verdict.Count(Kind::kDerived) == 2);
  }
  SECTION("a message is somewhere else") {
    verdict.records[7].places[0].offset += 1;
    sample.oracle().CheckAgain(sample.image, "again", Kind::kRecovery, nobody, verdict);
    CHECK(verdict.Count(Kind::kRecovery) == 1);
  }
  SECTION("a group is somewhere else") {
    verdict.groups[{"risk", 0}] = QueueOffset(1);
    sample.oracle().CheckAgain(sample.image, "again", Kind::kRecovery, nobody, verdict);
    CHECK(verdict.Count(Kind::kRecovery) == 1);
  }
  SECTION("a total is another") {
    verdict.derived.back() += 1;
    sample.oracle().CheckAgain(sample.image, "again", Kind::kDerived, nobody, verdict);
    CHECK(verdict.Count(Kind::kDerived) == 1);
  }
}

TEST_CASE("a message that came behind the examination and is gone at the next open is lost") {
  const Sample sample;
  OpenedImage world(sample.image, sample.shape);
  REQUIRE(world.Open().ok());
  Verdict verdict = world.subject().Examine(sample.history, sample.expectation);
  Service service;
  service.Ask(*world.subject().store, verdict);
  REQUIRE(verdict.ok());

  sample.oracle().CheckAgain(world.disk().ProcessDeath(), "again", Kind::kRecovery, service,
                             verdict);
  CHECK(verdict.ok());
  sample.oracle().CheckAgain(sample.image, "again", Kind::kRecovery, service, verdict);
  CHECK(verdict.Count(Kind::kLost) == 1);
}

TEST_CASE("I10: a handle that nobody closed is left behind") {
  FaultFileSystem disk;
  Verdict verdict;
  ImageOracle::CheckReleased(disk.open_handles(), verdict);
  CHECK(verdict.ok());
  const auto directory = disk.OpenDirectory("/", /*create=*/false);
  ImageOracle::CheckReleased(disk.open_handles(), verdict);
  CHECK(verdict.Count(Kind::kLeak) == 1);
}

TEST_CASE("I12: two opens of one image that leave different bytes are told of") {
  const Sample sample;
  OpenedImage opened(sample.image, sample.shape);
  REQUIRE(opened.Open().ok());
  Verdict verdict;
  sample.oracle().CheckDeterministic(sample.image, opened.disk().Freeze(), verdict);
  CHECK(verdict.ok());
  REQUIRE(opened.subject().Flush(absl::Seconds(1)).ok());
  Service().Ask(*opened.subject().store, verdict);
  sample.oracle().CheckDeterministic(sample.image, opened.disk().Freeze(), verdict);
  CHECK(verdict.Count(Kind::kRecovery) == 1);
}

TEST_CASE("I12: an open that reads or calls without bounds is told of") {
  const Sample sample;
  Verdict verdict;
  ImageOracle::CheckBounded(sample.image, 100, 4096, verdict);
  CHECK(verdict.ok());
  SECTION("calls") { ImageOracle::CheckBounded(sample.image, 10'000, 4096, verdict); }
  SECTION("bytes") { ImageOracle::CheckBounded(sample.image, 100, 1'000'000, verdict); }
  CHECK(verdict.Count(Kind::kRecovery) == 1);
}

TEST_CASE("I13: a second writer that gets the store is told of, of this process and of another") {
  const Sample sample;
  OpenedImage world(sample.image, sample.shape);
  Verdict verdict;
  REQUIRE(world.Open().ok());
  sample.oracle().CheckOneWriter(world.disk(), verdict);
  CHECK(verdict.ok());
  world.subject().Destroy();
  sample.oracle().CheckOneWriter(world.disk(), verdict);
  CHECK(verdict.Count(Kind::kWriter) == 2);
}

TEST_CASE("I14: a directory that the library was asked for beside the store is no stranger") {
  Sample sample;
  FaultFileSystem disk(sample.image);
  REQUIRE(disk.OpenDirectory("/mended", /*create=*/true).ok());
  Verdict verdict;
  sample.oracle().CheckFiles(disk.Freeze(), verdict);
  CHECK(verdict.Count(Kind::kFiles) == 1);
  sample.expectation.beside = "/mended";
  sample.oracle().CheckFiles(disk.Freeze(), verdict);
  CHECK(verdict.Count(Kind::kFiles) == 1);
}

TEST_CASE("I14: a file or shared memory that is none of the store's is told of") {
  const Sample sample;
  FaultFileSystem disk(sample.image);
  Verdict verdict;
  sample.oracle().CheckFiles(disk.Freeze(), verdict);
  CHECK(verdict.ok());
  SECTION("beside the directory") { disk.WriteFile("/notes", ""); }
  SECTION("in it") { disk.WriteFile("/store/notes", ""); }
  SECTION("shared") { REQUIRE(disk.CreateShared("", "notes", {.header_bytes = 4096}).ok()); }
  SECTION("shared elsewhere") {
    REQUIRE(disk.CreateShared("/dev/shm", "weir-1", {.header_bytes = 4096}).ok());
  }
  sample.oracle().CheckFiles(disk.Freeze(), verdict);
  CHECK(verdict.Count(Kind::kFiles) == 1);
}

}  // namespace
}  // namespace weir::testing
