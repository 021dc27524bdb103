#include "kill/victim_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::kill {

VictimProcess::VictimProcess(std::vector<std::string> arguments,
                             std::function<void(const Event&)> listener)
    : listener_(std::move(listener)) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return;
  arguments.insert(arguments.begin(), "kill_loop");
  arguments.push_back(absl::StrCat("--report_descriptor=", pipe[1]));
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);

  pid_ = ::fork();
  if (pid_ == 0) {
    // A fresh image: the victim shall not inherit threads or memory of our own store.
    ::fcntl(pipe[1], F_SETFD, 0);
    ::execv("/proc/self/exe", words.data());
    ::_exit(127);
  }
  ::close(pipe[1]);
  report_ = pipe[0];
}

VictimProcess::~VictimProcess() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  if (report_ >= 0) ::close(report_);
}

bool VictimProcess::Listen(Moment until, std::optional<EventKind> kind) {
  for (;;) {
    const std::chrono::nanoseconds left = until - std::chrono::steady_clock::now();
    if (left.count() <= 0) return true;
    const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    pollfd report{report_, POLLIN, 0};
    if (::ppoll(&report, 1, &timeout, nullptr) <= 0) continue;
    if (!ReadEvents()) return false;
    if (kind && last_kind_ && *last_kind_ >= *kind) return true;
  }
}

absl::Status VictimProcess::Kill() {
  if (pid_ <= 0) return absl::UnavailableError("the victim could not be started");
  ::kill(pid_, SIGKILL);
  while (ReadEvents()) {
  }
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) return absl::OkStatus();
  return absl::InternalError(
      WIFSIGNALED(status)
          ? absl::StrCat("the victim died of signal ", WTERMSIG(status))
          : absl::StrCat("the victim ended by itself with status ", WEXITSTATUS(status)));
}

bool VictimProcess::ReadEvents() {
  char buffer[64 * 1024];
  const ssize_t count = ::read(report_, buffer, sizeof(buffer));
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  bytes_.append(buffer, static_cast<size_t>(count));
  size_t done = 0;
  for (; bytes_.size() - done >= sizeof(Event); done += sizeof(Event)) {
    Event event;
    std::memcpy(&event, bytes_.data() + done, sizeof(event));
    last_kind_ = last_kind_ ? std::max(*last_kind_, event.kind) : event.kind;
    listener_(event);
  }
  bytes_.erase(0, done);
  return true;
}

}  // namespace weir::kill
