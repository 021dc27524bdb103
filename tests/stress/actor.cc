#include "stress/actor.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace weir::testing {

std::string BodyOf(const Identity& identity) {
  const size_t padding = Random::Mix(identity.actor, identity.number) % 300;
  return absl::StrCat(identity.actor, ".", identity.number, ".", std::string(padding, 'x'));
}

std::optional<Identity> IdentityOf(absl::string_view body) {
  const std::vector<absl::string_view> parts = absl::StrSplit(body, '.');
  Identity identity;
  if (parts.size() != 3 || !absl::SimpleAtoi(parts[0], &identity.actor) ||
      !absl::SimpleAtoi(parts[1], &identity.number) || BodyOf(identity) != body) {
    return std::nullopt;
  }
  return identity;
}

}  // namespace weir::testing
