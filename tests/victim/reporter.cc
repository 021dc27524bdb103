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

void Reporter::Send(absl::Span<const Event> events) const {
  while (::write(descriptor_, events.data(), events.size() * sizeof(Event)) < 0) {
    if (errno != EINTR) ::_exit(kVictimFailed);  // no parent, no purpose
  }
}

void Reporter::Tell(Event event, const absl::Status& status) const {
  event.number = static_cast<uint32_t>(status.code());
  const absl::string_view text = status.message();
  std::memcpy(event.text, text.data(), std::min(text.size(), sizeof(event.text) - 1));
  Send(event);
}

}  // namespace weir::victim
