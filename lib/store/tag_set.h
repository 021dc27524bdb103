// A set of tags to read by: "A", "A || B", or "*" for all.

#ifndef WEIR_STORE_TAG_SET_H_
#define WEIR_STORE_TAG_SET_H_

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/container/inlined_vector.h"
#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "format/record.h"

namespace weir::internal {

// Views the expression, which must outlive it.
class TagSet {
 public:
  static absl::StatusOr<TagSet> Parse(absl::string_view expression) {
    TagSet set;
    if (absl::StripAsciiWhitespace(expression) == "*") return set;
    // Of a view of nothing StrSplit() makes no part at all.
    for (const absl::string_view part :
         absl::StrSplit(expression.empty() ? "" : expression, "||")) {
      const absl::string_view tag = absl::StripAsciiWhitespace(part);
      if (tag.empty()) {
        return absl::InvalidArgumentError("tags: an empty tag; write \"A || B\", or \"*\" for all");
      }
      if (tag.size() > kMaxTagBytes) return absl::InvalidArgumentError("tags: a tag is too long");
      set.tags_.emplace_back(FilterWord(tag), tag);
    }
    return set;
  }

  bool matches_all() const { return tags_.empty(); }
  // False: no message with this filter word can match.
  bool MayMatch(uint32_t filter) const {
    return matches_all() || std::any_of(tags_.begin(), tags_.end(),
                                        [&](const auto& tag) { return tag.first == filter; });
  }
  bool Matches(absl::string_view tag) const {
    return matches_all() || std::any_of(tags_.begin(), tags_.end(),
                                        [&](const auto& one) { return one.second == tag; });
  }

 private:
  absl::InlinedVector<std::pair<uint32_t, absl::string_view>, 4> tags_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_TAG_SET_H_
