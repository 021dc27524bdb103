// A message's id as text.

#include <algorithm>
#include <cstddef>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "weir/find.h"

namespace weir {
namespace {

constexpr size_t kDigits = 2 * (16 + 8 + 8);

// `digits` are hexadecimal, at most 16.
uint64_t NumberOf(absl::string_view digits) {
  uint64_t number = 0;
  for (const char digit : digits) {
    const char lower = absl::ascii_tolower(static_cast<unsigned char>(digit));
    number = number << 4 | static_cast<uint64_t>(lower <= '9' ? lower - '0' : lower - 'a' + 10);
  }
  return number;
}

}  // namespace

std::string MessageId::ToString() const {
  const absl::string_view bytes(reinterpret_cast<const char*>(store.data()), store.size());
  return absl::StrCat(absl::BytesToHexString(bytes), absl::Hex(incarnation, absl::kZeroPad16),
                      absl::Hex(position.value(), absl::kZeroPad16));
}

absl::StatusOr<MessageId> MessageId::Parse(absl::string_view text) {
  const bool is_hex = std::all_of(text.begin(), text.end(), [](char digit) {
    return absl::ascii_isxdigit(static_cast<unsigned char>(digit));
  });
  if (text.size() != kDigits || !is_hex) {
    return absl::InvalidArgumentError(
        absl::StrCat("a message's id has ", kDigits, " hexadecimal digits"));
  }
  MessageId id;
  for (size_t i = 0; i < id.store.size(); ++i) {
    id.store[i] = static_cast<uint8_t>(NumberOf(text.substr(2 * i, 2)));
  }
  id.incarnation = NumberOf(text.substr(32, 16));
  id.position = LogPosition(NumberOf(text.substr(48, 16)));
  return id;
}

}  // namespace weir
