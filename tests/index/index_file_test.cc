#include "index/index_file.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"
#include "base/promise.h"
#include "index/sample_index.h"

namespace weir::testing {
namespace {

const std::string kName = "00000000000000008192.index";

// What FORMAT.md shows.
constexpr absl::string_view kSampleDump = R"(
0000  57 45 49 52 49 44 58 31 02 00 00 00 00 10 00 00
0010  a0 a1 a2 a3 a4 a5 a6 a7 a8 a9 aa ab ac ad ae af
0020  00 20 00 00 00 00 00 00 00 30 00 00 00 00 00 00
0030  a0 2f 00 00 00 00 00 00 11 11 11 11 11 11 11 11
0040  22 22 22 22 22 22 22 22 00 00 2a 36 fe 9c 97 17
0050  01 00 2a 36 fe 9c 97 17 02 00 00 00 01 00 00 00
0060  03 00 00 00 00 00 00 00 04 00 00 00 00 00 00 00
0070  03 00 00 00 09 00 00 00 53 61 86 9d 96 47 40 54
0080  ed 5e 00 00 00 00 00 00 02 00 00 00 01 00 00 00
0090  01 00 00 00 00 00 02 00 c3 f7 2a eb f5 88 fa b3
00a0  1c 5f eb 7e b4 69 79 e5 03 00 00 00 02 00 00 00
00b0  05 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00
00c0  02 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00
00d0  04 00 00 00 00 00 00 00 00 10 00 00 00 00 00 00
00e0  04 00 00 00 00 00 00 00 09 00 00 00 01 00 00 00
00f0  00 00 00 00 00 00 00 00 02 00 00 00 00 00 00 00
0100  00 00 00 00 00 00 00 00 ff ff ff ff ff ff ff ff
0110  00 00 00 00 00 00 00 00 ff ff ff ff ff ff ff ff
0120  00 00 00 00 00 00 00 00 00 00 2a 36 fe 9c 97 17
0130  80 00 00 00 00 00 00 00 80 00 00 00 ee ff c0 00
0140  ff ff ff ff 00 00 00 00 8e 00 00 00 00 00 00 00
0150  80 00 00 00 08 58 1c c4 8e 00 00 00 c0 cc e4 ec
0160  00 00 00 00 00 00 00 00 00 00 8b c8 71 75 65 75
0170  65 73 00 00 00 00 00 00 00 00 00 00 00 00 00 00
0180  00 00 00 00 04 00 00 00 00 00 00 00 02 00 00 00
0190  00 00 00 00 71 33 71 39
)";

std::string Dump(absl::string_view bytes) {
  std::string text = "\n";
  for (size_t at = 0; at < bytes.size(); at += 16) {
    absl::StrAppendFormat(&text, "%04x ", at);
    for (size_t i = at; i < std::min(at + 16, bytes.size()); ++i) {
      absl::StrAppendFormat(&text, " %02x", static_cast<uint8_t>(bytes[i]));
    }
    text += '\n';
  }
  return text;
}

// Everything that can be asked of an index, as text; or the first error.
absl::StatusOr<std::string> Everything(const absl::StatusOr<std::shared_ptr<IndexFile>>& opened) {
  if (!opened.ok()) return opened.status();
  const IndexFile& index = **opened;
  std::string text =
      absl::StrCat(index.header().first_store_time, " ", index.header().last_store_time, " ");
  for (uint32_t queue = 0; queue < 12; ++queue) {
    const auto run = index.FindRun(queue);
    if (!run.ok()) return run.status();
    if (!run->has_value()) continue;
    std::vector<IndexEntry> entries((*run)->count);
    const absl::Status read = index.ReadEntries(**run, 0, absl::MakeSpan(entries));
    if (!read.ok()) return read;
    absl::StrAppend(&text, "queue ", queue, " from ", (*run)->first.value(), " depth ",
                    (*run)->links.depth, " after ", (*run)->links.previous.first.value(), ": ");
    for (const IndexEntry& entry : entries) {
      absl::StrAppend(&text, entry.position_word, "/", entry.filter, " ");
    }
  }
  for (const absl::string_view name : {"queues", "totals"}) {
    const auto saved = index.Saved(name);
    if (!saved.ok()) return saved.status();
    if (saved->has_value()) absl::StrAppend(&text, name, "=", (*saved)->bytes, " ");
  }
  const auto slots = index.ReadFilter();
  if (!slots.ok()) return slots.status();
  for (const uint32_t queue : {3u, 9u}) {
    const uint32_t hash = KeyHash(kSampleSeed, queue, "A-1");
    std::vector<uint32_t> words;
    const absl::Status found =
        index.FindKeys({.hash = hash, .end_word = ~uint32_t{0}, .max = 10}, &words);
    if (!found.ok()) return found;
    absl::StrAppend(&text, "A-1 of ", queue, " at ", absl::StrJoin(words, "+"), ", ");
    const KeyFilterShape& shape = index.header().filter;
    if (shape.begins == 0 || !MayHold(shape, slots->data(), hash)) absl::StrAppend(&text, "not ");
    absl::StrAppend(&text, "in the filter ");
  }
  for (const int64_t time : {kSampleTime, kSampleTime + 1}) {
    const auto stretch = index.FindTime(time);
    if (!stretch.ok()) return stretch.status();
    absl::StrAppend(&text, stretch->begin.value(), "-", stretch->end.value(), " ");
  }
  return text;
}

absl::StatusOr<std::shared_ptr<IndexFile>> OpenBytes(const std::string& bytes,
                                                     const IndexIdentity& identity,
                                                     BlockCache* cache) {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  file_system.WriteFile("/store/" + kName, bytes);
  return IndexFile::Open(*directory, kName, identity, cache);
}

std::string BytesOf(const IndexFileWriter& writer) {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  const absl::Status written = writer.WriteTo(*directory, kName);
  INFO(written);
  REQUIRE(written.ok());
  return file_system.ReadFile("/store/" + kName);
}

// Gives the bytes the checksums that a malicious writer would give them.
void Reseal(std::string& bytes, uint64_t table_bytes) {
  const size_t body_at = kIndexHeaderBytes + table_bytes;
  for (size_t i = 0; i < table_bytes / 8; ++i) {
    const auto block =
        absl::string_view(bytes).substr(body_at + i * kIndexBlockBytes, kIndexBlockBytes);
    Store(bytes.data() + kIndexHeaderBytes + i * 8, IndexChecksum(block));
  }
  Store(bytes.data() + 120,
        IndexChecksum(absl::string_view(bytes).substr(kIndexHeaderBytes, table_bytes)));
  Store(bytes.data() + kIndexHeaderBytes - 8,
        IndexChecksum(absl::string_view(bytes).substr(0, kIndexHeaderBytes - 8)));
}

TEST_CASE("what was written is found again") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  BlockCache cache(1 << 20);
  const IndexFileWriter writer = SampleWriter();

