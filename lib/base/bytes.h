// Little-endian loads and stores; a bounds-checked reader and a writer over bytes.

#ifndef WEIR_BASE_BYTES_H_
#define WEIR_BASE_BYTES_H_

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <type_traits>

#include "absl/strings/string_view.h"

namespace weir::internal {

static_assert(std::endian::native == std::endian::little,
              "the formats are little-endian and so far is every machine that weir runs on");

template <typename T>
T Load(const char* from) {
  static_assert(std::is_trivially_copyable_v<T>);
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

template <typename T>
void Store(char* to, T value) {
  static_assert(std::is_trivially_copyable_v<T>);
  std::memcpy(to, &value, sizeof value);
}

template <typename T>
constexpr T AlignUp(T value, T alignment) {  // alignment: a power of two
  return (value + alignment - 1) & ~(alignment - 1);
}

// Takes values off the front of hostile bytes. After the first one that is not there ok() is false
// and every further value is zero or empty.
class ByteReader {
 public:
  explicit ByteReader(absl::string_view bytes) : bytes_(bytes) {}

  bool ok() const { return ok_; }
  size_t remaining() const { return bytes_.size(); }

  template <typename T>
  T Take() {
    const absl::string_view taken = TakeBytes(sizeof(T));
    return ok_ ? Load<T>(taken.data()) : T{};
  }

  absl::string_view TakeBytes(size_t count) {
    if (!ok_ || count > bytes_.size()) {
      ok_ = false;
      return {};
    }
    const absl::string_view taken = bytes_.substr(0, count);
    bytes_.remove_prefix(count);
    return taken;
  }

 private:
  absl::string_view bytes_;
  bool ok_ = true;
};

// Puts values behind each other into memory that is known to be large enough.
class ByteWriter {
 public:
  explicit ByteWriter(char* to) : to_(to) {}

  char* position() const { return to_; }

  template <typename T>
  void Put(T value) {
    Store(to_, value);
    to_ += sizeof value;
  }

  void PutBytes(absl::string_view bytes) {
    if (!bytes.empty()) std::memcpy(to_, bytes.data(), bytes.size());
    to_ += bytes.size();
  }

 private:
  char* to_;
};

template <typename T>
void AppendValue(std::string& to, T value) {
  char bytes[sizeof value];
  Store(bytes, value);
  to.append(bytes, sizeof value);
}

}  // namespace weir::internal

#endif  // WEIR_BASE_BYTES_H_
