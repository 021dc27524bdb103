#include "support/message_body.h"

#include <algorithm>
#include <cstring>

#include "support/random.h"

namespace weir::testing {

std::string MakeBody(uint64_t seed, BodyIdentity identity, size_t bytes) {
  std::string body(std::max(bytes, kBodyBytesMin), '\0');
  std::memcpy(body.data(), &identity, sizeof(identity));
  Random random(Random::Mix(seed, identity.producer, identity.sequence));
  for (size_t i = kBodyBytesMin; i < body.size();) {
    const uint64_t word = random.Next();
    const size_t part = std::min(sizeof(word), body.size() - i);
    std::memcpy(body.data() + i, &word, part);
    i += part;
  }
  return body;
}

std::optional<BodyIdentity> ReadIdentity(absl::string_view body) {
  if (body.size() < kBodyBytesMin) return std::nullopt;
  BodyIdentity identity;
  std::memcpy(&identity, body.data(), sizeof(identity));
  return identity;
}

bool IsBody(uint64_t seed, absl::string_view body) {
  const std::optional<BodyIdentity> identity = ReadIdentity(body);
  return identity.has_value() && MakeBody(seed, *identity, body.size()) == body;
}

}  // namespace weir::testing
