#include "kernel/workplace.h"

#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "support/temporary_directory.h"

namespace weir::kernel {
namespace {

bool MountPrivately(const std::string& path) {
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", path.c_str(), "tmpfs", 0, "size=2g,mode=0700") == 0;
}

[[noreturn]] void RunChild(pid_t parent, const std::string& path,
                           const std::function<int(const Workplace&)>& body,
                           const sigset_t& signals) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(1);  // it died before
  sigprocmask(SIG_UNBLOCK, &signals, nullptr);
  Workplace workplace{.path = path};
  workplace.may_mount = geteuid() == 0 && MountPrivately(path);
  const int status = body(workplace);
  std::fflush(nullptr);
  _exit(status);
}

}  // namespace

int RunInWorkplace(const std::function<int(const Workplace&)>& body) {
  const testing::TemporaryDirectory directory;
  sigset_t signals;
  sigemptyset(&signals);
  for (const int signal : {SIGCHLD, SIGINT, SIGTERM, SIGHUP}) sigaddset(&signals, signal);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  std::fflush(nullptr);
  const pid_t parent = getpid();
  const pid_t child = fork();
  if (child < 0) return 1;
  if (child == 0) RunChild(parent, directory.path(), body, signals);
  setpgid(child, child);

  int status = 0;
  int interrupted_by = 0;
  for (;;) {
    const int signal = sigwaitinfo(&signals, nullptr);
    if (signal == SIGCHLD && waitpid(child, &status, WNOHANG) == child) break;
    if (signal < 0 || signal == SIGCHLD) continue;
    interrupted_by = signal;
    kill(-child, SIGKILL);
    waitpid(child, &status, 0);
    break;
  }
  kill(-child, SIGKILL);  // what it left behind
  if (interrupted_by != 0) return 128 + interrupted_by;
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  std::printf("the harness died of signal %d\n", WTERMSIG(status));
  return 1;
}

absl::StatusOr<std::string> RunCommand(const std::string& command) {
  FILE* const pipe = popen(absl::StrCat("exec 2>&1; ", command).c_str(), "re");
  if (pipe == nullptr) return absl::ErrnoToStatus(errno, command);
  std::string text;
  char buffer[4096];
  for (size_t got; (got = fread(buffer, 1, sizeof buffer, pipe)) > 0;) text.append(buffer, got);
  const int status = pclose(pipe);
  if (status == 0) return text;
  return absl::UnavailableError(absl::StrCat(command, ": status ", status, ": ", text));
}

bool HasProgram(const std::string& name) {
  return RunCommand(absl::StrCat("command -v ", name)).ok();
}

absl::Status MountTmpfs(const std::string& path, const std::string& size) {
  std::filesystem::create_directories(path);
  if (mount("tmpfs", path.c_str(), "tmpfs", 0, absl::StrCat("mode=0700,size=", size).c_str()) == 0)
    return absl::OkStatus();
  return absl::ErrnoToStatus(errno, absl::StrCat(path, ": mount of a tmpfs"));
}

}  // namespace weir::kernel
