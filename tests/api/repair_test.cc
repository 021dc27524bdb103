// A damaged store is repaired: what is whole stays what and where it was, what is lost is told, and
// the damaged log is not touched.

#include "weir/repair.h"

#include <catch2/catch.hpp>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "api/small_store.h"
#include "format/record.h"
#include "format/segment_header.h"
#include "support/random.h"
#include "weir/commit_log.h"

namespace weir::testing {
namespace {

using Files = std::map<std::string, std::string>;

const std::vector<std::string> kTopics = {"orders", "trades", "audit"};
constexpr const char* kCopy = "/store.repaired";

// Everything of a message that must stay as it was.
std::string ContentOf(const MessageView& message) {
  std::string text =
      absl::StrCat(message.topic(), "/", message.queue_id(), "/", message.queue_offset().value(),
                   " at ", message.position().value(), " time ",
                   absl::ToUnixNanos(message.store_time()), " tag ", message.tag(), " order ",
                   message.ordering_key(), " keys ", absl::StrJoin(message.keys(), ","));
  for (const Property& property : message.properties()) {
    absl::StrAppend(&text, " ", property.name, "=", property.value);
  }
  return absl::StrCat(text, " body ", message.body());
}

// A message as a queue has it.
struct Kept {
  LogPosition position;
  uint32_t bytes = 0;  // of its record
  std::string content;
  friend bool operator==(const Kept&, const Kept&) = default;
};

// Every message of every queue that can be read, in the order of the queues.
std::vector<Kept> ReadAll(MessageStore& store) {
  std::vector<Kept> all;
  for (const TopicInfo& topic : store.Info().topics) {
    for (uint32_t queue = 0; queue < topic.queue_count; ++queue) {
      const QueueBounds bounds = *store.Bounds(topic.name, queue);
      for (QueueOffset offset = bounds.first; offset < bounds.end;) {
        const ReadResult result = Read(store, topic.name, queue, offset.value());
        for (const MessageView& message : result) {
          all.push_back({message.position(), message.record_bytes(), ContentOf(message)});
        }
        REQUIRE(result.next_offset() > offset);
        offset = result.next_offset();
      }
    }
  }
  return all;
}

// A store with fan-outs, batches, voids and several lives in one segment.
class Sample {
 public:
  enum class End { kClosed, kKilled };

