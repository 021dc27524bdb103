#include "store/filter_program.h"

#include <string.h>

#include <algorithm>
#include <compare>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "base/bytes.h"
#include "weir/filter.h"

namespace weir::internal {
namespace {

// The length of a name, which has a byte at least, and its first bytes: short names are the same if
// this is, without a call to compare them (a twentieth of a match). `readable` bytes may be looked
// at from where the name begins.
constexpr size_t kMarkedBytes = 7;
uint64_t MarkOf(absl::string_view name, size_t readable) {
  const size_t marked = std::min(name.size(), kMarkedBytes);
  uint64_t bytes = 0;
  if (readable >= sizeof bytes) {
    bytes = Load<uint64_t>(name.data());
  } else {
    std::memcpy(&bytes, name.data(), marked);
  }
  return bytes << (8 * (sizeof bytes - marked)) | name.size();
}

Truth TruthOf(bool holds) { return holds ? Truth::kTrue : Truth::kFalse; }

Truth IsOneOf(uint8_t orders, std::partial_ordering order) {
  if (order == std::partial_ordering::unordered) return Truth::kUnknown;
  const uint8_t bit = order < 0 ? kLess : order > 0 ? kGreater : kEqual;
  return TruthOf((orders & bit) != 0);
}

// In linear time, whatever both consist of.
bool Contains(absl::string_view text, absl::string_view part) {
  return memmem(text.data(), text.size(), part.data(), part.size()) != nullptr;
}

// The keys with a blank between each two. `memory` has kMaxKeys * (kMaxKeyBytes + 1) bytes.
absl::string_view JoinKeys(const DecodedParts& parts, char* memory) {
  ByteReader reader(parts.keys);
  if (parts.key_count == 1) return reader.TakeBytes(reader.Take<uint8_t>());
  ByteWriter writer(memory);
  for (size_t i = 0; i < std::min<size_t>(parts.key_count, kMaxKeys); ++i) {
    if (i > 0) writer.Put(' ');
    writer.PutBytes(reader.TakeBytes(reader.Take<uint8_t>()));
  }
  return {memory, static_cast<size_t>(writer.position() - memory)};
}

}  // namespace

const Number* FilterValue::AsNumber() {
  if (reading == Reading::kNotTried) {
    const std::optional<Number> parsed = ParseNumber(text());
    reading = parsed ? Reading::kNumber : Reading::kNoNumber;
    if (parsed) number = *parsed;
  }
  return reading == Reading::kNumber ? &number : nullptr;
}

Truth Evaluate(const FilterStep& step, FilterValue* values) {
  using Test = FilterStep::Test;
  if (step.test == Test::kConstant) return step.truth;
  FilterValue& value = values[step.value];
  if (step.test == Test::kMissing) return TruthOf(value.is_missing());
  if (value.is_missing()) return Truth::kUnknown;
  switch (step.test) {
    case Test::kBoolean: {
      const std::optional<bool> boolean = BooleanOf(value.text());
      return boolean ? TruthOf(*boolean == step.boolean) : Truth::kUnknown;
    }
    case Test::kText:
      return TruthOf(value.text() == step.text);
    case Test::kContains:
      return TruthOf(Contains(value.text(), step.text));
    case Test::kStartsWith:
      return TruthOf(absl::StartsWith(value.text(), step.text));
    case Test::kEndsWith:
      return TruthOf(absl::EndsWith(value.text(), step.text));
    case Test::kNumber: {
      const Number* const number = value.AsNumber();
      return number ? IsOneOf(step.orders, *number <=> step.number) : Truth::kUnknown;
    }
    default:
      break;
  }
  FilterValue& other = values[step.other];
  if (other.is_missing()) return Truth::kUnknown;
  if (step.test == Test::kSameText) return TruthOf(value.text() == other.text());
  const Number* const left = value.AsNumber();
  const Number* const right = other.AsNumber();
  return left && right ? IsOneOf(step.orders, *left <=> *right) : Truth::kUnknown;
}

FilterProgram::FilterProgram(absl::string_view expression, std::vector<char> texts,
                             std::vector<Source> sources, std::vector<FilterStep> steps)
    : expression_(expression),
      texts_(std::move(texts)),
      steps_(std::move(steps)),
      value_count_(sources.size()) {
  for (size_t i = 0; i < sources.size(); ++i) {
    switch (sources[i].kind) {
      case Source::Kind::kTag:
        tag_value_ = static_cast<int>(i);
        break;
      case Source::Kind::kKeys:
        keys_value_ = static_cast<int>(i);
        break;
      case Source::Kind::kProperty:
        wanted_.push_back({MarkOf(sources[i].name, sources[i].name.size()),
                           static_cast<uint16_t>(i), sources[i].name});
    }
  }
}

bool FilterProgram::Matches(const DecodedParts& parts) const {
  FilterValue values[kMaxFilterProperties];
  for (size_t i = 0; i < value_count_; ++i) values[i].SetMissing();
  char keys[kMaxKeys * (kMaxKeyBytes + 1)];
  if (tag_value_ >= 0 && !parts.tag.empty()) values[tag_value_].Set(parts.tag);
  if (keys_value_ >= 0 && parts.key_count > 0) values[keys_value_].Set(JoinKeys(parts, keys));
  if (!parts.properties.empty() && !wanted_.empty()) FindProperties(parts.properties, values);

  uint16_t at = 0;
  do {
    const FilterStep& step = steps_[at];
    const Truth truth = Evaluate(step, values);
    const bool goes_true =
        truth == Truth::kTrue || (truth == Truth::kUnknown && step.unknown_as_true);
    at = goes_true ? step.if_true : step.if_false;
  } while (at < kReject);
  return at == kAccept;
}

void FilterProgram::FindProperties(absl::string_view encoded, FilterValue* values) const {
  constexpr size_t kLengthsBytes = 3;
  size_t missing = wanted_.size();
  while (missing > 0 && encoded.size() >= kLengthsBytes) {
    const size_t name_bytes = Load<uint8_t>(encoded.data());
    const size_t value_bytes = Load<uint16_t>(encoded.data() + 1);
    encoded.remove_prefix(kLengthsBytes);
    if (encoded.size() < name_bytes + value_bytes) return;  // hostile: what was readable stands
    const absl::string_view name(encoded.data(), name_bytes);
    const absl::string_view text(encoded.data() + name_bytes, value_bytes);
    const uint64_t mark = name.empty() ? 0 : MarkOf(name, encoded.size());
    encoded.remove_prefix(name_bytes + value_bytes);
    for (const Wanted& wanted : wanted_) {
      if (wanted.mark != mark) continue;
      if (name_bytes > kMarkedBytes && wanted.name != name) continue;
      if (!values[wanted.value].is_missing()) break;  // the first one counts
      values[wanted.value].Set(text);
      --missing;
      break;
    }
  }
}

}  // namespace weir::internal