  REQUIRE(writer.WriteTo(*directory, kName).ok());
  const auto index = IndexFile::Open(*directory, kName, SampleIdentity(2), &cache);

  REQUIRE(index.ok());
  CHECK(file_system.ListFiles("/store") == std::vector<std::string>{kName});
  CHECK(file_system.ReadFile("/store/" + kName).size() == writer.file_bytes());
  CHECK(*Everything(index) ==
        "1700000000000000000 1700000000000000001 queue 3 from 5 depth 2 after 4: "
        "128/12648430 4294967295/0 queue 9 from 0 depth 0 after 0: 142/0 queues=q3q9 "
        "A-1 of 3 at 128, in the filter A-1 of 9 at 142, in the filter "
        "9216-9216 9216-12288 ");
  CHECK((*(*index)->Saved("queues"))->kind == SavedKind::kChange);
  CHECK((*index)->VerifyAll().ok());
  IndexEntry second;
  REQUIRE((*index)->ReadEntries(RunOf(**index, 3), 1, absl::MakeSpan(&second, 1)).ok());
  CHECK(second.is_hole());
  CHECK(absl::IsInternal((*index)->ReadEntries(RunOf(**index, 3), 2, absl::MakeSpan(&second, 1))));
  ForgetBroken();
}

TEST_CASE("the bytes of an index file are those of FORMAT.md") {
  CHECK(Dump(BytesOf(SampleWriter())) == kSampleDump);
}

