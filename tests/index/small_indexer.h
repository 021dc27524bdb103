// A log with queues, index files and an indexer, and nothing above: no topics, no catalogue. Queue
// numbers are plain numbers.
//
//   Indexed store(disk, clock);
//   store.AppendNumbered(/*queue=*/1, 0, 40);
//   store.SealAll();
//   CHECK(store.InFile(0, 1).positions.size() > 0);

#ifndef WEIR_TESTS_INDEX_SMALL_INDEXER_H_
#define WEIR_TESTS_INDEX_SMALL_INDEXER_H_

#include <catch2/catch.hpp>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "index/consume_queues.h"
#include "index/index_files.h"
#include "index/indexer.h"
#include "log/small_log.h"

namespace weir::testing {

// Knows the first word of every message, so that everything and what changed differ.
class WordsIndex final : public LogIndex {
 public:
  absl::string_view name() const override { return "words"; }
  absl::Status Apply(const ScannedRecord& record) override {
    if (record.header.type != RecordType::kMessage) return absl::OkStatus();
    const absl::string_view body = DecodeParts(record.bytes)->body;
    words[record.position.value()] = std::string(body.substr(0, body.find(' ')));
    ++applied;
    return absl::OkStatus();
  }
  std::string SaveAll(LogPosition to) const override { return SaveChanges(LogPosition(0), to); }
  std::string SaveChanges(LogPosition from, LogPosition to) const override {
    std::string bytes;
    for (const auto& [position, word] : words) {
      if (position < from.value() || position >= to.value()) continue;
      AppendValue(bytes, position);
      AppendValue(bytes, static_cast<uint32_t>(word.size()));
      bytes += word;
    }
    return saves_nonsense ? bytes + "x" : bytes;
  }
  absl::Status Load(absl::string_view bytes) override {
    ByteReader reader(bytes);
    while (reader.remaining() > 0) {
      const auto position = reader.Take<uint64_t>();
      words[position] = std::string(reader.TakeBytes(reader.Take<uint32_t>()));
      if (!reader.ok()) return absl::DataLossError("words: too short");
    }
    return absl::OkStatus();
  }
  void Restart() override { words.clear(); }

  std::map<uint64_t, std::string> words;  // by position
  size_t applied = 0;
  bool saves_nonsense = false;
};

// Has nothing to save, and answers as it is told.
class ScriptedIndex final : public LogIndex {
 public:
  explicit ScriptedIndex(std::string name) : name_(std::move(name)) {}
  absl::string_view name() const override { return name_; }
  absl::Status Apply(const ScannedRecord& record) override {
    return record.header.type == RecordType::kMessage ? applied : absl::OkStatus();
  }
  std::string SaveAll(LogPosition) const override { return ""; }
  std::string SaveChanges(LogPosition, LogPosition) const override { return ""; }
  absl::Status Load(absl::string_view) override { return loaded; }
  void Restart() override {}

  absl::Status applied;  // of messages
  absl::Status loaded;

 private:
  const std::string name_;
};

// Counts what sealing tells.
struct SealCounter final : RunObserver {
  void OnRun(uint32_t, uint64_t messages, uint64_t) override { in_seal += messages; }
  void OnSealed(bool succeeded) override {
    succeeded ? ++sealed : ++failed;
    const uint64_t counted = std::exchange(in_seal, 0);
    if (succeeded) in_runs += counted;
  }
  uint64_t in_runs = 0;  // of seals that succeeded
  uint64_t in_seal = 0;
  int sealed = 0;
  int failed = 0;
};

// Every queue is a topic.
inline QueueRange OwnTopic(uint32_t number) { return {number, 1}; }

class Indexed {
 public:
  static constexpr uint64_t kHashSeed = 0x5EED;

