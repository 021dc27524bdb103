// Writes JSON, with the commas where they belong.
//
// JSON is text and what a store holds is bytes. A string that is not UTF-8 is written in base64,
// and its name ends in `_base64`, so nobody mistakes the one for the other.

#ifndef WEIR_TOOL_JSON_WRITER_H_
#define WEIR_TOOL_JSON_WRITER_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace weir::tool {

class JsonWriter {
 public:
  // Appends to `out`, which must outlive the writer.
  explicit JsonWriter(std::string* out) : out_(out) {}

  // Inside an array `name` is empty, inside an object never.
  void BeginObject(absl::string_view name = "");
  void EndObject();
  void BeginArray(absl::string_view name);
  void EndArray();

  void Number(absl::string_view name, uint64_t value);
  void Number(absl::string_view name, double value);
  void Boolean(absl::string_view name, bool value);
  // Any bytes; see above.
  void String(absl::string_view name, absl::string_view value);
  // An array of strings; if one is not UTF-8, all are in base64.
  void Strings(absl::string_view name, absl::Span<const absl::string_view> values);

 private:
  void Begin(absl::string_view name);
  void Quote(absl::string_view utf8);

  std::string* const out_;
  bool needs_comma_ = false;
};

bool IsUtf8(absl::string_view bytes);

}  // namespace weir::tool

#endif  // WEIR_TOOL_JSON_WRITER_H_
