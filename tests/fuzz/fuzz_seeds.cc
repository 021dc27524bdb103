// Writes what fuzzing begins with: `fuzz_seeds tests/fuzz/corpus`. Run it when a format or the
// meaning of an input changes. What fuzzing found since stands beside it under other names and is
// left alone.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "format/segment_header.h"
#include "fuzz/hostile_store.h"
#include "store/topic_record.h"
#include "support/random.h"

namespace weir::testing {
namespace {

namespace fs = std::filesystem;

class Corpus {
 public:
  Corpus(const fs::path& root, const std::string& target) : directory_(root / target) {
    fs::create_directories(directory_);
  }

  void Add(const std::string& name, std::vector<uint8_t> modes, absl::string_view bytes = "") {
    std::ofstream file(directory_ / absl::StrCat("seed-", name), std::ios::binary);
    file.write(reinterpret_cast<const char*>(modes.data()), static_cast<long>(modes.size()));
    file.write(bytes.data(), static_cast<long>(bytes.size()));
  }

 private:
  const fs::path directory_;
};

// A place that is changed, as the targets read it.
std::string Patch(uint16_t at, absl::string_view bytes) {
  std::string patch;
  internal::AppendValue(patch, at);
  internal::AppendValue(patch, static_cast<uint8_t>(bytes.size() - 1));
  return patch.append(bytes.data(), bytes.size());
}

// The bytes of the sample's files whose names end so, in the order of their names.
std::vector<std::string> FilesLike(const SampleStore& sample, absl::string_view suffix,
                                   size_t name_bytes) {
  std::vector<std::string> files;
  for (const SampleFile& file : sample.files) {
    if (file.is_shared || file.name.size() != name_bytes || !absl::EndsWith(file.name, suffix)) {
      continue;
    }
    files.push_back(ReadFileOf(sample.image, file.name));
  }
  return files;
}

void WriteRecords(const fs::path& root) {
  Corpus corpus(root, "record_fuzz");
  // Records of every type, whole and damaged.
  int count = 0;
  for (const std::string& segment : FilesLike(SampleNamed("closed"), "", 20)) {
    const std::string records = segment.substr(internal::kSegmentHeaderBytes);
    const std::string name = absl::StrCat(++count);
    corpus.Add(absl::StrCat("whole-", name), {1}, records);
    corpus.Add(absl::StrCat("members-", name), {3}, records.substr(0, 1500));
    corpus.Add(absl::StrCat("large-", name), {5}, records.substr(0, 700));
    corpus.Add(absl::StrCat("other-", name), {1 | 8 | 16}, records.substr(0, 500));
  }
  corpus.Add("nothing", {0}, std::string(64, '\0'));
}

void WriteIndexFiles(const fs::path& root) {
  Corpus corpus(root, "index_file_fuzz");
  int count = 0;
  for (const std::string& file : FilesLike(SampleNamed("closed"), ".index", 26)) {
    corpus.Add(absl::StrCat("file-", ++count), {6}, file);
  }
  Corpus chains(root, "run_chain_fuzz");
  chains.Add("honest", {3, 2, 0}, std::string(20, '\0') + std::string(20, '\x60'));
  chains.Add("lies", {9, 8, 0},
             std::string(8, '\0') + std::string("\x02\x07\x02\x01\x01\x00", 6) +
                 std::string("\0\0\x42\x09\x04\x01\xff\x00\0\0\0", 11));
}

void WriteStores(const fs::path& root) {
  Corpus superblocks(root, "superblock_fuzz");
  Corpus segments(root, "segment_fuzz");
  for (uint8_t i = 0; i < Samples().size(); ++i) {
    const SampleStore& sample = Samples()[i];
    const auto mode = [i](int flags) { return static_cast<uint8_t>(flags | i); };
    const std::string superblock = ReadFileOf(sample.image, "superblock");
    superblocks.Add(absl::StrCat(sample.name, "-as-it-is"), {mode(8 | 16)});
    superblocks.Add(absl::StrCat(sample.name, "-sealed"), {mode(4 | 8 | 32)}, Patch(64, "\x08"));
    segments.Add(absl::StrCat(sample.name, "-as-it-is"), {mode(8 | 16), 0});
    for (uint8_t file = 0; file < 4; ++file) {
      segments.Add(absl::StrCat(sample.name, "-sealed-", file), {mode(4 | 8 | 16 | 64), file},
                   Patch(1060, "\x01"));
      segments.Add(absl::StrCat(sample.name, "-index-", file), {mode(4 | 8 | 32), file},
                   Patch(180, "\x01"));
    }
    if (sample.name != "killed") continue;
    superblocks.Add("whole", {mode(4)}, superblock);
    segments.Add("whole", {mode(4), 0}, ReadFileOf(sample.image, "00000000000000000000"));
  }
  Corpus fronts(root, "front_fuzz");
  for (const uint8_t mode : std::vector<uint8_t>{4, 5, 12, 15, 23})
    fronts.Add(absl::StrCat("as-it-is-", mode), {mode});
  // The words at which the front begins and ends.
  for (const uint16_t at : std::vector<uint16_t>{128, 192, 256, 320, 384}) {
    fronts.Add(absl::StrCat("end-", at), {7}, Patch(at, std::string(1, '\x40')));
  }
}

void WriteTexts(const fs::path& root) {
  Corpus corpus(root, "text_fuzz");
  int count = 0;
  for (const char* const name :
       {"LOCK", "superblock", "superblock.2", "00000000000067108864", "00000000000067108864.2",
        "00000000000067108864.index", "00000000000067108864.index.tmp", "18446744073709551615",
        "18446744073709551616", "00000000000067108864.02", "superblock.0"}) {
    corpus.Add(absl::StrCat("file-", ++count), {0}, name);
  }
  for (const char* const name : {"orders", ".", "..", "a/b", "\x7f", "größe"}) {
    corpus.Add(absl::StrCat("topic-", ++count), {1}, name);
  }
  corpus.Add("numbers", {2}, std::string(24, '\x01'));
  for (const char* const expression : {"*", "NEW", "NEW || CANCEL", "NEW ||", " * ", "* || NEW"}) {
    corpus.Add(absl::StrCat("tags-", ++count), {3, 3}, absl::StrCat("NEW", expression));
  }
  for (const char* const text :
       {"plain", "\"\\\n\t\x01\x7f", "größe", "\xff\xfe", "\xed\xa0\x80"}) {
    corpus.Add(absl::StrCat("json-", ++count), {4, 4}, absl::StrCat("name", text));
  }
}

void WriteSaved(const fs::path& root) {
  Corpus corpus(root, "saved_fuzz");
  std::string catalogue;
  for (const uint32_t first : {0u, 8u}) {
    internal::AppendValue(catalogue, uint64_t{1072} + first * 624);
    catalogue += internal::EncodeTopic({.name = first == 0 ? "orders" : "trades",
                                        .first_queue = first,
                                        .queue_count = 8,
                                        .first_offset = first});
  }
  corpus.Add("catalogue", {0}, catalogue);
  std::string queues;
  std::string totals;
  for (const uint32_t number : {0u, 8u, 70u}) {
    internal::AppendValue(queues, number);
    for (const uint64_t value : {uint64_t{2}, uint64_t{5}, uint64_t{4096}, uint64_t{3}}) {
      internal::AppendValue(queues, value);
    }
    internal::AppendValue(totals, number);
    internal::AppendValue(totals, uint64_t{5});
    internal::AppendValue(totals, uint64_t{700});
  }
  corpus.Add("queues", {1}, queues);
  corpus.Add("totals", {2}, totals);
  std::string groups;
  std::string ends;
  std::string said;  // in state records, which need no positions
  for (const uint32_t number : {0u, 8u, 70u}) {
    groups += "\x04risk";
    internal::AppendValue(groups, number);
    internal::AppendValue(groups, uint64_t{5});
    internal::AppendValue(groups, uint64_t{4096} + number);
    for (std::string* const to : {&ends, &said}) {
      internal::AppendValue(*to, number);
      internal::AppendValue(*to, uint64_t{2});
      internal::AppendValue(*to, uint64_t{5});
    }
    internal::AppendValue(ends, uint64_t{4096} + number);
  }
  std::string time;
  internal::AppendValue(time, int64_t{1'700'000'000'000'000'000});
  corpus.Add("groups", {4}, groups);
  corpus.Add("ends", {5}, ends);
  corpus.Add("time", {6}, absl::StrCat(time, ends.substr(20, 8)));
  corpus.Add("state-groups", {7, 0}, groups.substr(0, 17));
  corpus.Add("state-ends", {7, 1}, said);
  corpus.Add("state-time", {7, 2}, time);
  totals.resize(40);
  queues.resize(72);
  const auto size = [](const std::string& bytes) {
    return std::string(1, static_cast<char>(bytes.size()));
  };
  corpus.Add("all", {3}, absl::StrCat(size(catalogue), catalogue, size(totals), totals, queues));
}

// The ring of the store that was killed, as it lay in the log.
void WriteAdoptions(const fs::path& root) {
  Corpus corpus(root, "adoption_fuzz");
  const SampleStore& sample = SampleNamed("killed");
  for (const auto& [name, memory] : sample.image.shared) {
    const size_t ring_bytes = memory.size.ring_bytes;
    if (ring_bytes == 0) continue;
    const uint64_t begin = sample.front_begin.value();
    std::string log(sample.front_end - sample.front_begin, '\0');
    for (size_t i = 0; i < log.size(); ++i) {
      log[i] = (*memory.bytes)[memory.size.header_bytes + (begin + i) % ring_bytes];
    }
    std::string ends;
    // Begin, claimed, written and durable end, in steps of 8 bytes.
    const uint64_t unwritten = sample.unwritten - sample.front_begin;
    for (const uint64_t value : {begin % 4096, uint64_t{log.size()}, unwritten, uint64_t{0}}) {
      internal::AppendValue(ends, static_cast<uint16_t>(value / 8));
    }
    corpus.Add("sealed", {1}, ends + log);
    corpus.Add("as-it-is", {0}, ends + log);
    corpus.Add("wounded", {1 | 4}, absl::StrCat(ends, std::string(24, '\x20'), log));
  }
  std::string ends;
  for (const uint64_t end : std::vector<uint64_t>{24576, 32768, 28672, 24576})
    internal::AppendValue(ends, end);
  corpus.Add("raw", {1 | 2}, ends);
}

void WriteHeaders(const fs::path& root) {
  Corpus corpus(root, "headers_fuzz");
  for (uint8_t what = 0; what < 5; ++what) {
    corpus.Add(absl::StrCat("as-it-is-", what), {what, 2});
    corpus.Add(absl::StrCat("sealed-", what), {what, 1 | 2 | 4}, Patch(64, "\x08"));
    corpus.Add(absl::StrCat("any-", what), {what, 0}, std::string(64, '\x01'));
  }
  const std::string superblock = ReadFileOf(SampleNamed("killed").image, "superblock");
  corpus.Add("superblock", {1, 0}, superblock);
  corpus.Add("segment", {0, 0},
             ReadFileOf(SampleNamed("killed").image, "00000000000000000000")
                 .substr(0, internal::kSegmentHeaderBytes));
}

void WritePrograms(const fs::path& root) {
  Corpus corpus(root, "api_fuzz");
  for (uint8_t shape = 0; shape < 16; ++shape) {
    Random random(shape);
    std::string program(200, '\0');
    for (char& byte : program) byte = static_cast<char>(random.Next());
    corpus.Add(absl::StrCat("program-", shape), {shape}, program);
  }
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: fuzz_seeds DIRECTORY\n");
    return 2;
  }
  weir::testing::WriteRecords(argv[1]);
  weir::testing::WriteIndexFiles(argv[1]);
  weir::testing::WriteStores(argv[1]);
  weir::testing::WriteTexts(argv[1]);
  weir::testing::WriteSaved(argv[1]);
  weir::testing::WriteAdoptions(argv[1]);
  weir::testing::WriteHeaders(argv[1]);
  weir::testing::WritePrograms(argv[1]);
  return 0;
}
