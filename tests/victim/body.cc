#include "victim/body.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace weir::victim {
namespace {

uint64_t Mix(uint64_t x) {  // splitmix64
  x += 0x9E3779B97F4A7C15u;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
  return x ^ (x >> 31);
}

}  // namespace

std::string BodyOf(const Identity& identity) {
  std::string body(identity.body_bytes, '\0');
  std::memcpy(body.data(), &identity, sizeof(identity));
  uint64_t state = HashOf(absl::string_view(body.data(), sizeof(identity)));
  for (size_t i = sizeof(identity); i < body.size(); ++i) {
    if (i % 8 == 0) state = Mix(state);
    body[i] = static_cast<char>(state >> (8 * (i % 8)));
  }
  return body;
}

std::optional<Identity> IdentityOf(absl::string_view body) {
  Identity identity;
  if (body.size() < sizeof(identity)) return std::nullopt;
  std::memcpy(&identity, body.data(), sizeof(identity));
  if (identity.body_bytes != body.size() || BodyOf(identity) != body) return std::nullopt;
  return identity;
}

uint64_t HashOf(absl::string_view bytes) {
  uint64_t hash = Mix(bytes.size());
  for (size_t i = 0; i < bytes.size(); i += 8) {
    uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, std::min<size_t>(8, bytes.size() - i));
    hash = Mix(hash ^ word);
  }
  return hash;
}

std::string KeyOf(const Identity& identity) {
  return absl::StrCat(identity.run, "/", identity.producer, "/", identity.sequence);
}

std::string OrderingKeyOf(uint32_t producer) { return absl::StrCat("producer ", producer); }

}  // namespace weir::victim
