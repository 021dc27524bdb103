// Which messages are wanted, said by a condition on their properties: RocketMQ's SQL92 expressions.
//
//   auto filter = weir::Filter::Compile("venue = 'XNAS' AND price BETWEEN 100 AND 101.5");
//   if (!filter.ok()) return filter.status();  // names the column
//   for (const weir::MessageView& message : *result) {
//     if (filter->Matches(message)) ...
//   }
//
// The language
//
//   condition   = condition OR condition | condition AND condition | NOT condition
//               | ( condition ) | comparison         NOT binds before AND, and AND before OR
//   comparison  = value = value | value <> value
//               | value < value | value <= value | value > value | value >= value
//               | value [NOT] BETWEEN value AND value        both bounds belong to it
//               | value [NOT] IN ( literal, literal, ... )
//               | value IS [NOT] NULL
//               | value [NOT] CONTAINS 'text' | ... STARTSWITH 'text' | ... ENDSWITH 'text'
//               | property | TRUE | FALSE                    a boolean by itself
//   value       = property | literal                 < > <= >= BETWEEN take no text, TRUE or FALSE
//   literal     = 'text' | number | TRUE | FALSE     in a text '' stands for one '
//   property    = letters, digits, _ and $, no digit first; or any bytes between double quotes,
//                 where "" stands for one "
//   number      = an integer of 64 bits or a double, with or without a sign: -5, .5, 1.5e-3
//
// Words of the language are written in letters of any case; names of properties mean exactly what
// they say. TAGS, unquoted, is the message's tag and KEYS are its keys with a blank between each
// two.
//
// The meaning
//
// A comparison is true, false or unknown, and so is what AND, OR and NOT make of them; a message
// matches if the whole is true. Properties are text (property.h) and the other side of a comparison
// says how it is read: beside TRUE or FALSE, or alone, as a boolean; beside a number as a number,
// without loss, so 9007199254740993 is not 9007199254740992, and 5 is 5.0; beside a text as a text,
// byte by byte. Two properties are equal if their texts are; for an order both are read as numbers.
// Unknown is a comparison with a property that the message has not, or whose text says nothing of
// that kind or is "nan". Of several properties of one name the first counts. An empty text is a
// text: only what is not there IS NULL.
//
// Where this differs from RocketMQ 5: there a text that is no number ends the whole evaluation, any
// text but "true" equals FALSE, an integer is never equal to "5.0", two properties that are both
// missing are equal, CONTAINS is false where it is unknown here, NOT binds before a comparison, IN
// takes only texts, parentheses may stand around a value, and comments are skipped.

#ifndef WEIR_FILTER_H_
#define WEIR_FILTER_H_

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "weir/message.h"

namespace weir {

namespace internal {
class FilterProgram;
}  // namespace internal

// Limits of an expression, so that neither compiling nor matching a hostile one takes long.
inline constexpr size_t kMaxFilterBytes = 16384;
inline constexpr size_t kMaxFilterDepth = 64;       // parentheses in each other
inline constexpr size_t kMaxFilterTerms = 1024;     // comparisons; BETWEEN is two, IN one a literal
inline constexpr size_t kMaxFilterProperties = 64;  // that differ

// What a host may decide about a message that matches otherwise. Must be callable and not throw.
using MessagePredicate = std::function<bool(const MessageView&)>;

// An expression, compiled. Cheap to copy: copies share the program, which never changes. Any number
// of threads may use one. Belongs to no store.
class Filter {
 public:
  // Matches every message.
  Filter() = default;

  // kInvalidArgument if the expression is not of the language or beyond its limits: the message
  // names the column (bytes, counted from 1), what was expected there and what was found.
  // kUnavailable if there is no memory.
  static absl::StatusOr<Filter> Compile(absl::string_view expression);

  // Takes no memory and one pass over the message's properties, then looks at each comparison once
  // at most.
  bool Matches(const MessageView& message) const;

  // As it was given to Compile(); empty if there is none. Lives as long as a copy of this filter.
  absl::string_view expression() const;

  // For the library itself: null if every message matches.
  const internal::FilterProgram* program() const { return program_.get(); }

 private:
  explicit Filter(std::shared_ptr<const internal::FilterProgram> program);

  std::shared_ptr<const internal::FilterProgram> program_;
};

}  // namespace weir

#endif  // WEIR_FILTER_H_
