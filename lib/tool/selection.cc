#include "tool/selection.h"

#include <array>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "tool/flags.h"

namespace weir::tool {
namespace {

// Compiling takes memory that grows with the expression, and not always in proportion.
constexpr size_t kExpressionBytesMax = 1000;

}  // namespace

absl::StatusOr<Selection> Selection::FromFlags() {
  Selection selection;
  selection.from_ = absl::GetFlag(FLAGS_from_time).value.value_or(absl::InfinitePast());
  selection.to_ = absl::GetFlag(FLAGS_to_time).value.value_or(absl::InfiniteFuture());
  selection.tag_ = absl::GetFlag(FLAGS_tag);
  if (const std::string filter = absl::GetFlag(FLAGS_filter); !filter.empty()) {
    absl::StatusOr<Filter> compiled = Filter::Compile(filter);
    if (!compiled.ok()) {
      return absl::InvalidArgumentError(absl::StrCat("--", compiled.status().message()));
    }
    selection.filter_ = *std::move(compiled);
  }
  const std::string text = absl::GetFlag(FLAGS_grep);
  if (text.empty()) return selection;
  if (text.size() > kExpressionBytesMax) {
    return absl::InvalidArgumentError(
        absl::StrCat("--grep: an expression of at most ", kExpressionBytesMax, " bytes is wanted"));
  }
  auto expression = std::make_unique<regex_t>();
  if (const int error = regcomp(expression.get(), text.c_str(), REG_EXTENDED | REG_NOSUB)) {
    std::array<char, 200> reason;
    regerror(error, expression.get(), reason.data(), reason.size());
    return absl::InvalidArgumentError(absl::StrCat("--grep: ", reason.data()));
  }
  selection.expression_.reset(expression.release());
  return selection;
}

bool Selection::Has(const MessageView& message) const {
  if (message.store_time() < from_ || message.store_time() > to_) return false;
  if (!tag_.empty() && message.tag() != tag_) return false;
  if (!filter_.Matches(message)) return false;
  if (expression_ == nullptr) return true;
  // A body is bytes, with zeros perhaps, and nothing behind it.
  const absl::string_view body = message.body();
  regmatch_t range;
  range.rm_so = 0;
  range.rm_eo = static_cast<regoff_t>(body.size());
  return regexec(expression_.get(), body.empty() ? "" : body.data(), 0, &range, REG_STARTEND) == 0;
}

}  // namespace weir::tool
