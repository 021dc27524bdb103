// Whether a store takes messages whatever happened to it: one is appended for the disk, read, and
// looked for each time that the store is opened again. In a topic of its own, which no history
// knows.

#ifndef WEIR_TESTS_SUPPORT_SERVICE_H_
#define WEIR_TESTS_SUPPORT_SERVICE_H_

#include <optional>

#include "absl/strings/string_view.h"
#include "support/oracle.h"
#include "weir/message.h"
#include "weir/store.h"

namespace weir::testing {

inline constexpr absl::string_view kServiceTopic = "service";

class Service {
 public:
  // Appends, and reads what was appended.
  void Ask(MessageStore& store, Verdict& verdict);
  // What was appended is there.
  void LookFor(MessageStore& store, Verdict& verdict) const;

 private:
  std::optional<Receipt> receipt_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_SERVICE_H_
