#include "store/dropped_offsets.h"

#include <catch2/catch.hpp>
#include <vector>

#include "base/mutex.h"
#include "index/consume_queues.h"

namespace weir::internal {
namespace {

TEST_CASE("what was left out is told by topic and queue, in one range for each") {
  ReaderSlots readers;
  Mutex lock;
  ConsumeQueues queues(&readers, &lock);
  TopicCatalogue catalogue(&queues);
  REQUIRE(catalogue.Add({.name = "orders", .first_queue = 0, .queue_count = 3}, LogPosition(1024))
              .ok());
  REQUIRE(catalogue.Add({.name = "trades", .first_queue = 3, .queue_count = 2}, LogPosition(2048))
              .ok());
  const std::vector<SeenOffset> left_out = {
      {.position = LogPosition(5000), .queue_number = 4, .queue_offset = 9},
      {.position = LogPosition(5100), .queue_number = 1, .queue_offset = 7},
      {.position = LogPosition(5200), .queue_number = 4, .queue_offset = 12},
      {.position = LogPosition(5300), .queue_number = 1, .queue_offset = 6},
      {.position = LogPosition(5400), .queue_number = 77, .queue_offset = 0}};

  const std::vector<DroppedOffsets> dropped = NameDropped(left_out, catalogue);

  REQUIRE(dropped.size() == 3);
  CHECK(dropped[0].topic == "orders");
  CHECK(dropped[0].queue_id == 1);
  CHECK(dropped[0].first == QueueOffset(6));
  CHECK(dropped[0].end == QueueOffset(8));
  CHECK(dropped[1].topic == "trades");
  CHECK(dropped[1].queue_id == 1);
  CHECK(dropped[1].first == QueueOffset(9));
  CHECK(dropped[1].end == QueueOffset(13));
  // Its topic was left out as well.
  CHECK(dropped[2].topic.empty());
  CHECK(dropped[2].queue_id == 77);
  CHECK(NameDropped({}, catalogue).empty());
}

}  // namespace
}  // namespace weir::internal
