#include "tool/json_writer.h"

#include <catch2/catch.hpp>
#include <string>

namespace weir::tool {
namespace {

std::string Written(absl::string_view value) {
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.String("s", value);
  json.EndObject();
  return text;
}

TEST_CASE("commas stand between the members of objects and arrays, and nowhere else") {
  std::string text;
  JsonWriter json(&text);

  json.BeginObject();
  json.Number("n", uint64_t{18446744073709551615u});
  json.BeginArray("empty");
  json.EndArray();
  json.BeginArray("objects");
  for (int i = 0; i < 2; ++i) {
    json.BeginObject();
    json.Boolean("b", i == 0);
    json.EndObject();
  }
  json.EndArray();
  json.Strings("keys", {"a", "b"});
  json.EndObject();

  CHECK(
      text ==
      R"({"n":18446744073709551615,"empty":[],"objects":[{"b":true},{"b":false}],"keys":["a","b"]})");
}

TEST_CASE("a JSON string escapes what would end it or what is no character") {
  CHECK(Written("a\"b\\c") == R"({"s":"a\"b\\c"})");
  CHECK(Written("tab\tline\nreturn\r") == "{\"s\":\"tab\\tline\\nreturn\\u000d\"}");
  CHECK(Written(absl::string_view("\0\x1f\x7f", 3)) == "{\"s\":\"\\u0000\\u001f\\u007f\"}");
  CHECK(Written("gr\xc3\xbc\xc3\x9f \xe4\xbc\x98 \xf0\x9f\x98\x80") ==
        "{\"s\":\"gr\xc3\xbc\xc3\x9f \xe4\xbc\x98 \xf0\x9f\x98\x80\"}");
}

TEST_CASE("bytes that are not UTF-8 stand in base64 under another name") {
  CHECK(Written("\xff\xfe") == R"({"s_base64":"//4="})");
  CHECK_FALSE(IsUtf8("\x80"));
  CHECK_FALSE(IsUtf8("\xc3"));
  CHECK_FALSE(IsUtf8("\xc0\xaf"));          // overlong
  CHECK_FALSE(IsUtf8("\xe0\x80\xaf"));      // overlong
  CHECK_FALSE(IsUtf8("\xed\xa0\x80"));      // a surrogate
  CHECK_FALSE(IsUtf8("\xf4\x90\x80\x80"));  // beyond the last character
  CHECK_FALSE(IsUtf8("\xf0\x80\x80\xaf"));  // overlong
  CHECK_FALSE(IsUtf8("\xe4\xbc"));
  CHECK(IsUtf8(""));
  CHECK(IsUtf8("\xf4\x8f\xbf\xbf"));
}

}  // namespace
}  // namespace weir::tool
