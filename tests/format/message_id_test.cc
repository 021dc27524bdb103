#include <catch2/catch.hpp>
#include <sstream>
#include <string>

#include "absl/strings/ascii.h"
#include "weir/find.h"

namespace weir::testing {
namespace {

MessageId Sample() {
  MessageId id{.incarnation = 0x1111222233334444, .position = LogPosition(0xABCDEF0123)};
  for (size_t i = 0; i < id.store.size(); ++i) id.store[i] = static_cast<uint8_t>(0xA0 + i);
  return id;
}

TEST_CASE("an id is 64 digits, and they are the id") {
  const MessageId id = Sample();
  const std::string text = id.ToString();
  CHECK(text ==
        "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf"
        "1111222233334444"
        "000000abcdef0123");
  CHECK(*MessageId::Parse(text) == id);
  CHECK(*MessageId::Parse(absl::AsciiStrToUpper(text)) == id);
  CHECK(*MessageId::Parse(MessageId().ToString()) == MessageId());
  std::ostringstream stream;
  stream << id;
  CHECK(stream.str() == text);
}

TEST_CASE("what is no id is refused, and every digit counts") {
  const std::string text = Sample().ToString();
  for (size_t size = 0; size < text.size(); ++size) {
    CHECK(absl::IsInvalidArgument(MessageId::Parse(text.substr(0, size)).status()));
  }
  CHECK_FALSE(MessageId::Parse(text + "0").ok());
  CHECK_FALSE(MessageId::Parse(" " + text.substr(1)).ok());
  for (size_t at = 0; at < text.size(); ++at) {
    for (const char c : {'g', 'G', '/', ':', '@', '`', '-', '\0', '\xff'}) {
      std::string changed = text;
      changed[at] = c;
      CHECK_FALSE(MessageId::Parse(changed).ok());
    }
    std::string changed = text;
    changed[at] = text[at] == '5' ? '6' : '5';
    REQUIRE(MessageId::Parse(changed).ok());
    CHECK(*MessageId::Parse(changed) != Sample());
  }
}

}  // namespace
}  // namespace weir::testing
