#include "faults/sandbox.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <new>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

constexpr unsigned kHangSeconds = 10;

}  // namespace

SandboxCounts* Sandbox::Share() {
  void* const memory = mmap(nullptr, sizeof(SandboxCounts), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  return memory == MAP_FAILED ? nullptr : new (memory) SandboxCounts{};
}

void Sandbox::Run(SandboxCounts& counts, uint64_t cases, const std::function<void(uint64_t)>& run,
                  const std::function<void(uint64_t, const std::string&)>& died) {
  counts.next = 0;
  while (counts.next < cases) {
    std::fflush(stdout);
    const pid_t child = fork();
    if (child < 0) return died(counts.next, "no process to run it in");
    if (child == 0) {
      for (uint64_t i = counts.next; i < cases; counts.next = ++i) {
        alarm(kHangSeconds);
        run(i);
      }
      std::fflush(stdout);
      _exit(0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
    const bool hung = WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM;
    died(counts.next, hung ? "never comes back" : absl::StrCat("dies, wait status ", status));
    ++counts.next;
  }
}

}  // namespace weir::testing
