#include "format/index_layout.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace weir::internal {
namespace {

IndexHeader SampleHeader() {
  IndexHeader header;
  header.identity.store.fill(7);
  header.identity.segment_begin = LogPosition(8192);
  header.identity.segment_end = LogPosition(12288);
  header.identity.records_end = LogPosition(12000);
  header.identity.incarnation = 11;
  header.identity.incarnations_digest = 12;
  header.first_store_time = -5;
  header.last_store_time = 5;
  header.run_count = 2;
  header.saved_count = 1;
  header.entry_count = 600;
  header.saved_bytes = 100;
  header.first_queue = 3;
  header.last_queue = 9;
  header.table_checksum = 13;
  header.hash_seed = 14;
  header.key_count = 5;
  header.sample_count = 1;
  header.filter = {.begins = 1, .seed = 2, .shift = 3};
  return header;
}

QueueRun SampleRun() {
  return {.queue_number = 3,
          .count = 2,
          .first = QueueOffset(40),
          .entries_begin = 1,
          .links = {.depth = 3,
                    .previous = {LogPosition(4096), QueueOffset(30)},
                    .jump = {LogPosition(0), QueueOffset(0)}}};
}

std::string Encoded(const QueueRun& run) {
  std::string bytes;
  AppendRun(bytes, run);
  return bytes;
}

TEST_CASE("an index header comes back as it was and every place follows from its counts") {
  const IndexHeader header = SampleHeader();

  const std::string bytes = EncodeIndexHeader(header);
  const auto decoded = DecodeIndexHeader(bytes);

  REQUIRE(bytes.size() == kIndexHeaderBytes);
  REQUIRE(decoded.ok());
  CHECK(*decoded == header);
  CHECK(decoded->samples_at() == 128);
  CHECK(decoded->entries_at() == 128 + 16);
  CHECK(decoded->keys_at() == 144 + 4800);
  CHECK(decoded->filter_at() == 144 + 4800 + 40);
  CHECK(decoded->saved_directory_at() == 144 + 4800 + 40 + 24);
  CHECK(decoded->saved_bytes_at() == 144 + 4800 + 40 + 24 + 40);
  CHECK(decoded->body_bytes() == 144 + 4800 + 40 + 24 + 40 + 100);
  CHECK(decoded->block_count() == 2);
  CHECK(decoded->file_bytes() == 160 + 16 + 5148);
}

TEST_CASE("no flipped bit and no cut of an index header goes unseen") {
  const std::string bytes = EncodeIndexHeader(SampleHeader());

  for (size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    CHECK_FALSE(DecodeIndexHeader(flipped).ok());
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    CHECK(absl::IsDataLoss(DecodeIndexHeader(bytes.substr(0, size)).status()));
  }
}

TEST_CASE("an index of a newer format is told from a damaged one") {
  std::string bytes = EncodeIndexHeader(SampleHeader());
  Store(bytes.data() + 8, kIndexFormatVersion + 1);
  CHECK(absl::IsDataLoss(DecodeIndexHeader(bytes).status()));

  Store(bytes.data() + bytes.size() - 8, IndexChecksum(bytes.substr(0, bytes.size() - 8)));
  CHECK(absl::IsInvalidArgument(DecodeIndexHeader(bytes).status()));
}

TEST_CASE("an index of another byte order is told from a file that is no index") {
  std::string bytes = EncodeIndexHeader(SampleHeader());
  bytes[0] = static_cast<char>(bytes[0] ^ 1);
  CHECK(absl::IsDataLoss(DecodeIndexHeader(bytes).status()));
  bytes[0] = static_cast<char>(bytes[0] ^ 1);
  std::reverse(bytes.begin(), bytes.begin() + 8);
  CHECK(absl::IsInvalidArgument(DecodeIndexHeader(bytes).status()));
}

TEST_CASE("what a header of this format leaves open is refused though its checksum holds") {
  const auto refused = [](size_t at, uint8_t bit = 1) {
    std::string bytes = EncodeIndexHeader(SampleHeader());
    bytes[at] = static_cast<char>(bytes[at] ^ bit);
    Store(bytes.data() + bytes.size() - 8, IndexChecksum(bytes.substr(0, bytes.size() - 8)));
    return absl::IsDataLoss(DecodeIndexHeader(bytes).status());
  };

  CHECK(refused(13));                           // blocks of another size
  CHECK(refused(kIndexHeaderBytes - 9, 2));     // a flag that nobody knows
  CHECK_FALSE(refused(kIndexHeaderBytes - 9));  // that it is not complete
  CHECK_FALSE(refused(16));                     // a store of another name
}

TEST_CASE("time samples go on in the log and do not go back in time") {
  IndexHeader header = SampleHeader();
  header.first_store_time = 1;
  header.last_store_time = 9;
  const TimeSample before{.store_time = 3, .position_word = 128};
  const auto makes_sense = [&](int64_t time, uint32_t word) {
    const TimeSample sample{.store_time = time, .position_word = word};
    return FaultOf(sample, &before, header).empty();
  };

  CHECK(makes_sense(3, 129));
  CHECK_FALSE(makes_sense(3, 128));
  CHECK_FALSE(makes_sense(2, 129));
  CHECK_FALSE(makes_sense(10, 129));
}

TEST_CASE("an index header with a good checksum and bad intentions is refused") {
  const auto refused = [](auto change) {
    IndexHeader header = SampleHeader();
    change(header);
    return absl::IsDataLoss(DecodeIndexHeader(EncodeIndexHeader(header)).status());
  };
  using Header = IndexHeader;
  const uint64_t all = ~uint64_t{0};

  CHECK_FALSE(refused([](Header&) {}));
  CHECK(refused([](Header& h) { h.identity.segment_begin += 4; }));
  CHECK(refused([](Header& h) { h.identity.segment_end = h.identity.segment_begin; }));
  CHECK(refused([&](Header& h) { h.identity.segment_end = LogPosition(all); }));
  CHECK(refused([](Header& h) { h.identity.records_end = LogPosition(8184); }));
  CHECK(refused([](Header& h) { h.identity.records_end = LogPosition(12296); }));
  CHECK(refused([](Header& h) { h.identity.records_end += 1; }));
  CHECK(refused([](Header& h) { h.first_store_time = 6; }));
  CHECK(refused([](Header& h) { h.run_count = 0; }));
  // Without a run there is no entry and no queue.
  const auto without_run = [](Header& h) {
    h.run_count = 0;
    h.entry_count = 0;
    h.first_queue = h.last_queue = 0;
  };
  CHECK_FALSE(refused(without_run));
  CHECK(refused([&](Header& h) { without_run(h), h.first_queue = 1; }));
  CHECK(refused([&](Header& h) { without_run(h), h.last_queue = 1; }));
  CHECK(refused([](Header& h) { h.run_count = 8; }));  // 3..9 are seven queues
  CHECK(refused([](Header& h) { h.run_count = 601; }));
  CHECK(refused([](Header& h) { h.last_queue = 2; }));
  CHECK(refused([](Header& h) { h.entry_count = 1; }));
  CHECK(refused([&](Header& h) { h.entry_count = all; }));
  CHECK(refused([&](Header& h) { h.entry_count = all / kIndexEntryBytes; }));
  CHECK(refused([](Header& h) { h.entry_count = kIndexFileBytesMax / kIndexEntryBytes; }));
  CHECK(refused([](Header& h) { h.saved_count = 0; }));
  CHECK(refused([](Header& h) { h.saved_count = kSavedSectionsMax + 1; }));
  CHECK(refused([&](Header& h) { h.saved_bytes = all; }));
  CHECK(refused([](Header& h) { h.saved_bytes = kIndexFileBytesMax; }));
  CHECK(refused([](Header& h) { h.sample_count = 2; }));  // the segment has one stretch
  CHECK(refused([](Header& h) { h.sample_count = 0; }));  // of a message, but it has times
  CHECK(refused([](Header& h) {
    h.sample_count = 0;
    h.first_store_time = 0;
    h.last_store_time = 0;  // but it has keys
  }));
  CHECK(refused([](Header& h) {
    h.sample_count = 0;
    h.key_count = 0;
    h.filter = {};
    h.first_store_time = 0;  // but it has a last one
  }));
  CHECK(refused([](Header& h) { h.key_count = 0; }));  // but it has a filter
  CHECK(refused([](Header& h) { h.filter.begins = 0; }));
  CHECK(refused([](Header& h) { h.filter.begins = 100; }));
  CHECK(refused([&](Header& h) { h.filter.begins = static_cast<uint32_t>(all); }));
  CHECK(refused([](Header& h) { h.filter.shift = 1; }));
  CHECK(refused([](Header& h) { h.filter.shift = 19; }));
  CHECK(refused([](Header& h) { h.filter.shift = 255; }));
  CHECK_FALSE(refused([](Header& h) { h.filter = {}; }));
  CHECK_FALSE(refused([](Header& h) { h.is_incomplete = true; }));
}

TEST_CASE("a run comes back as it was") {
  const QueueRun run = SampleRun();
  const auto decoded = DecodeRun(Encoded(run), SampleHeader());

  REQUIRE(decoded.ok());
  CHECK(*decoded == run);
  CHECK(decoded->end() == QueueOffset(42));
  CHECK(DecodeRunQueue(Encoded(run).data()) == 3);
}

TEST_CASE("a run that cannot stand in its file is refused") {
  const auto refused = [](auto change) {
    QueueRun run = SampleRun();
    change(run);
    return absl::IsDataLoss(DecodeRun(Encoded(run), SampleHeader()).status());
  };
  using Run = QueueRun;

  CHECK_FALSE(refused([](Run&) {}));
  CHECK_FALSE(refused([](Run& r) { r.links.jump = kNoLink; }));
  CHECK_FALSE(refused([](Run& r) { r.links.jump = r.links.previous; }));
  CHECK_FALSE(refused([](Run& r) { r.links = {}; }));
  CHECK(refused([](Run& r) { r.queue_number = 2; }));
  CHECK(refused([](Run& r) { r.queue_number = 10; }));
  CHECK(refused([](Run& r) { r.count = 0; }));
  CHECK(refused([](Run& r) { r.count = 600; }));
  CHECK(refused([](Run& r) { r.entries_begin = ~uint64_t{0}; }));
  CHECK(refused([](Run& r) { r.first = QueueOffset(~uint64_t{0} - 1); }));
  CHECK(refused([](Run& r) { r.links.depth = 0; }));
  CHECK(refused([](Run& r) { r.links.previous = kNoLink; }));
  CHECK(refused([](Run& r) { r.links.previous.segment_begin = LogPosition(8192); }));
  CHECK(refused([](Run& r) { r.links.previous.first = QueueOffset(40); }));
  CHECK(refused([](Run& r) { r.links.jump.segment_begin = LogPosition(4096); }));
  CHECK(refused([](Run& r) { r.links.jump.first = QueueOffset(30); }));
  std::string bytes = Encoded(SampleRun());
  bytes[28] = 1;  // reserved
  CHECK(absl::IsDataLoss(DecodeRun(bytes, SampleHeader()).status()));
}

TEST_CASE("entries come back as they were, and one behind the segment's records is told") {
  const IndexIdentity identity = SampleHeader().identity;
  const LogPosition begin = identity.segment_begin;
  const std::vector<IndexEntry> entries = {IndexEntry::At(begin, begin + 1024, 5), IndexEntry{},
                                           IndexEntry::At(begin, identity.records_end, 0)};
  std::string bytes;
  AppendEntries(bytes, entries);

  std::vector<IndexEntry> decoded(3);
  DecodeEntries(bytes, absl::MakeSpan(decoded));

  CHECK(decoded == entries);
  CHECK(decoded[0].position(begin) == begin + 1024);
  CHECK(decoded[1].is_hole());
  CHECK(FaultOf(decoded[0], identity).empty());
  CHECK(FaultOf(decoded[1], identity).empty());
  CHECK_FALSE(FaultOf(decoded[2], identity).empty());
}

TEST_CASE("a directory of saved sections comes back, and no change to it is taken for another") {
  IndexHeader header = SampleHeader();
  header.saved_count = 2;
  header.saved_bytes = 12;
  std::string bytes;
  AppendSavedEntry(bytes, {.name = "catalogue", .kind = SavedKind::kFull, .bytes = 12});
  AppendSavedEntry(bytes, {.name = "exactly-24-bytes-of-name", .kind = SavedKind::kChange});

  const auto entries = DecodeSavedDirectory(bytes, header);

  REQUIRE(entries.ok());
  REQUIRE(entries->size() == 2);
  CHECK((*entries)[0] == SavedEntry{.name = "catalogue", .bytes = 12});
  CHECK((*entries)[1].name == "exactly-24-bytes-of-name");
  CHECK((*entries)[1].begin == 12);
  CHECK((*entries)[1].kind == SavedKind::kChange);

  const auto refused = [&](size_t at, char value) {
    std::string changed = bytes;
    changed[at] = value;
    return absl::IsDataLoss(DecodeSavedDirectory(changed, header).status());
  };
  CHECK(refused(0, '\0'));  // no name
  CHECK(refused(20, 'x'));  // a name with something behind it
  CHECK(refused(24, 11));   // fewer bytes than the header counts
  CHECK(refused(24, 13));   // more
  CHECK(refused(31, '\x80'));
  CHECK(refused(32, 0));  // no kind
  CHECK(refused(32, 3));
  CHECK(refused(36, 1));  // reserved
  CHECK_FALSE(DecodeSavedDirectory(bytes.substr(0, 79), header).ok());
  CHECK_FALSE(DecodeSavedDirectory(bytes.substr(0, 40) + bytes.substr(0, 40), header).ok());
}

TEST_CASE("a section's name has a length, and no zero in it") {
  CHECK(IsSavedName("exactly-24-bytes-of-name"));
  CHECK_FALSE(IsSavedName(""));
  CHECK_FALSE(IsSavedName("more than 24 bytes of name"));
  CHECK_FALSE(IsSavedName(absl::string_view("zero\0", 5)));
}

TEST_CASE("jumps are those of the skew binary numbers") {
  // The rule by which they could be made from the runs themselves.
  std::vector<uint32_t> jump = {0};
  for (uint32_t depth = 1; depth < 5000; ++depth) {
    const uint32_t before = depth - 1;
    const bool merges = before - jump[before] == jump[before] - jump[jump[before]];
    jump.push_back(merges ? jump[jump[before]] : before);
  }

  for (uint32_t depth = 1; depth < 5000; ++depth) CHECK(JumpDepth(depth) == jump[depth]);
  CHECK(JumpDepth(0xFFFFFFFF) == 0);
  CHECK(JumpDepth(0xFFFFFFFE) == 0x7FFFFFFF);
}

}  // namespace
}  // namespace weir::internal
