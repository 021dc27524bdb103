#include "store/seal_observer.h"

#include <catch2/catch.hpp>
#include <string>

#include "index/consume_queues.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

struct Parts {
  ReaderSlots readers;
  Mutex append_lock;
  ConsumeQueues queues{&readers, &append_lock};
  TopicCatalogue catalogue{&queues};
  TopicTotals totals{&catalogue};
  SealObserver observer{&totals};

  Parts() {
    REQUIRE(
        catalogue.Add({.name = "one", .first_queue = 0, .queue_count = 2}, LogPosition(0)).ok());
  }
  // Messages of the topic, as the next open reads them from an index file.
  uint64_t Saved() const {
    Parts next;
    REQUIRE(next.totals.Load(totals.SaveAll(LogPosition(0))).ok());
    return next.catalogue.Find("one")->messages.load();
  }
};

TEST_CASE("the runs of a segment count once, whether the seal succeeds or is made again") {
  Parts parts;
  parts.observer.OnRun(0, 3, 300);
  parts.observer.OnRun(1, 1, 100);
  CHECK(parts.Saved() == 4);
  parts.observer.OnSealed(/*succeeded=*/false);
  CHECK(parts.Saved() == 0);

  parts.observer.OnRun(0, 3, 300);
  parts.observer.OnRun(1, 1, 100);
  parts.observer.OnSealed(/*succeeded=*/true);
  CHECK(parts.Saved() == 4);
  // What is sealed stays, whatever becomes of the next segment.
  parts.observer.OnRun(0, 2, 200);
  CHECK(parts.Saved() == 6);
  parts.observer.OnSealed(/*succeeded=*/false);
  CHECK(parts.Saved() == 4);
}

}  // namespace
}  // namespace weir::testing
