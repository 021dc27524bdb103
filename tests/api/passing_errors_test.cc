// Errors of a machine that pass: afterwards everything is there, and service goes on.

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "api/small_store.h"

namespace weir::testing {
namespace {

TEST_CASE("who creates a topic without workers is told that there are no descriptors") {
  FaultFileSystem disk;
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Milliseconds(1));
  auto store = OpenStore(SmallOptions(disk, clock));
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kSync, .times = Fault::kForEver}));
  disk.Inject(TooManyOpenFiles({.kind = OperationKind::kCreate, .times = Fault::kForEver}));
  CHECK(absl::IsResourceExhausted(store->CreateTopic("orders", 2).status()));
  CHECK(store->state() == StoreState::kDegraded);
  disk.ClearFaults();
  CHECK(store->CreateTopic("orders", 2).ok());
  CHECK(store->state() == StoreState::kHealthy);
}

}  // namespace
}  // namespace weir::testing