TEST_CASE("no flipped bit of an index file changes an answer without an error") {
  const std::string bytes = BytesOf(SampleWriter());
  const auto truth = Everything(OpenBytes(bytes, SampleIdentity(2), nullptr));
  REQUIRE(truth.ok());

  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    const auto index = OpenBytes(flipped, SampleIdentity(2), nullptr);
    const auto answer = Everything(index);
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    CHECK_FALSE(answer.ok());
    CHECK((!index.ok() || !(*index)->VerifyAll().ok()));
  }
}

TEST_CASE("a block that brings along a checksum that holds is not believed for that") {
  std::string bytes = BytesOf(SampleWriter());
  const size_t body = kIndexHeaderBytes + 8;  // behind a table of one block
  bytes[body + 8] = static_cast<char>(bytes[body + 8] ^ 1);
  Store(bytes.data() + kIndexHeaderBytes, IndexChecksum(absl::string_view(bytes).substr(body)));

  CHECK(absl::IsDataLoss(OpenBytes(bytes, SampleIdentity(2), nullptr).status()));
}

TEST_CASE("an index file that is cut short or grew is damaged") {
  const std::string bytes = BytesOf(SampleWriter());

  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto index = OpenBytes(bytes.substr(0, size), SampleIdentity(2), nullptr);
    CHECK(absl::IsDataLoss(index.status()));
  }
  CHECK(absl::IsDataLoss(OpenBytes(bytes + '\0', SampleIdentity(2), nullptr).status()));
}

TEST_CASE("an index of another content of the segment is stale, not damaged") {
  const std::string bytes = BytesOf(SampleWriter());
  const auto code = [&](auto change) {
    IndexIdentity expected = SampleIdentity(2);
    change(expected);
    const absl::Status status = OpenBytes(bytes, expected, nullptr).status();
    return std::pair(status.code(), absl::StrContains(status.message(), "stale"));
  };
  const std::pair stale(absl::StatusCode::kFailedPrecondition, true);

  CHECK(code([](IndexIdentity& i) { i.store[15] ^= 1; }) == stale);
  CHECK(code([](IndexIdentity& i) { i.segment_begin += 4096; }) == stale);
  CHECK(code([](IndexIdentity& i) { i.segment_end += 4096; }) == stale);
  CHECK(code([](IndexIdentity& i) { i.records_end += 8; }) == stale);
  CHECK(code([](IndexIdentity& i) { i.incarnation += 1; }) == stale);
  CHECK(code([](IndexIdentity& i) { i.incarnations_digest += 1; }) == stale);
}

TEST_CASE("whatever a sealed index file says, reading it ends and stays inside") {
  const std::string bytes = BytesOf(SampleWriter());

  // Every byte of the counts and of the whole body, each to a few values, with good checksums.
  for (size_t at = 40; at < bytes.size(); ++at) {
    if ((at >= 120 && at < 128) || (at >= 152 && at < kIndexHeaderBytes + 8)) continue;
    for (const int value : {0x00, 0x01, 0x7F, 0x80, 0xFF, bytes[at] ^ 1, bytes[at] + 1}) {
      std::string hostile = bytes;
      hostile[at] = static_cast<char>(value);
      Reseal(hostile, 8);
      const auto index = OpenBytes(hostile, SampleIdentity(2), nullptr);
      if (!index.ok()) continue;
      (void)Everything(index);
      (void)(*index)->VerifyAll();
    }
  }
}