  Indexed(FaultFileSystem& disk, ManualClock& clock, uint32_t queue_count = 4)
      : Indexed(SmallLog(disk, clock), queue_count) {}
  Indexed(const StoreOptions& options, uint32_t queue_count)
      : log(OpenLog(options)),
        view(log.get(), /*has_workers=*/false),
        queues(&log->front().reader_slots(), &log->front().append_lock()),
        digests(kHashSeed, OwnTopic),
        files(&log->directory(), &log->cache()),
        indexer(&view, &queues, &digests, &files, {&words}, &counter, &log->health()) {
    REQUIRE(queues.Add(0, queue_count).ok());
    files.SetResolver([this](LogPosition begin) { return indexer.IdentityOf(begin); });
    const absl::Status restored =
        indexer.Restore(log->front().PublishedEnd(), log->report(), &report);
    INFO(restored);
    REQUIRE(restored.ok());
  }

  // To `queue` and each of `further`, which are in ascending order. Returns where.
  LogPosition Append(uint32_t queue, absl::string_view body,
                     const std::vector<uint32_t>& further = {},
                     const std::vector<absl::string_view>& keys = {}) {
    MessageParts parts{.keys = keys};
    parts.further_queues = static_cast<uint32_t>(further.size());
    const auto bytes = static_cast<uint32_t>(RecordBytes(EncodedPartsBytes(parts), body.size()));
    struct Stamper {
      Indexed& self;
      uint32_t queue;
      uint32_t bytes;
      const MessageParts& parts;
      const std::vector<uint32_t>& further;
      void Prepare() const {
        self.queues.MakeRoom(queue, 1);
        for (const uint32_t number : further) self.queues.MakeRoom(number, 1);
      }
      void operator()(LogPosition position, char* memory, int64_t time) const {
        const QueueEntry entry{.position = position, .record_bytes = bytes};
        WriteStamp(memory, {.bytes = bytes,
                            .flags = FlagsOf(parts),
                            .queue_number = queue,
                            .queue_offset = self.queues.queue(queue).Enter(entry),
                            .store_time = time});
        if (further.empty()) return;
        WriteFurtherQueueCount(memory, parts.further_queues);
        for (uint32_t i = 0; i < further.size(); ++i) {
          WriteFurtherQueue(memory, i, {further[i], self.queues.queue(further[i]).Enter(entry)});
        }
      }
    };
    Reservation place;
    const absl::Status status = log->Claim(bytes, log->clock().WallNanos(), kNever,
                                           Stamper{*this, queue, bytes, parts, further}, &place);
    INFO(status);
    REQUIRE(status.ok());
    char* const to = WriteParts(place.bytes, parts, 0, static_cast<uint32_t>(body.size()));
    std::memcpy(to, body.data(), body.size());
    const int32_t word = Seal(place.bytes, place.position, log->incarnation());
    log->Publish(place, word);
    REQUIRE(words.Apply({place.position, place.bytes, LoadHeader(place.bytes)}).ok());
    return place.position;
  }
  // [from, from + count) to the queue; about a dozen of them fill a segment.
  std::vector<LogPosition> AppendNumbered(uint32_t queue, size_t from, size_t count) {
    std::vector<LogPosition> positions;
    for (size_t i = from; i < from + count; ++i) {
      positions.push_back(Append(queue, Numbered(i, 200)));
    }
    return positions;
  }

  absl::StatusOr<bool> SealSome() { return indexer.SealSome(log->front().durable_end()); }
  // Makes everything durable and seals what can be.
  void SealAll() {
    SyncNow(*log);
    for (bool more = true; more;) {
      const absl::StatusOr<bool> sealed = SealSome();
      INFO(sealed.status());
      REQUIRE(sealed.ok());
      more = *sealed;
    }
  }
  void Close() {
    SealAll();
    log->Stop();
    const absl::Status closed = log->Close();
    INFO(closed);
    REQUIRE(closed.ok());
  }

