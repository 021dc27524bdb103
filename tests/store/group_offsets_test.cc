// How far groups are: in order, in files, over drops and deaths.

#include "store/group_offsets.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "store/small_engine.h"
#include "support/loss_plan.h"

namespace weir::testing {
namespace {

using internal::CheckGroupName;
using internal::GroupOffsets;
using internal::kNever;
using internal::QueueProgress;

TEST_CASE("a group's name is any text that can be printed and is not too long") {
  for (const std::string& good : {std::string("g"), std::string("a/b"), std::string(255, 'x')}) {
    CHECK(CheckGroupName(good).ok());
  }
  for (const std::string& bad :
       {std::string(), std::string(256, 'x'), std::string("a\nb"), std::string("a\0b", 3)}) {
    CHECK(absl::IsInvalidArgument(CheckGroupName(bad)));
  }
}

struct Groups {
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<Engine> engine = OpenEngine(SmallOptions(disk, clock));

  absl::Status Commit(absl::string_view group, std::vector<QueueProgress> progress,
                      bool may_go_back = false) {
    return engine->groups().Commit(group, progress, may_go_back, kNever).status();
  }
  std::optional<uint64_t> Find(absl::string_view group, uint32_t number) {
    return engine->groups().Find(group, number);
  }
};

TEST_CASE("offsets are of one group and one queue, and go forward unless they are forced") {
  Groups all;
  CHECK(all.Find("g", 0) == std::nullopt);
  REQUIRE(all.Commit("g", {{0, 5}, {1, 7}}).ok());
  CHECK(all.Find("g", 0) == 5);
  CHECK(all.Find("g", 1) == 7);
  CHECK(all.Find("h", 0) == std::nullopt);
  CHECK(all.Commit("g", {{0, 5}}).ok());
  // All or none of a commit.
  CHECK(absl::IsFailedPrecondition(all.Commit("g", {{1, 9}, {0, 4}})));
  CHECK(all.Find("g", 1) == 7);
  REQUIRE(all.Commit("g", {{0, 4}}, /*may_go_back=*/true).ok());
  CHECK(all.Find("g", 0) == 4);
  CHECK(absl::IsInvalidArgument(all.Commit("g", {})));
  CHECK(absl::IsInvalidArgument(all.Commit("", {{0, 9}})));
  CHECK(absl::IsInvalidArgument(all.Commit("g", std::vector<QueueProgress>(1000))));
  CHECK(all.engine->groups().Groups() == Words{"g"});
  CHECK(all.engine->groups().Of("g") == std::vector<QueueProgress>{{0, 4}, {1, 7}});
}

TEST_CASE("who is behind is told, and who never began is not") {
  Groups all;
  REQUIRE(all.Commit("fast", {{0, 10}}).ok());
  REQUIRE(all.Commit("slow", {{0, 3}, {1, 9}}).ok());
  const auto behind = all.engine->groups().FindBehind(0, 10);
  REQUIRE(behind.size() == 1);
  CHECK(behind[0].group == "slow");
  CHECK(behind[0].offset == 3);
  CHECK(all.engine->groups().FindBehind(2, 10).empty());
}

TEST_CASE("what is saved with a segment shows nothing that was committed behind it") {
  Groups all;
  REQUIRE(all.Commit("g", {{0, 5}}).ok());
  const LogPosition first_end = all.engine->log().front().claimed_end();
  // Into the next segment.
  AppendNumbered(*all.engine, 0, 20, 250);
  REQUIRE(all.Commit("g", {{0, 8}, {1, 1}}).ok());
  const LogPosition end = all.engine->log().front().claimed_end();
  GroupOffsets& groups = all.engine->groups();

  const auto load = [&](const std::string& saved) {
    auto into = std::make_unique<GroupOffsets>(&all.engine->log().segments(),
                                               &all.engine->indexer(), nullptr);
    REQUIRE(into->Load(saved).ok());
    return into;
  };
  const auto early = load(groups.SaveAll(first_end));
  CHECK(early->Find("g", 0) == 5);
  CHECK(early->Find("g", 1) == std::nullopt);
  const auto late = load(groups.SaveAll(end));
  CHECK(late->Find("g", 0) == 8);
  CHECK(late->Find("g", 1) == 1);
  REQUIRE(early->Load(groups.SaveChanges(first_end, end)).ok());
  CHECK(early->Of("g") == late->Of("g"));

  const std::string saved = groups.SaveAll(end);
  for (size_t size = 1; size < saved.size(); ++size) {
    GroupOffsets cut(&all.engine->log().segments(), &all.engine->indexer(), nullptr);
    const absl::Status loaded = cut.Load({saved.data(), size});
    CHECK((loaded.ok() || absl::IsDataLoss(loaded)));
  }
}

TEST_CASE("offsets are there again after every kind of end") {
  Groups all;
  AppendNumbered(*all.engine, 0, 30, 250);
  REQUIRE(all.Commit("g", {{0, 5}, {1, 7}}).ok());
  REQUIRE(all.engine->log().Flush(kNever).ok());
  const bool is_sealed = GENERATE(true, false);
  if (is_sealed) SealAll(*all.engine);
  REQUIRE(all.Commit("g", {{0, 6}}).ok());

  FaultFileSystem killed(all.disk.ProcessDeath());
  FaultFileSystem cut(all.disk.PowerLoss(LossPlan::LoseEverything()));
  all.disk.Kill();
  const auto after_kill = OpenEngine(SmallOptions(killed, all.clock));
  CHECK(after_kill->groups().Of("g") == std::vector<QueueProgress>{{0, 6}, {1, 7}});
  const auto after_cut = OpenEngine(SmallOptions(cut, all.clock));
  CHECK(after_cut->groups().Of("g") == std::vector<QueueProgress>{{0, 5}, {1, 7}});
}

TEST_CASE("only what stands below is said again, and once is enough") {
  Groups all;
  REQUIRE(all.Commit("old", {{0, 5}, {1, 7}}).ok());
  const LogPosition below = all.engine->log().front().claimed_end();
  REQUIRE(all.Commit("new", {{0, 6}}).ok());
  REQUIRE(all.Commit("old", {{1, 8}}).ok());
  const auto carried = all.engine->groups().Carry(below);
  REQUIRE(carried.ok());
  CHECK(*carried > 0);
  CHECK(all.Find("old", 0) == 5);
  CHECK(all.Find("old", 1) == 8);
  const auto again = all.engine->groups().Carry(below);
  REQUIRE(again.ok());
  CHECK(*again == 0);
  CHECK(*all.engine->groups().Carry(all.engine->log().front().claimed_end()) > *carried);
}

}  // namespace
}  // namespace weir::testing