TEST_CASE("verify finds what no checksum tells") {
  const std::string bytes = BytesOf(SampleWriter());
  const size_t runs = kIndexHeaderBytes + 8;
  const size_t sample = runs + 128;
  const size_t entries = sample + 16;
  const size_t keys = entries + 24;
  const size_t filter = keys + 16;
  const auto finds = [&](auto change) {
    std::string hostile = bytes;
    change(hostile);
    Reseal(hostile, 8);
    const auto index = OpenBytes(hostile, SampleIdentity(2), nullptr);
    REQUIRE(index.ok());
    return absl::IsDataLoss((*index)->VerifyAll());
  };

  CHECK_FALSE(finds([](std::string&) {}));
  SECTION("queues out of order") {
    CHECK(finds([&](std::string& b) { std::swap(b[runs], b[runs + 64]); }));
  }
  SECTION("a queue twice") {
    CHECK(finds([&](std::string& b) { b[runs + 64] = b[runs]; }));
  }
  SECTION("bounds that the runs do not have") {
    CHECK(finds([&](std::string& b) { b[112] = 2; }));
    CHECK(finds([&](std::string& b) { b[116] = 10; }));
  }
  SECTION("runs that share entries") {
    CHECK(finds([&](std::string& b) { b[runs + 64 + 16] = 1; }));
  }
  SECTION("entries that belong to no run") {
    CHECK(finds([&](std::string& b) { b[runs + 4] = 1; }));
  }
  SECTION("more entries than the runs have") {
    CHECK(finds([&](std::string& b) {
      b.insert(runs + 128 + 24, kIndexEntryBytes, '\xFF');
      b[96] = 4;
    }));
  }
  SECTION("an entry behind the records") {
    CHECK(finds([&](std::string& b) { b[entries + 1] = 2; }));
  }
  SECTION("entries out of the log's order") {
    CHECK(finds([&](std::string& b) { Store(b.data() + entries + 8, uint32_t{127}); }));
  }
  SECTION("a sample behind the records, or older or newer than the header says") {
    CHECK(finds([&](std::string& b) { b[sample + 9] = 2; }));
    CHECK(finds([&](std::string& b) { --b[74]; }));
    CHECK(finds([&](std::string& b) { ++b[sample]; }));
    CHECK(finds([&](std::string& b) { b[sample] = static_cast<char>(b[sample] + 2); }));
    CHECK(finds([&](std::string& b) { b[sample + 12] = 1; }));
  }
  SECTION("keys out of order, behind the records, or not in the filter") {
    CHECK(finds([&](std::string& b) { std::swap(b[keys + 7], b[keys + 15]); }));
    CHECK(finds([&](std::string& b) { b.replace(keys + 8, 8, b, keys, 8); }));
    CHECK(finds([&](std::string& b) { b[keys + 1] = 2; }));
    CHECK(finds([&](std::string& b) { b.replace(filter, 12, 12, '\x55'); }));
  }
  SECTION("a saved section of no kind") {
    CHECK(finds([&](std::string& b) { b[filter + 12 + 32] = 9; }));
  }
}

TEST_CASE("every damaged block is told, and what no block tells if none is damaged") {
  IndexFileWriter writer(SampleIdentity(2));
  REQUIRE(writer.AddRun(3, QueueOffset(0), {}, std::vector<IndexEntry>(1500)).ok());
  const std::string bytes = BytesOf(writer);
  const size_t body = kIndexHeaderBytes + 3 * sizeof(uint64_t);
  const auto damage_of = [](const std::string& content) {
    const auto index = OpenBytes(content, SampleIdentity(2), nullptr);
    REQUIRE(index.ok());
    return (*index)->FindDamage();
  };

  CHECK(damage_of(bytes).empty());
  std::string damaged = bytes;
  for (const size_t block : {size_t{0}, size_t{2}}) damaged[body + block * kIndexBlockBytes] = '#';
  const std::vector<absl::Status> found = damage_of(damaged);
  REQUIRE(found.size() == 2);
  CHECK(absl::StrContains(found[0].message(), "block 0"));
  CHECK(absl::StrContains(found[1].message(), "block 2"));

  std::string nonsense = bytes;
  nonsense[112] = 2;  // the first queue, as the header has it
  Reseal(nonsense, 3 * sizeof(uint64_t));
  CHECK(damage_of(nonsense).size() == 1);
}

