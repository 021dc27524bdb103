// What all fuzz targets share: taking values off the bytes that the fuzzer made up, and ending the
// process when something that must hold does not.

#ifndef WEIR_TESTS_FUZZ_FUZZ_INPUT_H_
#define WEIR_TESTS_FUZZ_FUZZ_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "base/bytes.h"
#include "base/promise.h"

namespace weir::testing {

// Every input means something: behind its end there are zeros.
class FuzzInput {
 public:
  FuzzInput(const uint8_t* data, size_t size)
      : reader_({reinterpret_cast<const char*>(data), size}) {}

  bool empty() const { return reader_.remaining() == 0 || !reader_.ok(); }

  template <typename T>
  T Take() {
    return reader_.Take<T>();
  }
  uint8_t Byte() { return Take<uint8_t>(); }
  // In [0, bound), from one byte.
  uint8_t Below(uint8_t bound) { return static_cast<uint8_t>(Byte() % bound); }
  // As many as there are, at most `count`.
  absl::string_view Bytes(size_t count) {
    return reader_.ok() ? reader_.TakeBytes(std::min(count, reader_.remaining()))
                        : absl::string_view();
  }
  absl::string_view Rest() { return Bytes(reader_.remaining()); }

 private:
  internal::ByteReader reader_;
};

// What the fuzzer makes of `original`: other bytes, or, with `patches`, some places changed. Small
// inputs then reach deep. At most `bytes_max`.
inline std::string AnyBytesLike(absl::string_view original, bool patches, size_t bytes_max,
                                FuzzInput& input) {
  if (!patches) return std::string(input.Bytes(bytes_max));
  std::string bytes(original);
  while (!input.empty() && !bytes.empty()) {
    const size_t at = input.Take<uint16_t>() % bytes.size();
    const absl::string_view patch = input.Bytes(size_t{1} + input.Below(16));
    patch.copy(&bytes[at], bytes.size() - at);
  }
  return bytes;
}

// A crash is what the fuzzer understands.
template <typename... Parts>
void Require(bool holds, const Parts&... what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", absl::StrCat(what...).c_str());
  std::abort();
}

template <typename... Parts>
void RequireOk(const absl::Status& status, const Parts&... what) {
  if (!status.ok()) Require(false, what..., ": ", status.ToString());
}

// Whatever the bytes say: it is never the library's own code that is wrong.
inline void RequirePromisesKept() {
  if (internal::AnyBroken()) Require(false, internal::Broken().message());
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_FUZZ_FUZZ_INPUT_H_
