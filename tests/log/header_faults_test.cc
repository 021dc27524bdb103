// What is told of that which is written twice: the slots of the superblock, and the two copies of a
// segment's header.

#include "log/header_faults.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "format/superblock.h"
#include "log/sample_segment.h"

namespace weir::testing {
namespace {

const std::string kPath = "/store/superblock";
const std::string kEmpty(kSuperblockSlotBytes, '\0');
const std::string kTorn(kSuperblockSlotBytes, '#');

std::string Slot(uint64_t sequence) {
  return EncodeSuperblock(
      {.store = SampleStore(), .segment_bytes = kSegment, .sequence = sequence});
}

// Of another machine, as the magic shows it.
std::string ForeignSlot() {
  std::string slot = Slot(2);
  std::reverse(slot.begin(), slot.begin() + 8);
  return slot;
}

// "superblock+4096/4096: what", one for each fault.
Words Told(const absl::StatusOr<std::vector<HeaderFault>>& faults) {
  INFO(faults.status());
  REQUIRE(faults.ok());
  Words told;
  for (const HeaderFault& fault : *faults) {
    told.push_back(absl::StrCat(fault.file, "+", fault.offset, "/", fault.bytes, ": ", fault.what));
  }
  return told;
}

Words OfSuperblock(StoreDirectory& store) { return Told(SuperblockFaults(*store.directory)); }

bool IsForeign(StoreDirectory& store) {
  const auto foreign = HasForeignSuperblock(*store.directory);
  REQUIRE(foreign.ok());
  return *foreign;
}

TEST_CASE("a directory without a superblock has one fault: that it is missing") {
  StoreDirectory store;
  store.disk.WriteFile("/store/superblock.tmp", Slot(1) + Slot(2));

  CHECK(OfSuperblock(store) == Words{"superblock+0/0: the superblock is missing"});
  CHECK_FALSE(IsForeign(store));
}

TEST_CASE("a slot that was never written is no fault beside one that was, and is one without") {
  StoreDirectory store;

  store.disk.WriteFile(kPath, kEmpty + Slot(1));
  CHECK(OfSuperblock(store).empty());

  store.disk.WriteFile(kPath, kEmpty + kEmpty);
  CHECK(OfSuperblock(store) == Words{"superblock+0/4096: slot 0 of the superblock is empty",
                                     "superblock+4096/4096: slot 1 of the superblock is empty"});
}

TEST_CASE("the slot that is not whole is told, and whether the other one serves") {
  StoreDirectory store;

  store.disk.WriteFile(kPath, kTorn + Slot(1));
  CHECK(OfSuperblock(store) ==
        Words{"superblock+0/4096: slot 0 of the superblock is not whole; the other one serves"});

  store.disk.WriteFile(kPath, Slot(2));  // cut short
  CHECK(OfSuperblock(store) ==
        Words{"superblock+4096/4096: slot 1 of the superblock is not whole; the other one serves"});

  store.disk.WriteFile(kPath, kTorn + kTorn);
  CHECK(OfSuperblock(store) ==
        Words{"superblock+0/4096: slot 0 of the superblock is not whole",
              "superblock+4096/4096: slot 1 of the superblock is not whole"});
  CHECK_FALSE(IsForeign(store));
}

TEST_CASE("of several superblocks only that which serves is looked at; if none does, all are") {
  StoreDirectory store;
  store.disk.WriteFile(kPath, kTorn + Slot(3));

  store.disk.WriteFile(kPath + ".2", Slot(4) + Slot(5));
  CHECK(OfSuperblock(store).empty());

  store.disk.WriteFile(kPath + ".2", kTorn + Slot(1));
  CHECK(OfSuperblock(store) ==
        Words{"superblock+0/4096: slot 0 of the superblock is not whole; the other one serves"});

  store.disk.WriteFile(kPath, kTorn + kEmpty);
  store.disk.WriteFile(kPath + ".2", kEmpty + kTorn);
  CHECK(OfSuperblock(store).size() == 4);
}

TEST_CASE("a superblock of another machine is told as one, and nobody may guess in its place") {
  StoreDirectory store;
  store.disk.WriteFile(kPath, ForeignSlot() + Slot(1));

  CHECK(OfSuperblock(store) ==
        Words{"superblock+0/4096: slot 0 of the superblock is of another format"});
  CHECK(IsForeign(store));
}

TEST_CASE("what the device does not give of a superblock is told with what the device said") {
  StoreDirectory store;
  store.disk.WriteFile(kPath, Slot(2) + Slot(1));
  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead, .times = Fault::kForEver}));

  const Words told = OfSuperblock(store);

  REQUIRE(told.size() == 2);
  for (const std::string& fault : told) CHECK(absl::EndsWith(fault, "Input/output error"));
}

