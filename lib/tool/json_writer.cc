#include "tool/json_writer.h"

#include <algorithm>
#include <cstddef>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace weir::tool {
namespace {

// Bytes of the UTF-8 sequence that begins `bytes`; 0 if none does. Overlong forms, surrogates and
// what lies beyond U+10FFFF are none.
size_t SequenceBytes(absl::string_view bytes) {
  const auto at = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned first = at(0);
  if (first < 0x80) return 1;
  const size_t count = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || bytes.size() < count) return 0;
  for (size_t i = 1; i < count; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  const unsigned second = at(1);
  if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
  if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
  return count;
}

}  // namespace

bool IsUtf8(absl::string_view bytes) {
  while (!bytes.empty()) {
    const size_t count = SequenceBytes(bytes);
    if (count == 0) return false;
    bytes.remove_prefix(count);
  }
  return true;
}

void JsonWriter::BeginObject(absl::string_view name) {
  Begin(name);
  out_->push_back('{');
  needs_comma_ = false;
}

void JsonWriter::EndObject() {
  out_->push_back('}');
  needs_comma_ = true;
}

void JsonWriter::BeginArray(absl::string_view name) {
  Begin(name);
  out_->push_back('[');
  needs_comma_ = false;
}

void JsonWriter::EndArray() {
  out_->push_back(']');
  needs_comma_ = true;
}

void JsonWriter::Number(absl::string_view name, uint64_t value) {
  Begin(name);
  absl::StrAppend(out_, value);
}

void JsonWriter::Number(absl::string_view name, double value) {
  Begin(name);
  absl::StrAppendFormat(out_, "%.6f", value);
}

void JsonWriter::Boolean(absl::string_view name, bool value) {
  Begin(name);
  out_->append(value ? "true" : "false");
}

void JsonWriter::String(absl::string_view name, absl::string_view value) {
  if (IsUtf8(value)) {
    Begin(name);
    Quote(value);
  } else {
    Begin(absl::StrCat(name, "_base64"));
    Quote(absl::Base64Escape(value));
  }
}

void JsonWriter::Strings(absl::string_view name, absl::Span<const absl::string_view> values) {
  const bool is_text = std::all_of(values.begin(), values.end(), IsUtf8);
  BeginArray(is_text ? std::string(name) : absl::StrCat(name, "_base64"));
  for (const absl::string_view value : values) {
    Begin("");
    Quote(is_text ? std::string(value) : absl::Base64Escape(value));
  }
  EndArray();
}

void JsonWriter::Begin(absl::string_view name) {
  if (needs_comma_) out_->push_back(',');
  needs_comma_ = true;
  if (name.empty()) return;
  Quote(name);
  out_->push_back(':');
}

void JsonWriter::Quote(absl::string_view utf8) {
  out_->push_back('"');
  for (const char c : utf8) {
    if (c == '"' || c == '\\') {
      out_->push_back('\\');
      out_->push_back(c);
    } else if (c == '\n') {
      out_->append("\\n");
    } else if (c == '\t') {
      out_->append("\\t");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      absl::StrAppendFormat(out_, "\\u%04x", static_cast<unsigned>(c));
    } else {
      out_->push_back(c);
    }
  }
  out_->push_back('"');
}

}  // namespace weir::tool
