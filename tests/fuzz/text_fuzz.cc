// Any bytes as names of files and of topics, as sets of tags, and as what the tool writes as JSON:
// what is understood has one spelling, and what is written can be read.

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "format/file_names.h"
#include "fuzz/fuzz_input.h"
#include "fuzz/small_catalogue.h"
#include "store/tag_set.h"
#include "tool/json_writer.h"

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

void CheckTopicName(absl::string_view name) {
  const bool is_good = weir::CheckTopicName(name).ok();
  SmallCatalogue catalogue;
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

// Every tag of the set matches, and what is not in it does not.
void CheckTagSet(FuzzInput& input) {
  const absl::string_view other = input.Bytes(input.Below(16));
  const absl::string_view expression = input.Bytes(300);
  const auto set = TagSet::Parse(expression);
  Require(set.ok() || absl::IsInvalidArgument(set.status()), set.status().ToString());
  if (!set.ok()) return;
  const bool is_all = absl::StripAsciiWhitespace(expression) == "*";
  Require(set->matches_all() == is_all, "only * is all: ", expression);
  bool has_other = is_all;
  for (absl::string_view tag : absl::StrSplit(expression, "||")) {
    tag = absl::StripAsciiWhitespace(tag);
    Require(is_all || (!tag.empty() && tag.size() <= kMaxTagBytes), "a tag: ", tag);
    Require(set->Matches(tag) && set->MayMatch(FilterWord(tag)), "its own tag: ", tag);
    has_other |= tag == other;
  }
  Require(set->Matches(other) == has_other, "another tag: ", other);
  Require(!has_other || set->MayMatch(FilterWord(other)), "the filter lets it through: ", other);
}

// Reads what was written as JSON: just what the writer of `weir read` makes.
class JsonReader {
 public:
  explicit JsonReader(absl::string_view text) : text_(text) {}

  void Expect(absl::string_view what) {
    Require(absl::ConsumePrefix(&text_, what), "JSON: not ", what, ", but ", text_);
  }
  std::string TakeString() {
    Expect("\"");
    std::string value;
    while (!absl::ConsumePrefix(&text_, "\"")) {
      Require(!text_.empty() && static_cast<uint8_t>(text_[0]) >= 0x20, "JSON: ", text_);
      value.push_back(absl::ConsumePrefix(&text_, "\\") ? TakeEscape() : TakeCharacter());
    }
    return value;
  }
  // A member of that name, in base64 if the name says so.
  std::string TakeMember(absl::string_view name) {
    const std::string found = TakeString();
    Expect(":");
    std::string value = TakeString();
    if (found == name) {
      Require(tool::IsUtf8(value), "what is written as text is text");
      return value;
    }
    Require(found == absl::StrCat(name, "_base64"), "the name: ", found);
    std::string bytes;
    Require(absl::Base64Unescape(value, &bytes) && !tool::IsUtf8(bytes), "base64: ", value);
    return bytes;
  }

 private:
  char TakeCharacter() {
    const char c = text_[0];
    text_.remove_prefix(1);
    return c;
  }
  char TakeEscape() {
    if (absl::ConsumePrefix(&text_, "n")) return '\n';
    if (absl::ConsumePrefix(&text_, "t")) return '\t';
    if (!absl::ConsumePrefix(&text_, "u00")) {
      Require(!text_.empty() && (text_[0] == '"' || text_[0] == '\\'), "JSON: ", text_);
      return TakeCharacter();
    }
    const std::string byte = absl::HexStringToBytes(text_.substr(0, 2));
    Require(byte.size() == 1, "JSON: ", text_);
    text_.remove_prefix(2);
    return byte[0];
  }

  absl::string_view text_;
};

void CheckJson(FuzzInput& input) {
  const absl::string_view first = input.Bytes(input.Byte());
  const absl::string_view second = input.Bytes(300);
  std::string text;
  tool::JsonWriter json(&text);
  json.BeginObject();
  json.String("first", first);
  json.BeginArray("list");
  json.BeginObject();
  json.String("second", second);
  json.EndObject();
  json.EndArray();
  json.EndObject();
  JsonReader reader(text);
  reader.Expect("{");
  Require(reader.TakeMember("first") == first, "the first comes back");
  reader.Expect(",\"list\":[{");
  Require(reader.TakeMember("second") == second, "the second comes back");
  reader.Expect("}]}");
}

void Run(FuzzInput input) {
  switch (input.Below(5)) {
    case 0:
      return CheckFileName(input.Bytes(300));
    case 1:
      return CheckTopicName(input.Bytes(300));
    case 2:
      return CheckNumbers(input);
    case 3:
      return CheckTagSet(input);
    default:
      return CheckJson(input);
  }
}

}  // namespace
}  // namespace weir::testing

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  weir::testing::Run({data, size});
  weir::testing::RequirePromisesKept();
  return 0;
}
