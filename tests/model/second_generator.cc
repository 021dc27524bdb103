// Random programs of API calls, each answer compared with a model of its own.
//
//   second_generator [--operations=N] [--seed=S]
//   second_generator --program=P            one program, told in full
//
// A program is a store's whole life of some hundred operations, with deaths and re-opens. Fails at
// the first mismatch, and when a program ends the process.

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "model/program.h"
#include "support/random.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

constexpr uint64_t kOperationsPerProgram = 800;

struct Flags {
  uint64_t operations = 100'000;
  uint64_t seed = 1;
  uint64_t program = 0;  // 0: many
};

bool ParseFlags(int argc, char** argv, Flags* flags) {
  for (int i = 1; i < argc; ++i) {
    const std::pair<std::string, std::string> flag =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    uint64_t* const target = flag.first == "--operations" ? &flags->operations
                             : flag.first == "--seed"     ? &flags->seed
                             : flag.first == "--program"  ? &flags->program
                                                          : nullptr;
    if (target == nullptr || !absl::SimpleAtoi(flag.second, target)) return false;
  }
  return true;
}

bool RunProgram(uint64_t seed, std::atomic<uint64_t>* done) {
  Program program(seed);
  const bool is_sound = program.mismatch().empty() && program.Run(kOperationsPerProgram);
  *done += program.operations();
  if (!is_sound) {
    std::printf("MISMATCH in operation %llu: %s\nreproduce: second_generator --program=%llu\n",
                static_cast<unsigned long long>(program.operations()), program.mismatch().c_str(),
                static_cast<unsigned long long>(seed));
  }
  return is_sound;
}

struct Shared {
  std::atomic<uint64_t> done;
  std::atomic<uint64_t> programs;
  std::atomic<uint64_t> program;  // that runs now
};

int Child(const Flags& flags, Shared* shared) {
  while (shared->done < flags.operations) {
    shared->program = Random::Mix(flags.seed, shared->programs++) | 1;
    if (!RunProgram(shared->program, &shared->done)) return 1;
  }
  return 0;
}

int Main(int argc, char** argv) {
  Flags flags;
  if (!ParseFlags(argc, argv, &flags)) {
    std::fprintf(stderr, "usage: second_generator [--operations=N] [--seed=S] [--program=P]\n");
    return 2;
  }
  if (flags.program != 0) {
    std::atomic<uint64_t> done{0};
    return RunProgram(flags.program, &done) ? 0 : 1;
  }
  void* const memory =
      mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    return 1;
  }
  Shared* const shared = new (memory) Shared();
  const auto begin = std::chrono::steady_clock::now();
  // In a process of its own: if it dies, somebody is left to say where.
  const pid_t child = fork();
  if (child == 0) {
    const int result = Child(flags, shared);
    std::fflush(stdout);
    _exit(result);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child) {
    std::perror("fork");
    return 1;
  }
  const bool is_sound = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  if (!WIFEXITED(status)) {
    std::printf(
        "MISMATCH the process died, wait status %d\n"
        "reproduce: second_generator --program=%llu\n",
        status, static_cast<unsigned long long>(shared->program.load()));
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  std::printf("%llu programs in %.1f s\n", static_cast<unsigned long long>(shared->programs.load()),
              seconds);
  return ReportTorture("operations", shared->done, flags.operations, is_sound ? 0 : 1);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) { return weir::testing::Main(argc, argv); }