  explicit Sample(End how = End::kClosed, size_t lives = 4) : end(how) {
    for (size_t life = 0; life < lives; ++life) {
      auto store = OpenStore(SmallOptions(*disk, clock));
      for (const std::string& topic : kTopics) REQUIRE(store->CreateTopic(topic, 2).ok());
      for (size_t i = 0; i < 20; ++i) AppendSome(*store, life * 100 + i);
      RunUntilIdle(*store, clock);
      if (life + 1 < lives || end == End::kClosed) {
        Close(*store);
        continue;
      }
      for (size_t i = 20; i < 24; ++i) AppendSome(*store, life * 100 + i);  // only in the front
      auto after = std::make_unique<FaultFileSystem>(disk->ProcessDeath());
      disk->Kill();
      store.reset();
      disk = std::move(after);
    }
    files = Snapshot();
    StoreOptions options = SmallOptions(*disk, clock);
    options.read_only = true;
    auto store = OpenStore(options);
    messages = ReadAll(*store);
    const auto records = store->Dump(LogPosition(0), 100'000);
    REQUIRE(records.ok());
    for (const RecordInfo& record : *records) {
      if (record.type == "open") opens.push_back({record.position, record.bytes, ""});
    }
    REQUIRE(messages.size() > lives * 20);
  }

  void AppendSome(MessageStore& store, size_t number) {
    clock.Advance(absl::Milliseconds(1));
    const std::string& topic = kTopics[number % 3];
    const std::string body = Numbered(number, 20 + number * 37 % 300);
    if (number % 5 == 0) {
      const std::vector<Message> batch = {{.topic = topic, .queue_id = 0, .body = body},
                                          {.topic = "audit", .queue_id = 1, .body = "batched"}};
      REQUIRE(store.Append(batch).ok());
    } else if (number % 7 == 0) {
      REQUIRE(store.Claim({.topic = topic, .queue_id = 1}, 40).ok());  // given up at once
    } else {
      Message message{.topic = topic,
                      .tag = number % 2 == 0 ? "NEW" : "",
                      .keys = {"k1", "key"},
                      .ordering_key = number % 3 == 0 ? "" : "AAPL",
                      .properties = {{"source", "here"}},
                      .body = body};
      const std::vector<QueueRef> further = {{"audit", 0}};
      if (number % 4 == 1) message.further_queues = further;
      if (topic == "audit") message.queue_id = 1;
      Append(store, message);
    }
  }

  Files Snapshot(const std::string& directory = "/store") const {
    Files all;
    for (const std::string& name : disk->ListFiles(directory)) {
      all[name] = disk->ReadFile(absl::StrCat(directory, "/", name));
    }
    return all;
  }
  void Overwrite(const std::string& name, size_t at, const std::string& bytes) {
    std::string content = disk->ReadFile("/store/" + name);
    REQUIRE(at < content.size());
    content.replace(at, std::min(bytes.size(), content.size() - at), bytes, 0,
                    std::min(bytes.size(), content.size() - at));
    disk->WriteFile("/store/" + name, content);
  }
  void OverwriteLog(LogPosition position, size_t bytes) {
    Overwrite(FileOf(position).substr(7), position.value() % kSegment, std::string(bytes, '\x5a'));
  }
  std::vector<std::string> SegmentNames() const {
    std::vector<std::string> names;
    for (const auto& [name, bytes] : files) {
      if (name.size() == 20) names.push_back(name);
    }
    return names;
  }

  absl::StatusOr<RepairReport> Try(RepairOptions options = {}) {
    options.directory = "/store";
    options.file_system = disk.get();
    options.clock = &clock;
    return RepairStore(options);
  }
  // The damaged store stays as it is, whatever happens; of LOCK the process id may change.
  RepairReport Repair(RepairOptions options = {}) {
    Files before = Snapshot();
    absl::StatusOr<RepairReport> report = Try(std::move(options));
    INFO(report.status());
    REQUIRE(report.ok());
    Files after = Snapshot();
    before.erase("LOCK");
    after.erase("LOCK");
    for (const std::string& name : report->rebuilt) {
      before.erase(name);
      after.erase(name);
    }
    CHECK(before == after);
    return *std::move(report);
  }
  std::unique_ptr<MessageStore> Open(const std::string& directory) {
    StoreOptions options = SmallOptions(*disk, clock);
    options.directory = directory;
    return OpenStore(options);
  }

  // Whether the record at `position` still lies in its file as it did when all was whole.
  bool IsIntact(const Kept& message) const {
    const std::string name = FileOf(message.position).substr(7);
    const size_t at = message.position.value() % kSegment;
    const auto before = files.find(name);
    if (before == files.end() || !disk->FileExists("/store/" + name)) return false;
    // Behind the end of a file that was cut short nothing is as good as zeros.
    std::string now = disk->ReadFile("/store/" + name);
    now.resize(std::max(now.size(), at + message.bytes), '\0');
    return now.compare(at, message.bytes, before->second, at, message.bytes) == 0;
  }
  // Whether both open records are lost that stand before the message in its segment: then perhaps
  // nothing that is left names its writer, and nobody can tell that it is whole.
  bool MayHaveLostItsWriter(const Kept& message) const {
    return std::any_of(opens.begin(), opens.end(), [&](const Kept& open) {
      return open.position.value() / kSegment == message.position.value() / kSegment &&
             open.position < message.position && !IsIntact(open);
    });
  }
  // Opens the copy: exactly the intact messages are there, each as it was, and it is sound.
  void CheckCopy(const RepairReport& report) {
    std::vector<Kept> expected;
    for (const Kept& message : messages) {
      if (IsIntact(message)) expected.push_back(message);
    }
    auto store = Open(kCopy);
    const std::vector<Kept> found = ReadAll(*store);
    for (const Kept& message : expected) {
      const bool is_there = std::count(found.begin(), found.end(), message) > 0;
      if (!is_there && MayHaveLostItsWriter(message)) {
        ++without_writer;
      } else if (!is_there) {
        FAIL_CHECK("not saved: " << message.content);
      }
    }
    // What a front still has may be hurt in the files.
    const std::vector<Kept>& possible = end == End::kClosed ? expected : messages;
    for (const Kept& message : found) {
      const bool is_possible = std::count(possible.begin(), possible.end(), message) > 0;
      if (!is_possible) FAIL_CHECK("made up: " << message.content);
    }
    CHECK(store->recovery().damage.empty());
    const auto verified = store->Verify();
    REQUIRE(verified.ok());
    for (const VerifyFinding& finding : verified->findings) {
      CAPTURE(finding.file, finding.position.value(), finding.what);
      CHECK(finding.is_final);
    }
    CHECK(report.messages == verified->messages);
    // It is a store like any other: it takes messages, behind all that it has.
    const Receipt receipt = Append(*store, {.topic = "new", .queue_id = 0, .body = "x"});
    for (const Kept& message : expected) CHECK(receipt.position > message.position);
    Close(*store);
  }

  std::unique_ptr<FaultFileSystem> disk = std::make_unique<FaultFileSystem>();
  ManualClock clock;
  const End end;
  Files files;                 // of the sound store
  std::vector<Kept> messages;  // of the sound store
  std::vector<Kept> opens;     // its open records
  size_t without_writer = 0;
};

TEST_CASE("of a sound store nothing is repaired, nothing changed, and no copy made") {
  Sample sample(GENERATE(Sample::End::kClosed, Sample::End::kKilled));
  const Files before = sample.Snapshot();
  const RepairReport report = sample.Repair({.dry_run = GENERATE(true, false)});
  CHECK(report.found.findings.empty());
  CHECK_FALSE(report.needs_copy);
  CHECK(report.rebuilt.empty());
  CHECK(report.is_whole());
  CHECK(sample.disk->ListFiles("/").size() <= 1);
  Files after = sample.Snapshot();
  after["LOCK"] = before.at("LOCK");
  CHECK(after == before);
}

TEST_CASE("index files that are missing, stale or damaged are computed again as they were") {
  Sample sample;
  std::set<std::string> hurt;
  const auto harm = GENERATE(as<std::string>(), "all missing", "newest missing", "flips", "stale");
  CAPTURE(harm);
  std::vector<std::string> index_files;
  for (const auto& [name, bytes] : sample.files) {
    if (absl::EndsWith(name, ".index")) index_files.push_back(name);
  }
  REQUIRE(index_files.size() >= 4);
  for (size_t i = 0; i < index_files.size(); ++i) {
    const std::string& name = index_files[i];
    if (harm == "all missing" || (harm == "newest missing" && i + 1 == index_files.size())) {
      sample.disk->RemoveFile("/store/" + name);
    } else if (harm == "flips" && i % 2 == 1) {
      sample.Overwrite(name, sample.files[name].size() - 3, "#");
    } else if (harm == "stale" && i == 2) {
      sample.disk->WriteFile("/store/" + name, sample.files[index_files[1]]);
    } else {
      continue;
    }
    hurt.insert(name);
  }
  const RepairReport dry = sample.Repair({.dry_run = true});
  CHECK(std::set<std::string>(dry.rebuilt.begin(), dry.rebuilt.end()) == hurt);
  const RepairReport report = sample.Repair();
  CHECK(std::set<std::string>(report.rebuilt.begin(), report.rebuilt.end()) == hurt);
  CHECK(report.is_whole());
  CHECK_FALSE(report.needs_copy);
  CHECK(sample.Repair().found.findings.empty());
  auto store = sample.Open("/store");
  CHECK(store->recovery().notes.empty());
  CHECK(ReadAll(*store) == sample.messages);
}

TEST_CASE("of a damaged log everything that is whole is copied to where it was") {
  Sample sample;
  const LogPosition first = sample.messages[10].position;
  const LogPosition second = sample.messages[40].position;
  sample.OverwriteLog(first + 50, 3);
  sample.OverwriteLog(second, 4);
  const RepairReport dry = sample.Repair({.dry_run = true});
  CHECK(sample.disk->ListFiles("/store").size() == sample.files.size());
  const RepairReport report = sample.Repair();
  REQUIRE(report.needs_copy);
  CHECK(report.new_directory == kCopy);
  CHECK(report.lost.size() == 2);
  for (const VerifyFinding& range : report.lost) {
    CHECK((range.position == first || range.position == second));
    CHECK(range.end > range.position);
    CHECK("/store/" + range.file == FileOf(range.position));
    CHECK_FALSE(range.what.empty());
  }
  // The dry run told the same.
  CHECK(dry.messages == report.messages);
  CHECK(dry.lost.size() == report.lost.size());
  CHECK(dry.new_directory == report.new_directory);
  uint64_t saved = 0;
  uint64_t lost = 0;
  for (const RepairedQueue& queue : report.queues) {
    saved += queue.messages;
    for (const auto& [from, to] : queue.lost) lost += to.value() - from.value();
  }
  CHECK(saved + 2 == sample.messages.size());
  CHECK(lost == 2);
  sample.CheckCopy(report);
}

TEST_CASE("a store is found again without its superblock, whatever stands in its place") {
  const auto end = GENERATE(Sample::End::kClosed, Sample::End::kKilled);
  Sample sample(end);
  const auto harm = GENERATE(as<std::string>(), "zeros", "rubbish", "missing", "short", "slots");
  CAPTURE(harm);
  if (harm == "missing") {
    sample.disk->RemoveFile("/store/superblock");
  } else if (harm == "slots") {
    sample.Overwrite("superblock", 100, "#");
    sample.Overwrite("superblock", 4096 + 100, "#");
  } else {
    sample.disk->WriteFile("/store/superblock", harm == "zeros"     ? std::string(8192, '\0')
                                                : harm == "rubbish" ? std::string(8192, 'x')
                                                                    : std::string(100, 'x'));
  }
  const RepairReport report = sample.Repair();
  REQUIRE(report.needs_copy);
  CHECK(report.is_whole());
  REQUIRE_FALSE(report.found.findings.empty());
  CHECK(report.found.findings[0].file == "superblock");
  CHECK_FALSE(report.notes.empty());
  // What was only in the front of the dead process is there, too.
  auto store = sample.Open(kCopy);
  CHECK(ReadAll(*store) == sample.messages);
  CHECK(store->recovery().damage.empty());
}

TEST_CASE("one slot of the superblock, one copy of a header: told, and mended in the copy") {
  // In its first life a store has only the slot that says that nothing is there yet, and this one.
  const size_t lives = GENERATE(size_t{1}, size_t{2}, size_t{3});
  Sample sample(GENERATE(Sample::End::kClosed, Sample::End::kKilled), lives);
  const bool is_slot = GENERATE(true, false);
  const size_t which = GENERATE(size_t{0}, size_t{1});
  const std::string segment = sample.SegmentNames()[1];
  if (is_slot) {
    sample.Overwrite("superblock", which * 4096 + 60, "#");
  } else {
    sample.Overwrite(segment, which * 512 + 20, "#");
  }
  const RepairReport report = sample.Repair();
  CHECK(report.needs_copy);
  CHECK(report.is_whole());
  // Of the superblock the older slot may have to do: then more is told.
  REQUIRE_FALSE(report.found.findings.empty());
  const VerifyFinding& finding = report.found.findings[0];
  CHECK(finding.file == (is_slot ? "superblock" : segment));
  CHECK(finding.position.value() % kSegment == (is_slot ? 0 : which * 512));
  auto store = sample.Open(kCopy);
  CHECK(ReadAll(*store) == sample.messages);
}

TEST_CASE("segments that lost both copies of their headers lose nothing else") {
  Sample sample;
  const auto which = GENERATE(as<std::string>(), "first", "last", "every second", "all");
  CAPTURE(which);
  const std::vector<std::string> names = sample.SegmentNames();
  size_t hurt = 0;
  for (size_t i = 0; i < names.size(); ++i) {
    if (which == "first" && i > 0) continue;
    if (which == "last" && i + 1 < names.size()) continue;
    if (which == "every second" && i % 2 == 0) continue;
    sample.Overwrite(names[i], 0, std::string(1024, '\0'));
    ++hurt;
  }
  const RepairReport report = sample.Repair();
  CHECK(report.needs_copy);
  for (const VerifyFinding& lost : report.lost) {
    CAPTURE(lost.file, lost.position.value(), lost.end.value(), lost.what);
    CHECK(false);
  }
  size_t told = 0;
  for (const VerifyFinding& finding : report.found.findings)
    told += finding.what.find("header") != std::string::npos;
  CHECK(told == 2 * hurt);
  sample.CheckCopy(report);
}

TEST_CASE("with a segment goes what was in it, but no topic and no other offset") {
  Sample sample;
  const std::vector<std::string> names = sample.SegmentNames();
  const size_t which = GENERATE_COPY(size_t{0}, size_t{3}, names.size() - 1);
  CAPTURE(which);
  sample.disk->RemoveFile("/store/" + names[which]);
  const RepairReport report = sample.Repair();
  REQUIRE(report.lost.size() == 1);
  CHECK(report.lost[0].file == names[which]);
  sample.CheckCopy(report);
  auto store = sample.Open(kCopy);
  for (const std::string& topic : kTopics) CHECK(store->FindTopic(topic).ok());
}

TEST_CASE("offsets of lost messages at the end of a queue are not given to others") {
  Sample sample;
  // The newest of a queue that index files know of, so not of the last segment.
  const Kept* victim = nullptr;
  for (const Kept& message : sample.messages) {
    if (!absl::StartsWith(message.content, "audit/0/")) continue;
    victim = &message;
  }
  REQUIRE(victim != nullptr);
  {
    auto store = sample.Open("/store");
    AppendNumbered(*store, "orders", 0, 30, 300);  // seals what was the last segment
    Close(*store);
  }
  const uint64_t end = [&] {
    auto store = sample.Open("/store");
    const uint64_t found = BoundsOf(*store, "audit", 0).second;
    Close(*store);
    return found;
  }();
  sample.OverwriteLog(victim->position + 20, 1);
  const RepairReport report = sample.Repair();
  REQUIRE(report.lost.size() == 1);
  auto store = sample.Open(kCopy);
  CHECK(BoundsOf(*store, "audit", 0).second == end);
  const Receipt receipt = Append(*store, {.topic = "audit", .queue_id = 0, .body = "new"});
  CHECK(receipt.queue_offset == QueueOffset(end));
  CHECK(AllOf(*store, "audit", 0).back() == "new");
}

TEST_CASE("without the records that name the next writer, what he wrote is saved all the same") {
  Sample sample;
  REQUIRE(sample.opens.size() >= 4);
  for (const Kept& open : sample.opens) sample.OverwriteLog(open.position + 20, 20);
  const RepairReport report = sample.Repair();
  CHECK(report.lost.size() == sample.opens.size() / 2);
  sample.CheckCopy(report);
  CHECK(sample.without_writer == 0);
}

TEST_CASE("a store that somebody writes is not repaired, and he is named") {
  Sample sample;
  sample.disk->SetProcessId(4711);
  auto writer = sample.Open("/store");
  const Files before = sample.Snapshot();
  const auto report = sample.Try({.dry_run = GENERATE(true, false)});
  CHECK(absl::IsUnavailable(report.status()));
  CHECK(absl::StrContains(report.status().message(), "4711"));
  CHECK(sample.Snapshot() == before);
}

TEST_CASE("a dry run changes no byte and makes nothing") {
  Sample sample(GENERATE(Sample::End::kClosed, Sample::End::kKilled));
  sample.OverwriteLog(sample.messages[5].position + 20, 1);
  sample.Overwrite("superblock", 60, std::string(8000, '#'));
  sample.disk->RemoveFile("/store/" + sample.SegmentNames()[1] + ".index");
  const Files before = sample.Snapshot();
  const std::vector<std::string> shared = sample.disk->ListShared();
  const auto report = sample.Try({.dry_run = true});
  REQUIRE(report.ok());
  CHECK(report->needs_copy);
  CHECK_FALSE(report->is_whole());
  CHECK(sample.Snapshot() == before);
  CHECK(sample.disk->ListShared() == shared);
  CHECK_FALSE(sample.disk->OpenDirectory(kCopy, /*create=*/false).ok());
}

TEST_CASE("a repair that finds no space leaves no store behind, and the damaged one as it was") {
  Sample sample;
  sample.OverwriteLog(sample.messages[5].position + 20, 1);
  Files before = sample.Snapshot();
  for (uint64_t nth = 1;; ++nth) {
    CAPTURE(nth);
    sample.disk->ClearFaults();
    const uint64_t failures = sample.disk->failures();
    sample.disk->Inject(DiskFull({.kind = OperationKind::kWrite, .nth = nth + 1}));
    const auto report = sample.Try();
    if (sample.disk->failures() == failures) break;
    Files after = sample.Snapshot();
    before.erase("LOCK");
    after.erase("LOCK");
    CHECK(after == before);
    if (!report.ok()) CHECK(sample.disk->ListFiles(kCopy).empty());
    if (report.ok()) {
      for (const std::string& name : sample.disk->ListFiles(kCopy)) {
        sample.disk->RemoveFile(absl::StrCat(kCopy, "/", name));
      }
    }
    REQUIRE(nth < 1000);
  }
  sample.disk->ClearFaults();
}

TEST_CASE("nothing is repaired into a directory that has something, nor of another format") {
  Sample sample;
  sample.OverwriteLog(sample.messages[5].position + 20, 1);
  sample.disk->MakeDirectory("/full");
  sample.disk->WriteFile("/full/mine", "mine");
  CHECK(absl::IsAlreadyExists(sample.Try({.new_directory = "/full"}).status()));
  CHECK(sample.disk->ListFiles("/full").size() == 1);
  CHECK(absl::IsInvalidArgument(sample.Try({.new_directory = "/store/copy"}).status()));
  CHECK(absl::IsNotFound(
      RepairStore({.directory = "/full", .file_system = sample.disk.get(), .clock = &sample.clock})
          .status()));
  // Another byte order, as the magic shows it.
  sample.disk->WriteFile("/store/superblock", "1BUSRIEW" + std::string(8184, '\0'));
  CHECK(absl::IsInvalidArgument(sample.Try().status()));
}

TEST_CASE("a log that a power loss cut is cut at the same place in the copy, and loses no more") {
  FaultFileSystem disk;
  ManualClock clock;
  auto store = OpenStore(SmallOptions(disk, clock));
  AppendNumbered(*store, "orders", 0, 30, 300);
  Flush(*store);
  AppendNumbered(*store, "orders", 30, 3, 300);
  FaultFileSystem after(disk.PowerLoss(LossPlan::LoseEverything()));
  disk.Kill();
  store = OpenStore(SmallOptions(after, clock));
  AppendNumbered(*store, "orders", 40, 20, 300);
  Close(*store);
  store = OpenStore(SmallOptions(after, clock));
  std::vector<Kept> messages = ReadAll(*store);
  const StoreInfo info = store->Info();
  const auto is_cut = [](const SegmentInfo& segment) { return segment.is_cut; };
  REQUIRE(std::count_if(info.segments.begin(), info.segments.end(), is_cut) == 1);
  Close(*store);
  const size_t victim = GENERATE(size_t{5}, size_t{45});
  FlipBit(after, messages[victim].position + 60);

  const auto report = RepairStore({.directory = "/store", .file_system = &after, .clock = &clock});

  INFO(report.status());
  REQUIRE(report.ok());
  CHECK(report->lost.size() == 1);
  StoreOptions options = SmallOptions(after, clock);
  options.directory = kCopy;
  store = OpenStore(options);
  messages.erase(messages.begin() + static_cast<ptrdiff_t>(victim));
  CHECK(ReadAll(*store) == messages);
  const StoreInfo copied = store->Info();
  CHECK(std::count_if(copied.segments.begin(), copied.segments.end(), is_cut) == 1);
  store = nullptr;  // before the disk it is on
}

TEST_CASE("of a damaged journal the records are saved, and it gets no index files") {
  FaultFileSystem disk;
  ManualClock clock;
  const StoreOptions options = SmallOptions(disk, clock);
  std::vector<LogPosition> positions;
  {
    auto journal = CommitLog::Open(options);
    REQUIRE(journal.ok());
    for (size_t i = 0; i < 40; ++i) {
      const auto receipt = (*journal)->Append(Numbered(i, 300));
      REQUIRE(receipt.ok());
      positions.push_back(receipt->position);
    }
    REQUIRE((*journal)->Close().ok());
  }
  RepairOptions repair{.directory = "/store", .file_system = &disk, .clock = &clock};
  const auto sound = RepairStore(repair);
  REQUIRE(sound.ok());
  CHECK(sound->found.findings.empty());
  FlipBit(disk, positions[20] + 60);
  const auto report = RepairStore(repair);
  INFO(report.status());
  REQUIRE(report.ok());
  CHECK(report->journal_records == 39);
  CHECK(report->queues.empty());
  for (const std::string& name : disk.ListFiles(kCopy)) CHECK_FALSE(absl::EndsWith(name, ".index"));
  StoreOptions copy = options;
  copy.directory = kCopy;
  auto journal = CommitLog::Open(copy);
  REQUIRE(journal.ok());
  size_t read = 0;
  for (LogPosition next; read < 39;) {
    const auto entries = (*journal)->Read(next, 64);
    REQUIRE(entries.ok());
    REQUIRE_FALSE(entries->empty());
    for (const JournalEntry& entry : entries->entries) {
      const size_t i = read + (read >= 20 ? 1 : 0);
      CHECK(entry.position == positions[i]);
      CHECK(entry.body == Numbered(i, 300));
      ++read;
    }
    next = entries->next;
  }
}

TEST_CASE("whatever is done to a store, what stayed whole is saved and nothing else is") {
  uint64_t copies = 0;
  uint64_t rebuilt = 0;
  uint64_t saved = 0;
  uint64_t lost = 0;
  uint64_t without_writer = 0;
  for (uint64_t seed = 1; seed <= 1500; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Sample sample(random.OneIn(2) ? Sample::End::kClosed : Sample::End::kKilled);
    const std::vector<std::string> names = sample.SegmentNames();
    std::vector<std::string> targets = names;
    targets.push_back("superblock");
    for (const std::string& name : names) {
      if (sample.files.contains(name + ".index")) targets.push_back(name + ".index");
    }
    std::string wounds;
    for (uint64_t i = random.Between(1, 5); i > 0; --i) {
      const std::string& name = targets[random.Below(targets.size())];
      if (!sample.disk->FileExists("/store/" + name)) continue;
      const std::string content = sample.disk->ReadFile("/store/" + name);
      if (content.empty()) continue;
      const size_t at = random.Below(content.size());
      const size_t bytes = random.OneIn(2) ? 1 : random.Between(1, 3000);
      uint64_t kind = random.Below(8);
      // What only the front has needs the file that it belongs to.
      if (kind == 0 && sample.end == Sample::End::kKilled && name.size() == 20) kind = 2;
      absl::StrAppend(&wounds, name, " at ", at, " bytes ", bytes, " kind ", kind, "; ");
      if (kind == 0) {
        sample.disk->RemoveFile("/store/" + name);
      } else if (kind == 1) {
        sample.disk->WriteFile("/store/" + name, content.substr(0, at));
      } else {
        sample.Overwrite(name, at, std::string(bytes, kind < 5 ? '\0' : '\xa7'));
      }
    }
    CAPTURE(wounds);
    const RepairReport report = sample.Repair();
    if (report.needs_copy) {
      sample.CheckCopy(report);
      ++copies;
      saved += report.messages;
      without_writer += sample.without_writer;
      lost += report.lost.size();
      continue;
    }
    rebuilt += report.rebuilt.size();
    CHECK(report.is_whole());
    CHECK(sample.Repair().found.findings.empty());
    auto store = sample.Open("/store");
    CHECK(ReadAll(*store) == sample.messages);
    Close(*store);
  }
  CHECK(copies >= 1000);
  CHECK(rebuilt >= 300);
  CHECK(lost >= 1000);
  CHECK(saved >= 80 * copies);
  CHECK(without_writer <= 5);
}

}  // namespace
}  // namespace weir::testing