TEST_CASE("verify sees that a file is no longer the one that was opened") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  REQUIRE(SampleWriter().WriteTo(*directory, kName).ok());
  const std::string bytes = file_system.ReadFile("/store/" + kName);
  const auto index = IndexFile::Open(*directory, kName, SampleIdentity(2), nullptr);
  REQUIRE(index.ok());
  REQUIRE((*index)->VerifyAll().ok());

  file_system.WriteFile("/store/" + kName, bytes + "#");
  CHECK(absl::StrContains((*index)->VerifyAll().message(), "changed"));
  IndexFileWriter other = SampleWriter();
  other.SetIncomplete();
  file_system.WriteFile("/store/" + kName, BytesOf(other));
  CHECK(absl::StrContains((*index)->VerifyAll().message(), "changed"));
  file_system.WriteFile("/store/" + kName, bytes);
  CHECK((*index)->VerifyAll().ok());
}

TEST_CASE("verify tells what the file system says, whichever of its calls it is") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  REQUIRE(SampleWriter().WriteTo(*directory, kName).ok());
  const auto index = IndexFile::Open(*directory, kName, SampleIdentity(2), nullptr);
  REQUIRE(index.ok());
  uint64_t met = 0;
  for (uint64_t nth = 1;; ++nth) {
    const uint64_t failures = file_system.failures();
    file_system.Inject(TooManyOpenFiles({.nth = nth}));
    const absl::Status verified = (*index)->VerifyAll();
    file_system.ClearFaults();
    if (file_system.failures() == failures) break;
    CHECK(absl::IsUnavailable(verified));
    ++met;
  }
  CHECK(met >= 5);
}

TEST_CASE("an index file in memory is checked as one on the disk is") {
  const std::string bytes = BytesOf(SampleWriter());
  CHECK(IndexFile::FromBytes(kName, bytes, SampleIdentity(2)).ok());
  CHECK(absl::IsDataLoss(IndexFile::FromBytes(kName, "", SampleIdentity(2)).status()));
  const auto stale = IndexFile::FromBytes(kName, bytes, SampleIdentity(3));
  CHECK(absl::IsFailedPrecondition(stale.status()));
}

TEST_CASE("verify sees damage on the disk behind what the cache holds") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  BlockCache cache(1 << 20);
  REQUIRE(SampleWriter().WriteTo(*directory, kName).ok());
  const auto index = IndexFile::Open(*directory, kName, SampleIdentity(2), &cache);
  REQUIRE(index.ok());
  REQUIRE(Everything(index).ok());

  const auto file = directory->Open(kName, OpenMode::kReadWrite);
  const absl::string_view one = "\x01";
  REQUIRE((*file)->Write(200, absl::MakeSpan(&one, 1)).ok());

  CHECK(RunOf(**index, 3).first == QueueOffset(5));
  CHECK(absl::IsDataLoss((*index)->VerifyAll()));
}

TEST_CASE("every queue of a large index is found in a few blocks, and no other") {
  constexpr uint32_t kQueues = 100'000;
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  BlockCache cache(64 << 20);
  IndexIdentity identity = SampleIdentity(2);
  identity.segment_end = identity.segment_begin + (64 << 20);
  identity.records_end = identity.segment_end;
  IndexFileWriter writer(identity);
  // Dense numbers, then ever sparser ones: no proportion holds everywhere.
  const auto number = [](uint32_t i) { return i < kQueues / 2 ? i * 2 : i * (i / 1000) + 1; };
  for (uint32_t i = 0; i < kQueues; ++i) {
    std::vector<IndexEntry> entries(1 + i % 3);
    for (uint32_t j = 0; j < entries.size(); ++j) entries[j] = {i * 8 + j, i};
    REQUIRE(writer.AddRun(number(i), QueueOffset(i), {}, entries).ok());
  }
  const std::string totals(3 << 20, 't');
  REQUIRE(writer.AddSaved("totals", SavedKind::kFull, totals).ok());
  REQUIRE(writer.WriteTo(*directory, kName).ok());
  const auto index = IndexFile::Open(*directory, kName, identity, &cache);
  REQUIRE(index.ok());

  uint64_t looks_max = 0;
  for (uint32_t i = 0; i < kQueues; i += 7) {
    const uint64_t looks_before = cache.hits() + cache.misses();
    const QueueRun run = RunOf(**index, number(i));
    looks_max = std::max(looks_max, cache.hits() + cache.misses() - looks_before);
    REQUIRE(run.first == QueueOffset(i));
    REQUIRE(run.count == 1 + i % 3);
    std::vector<IndexEntry> entries(run.count);
    REQUIRE((*index)->ReadEntries(run, 0, absl::MakeSpan(entries)).ok());
    REQUIRE(entries.back() == IndexEntry{i * 8 + i % 3, i});
    REQUIRE_FALSE((*index)->FindRun(number(i) + 1)->has_value());
  }
  CHECK(looks_max <= 22);  // twice log2 of 1,563 blocks; mostly it is two or three
  CHECK_FALSE((*index)->FindRun(0xFFFFFFFE)->has_value());
  CHECK((*(*index)->Saved("totals"))->bytes == totals);
  CHECK_FALSE((*index)->Saved("total")->has_value());
  CHECK((*index)->VerifyAll().ok());

  uint32_t visited = 0;
  const absl::Status stopped = (*index)->ForEachRun([&](const QueueRun&) {
    return ++visited == 1000 ? absl::CancelledError("enough") : absl::OkStatus();
  });
  CHECK(absl::IsCancelled(stopped));
  CHECK(visited == 1000);
}

