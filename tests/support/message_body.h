// Bodies that tell who sent them: producer and sequence, then bytes that follow from these and from
// a seed. Nothing that was not sent looks like one, and each can be checked alone.

#ifndef WEIR_TESTS_SUPPORT_MESSAGE_BODY_H_
#define WEIR_TESTS_SUPPORT_MESSAGE_BODY_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace weir::testing {

struct BodyIdentity {
  uint32_t producer = 0;
  uint32_t sequence = 0;  // of the producer: 0, 1, 2, ...
};

inline constexpr size_t kBodyBytesMin = sizeof(BodyIdentity);

// At least kBodyBytesMin bytes, whatever is asked for.
std::string MakeBody(uint64_t seed, BodyIdentity identity, size_t bytes);
// Who the body says it is of; the rest of it is not looked at. Nothing if it is too short.
std::optional<BodyIdentity> ReadIdentity(absl::string_view body);
// Whether MakeBody() of this seed made it.
bool IsBody(uint64_t seed, absl::string_view body);

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_MESSAGE_BODY_H_
