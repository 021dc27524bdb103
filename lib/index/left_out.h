// Records that verify and make no sense, told in few ranges: if the record of a topic is lost, each
// of its messages is one.

#ifndef WEIR_INDEX_LEFT_OUT_H_
#define WEIR_INDEX_LEFT_OUT_H_

#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/status_macros.h"
#include "log/segment_scanner.h"
#include "weir/message.h"

namespace weir::internal {

class LeftOut {
 public:
  // With so many ranges nobody reads them one by one: the last one grows over what lies between.
  static constexpr size_t kRangesMax = 64;

  explicit LeftOut(std::vector<DamagedRange>* ranges) : ranges_(*ranges) {}

  void Add(const ScannedRecord& record, absl::string_view reason) {
    if (!is_adjacent_ && count_ < kRangesMax) {
      last_ = ranges_.size();
      ranges_.push_back({record.position, record.end(), std::string(reason)});
      has_other_reasons_ = false;
      is_adjacent_ = true;
      ++count_;
      return;
    }
    if (!HOLDS(last_ < ranges_.size())) return;
    DamagedRange& range = ranges_[last_];
    HOLDS(range.begin < record.end());
    range.end = record.end();
    if (has_other_reasons_ || range.reason == reason) return;
    absl::StrAppend(&range.reason, ", and more behind it");
    has_other_reasons_ = true;
  }

  // The next one does not follow the last one: something else lies between.
  void EndRange() { is_adjacent_ = false; }

 private:
  std::vector<DamagedRange>& ranges_;
  size_t count_ = 0;
  size_t last_ = 0;
  bool is_adjacent_ = false;
  bool has_other_reasons_ = false;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_LEFT_OUT_H_
