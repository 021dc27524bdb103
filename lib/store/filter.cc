#include "weir/filter.h"

#include <utility>

#include "base/guarded.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "store/filter_compiler.h"

namespace weir {

using internal::FilterProgram;

Filter::Filter(std::shared_ptr<const FilterProgram> program) : program_(std::move(program)) {}

absl::StatusOr<Filter> Filter::Compile(absl::string_view expression) {
  return internal::Guarded([&]() -> absl::StatusOr<Filter> {
    ASSIGN_OR_RETURN(FilterProgram program, internal::CompileFilter(expression));
    return Filter(std::make_shared<const FilterProgram>(std::move(program)));
  });
}

bool Filter::Matches(const MessageView& message) const {
  return program_ == nullptr || program_->Matches(*internal::DecodeParts(message.record()));
}

absl::string_view Filter::expression() const {
  return program_ == nullptr ? absl::string_view() : program_->expression();
}

}  // namespace weir
