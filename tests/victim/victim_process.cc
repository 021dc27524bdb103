#include "victim/victim_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::victim {

VictimProcess::VictimProcess(const VictimOptions& options,
                             std::function<void(const Event&)> listener)
    : VictimProcess(options, std::move(listener), Start{}) {}

VictimProcess::VictimProcess(const VictimOptions& options,
                             std::function<void(const Event&)> listener, const Start& start)
    : listener_(std::move(listener)) {
  int pipe[2];
  if (::pipe2(pipe, O_CLOEXEC) != 0) return;
  std::vector<std::string> arguments = start.wrapper;
  arguments.push_back(std::filesystem::read_symlink("/proc/self/exe").parent_path() /
                      "store_victim");
  for (std::string& argument : ArgumentsOf(options)) arguments.push_back(std::move(argument));
  arguments.push_back(absl::StrCat("--report_descriptor=", pipe[1]));
  std::vector<char*> words;
  for (std::string& argument : arguments) words.push_back(argument.data());
  words.push_back(nullptr);

  const pid_t parent = ::getpid();
  pid_ = ::fork();
  if (pid_ == 0) {
    // A parent that was killed kills nobody: then its victims, and what they run under, end too.
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    // A fresh image: the victim shall not inherit threads or memory of our own store.
    ::fcntl(pipe[1], F_SETFD, 0);
    if (start.prepare) start.prepare();
    ::execvp(words[0], words.data());
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
  return ListenUntil(until, [&] { return kind && last_kind_ && *last_kind_ >= *kind; });
}

bool VictimProcess::ListenUntil(Moment until, const std::function<bool()>& is_enough) {
  for (;;) {
    if (is_enough()) return true;
    const std::chrono::nanoseconds left = until - std::chrono::steady_clock::now();
    if (left.count() <= 0) return true;
    const timespec timeout{left.count() / 1'000'000'000, left.count() % 1'000'000'000};
    pollfd report{report_, POLLIN, 0};
    if (::ppoll(&report, 1, &timeout, nullptr) <= 0) continue;
    if (!ReadEvents()) return false;
  }
}

void VictimProcess::CatchUp() {
  // Everything that was written before this is in the pipe, or was read.
  int unread = 0;
  if (::ioctl(report_, FIONREAD, &unread) != 0) return;
  for (size_t wanted = heard_bytes_ + static_cast<size_t>(unread); heard_bytes_ < wanted;) {
    if (!ReadEvents()) return;
  }
}

absl::Status VictimProcess::Kill() {
  if (pid_ <= 0) return absl::UnavailableError("the victim could not be started");
  ::kill(pid_, SIGKILL);
  while (ReadEvents()) {
  }
  const int status = Reap();
  if (status == -SIGKILL) return absl::OkStatus();
  return absl::InternalError(status < 0
                                 ? absl::StrCat("the victim died of signal ", -status)
                                 : absl::StrCat("the victim ended by itself with status ", status));
}

void VictimProcess::AskToEnd() {
  if (pid_ > 0) ::kill(pid_, SIGTERM);
}

absl::StatusOr<int> VictimProcess::Wait(Moment until) {
  if (pid_ <= 0) return absl::UnavailableError("the victim could not be started");
  if (ListenUntil(until, [] { return false; })) {
    ::kill(pid_, SIGKILL);
    Reap();
    return absl::DeadlineExceededError("the victim hangs");
  }
  return Reap();
}

int VictimProcess::Reap() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

bool VictimProcess::ReadEvents() {
  char buffer[64 * 1024];
  const ssize_t count = ::read(report_, buffer, sizeof(buffer));
  if (count < 0 && errno == EINTR) return true;
  if (count <= 0) return false;
  bytes_.append(buffer, static_cast<size_t>(count));
  heard_bytes_ += static_cast<size_t>(count);
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

}  // namespace weir::victim