TEST_CASE("an index of a segment without records is a header") {
  IndexFileWriter writer(SampleIdentity(2));
  const std::string bytes = BytesOf(writer);

  const auto index = OpenBytes(bytes, SampleIdentity(2), nullptr);

  CHECK(bytes.size() == kIndexHeaderBytes);
  REQUIRE(index.ok());
  CHECK_FALSE((*index)->FindRun(0)->has_value());
  CHECK_FALSE((*index)->Saved("totals")->has_value());
  CHECK((*index)->VerifyAll().ok());
}

TEST_CASE("a writer refuses what no reader would accept") {
  IndexFileWriter writer(SampleIdentity(2));
  const std::vector<IndexEntry> entry(1);
  REQUIRE(writer.AddRun(5, QueueOffset(0), {}, entry).ok());

  SECTION("a queue twice") { CHECK_FALSE(writer.AddRun(5, QueueOffset(0), {}, entry).ok()); }
  SECTION("descending queues") { CHECK_FALSE(writer.AddRun(4, QueueOffset(0), {}, entry).ok()); }
  SECTION("no entries") { CHECK(absl::IsInternal(writer.AddRun(6, QueueOffset(0), {}, {}))); }
  SECTION("links forward") {
    const RunLinks links{.depth = 1, .previous = {LogPosition(8192), QueueOffset(0)}};
    CHECK_FALSE(writer.AddRun(6, QueueOffset(1), links, entry).ok());
  }
  SECTION("a name twice") {
    REQUIRE(writer.AddSaved("totals", SavedKind::kFull, "a").ok());
    CHECK_FALSE(writer.AddSaved("totals", SavedKind::kFull, "b").ok());
  }
  SECTION("times and samples that go back") {
    const std::vector<TimeSample> samples = {{.store_time = 3, .position_word = 128},
                                             {.store_time = 2, .position_word = 200}};
    CHECK(absl::IsInternal(writer.AddTimes(2, 3, samples)));
    CHECK(absl::IsInternal(writer.AddTimes(4, 5, {samples.data(), 1})));
  }
  SECTION("keys out of order, twice, or behind the records") {
    CHECK(absl::IsInternal(writer.AddKeys(1, {KeyEntry::Of(2, 5), KeyEntry::Of(1, 5)})));
    CHECK(absl::IsInternal(writer.AddKeys(1, {KeyEntry::Of(1, 5), KeyEntry::Of(1, 5)})));
    CHECK(absl::IsInternal(writer.AddKeys(1, {KeyEntry::Of(1, 4000 / 8)})));
  }
  SECTION("no name") { CHECK(absl::IsInternal(writer.AddSaved("", SavedKind::kFull, "a"))); }
  SECTION("too long a name") {
    CHECK(absl::IsInternal(writer.AddSaved(std::string(25, 'n'), SavedKind::kFull, "a")));
  }
  ForgetBroken();
}

