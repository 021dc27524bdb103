// Where messages go, and that nothing is created for those that are refused.

#include "store/message_planner.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

#include "log/small_log.h"

namespace weir::testing {
namespace {

struct Planner {
  explicit Planner(bool auto_create = true) {
    options.default_queue_count = auto_create ? 4 : 0;
    log = OpenLog(options);
    queues =
        std::make_unique<ConsumeQueues>(&log->front().reader_slots(), &log->front().append_lock());
    catalogue = std::make_unique<TopicCatalogue>(queues.get());
    topics = std::make_unique<TopicWriter>(log.get(), queues.get(), catalogue.get());
    view = std::make_unique<OwnLogView>(log.get(), /*has_workers=*/false);
    digests = std::make_unique<Digests>(/*hash_seed=*/1, catalogue->Queues());
    files = std::make_unique<IndexFiles>(&log->directory(), &log->cache());
    indexer = std::make_unique<Indexer>(view.get(), queues.get(), digests.get(), files.get(),
                                        std::vector<LogIndex*>{}, nullptr, &log->health());
    keys = std::make_unique<LatestKeys>(view.get(), indexer.get(), catalogue.get(), nullptr);
    budget = std::make_unique<LatestBudget>(log.get(), indexer.get(), keys.get());
    planner = std::make_unique<MessagePlanner>(log.get(), queues.get(), catalogue.get(),
                                               topics.get(), budget.get());
  }
  absl::StatusOr<MessagePlan> Plan(const Message& message) {
    MessagePlan plan;
    const absl::Status status = planner->Plan(message, message.body.size(), kNever, &plan);
    if (!status.ok()) return status;
    return plan;
  }
  // Topics and bytes of the log.
  std::pair<size_t, LogPosition> Created() {
    return {catalogue->All().size(), log->front().claimed_end()};
  }

  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options = SmallLog(disk, clock);
  std::unique_ptr<CommitLog> log;
  std::unique_ptr<ConsumeQueues> queues;
  std::unique_ptr<TopicCatalogue> catalogue;
  std::unique_ptr<TopicWriter> topics;
  std::unique_ptr<OwnLogView> view;
  std::unique_ptr<Digests> digests;
  std::unique_ptr<IndexFiles> files;
  std::unique_ptr<Indexer> indexer;
  std::unique_ptr<LatestKeys> keys;
  std::unique_ptr<LatestBudget> budget;
  std::unique_ptr<MessagePlanner> planner;
};

TEST_CASE("a message that is refused creates nothing, whatever it is refused for") {
  Planner all;
  const auto before = all.Created();
  const std::string long_tag(256, 'x');
  const std::vector<QueueRef> unknown_queue = {{"other", 99}};
  const std::vector<Message> bad = {
      {.topic = "new", .queue_id = 4, .body = "x"},
      {.topic = "new", .tag = long_tag, .body = "x"},
      {.topic = "../new", .body = "x"},
      {.topic = "new", .further_queues = unknown_queue, .body = "x"},
  };
  for (size_t i = 0; i < bad.size(); ++i) {
    INFO("message " << i);
    const absl::Status refused = all.Plan(bad[i]).status();
    INFO(refused);
    const bool names_a_queue = i == 0 || i == 3;
    CHECK(refused.code() ==
          (names_a_queue ? absl::StatusCode::kNotFound : absl::StatusCode::kInvalidArgument));
    CHECK(all.Created() == before);
    // Nor if it is the last of a batch whose others are good.
    const std::vector<Message> batch = {{.topic = "good", .body = "x"}, bad[i]};
    std::vector<MessagePlan> plans(2);
    uint32_t bytes = 0;
    CHECK_FALSE(all.planner->PlanAll(batch, kNever, absl::MakeSpan(plans), &bytes).ok());
    CHECK(all.Created() == before);
  }
}

TEST_CASE("a topic that is missing comes with its message, unless the options say that none does") {
  Planner all;
  const auto plan = all.Plan({.topic = "new", .body = "x"});
  REQUIRE(plan.ok());
  REQUIRE(all.catalogue->Find("new") != nullptr);
  CHECK(all.catalogue->Find("new")->queue_count == 4);
  CHECK(plan->target.topic == all.catalogue->Find("new"));

  Planner none(/*auto_create=*/false);
  const auto before = none.Created();
  CHECK(absl::IsNotFound(none.Plan({.topic = "new", .body = "x"}).status()));
  CHECK(none.Created() == before);
}

TEST_CASE("a queue is the one that is named, or that of the key, or the next one") {
  Planner all;
  CHECK(all.Plan({.topic = "t", .queue_id = 3, .ordering_key = "k", .body = "x"})->queue_id == 3);
  const uint32_t of_key = all.Plan({.topic = "t", .ordering_key = "k", .body = "x"})->queue_id;
  for (int i = 0; i < 5; ++i) {
    CHECK(all.Plan({.topic = "t", .ordering_key = "k", .body = "x"})->queue_id == of_key);
  }
  std::multiset<uint32_t> round;
  for (int i = 0; i < 8; ++i) round.insert(all.Plan({.topic = "t", .body = "x"})->queue_id);
  for (uint32_t id = 0; id < 4; ++id) CHECK(round.count(id) == 2);
}

TEST_CASE("the records of a batch and their header are the group") {
  Planner all;
  const std::vector<Message> batch = {{.topic = "a", .body = "one"},
                                      {.topic = "b", .tag = "t", .body = "two"}};
  std::vector<MessagePlan> plans(2);
  uint32_t bytes = 0;
  REQUIRE(all.planner->PlanAll(batch, kNever, absl::MakeSpan(plans), &bytes).ok());
  CHECK(bytes == kRecordHeaderBytes + plans[0].record_bytes + plans[1].record_bytes);
  CHECK(plans[0].target.topic->name == "a");
  CHECK(plans[1].target.topic->name == "b");
}

}  // namespace
}  // namespace weir::testing
