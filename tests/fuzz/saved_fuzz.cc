// Any bytes as what the indexes saved in an index file or wrote into a state record: topics, queues
// and their ends, totals, offsets of groups, the time. What is loaded can be saved, and loads as
// the same.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "format/record.h"
#include "format/state_record.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/small_catalogue.h"
#include "store/engine.h"
#include "store/group_offsets.h"
#include "store/queue_ends.h"
#include "store/retention_clock.h"
#include "store/topic_totals.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"

namespace weir::testing {
namespace {

using namespace weir::internal;

constexpr LogPosition kEnd(~uint64_t{0});

struct Indexes : SmallCatalogue {
  TopicTotals totals{&topics};
};

// As a log could have it: its last byte is never reached. Each queue takes memory; who believes in
// millions of them needs gigabytes.
std::string WithFewQueues(absl::string_view bytes) {
  constexpr size_t kBehindName = 1 + 3 * 8;  // flags, first offset, limits
  std::string few(bytes);
  for (size_t at = sizeof(uint64_t); at + 9 <= few.size();) {
    few[at - 1] = '\0';  // of the position
    Store<uint32_t>(&few[at], Load<uint32_t>(&few[at]) % (1 << 14));
    Store<uint32_t>(&few[at + 4], Load<uint32_t>(&few[at + 4]) % (1 << 14));
    at += 9 + static_cast<uint8_t>(few[at + 8]) + kBehindName + sizeof(uint64_t);
  }
  return few;
}

bool RecordsAreSame(const Topic::Entry& one, const Topic::Entry& other) {
  return EncodeTopic(RecordOf(one)) == EncodeTopic(RecordOf(other));
}

void CheckSavedCatalogue(absl::string_view any) {
  const std::string bytes = WithFewQueues(any);
  SmallCatalogue first;
  const bool is_loaded = first.topics.Load(bytes).ok();
  // What was taken before the trouble is a catalogue too.
  const std::string saved = first.topics.SaveAll(kEnd);
  Require(!is_loaded || saved.size() <= bytes.size(), "nothing was invented");
  SmallCatalogue second;
  RequireOk(second.topics.Load(saved), "what was saved loads");
  Require(second.topics.SaveAll(kEnd) == saved, "and is the same");
  Require(second.topics.next_queue() == first.topics.next_queue(), "with the same numbers");
  for (const Topic::Entry* const entry : first.topics.All()) {
    // Not by its name, which another one may have got since it was deleted.
    const Topic::Entry* const again = second.topics.OfQueue(entry->first_queue);
    Require(again != nullptr && RecordsAreSame(*again, *entry), "topic ", entry->name);
  }
}

// Topics as an honest log has them.
void AddTopics(TopicCatalogue& topics) {
  for (const TopicRecord& topic :
       {TopicRecord{.name = "orders", .first_queue = 0, .queue_count = 8},
        TopicRecord{.name = "trades", .first_queue = 8, .queue_count = 3},
        TopicRecord{.name = "audit", .first_queue = 70, .queue_count = 1}}) {
    RequireOk(topics.Add(topic, LogPosition(1024)).status(), "a topic");
  }
}

void CheckSavedQueues(absl::string_view bytes) {
  Indexes first;
  AddTopics(first.topics);
  const bool is_loaded = first.queues.Load(bytes).ok();
  const std::string saved = first.queues.Save({});
  Require(!is_loaded || saved.size() <= bytes.size(), "nothing was invented");
  for (uint32_t number = first.queues.Next(0); number < first.queues.end();
       number = first.queues.Next(number + 1)) {
    const ConsumeQueue& queue = first.queues.queue(number);
    Require(queue.first() <= queue.memory_first() && queue.memory_first() == queue.end(),
            "the ends of queue ", number);
  }
  Indexes second;
  AddTopics(second.topics);
  RequireOk(second.queues.Load(saved), "what was saved loads");
  Require(second.queues.Save({}) == saved, "and is the same");
}

void CheckSavedTotals(absl::string_view bytes) {
  Indexes first;
  AddTopics(first.topics);
  const bool is_loaded = first.totals.Load(bytes).ok();
  const std::string saved = first.totals.SaveAll(kEnd);
  Require(!is_loaded || saved.size() <= bytes.size(), "nothing was invented");
  Indexes second;
  AddTopics(second.topics);
  RequireOk(second.totals.Load(saved), "what was saved loads");
  Require(second.totals.SaveAll(kEnd) == saved, "and is the same");
  for (const Topic::Entry* const entry : first.topics.All()) {
    const Topic::Entry* const again = second.topics.Find(entry->name);
    Require(again->messages == entry->messages && again->bytes == entry->bytes, "topic ",
            entry->name);
  }
}

// What is loaded and saved is loaded and saved once more, by an index that `make` makes. The order
// of the entries, of `entry_bytes` each, is its own; 0: they have an order.
template <typename Make>
void CheckSaved(absl::string_view bytes, size_t entry_bytes, const Make& make) {
  const auto sorted = [&](const std::string& saved) {
    std::vector<std::string> entries;
    for (size_t at = 0; entry_bytes > 0 && at < saved.size(); at += entry_bytes) {
      entries.push_back(saved.substr(at, entry_bytes));
    }
    std::sort(entries.begin(), entries.end());
    return entry_bytes == 0 ? saved : absl::StrJoin(entries, "");
  };
  auto first = make();
  const bool is_loaded = first.Load(bytes).ok();
  const std::string saved = first.SaveAll(kEnd);
  Require(!is_loaded || saved.size() <= bytes.size(), "nothing was invented");
  auto second = make();
  RequireOk(second.Load(saved), "what was saved loads");
  Require(sorted(second.SaveAll(kEnd)) == sorted(saved), "and is the same");
  second.Restart();
  Require(second.SaveAll(kEnd).empty(), "until the log is applied anew");
}

// The log that the offsets of groups lie in: of no segment of it is anything sealed.
Engine& EmptyEngine() {
  static Engine* const engine = [] {
    auto* const disk = new FaultFileSystem;
    auto* const clock = new ManualClock;
    auto opened = Engine::Open({.directory = "/store",
                                .background = Background::kManual,
                                .segment_bytes = 4096,
                                .front_bytes = 8192,
                                .file_system = disk,
                                .clock = clock});
    RequireOk(opened.status(), "Open");
    return opened->release();
  }();
  return *engine;
}

GroupOffsets EmptyGroups() {
  return GroupOffsets(&EmptyEngine().log().segments(), &EmptyEngine().indexer(), nullptr);
}

void CheckSavedEnds(absl::string_view bytes) {
  Indexes indexes;
  AddTopics(indexes.topics);
  CheckSaved(bytes, /*entry_bytes=*/4 + 3 * 8,
             [&] { return QueueEnds(&indexes.queues, &indexes.topics, nullptr); });
}

// Each offset that no message has takes memory.
std::string WithFewOffsets(absl::string_view ends) {
  constexpr size_t kEntryBytes = 4 + 2 * 8;
  std::string few(ends);
  for (size_t at = 0; at + kEntryBytes <= few.size(); at += kEntryBytes) {
    Store<uint64_t>(&few[at + 12], Load<uint64_t>(&few[at + 12]) % (1 << 12));
  }
  return few;
}

// A state record of one of the indexes, as it stands in the log.
void ApplyState(FuzzInput& input) {
  static constexpr absl::string_view kNames[] = {GroupOffsets::kName, QueueEnds::kName,
                                                 RetentionClock::kName, "nobody"};
  const absl::string_view name = kNames[input.Below(4)];
  std::string entries(input.Bytes(1024));
  if (name == QueueEnds::kName) entries = WithFewOffsets(entries);
  const uint32_t bytes = StateRecordBytes(name, entries.size());
  std::vector<uint64_t> memory(bytes / sizeof(uint64_t));
  char* const record = reinterpret_cast<char*>(memory.data());
  StampState(record, bytes, /*time=*/77);
  Publish(record, FillState(record, LogPosition(8), 1, {.name = name, .entries = entries}));
  const ScannedRecord scanned{LogPosition(8), record, LoadHeader(record)};
  const auto state = DecodeState(record);
  Require(state && state->name == name && state->entries == entries, "what was encoded decodes");

  Indexes indexes;
  AddTopics(indexes.topics);
  QueueEnds ends(&indexes.queues, &indexes.topics, nullptr);
  ManualClock clock;
  RetentionClock time(&clock, nullptr);
  GroupOffsets groups = EmptyGroups();
  for (LogIndex* const index : std::initializer_list<LogIndex*>{&groups, &ends, &time}) {
    const absl::Status status = index->Apply(scanned);
    Require(status.ok() || absl::IsDataLoss(status), status.ToString());
    if (index->name() == name) continue;
    RequireOk(status, "who is not meant");
    Require(index->SaveAll(kEnd).empty(), "learns nothing");
  }
  for (uint32_t number = indexes.queues.Next(0); number < indexes.queues.end();
       number = indexes.queues.Next(number + 1)) {
    const ConsumeQueue& queue = indexes.queues.queue(number);
    Require(queue.first() <= queue.end(), "the ends of queue ", number);
  }
}

// Those that an open loads first, over whatever topics there are.
void LoadAll(FuzzInput& input) {
  Indexes indexes;
  indexes.topics.Load(WithFewQueues(input.Bytes(input.Byte()))).IgnoreError();
  indexes.totals.Load(input.Bytes(input.Byte())).IgnoreError();
  indexes.queues.Load(input.Bytes(1024)).IgnoreError();
  const auto topics = indexes.topics.All();
  for (const Topic::Entry* const entry : topics) {
    for (uint32_t id = 0; id < std::min<uint32_t>(entry->queue_count, 8); ++id) {
      Require(indexes.queues.has(entry->first_queue + id), "a topic has its queues");
      Require(indexes.topics.OfQueue(entry->first_queue + id) == entry,
              "and they have their topic");
    }
  }
  indexes.topics.Restart();
  indexes.totals.Restart();
  Require(indexes.topics.All().size() == topics.size(), "topics stay");
  Require(indexes.totals.SaveAll(kEnd).empty(), "and totals do not");
}

void Run(FuzzInput input) {
  switch (input.Below(8)) {
    case 0:
      return CheckSavedCatalogue(input.Bytes(1024));
    case 1:
      return CheckSavedQueues(input.Bytes(1024));
    case 2:
      return CheckSavedTotals(input.Bytes(1024));
    case 3:
      return LoadAll(input);
    case 4:
      return CheckSaved(input.Bytes(1024), 0, EmptyGroups);
    case 5:
      return CheckSavedEnds(input.Bytes(1024));
    case 6:
      return CheckSaved(input.Bytes(64), 0, [] { return RetentionClock(nullptr, nullptr); });
    default:
      return ApplyState(input);
  }
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
