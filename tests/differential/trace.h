// What a program did, for people; what it counted; and the first thing that was not as it should
// be.

#ifndef WEIR_TESTS_DIFFERENTIAL_TRACE_H_
#define WEIR_TESTS_DIFFERENTIAL_TRACE_H_

#include <cstdint>
#include <cstdio>
#include <string>

#include "absl/strings/str_cat.h"

namespace weir::testing {

class Trace {
 public:
  explicit Trace(bool is_printing) : is_printing_(is_printing) {}

  // A call of the library whose answer was compared.
  void Count() { ++operations_; }
  uint64_t operations() const { return operations_; }

  // Texts are made only if somebody reads them: most programs run silently.
  template <typename... Parts>
  void Note(const Parts&... parts) {
    if (is_printing_) Print(absl::StrCat(parts...));
  }

  // Later mismatches follow from the first one; only that is kept.
  template <typename... Parts>
  void Mismatch(const Parts&... parts) {
    const std::string text = absl::StrCat(parts...);
    if (is_printing_) Print(absl::StrCat("MISMATCH: ", text));
    if (mismatch_.empty()) mismatch_ = text;
  }
  bool failed() const { return !mismatch_.empty(); }
  const std::string& mismatch() const { return mismatch_; }

 private:
  void Print(const std::string& line) {
    std::printf("%6llu %s\n", static_cast<unsigned long long>(operations_), line.c_str());
    std::fflush(stdout);
  }

  const bool is_printing_;
  uint64_t operations_ = 0;
  std::string mismatch_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_TRACE_H_
