// Names of files and topics, and the saved catalogue that names of topics come back from: what is
// understood has one spelling.

#include <string>

#include "absl/strings/match.h"
#include "base/mutex.h"
#include "format/file_names.h"
#include "fuzz/fuzz_input.h"
#include "index/consume_queues.h"
#include "log/reader_slots.h"
#include "store/topic_catalogue.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

void CheckFileName(absl::string_view name) {
  const auto segment = ParseSegmentFileName(name);
  const auto superblock = ParseSuperblockFileName(name);
  const auto index = ParseIndexFileName(name);
  Require(segment.has_value() + superblock.has_value() + index.has_value() <= 1,
          "a name means one thing");
  if (segment) Require(SegmentFileName(*segment) == name, "segment: ", name);
  if (superblock) Require(SuperblockFileName(*superblock) == name, "superblock: ", name);
  if (index) Require(IndexFileName(*index) == name, "index: ", name);
  Require(IsTemporaryName(TemporaryName(name)), "temporary: ", name);
  const bool is_known = segment || superblock || index;
  Require(!is_known || !IsTemporaryName(name), "nothing temporary serves: ", name);
}

void CheckNumbers(FuzzInput& input) {
  const SegmentName name{.begin = LogPosition(input.Take<uint64_t>()),
                         .generation = input.Take<uint64_t>()};
  Require(ParseSegmentFileName(SegmentFileName(name)) == name, SegmentFileName(name));
  Require(ParseIndexFileName(IndexFileName(name.begin)) == name.begin, "index");
  Require(ParseSuperblockFileName(SuperblockFileName(name.generation)) == name.generation,
          "superblock");
  const uint64_t other = input.Take<uint64_t>();
  Require((FrontName(other) == FrontName(name.generation)) == (other == name.generation),
          "fronts have names of their own");
  Require(DoorbellName(other) != FrontName(name.generation), "and their doorbells too");
}

// Catalogues on queues of their own.
struct Catalogue {
  ReaderSlots readers;
  Mutex append_lock;
  ConsumeQueues queues{&readers, &append_lock};
  TopicCatalogue topics{&queues};
};

void CheckTopicName(absl::string_view name) {
  const bool is_good = weir::CheckTopicName(name).ok();
  Catalogue catalogue;
  const auto added =
      catalogue.topics.Add({.name = name, .first_queue = 3, .queue_count = 2}, LogPosition(1024));
  Require(added.ok() == is_good, "a topic of that name");
  Require((catalogue.topics.Find(name) != nullptr) == is_good, "found by that name");
  if (!is_good) return;
  Require((*added)->name == name && catalogue.topics.OfQueue(4) == *added &&
              catalogue.topics.OfQueue(5) == nullptr && catalogue.topics.next_queue() == 5,
          "its queues");
  for (const char c : name) Require(c != '/' && c != '\0', "nothing that a path could use");
}

// As a log could have it: its last byte is never reached. Queues lie in memory up to the largest
// number; who believes in millions of them needs gigabytes.
std::string WithFewQueues(absl::string_view bytes) {
  std::string few(bytes);
  for (size_t at = sizeof(uint64_t); at + 9 <= few.size();) {
    few[at - 1] = '\0';  // of the position
    Store<uint32_t>(&few[at], Load<uint32_t>(&few[at]) % (1 << 14));
    Store<uint32_t>(&few[at + 4], Load<uint32_t>(&few[at + 4]) % (1 << 14));
    at += 9 + static_cast<uint8_t>(few[at + 8]) + sizeof(uint64_t);
  }
  return few;
}

void CheckSavedCatalogue(absl::string_view any) {
  const std::string bytes = WithFewQueues(any);
  Catalogue first;
  const bool is_loaded = first.topics.Load(bytes).ok();
  // What was taken before the trouble is a catalogue too.
  const std::string saved = first.topics.SaveAll(LogPosition(~uint64_t{0}));
  Require(!is_loaded || saved.size() <= bytes.size(), "nothing was invented");
  Catalogue second;
  RequireOk(second.topics.Load(saved), "what was saved loads");
  Require(second.topics.SaveAll(LogPosition(~uint64_t{0})) == saved, "and is the same");
  Require(second.topics.next_queue() == first.topics.next_queue(), "with the same numbers");
  for (const Topic::Entry* const entry : first.topics.All()) {
    const Topic::Entry* const again = second.topics.Find(entry->name);
    Require(again != nullptr && again->first_queue == entry->first_queue &&
                again->queue_count == entry->queue_count,
            "topic ", entry->name);
  }
}

void Run(FuzzInput input) {
  switch (input.Below(4)) {
    case 0:
      return CheckFileName(input.Bytes(300));
    case 1:
      return CheckTopicName(input.Bytes(300));
    case 2:
      return CheckNumbers(input);
    default:
      return CheckSavedCatalogue(input.Bytes(1024));
  }
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
