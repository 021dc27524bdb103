#include "victim/reporter.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>

#include "absl/strings/str_cat.h"

namespace weir::victim {

void Fail(absl::string_view what, const absl::Status& status) {
  const std::string line = absl::StrCat("victim: ", what, ": ", status.ToString(), "\n");
  std::fwrite(line.data(), 1, line.size(), stderr);
  ::_exit(kVictimFailed);
}

void Reporter::Send(const Event& event) const {
  while (::write(descriptor_, &event, sizeof(event)) < 0) {
    if (errno != EINTR) ::_exit(kVictimFailed);  // no parent, no purpose
  }
}

void Reporter::Tell(EventKind kind, const absl::Status& status) const {
  Event event{.kind = kind, .number = static_cast<uint64_t>(status.code())};
  const absl::string_view text = status.message();
  std::memcpy(event.text, text.data(), std::min(text.size(), sizeof(event.text) - 1));
  Send(event);
}

void Reporter::Acknowledge(const Identity& identity, uint32_t queue, const Receipt& receipt) const {
  Send({.kind = EventKind::kAcknowledged,
        .flag = receipt.reached >= Durability::kDisk ? 1u : 0u,
        .producer = identity.producer,
        .sequence = identity.sequence,
        .position = receipt.position.value(),
        .queue_offset = receipt.queue_offset.value(),
        .body_hash = HashOf(BodyOf(identity)),
        .queue = queue});
}

}  // namespace weir::victim