  struct Run {
    uint64_t first = 0;
    std::vector<uint64_t> positions;  // a hole is 0
    RunLinks links;
    friend bool operator==(const Run&, const Run&) = default;
  };
  using Runs = std::map<uint32_t, Run>;  // by queue
  // What the index file of segment number `segment` says, read from the disk.
  Runs InFile(uint64_t segment) {
    const LogPosition begin(segment * kSegment);
    const auto identity = indexer.IdentityOf(begin);
    REQUIRE(identity.ok());
    const auto file =
        IndexFile::Open(log->directory(), IndexFileName(begin), *identity, /*cache=*/nullptr);
    INFO(file.status());
    REQUIRE(file.ok());
    Runs runs;
    const absl::Status read = (*file)->ForEachRun([&](const QueueRun& run) -> absl::Status {
      std::vector<IndexEntry> entries(run.count);
      if (absl::Status status = (*file)->ReadEntries(run, 0, absl::MakeSpan(entries));
          !status.ok()) {
        return status;
      }
      Run& out = runs[run.queue_number];
      out.first = run.first.value();
      out.links = run.links;
      for (const IndexEntry& entry : entries) {
        out.positions.push_back(entry.is_hole() ? 0 : entry.position(begin).value());
      }
      return absl::OkStatus();
    });
    INFO(read);
    REQUIRE(read.ok());
    return runs;
  }
  Run InFile(uint64_t segment, uint32_t queue) { return InFile(segment)[queue]; }
  // Where a key of a topic is in the index file of segment number `segment`, oldest first.
  std::vector<uint64_t> InFile(uint64_t segment, uint32_t first_queue, absl::string_view key) {
    const LogPosition begin(segment * kSegment);
    const auto file = files.Get(begin);
    INFO(file.status());
    REQUIRE(file.ok());
    std::vector<uint32_t> words;
    const KeyQuery query{.hash = KeyHash((*file)->header().hash_seed, first_queue, key),
                         .end_word = ~uint32_t{0},
                         .newest_first = false,
                         .max = 1'000'000};
    REQUIRE((*file)->FindKeys(query, &words).ok());
    return Positions(begin, words);
  }
  // The same of a segment that is not sealed.
  std::vector<uint64_t> InMemory(uint64_t segment, uint32_t first_queue, absl::string_view key) {
    const LogPosition begin(segment * kSegment);
    const auto digest = digests.Find(begin);
    if (digest == nullptr) return {};
    std::vector<uint32_t> words;
    digest->keys().Find({.hash = KeyHash(kHashSeed, first_queue, key),
                         .end_word = ~uint32_t{0},
                         .newest_first = false,
                         .max = 1'000'000},
                        &words);
    return Positions(begin, words);
  }
  static std::vector<uint64_t> Positions(LogPosition begin, const std::vector<uint32_t>& words) {
    std::vector<uint64_t> positions;
    for (const uint32_t word : words) positions.push_back(begin.value() + uint64_t{word} * 8);
    return positions;
  }
  // All of a queue, from files and memory; a hole is 0.
  std::vector<uint64_t> AllPositions(uint32_t queue) {
    std::vector<uint64_t> positions;
    for (const SegmentEntry& entry : log->segments().entries()) {
      if (entry.limit > indexer.sealed_end()) break;
      const Run run = InFile(entry.begin().value() / kSegment, queue);
      positions.insert(positions.end(), run.positions.begin(), run.positions.end());
    }
    for (uint64_t at = queues.queue(queue).memory_first(); at < queues.queue(queue).end(); ++at) {
      QueueEntry entry;
      REQUIRE(queues.queue(queue).CopyEntries(at, 1, &entry) == 1);
      positions.push_back(entry.is_hole() ? 0 : entry.position.value());
    }
    return positions;
  }

  std::unique_ptr<CommitLog> log;
  OwnLogView view;
  ConsumeQueues queues;
  Digests digests;
  IndexFiles files;
  WordsIndex words;
  SealCounter counter;
  Indexer indexer;
  Indexer::Report report;
};

inline std::string IndexPath(uint64_t segment) {
  return "/store/" + IndexFileName(LogPosition(segment * kSegment));
}

inline std::vector<uint64_t> Values(const std::vector<LogPosition>& positions) {
  std::vector<uint64_t> values;
  for (const LogPosition position : positions) values.push_back(position.value());
  return values;
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_INDEX_SMALL_INDEXER_H_