TEST_CASE("an error that may pass is no fault of the superblock, and is returned") {
  StoreDirectory store;
  store.disk.WriteFile(kPath, kTorn + Slot(1));
  const OperationKind kind =
      GENERATE(OperationKind::kList, OperationKind::kOpen, OperationKind::kRead);
  store.disk.Inject(TooManyOpenFiles({.kind = kind, .times = Fault::kForEver}));

  CHECK(absl::IsUnavailable(SuperblockFaults(*store.directory).status()));
  CHECK(absl::IsUnavailable(HasForeignSuperblock(*store.directory).status()));
}

TEST_CASE("a superblock that its next generation replaces meanwhile is no fault") {
  StoreDirectory store;
  store.disk.WriteFile(kPath, kTorn + kTorn);
  store.disk.WriteFile(kPath + ".1", Slot(2) + Slot(3));
  store.disk.SetHook([&](const Operation& operation) {
    if (operation.kind != OperationKind::kOpen || operation.name != kSuperblockFileName) return;
    store.disk.SetHook(nullptr);
    store.disk.RemoveFile(kPath);
  });

  CHECK(OfSuperblock(store).empty());
}

TEST_CASE("a slot that a living writer is just writing is looked at again before it is told") {
  StoreDirectory store;
  store.disk.WriteFile(kPath, kTorn + Slot(1));
  int reads = 0;
  store.disk.SetHook([&](const Operation& operation) {
    if (operation.kind != OperationKind::kRead || ++reads < 2) return;
    store.disk.WriteFile(kPath, Slot(2) + Slot(1));
  });

  CHECK(OfSuperblock(store).empty());
  CHECK(reads == 2);
}

// --- Headers of segments

SegmentEntry EntryOf(const SegmentBytes& segment) {
  return {.name = {segment.header().begin}, .limit = segment.limit()};
}

TEST_CASE("of a segment's header the copy that is not whole is told, wherever the file ends") {
  StoreDirectory store;
  SegmentBytes segment(2);
  segment.Message("one");
  const std::string whole = segment.bytes();
  const auto told = [&](const std::string& bytes) {
    store.disk.WriteFile("/store/" + segment.name(), bytes);
    return Told(SegmentHeaderFaults(*store.directory, EntryOf(segment)));
  };
  const std::string first = segment.name() + "+0/512: copy 0 of the segment header is not whole";
  const std::string second = segment.name() + "+512/512: copy 1 of the segment header is not whole";

  CHECK(told(whole).empty());
  CHECK(told(whole.substr(0, kSegmentHeaderBytes)).empty());
  CHECK(told("#" + whole.substr(1)) == Words{first + "; the other one serves"});
  CHECK(told(whole.substr(0, 600)) == Words{second + "; the other one serves"});
  CHECK(told("") == Words{first, second});
}

TEST_CASE("a segment that cannot be opened has no faulty header: it is missing as a whole") {
  StoreDirectory store;
  const SegmentBytes segment(2);
  CHECK(Told(SegmentHeaderFaults(*store.directory, EntryOf(segment))).empty());

  store.disk.PlantSpecialFile("/store/" + segment.name());
  CHECK(Told(SegmentHeaderFaults(*store.directory, EntryOf(segment))).empty());
}

TEST_CASE("a header that the device does not give has two faults; one that may come later none") {
  StoreDirectory store;
  const SegmentBytes segment(2);
  store.Put(segment);

  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead, .times = Fault::kForEver}));
  const Words told = Told(SegmentHeaderFaults(*store.directory, EntryOf(segment)));
  REQUIRE(told.size() == 2);
  for (const std::string& fault : told) CHECK(absl::EndsWith(fault, "Input/output error"));
  store.disk.ClearFaults();

  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead}));
  CHECK(Told(SegmentHeaderFaults(*store.directory, EntryOf(segment))).empty());
  store.disk.ClearFaults();

  store.disk.Inject(TooManyOpenFiles({.kind = OperationKind::kOpen}));
  const auto faults = SegmentHeaderFaults(*store.directory, EntryOf(segment));
  CHECK(absl::IsUnavailable(faults.status()));
}

}  // namespace
}  // namespace weir::testing