TEST_CASE("a writer makes no file of a segment that cannot be") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  IndexIdentity identity = SampleIdentity(2);
  identity.records_end = identity.segment_end + 8;
  const IndexFileWriter writer(identity);

  CHECK(absl::IsDataLoss(writer.Contents().status()));
  CHECK(absl::IsDataLoss(writer.WriteTo(*directory, kName)));
  CHECK(file_system.ListFiles("/store").empty());
}

TEST_CASE("a leftover, a damaged and a stale file make way for a new one") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  file_system.WriteFile("/store/" + kName, "damaged");
  file_system.WriteFile("/store/" + kName + ".tmp", std::string(10'000, 'x'));

  REQUIRE(SampleWriter().WriteTo(*directory, kName).ok());

  CHECK(file_system.ListFiles("/store") == std::vector<std::string>{kName});
  CHECK(IndexFile::Open(*directory, kName, SampleIdentity(2), nullptr).ok());
}

TEST_CASE(
    "whichever call fails while an index is written, it is whole or missing, and comes later") {
  // One call after the other fails, until a run needs no call that fails.
  const IndexFileWriter writer = SampleWriter();
  bool went_through = false;
  for (uint64_t nth = 1; !went_through; ++nth) {
    for (const auto pages : {PagesAfterFailure::kDropped, PagesAfterFailure::kReverted}) {
      FaultFileSystem file_system;
      const auto directory = OpenStore(file_system);
      file_system.WriteFile("/store/" + kName, "damaged");
      file_system.Inject({.nth = nth, .sectors_written = 1, .pages = pages});

      const absl::Status first = writer.WriteTo(*directory, kName);

      went_through = file_system.failures() == 0;
      CHECK(first.ok() == went_through);
      file_system.ClearFaults();
      CHECK_FALSE(file_system.FileExists("/store/" + kName + ".tmp"));
      const auto after_error = IndexFile::Open(*directory, kName, SampleIdentity(2), nullptr);
      CHECK((after_error.ok() || !went_through));
      if (after_error.ok()) CHECK((*after_error)->VerifyAll().ok());

      REQUIRE(writer.WriteTo(*directory, kName).ok());
      FaultFileSystem after(file_system.PowerLoss(LossPlan::LoseEverything()));
      const auto again = OpenStore(after);
      const auto index = IndexFile::Open(*again, kName, SampleIdentity(2), nullptr);
      REQUIRE(index.ok());
      CHECK((*index)->VerifyAll().ok());
    }
  }
}

TEST_CASE("a file whose directory could not be synced stays: it may be its segment's only one") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  file_system.WriteFile("/store/" + kName, "damaged");
  file_system.Inject({.kind = OperationKind::kSyncDirectory});

  CHECK_FALSE(SampleWriter().WriteTo(*directory, kName).ok());

  const auto index = IndexFile::Open(*directory, kName, SampleIdentity(2), nullptr);
  REQUIRE(index.ok());
  CHECK((*index)->VerifyAll().ok());
}

TEST_CASE("a power loss at any call leaves a whole index, the old one, or none") {
  FaultFileSystem file_system;
  const auto directory = OpenStore(file_system);
  file_system.WriteFile("/store/" + kName, "damaged");
  std::vector<CrashImage> moments;
  file_system.SetHook([&](const Operation&) { moments.push_back(file_system.Freeze()); });
  REQUIRE(SampleWriter().WriteTo(*directory, kName).ok());
  file_system.SetHook(nullptr);
  moments.push_back(file_system.Freeze());

  REQUIRE(moments.size() >= 7);
  for (const CrashImage& moment : moments) {
    for (const LossPlan& plan : moment.LossPlans({.seed = 3})) {
      FaultFileSystem after(moment.PowerLoss(plan));
      const auto again = OpenStore(after);
      const auto index = IndexFile::Open(*again, kName, SampleIdentity(2), nullptr);
      INFO(plan.ToString() << ": " << index.status());
      if (index.ok()) {
        CHECK((*index)->VerifyAll().ok());
      } else if (after.FileExists("/store/" + kName)) {
        CHECK(after.ReadFile("/store/" + kName) == "damaged");
      }
      CHECK((index.ok() || &moment != &moments.back()));
    }
  }
}

}  // namespace
}  // namespace weir::testing
