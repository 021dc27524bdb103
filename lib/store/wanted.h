// What a read wants of the messages that it finds: tags, a filter, and what the host decides.

#ifndef WEIR_STORE_WANTED_H_
#define WEIR_STORE_WANTED_H_

#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"
#include "format/record.h"
#include "store/filter_program.h"
#include "store/tag_set.h"
#include "weir/message.h"
#include "weir/options.h"

namespace weir::internal {

// Views the options, which must outlive it.
class Wanted {
 public:
  // Every message.
  Wanted() = default;
  // kInvalidArgument for tags that are none, and for a read of no message.
  static absl::StatusOr<Wanted> Of(const ReadOptions& options) {
    if (options.max_messages == 0) return absl::InvalidArgumentError("max_messages is 0");
    absl::StatusOr<TagSet> tags = TagSet::Parse(options.tags);
    if (!tags.ok()) return tags.status();
    Wanted wanted;
    wanted.tags_ = *std::move(tags);
    wanted.filter_ = options.filter.program();
    wanted.predicate_ = options.predicate ? &options.predicate : nullptr;
    return wanted;
  }

  // False: no message with this filter word of its tag can be wanted.
  bool MayHave(uint32_t filter_word) const { return tags_.MayMatch(filter_word); }
  // What its record decides; of a plain one, which has no tag and no property, there are no parts.
  bool Has(const DecodedParts& parts) const {
    return tags_.Matches(parts.tag) && (filter_ == nullptr || filter_->Matches(parts));
  }
  // What the host decides of a message that is wanted otherwise.
  bool IsAccepted(const MessageView& message) const {
    return predicate_ == nullptr || (*predicate_)(message);
  }

 private:
  TagSet tags_;
  const FilterProgram* filter_ = nullptr;
  const MessagePredicate* predicate_ = nullptr;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_WANTED_H_
