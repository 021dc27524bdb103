// Runs checks in a forked child: what would leave traces in the test's own process (limits, mounts,
// users, filters), and what needs a second process.
//
// A child is no part of Catch: it counts what is wrong, prints it, and the parent requires that it
// ended with 0.

#ifndef WEIR_TESTS_IO_CHILD_PROCESS_H_
#define WEIR_TESTS_IO_CHILD_PROCESS_H_

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <vector>

#include "support/skipped.h"

namespace weir::internal {

class Child final {
 public:
  static constexpr int kSkipped = 77;

  // Runs `body`, which is called with this object, in a child process.
  template <typename Body>
  explicit Child(Body body) {
    fflush(nullptr);
    pid_ = fork();
    if (pid_ != 0) return;
    body(*this);
    fflush(nullptr);
    _exit(failures_ == 0 ? 0 : 1);
  }
  ~Child() {
    if (pid_ > 0) Wait();
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // For the child.
  void Check(bool is_right, const char* what) {
    if (is_right) return;
    fprintf(stderr, "child: not so: %s\n", what);
    ++failures_;
  }
  [[noreturn]] void Skip() { _exit(kSkipped); }

  // For the parent: its exit code, or minus the signal that ended it.
  int Wait() {
    if (pid_ <= 0) return result_;
    int status = 0;
    while (waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    result_ = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return result_;
  }
  // Fails the test unless the child found everything right; skips it if the child could not look.
  void RequireSuccess(const std::string& needs) {
    const int result = Wait();
    if (result == kSkipped) return testing::Skip(needs);
    REQUIRE(result == 0);
  }

 private:
  pid_t pid_;
  int failures_ = 0;
  int result_ = 0;
};

// From now on the system calls of `errors` fail in this process as given. False if filters are not
// to be had here.
inline bool DenySystemCalls(const std::map<long, int>& errors) {
  const auto statement = [](int code, unsigned value) {
    return sock_filter{static_cast<unsigned short>(code), 0, 0, value};
  };
  std::vector<sock_filter> program = {
      statement(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr))};
  for (const auto& [number, error] : errors) {
    program.push_back({BPF_JMP | BPF_JEQ | BPF_K, 0, 1, static_cast<unsigned>(number)});
    program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)));
  }
  program.push_back(statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace weir::internal

#endif  // WEIR_TESTS_IO_CHILD_PROCESS_H_
