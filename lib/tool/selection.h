// Which messages a command prints: each of them must fulfil all that was asked for.

#ifndef WEIR_TOOL_SELECTION_H_
#define WEIR_TOOL_SELECTION_H_

#include <regex.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "weir/filter.h"
#include "weir/message.h"

namespace weir::tool {

class Selection {
 public:
  // All messages.
  Selection() = default;
  // What --tag, --filter, --grep, --from_time and --to_time say. kInvalidArgument: an expression
  // that cannot be read.
  static absl::StatusOr<Selection> FromFlags();

  absl::Time from() const { return from_; }
  absl::Time to() const { return to_; }

  bool Has(const MessageView& message) const;
  // Whether neither the message nor any behind it in the log can be among them.
  bool EndsBefore(const MessageView& message) const { return message.store_time() > to_; }

 private:
  struct FreeExpression {
    void operator()(regex_t* expression) const {
      regfree(expression);
      delete expression;
    }
  };

  absl::Time from_ = absl::InfinitePast();
  absl::Time to_ = absl::InfiniteFuture();
  std::string tag_;  // empty: any
  Filter filter_;
  std::unique_ptr<regex_t, FreeExpression> expression_;  // null: any body
};

}  // namespace weir::tool

#endif  // WEIR_TOOL_SELECTION_H_
