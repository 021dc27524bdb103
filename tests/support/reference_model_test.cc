#include "support/reference_model.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

namespace weir::testing {
namespace {

using Content = ReferenceModel::Content;

const QueueName kFirst{"orders", 0};
const QueueName kSecond{"orders", 1};

std::vector<std::string> Bodies(const std::vector<const ReferenceModel::Record*>& records) {
  std::vector<std::string> bodies;
  for (const ReferenceModel::Record* record : records) bodies.push_back(record->content.body);
  return bodies;
}

ReferenceModel TwoQueues() {
  ReferenceModel model;
  REQUIRE(model.CreateTopic("orders", 2) == absl::StatusCode::kOk);
  return model;
}

TEST_CASE("the model gives offsets queue by queue and reads in their order") {
  ReferenceModel model = TwoQueues();
  model.Append({.queues = {kFirst}, .body = "a"});
  model.Append({.queues = {kSecond}, .body = "b"});
  model.AppendGroup(
      {{.queues = {kFirst}, .body = "c"}, {.queues = {kFirst, kSecond}, .body = "d"}});

  const ReferenceModel::Read read = model.ReadQueue(kFirst, 0, {.max_messages = 2});
  CHECK(read.outcome == ReadOutcome::kFound);
  CHECK(Bodies(read.records) == std::vector<std::string>{"a", "c"});
  CHECK(read.next_offset == 2);
  CHECK(Bodies(model.ReadQueue(kSecond, 0, {}).records) == std::vector<std::string>{"b", "d"});
  CHECK(Bodies(model.ReadTopic("orders", 0, {})) == std::vector<std::string>{"a", "b", "c", "d"});
  CHECK(Bodies(model.ReadBackwards(kFirst, 3, {.max_messages = 2}).records) ==
        std::vector<std::string>{"d", "c"});
  CHECK(Bodies(model.ReadLast(kFirst, 2).records) == std::vector<std::string>{"c", "d"});
  CHECK(model.Bounds(kFirst) == std::pair<uint64_t, uint64_t>(0, 3));
}

TEST_CASE("the model's outcomes are those of the store") {
  ReferenceModel model = TwoQueues();
  model.Append({.queues = {kFirst}, .tag = "A", .body = "a"});

  CHECK(model.ReadQueue({"none", 0}, 0, {}).outcome == ReadOutcome::kNoSuchQueue);
  CHECK(model.ReadQueue({"orders", 2}, 0, {}).outcome == ReadOutcome::kNoSuchQueue);
  CHECK(model.ReadQueue(kFirst, 1, {}).outcome == ReadOutcome::kAtEnd);
  CHECK(model.ReadQueue(kFirst, 2, {}).outcome == ReadOutcome::kBeyondEnd);
  CHECK(model.ReadQueue(kFirst, 2, {}).next_offset == 1);
  CHECK(model.ReadQueue(kFirst, 0, {.tags = "B"}).outcome == ReadOutcome::kNoMatch);
  CHECK(model.ReadQueue(kFirst, 0, {.tags = "B || A"}).outcome == ReadOutcome::kFound);
  CHECK(model.CreateTopic("orders", 3) == absl::StatusCode::kAlreadyExists);
  CHECK(model.CreateTopic("", 1) == absl::StatusCode::kInvalidArgument);
  CHECK(model.CreateTopic("a\nb", 1) == absl::StatusCode::kInvalidArgument);
}

TEST_CASE("a claim stops its queue until it is published, and is stepped over as a void") {
  ReferenceModel model = TwoQueues();
  model.Append({.queues = {kFirst}, .body = "a"});
  const auto claim = model.Claim({.queues = {kFirst}});
  model.Append({.queues = {kFirst}, .body = "c"});

  CHECK(Bodies(model.ReadQueue(kFirst, 0, {}).records) == std::vector<std::string>{"a"});
  CHECK(model.ReadTopic("orders", 0, {}).size() == 1);

  SECTION("published") {
    model.Commit(claim, "b");
    CHECK(Bodies(model.ReadQueue(kFirst, 0, {}).records) ==
          std::vector<std::string>{"a", "b", "c"});
  }
  SECTION("given up") {
    model.GiveUp(claim);
    CHECK(Bodies(model.ReadQueue(kFirst, 0, {}).records) == std::vector<std::string>{"a", "c"});
    CHECK(model.ReadQueue(kFirst, 0, {}).offsets == std::vector<uint64_t>{0, 2});
  }
  SECTION("dead") {
    model.Die();
    CHECK(model.ReadQueue(kFirst, 1, {}).offsets == std::vector<uint64_t>{2});
  }
}

TEST_CASE("what a power loss took gives its offsets back") {
  ReferenceModel model = TwoQueues();
  model.Append({.queues = {kFirst}, .body = "a"});
  const auto cut = model.Append({.queues = {kFirst}, .body = "b"});
  model.Append({.queues = {kSecond}, .body = "c"});

  model.LosePower(cut);
  model.Append({.queues = {kFirst}, .body = "d"});

  CHECK(Bodies(model.ReadQueue(kFirst, 0, {}).records) == std::vector<std::string>{"a", "d"});
  CHECK(model.ReadQueue(kSecond, 0, {}).outcome == ReadOutcome::kAtEnd);
}

TEST_CASE("nothing beyond the visible end is read, and at least one message whatever its size") {
  ReferenceModel model = TwoQueues();
  model.Append({.queues = {kFirst}, .body = "a", .record_bytes = 100});
  model.Append({.queues = {kFirst}, .body = "b", .record_bytes = 100});
  model.Append({.queues = {kFirst}, .body = "c", .record_bytes = 100});

  CHECK(model.ReadQueue(kFirst, 0, {.max_bytes = 10}).records.size() == 1);
  CHECK(model.ReadQueue(kFirst, 0, {.max_bytes = 200}).records.size() == 2);
  model.SetVisibleEnd(1);
  CHECK(model.ReadQueue(kFirst, 0, {}).records.size() == 1);
  CHECK(model.Bounds(kFirst).second == 1);
}

TEST_CASE("a topic that was created behind what a power loss took goes too") {
  ReferenceModel model = TwoQueues();
  const auto cut = model.Append({.queues = {kFirst}, .body = "a"});
  REQUIRE(model.CreateTopic("late", 1) == absl::StatusCode::kOk);
  CHECK(model.CreatedAt("late") == cut + 1);

  model.LosePower(cut);

  CHECK(model.Topics() == std::vector<std::string>{"orders"});
  CHECK(model.QueueCount("late") == 0);
}

TEST_CASE("an offset that was given and is not visible yet may be called beyond the end") {
  ReferenceModel model = TwoQueues();
  model.Append({.queues = {kFirst}, .body = "a"});
  model.Append({.queues = {kFirst}, .body = "b"});
  model.SetVisibleEnd(0);

  const ReferenceModel::Read read = model.ReadQueue(kFirst, 1, {});
  CHECK(read.outcome == ReadOutcome::kAtEnd);
  CHECK(read.may_be_beyond);
  CHECK(read.visible_end == 0);
  CHECK(read.given_end == 2);
  CHECK(model.ReadBackwards(kFirst, 3, {}).outcome == ReadOutcome::kBeyondEnd);
  CHECK(model.ReadBackwards(kFirst, 1, {}).outcome == ReadOutcome::kAtEnd);
}

}  // namespace
}  // namespace weir::testing
