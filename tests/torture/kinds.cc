#include "torture/kinds.h"

#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

std::string Flag(const char* name, uint64_t value) { return absl::StrCat("--", name, "=", value); }

// A harness in the release build that takes how much it shall do as `count_flag`.
Kind Harness(std::string name, std::string injected, std::string counted, uint64_t floor,
             std::string program, std::string count_flag = "count",
             std::vector<std::string> more = {}) {
  const auto commands = [=](const Demand& demand) {
    Command command{.preset = "release", .program = program, .arguments = more};
    command.arguments.push_back(Flag(count_flag.c_str(), floor * demand.scale));
    command.arguments.push_back(Flag("seed", demand.seed));
    return std::vector<Command>{std::move(command)};
  };
  return {.name = std::move(name),
          .injected = std::move(injected),
          .counted = std::move(counted),
          .floor = floor,
          .commands = commands};
}

Kind TakingAllCores(Kind kind) {
  kind.takes_all_cores = true;
  return kind;
}

constexpr uint64_t kStressCalls = 200'000;
constexpr uint64_t kOperations = 2'000'000;
constexpr uint64_t kExecutions = 1'000'000;

std::vector<Command> BothGenerators(const Demand& demand) {
  std::vector<Command> commands;
  for (const char* const program : {"first_generator", "second_generator"}) {
    commands.push_back({.preset = "release",
                        .program = program,
                        .arguments = {Flag("operations", kOperations / 2 * demand.scale),
                                      Flag("seed", demand.seed)}});
  }
  return commands;
}

// The first open whole stores under the address sanitizer, some hundred a second, and are begun
// first, since they take longest; the others parse and walk, at ten or twenty thousand a second.
struct Fuzzer {
  const char* name;
  uint64_t executions;
};
constexpr Fuzzer kFuzzers[] = {
    {"api", 4'000},        {"segment", 5'000},  {"front", 5'000},     {"superblock", 6'000},
    {"run_chain", 20'000}, {"record", 260'000}, {"saved", 100'000},   {"index_file", 150'000},
    {"adoption", 150'000}, {"filter", 100'000}, {"headers", 100'000}, {"text", 100'000}};
constexpr uint64_t ExecutionsOfAll() {
  uint64_t executions = 0;
  for (const Fuzzer& fuzzer : kFuzzers) executions += fuzzer.executions;
  return executions;
}
static_assert(ExecutionsOfAll() == kExecutions);

std::vector<Command> Fuzzers(const Demand& demand) {
  // What is found goes to the first directory; the second is only read.
  const std::string found = absl::StrCat(WEIR_BINARY_DIR, "/../torture/");
  std::vector<Command> commands;
  for (const auto& [name, executions] : kFuzzers) {
    const std::string target = absl::StrCat(name, "_fuzz");
    const std::string corpus = absl::StrCat(found, "corpus/", target);
    std::error_code ignored;  // libFuzzer says what is wrong with a directory that is not there
    std::filesystem::create_directories(corpus, ignored);
    commands.push_back(
        {.preset = "asan",
         .program = target,
         .arguments = {absl::StrCat("-runs=", executions * demand.scale),
                       absl::StrCat("-seed=", demand.seed), "-print_final_stats=1", "-timeout=10",
                       // A crash, whose status is else that of what is skipped.
                       "-error_exitcode=1",
                       // Weighing inputs by how rare their features are takes longer than running
                       // them, and nobody else finds anything meanwhile.
                       "-entropic=0", "-reload=0", "-rss_limit_mb=512",
                       absl::StrCat("-artifact_prefix=", found), corpus,
                       absl::StrCat(WEIR_SOURCE_DIR, "/tests/fuzz/corpus/", target)}});
  }
  return commands;
}

std::vector<Command> ThreadStress(const Demand& demand) {
  return {{.preset = "tsan",
           .program = "thread_stress",
           .arguments = {Flag("count", kStressCalls * demand.scale), Flag("seed", demand.seed)}}};
}

}  // namespace

const std::vector<Kind>& Kinds() {
  static const auto* const kinds = new std::vector<Kind>{
      {.name = "model",
       .injected = "random programs of two independent generators, with re-opens after every end",
       .counted = "operations",
       .floor = kOperations,
       .commands = BothGenerators,
       .takes_all_cores = true},
      TakingAllCores(Harness(
          "crash_states",
          "power loss at every call: subsets of unsynced sectors and directory entries, torn "
          "writes, stale and garbage extents",
          "distinct states", 500'000, "crash_enumeration", "states", {"--seconds=100000"})),
      TakingAllCores(Harness(
          "nested_crashes",
          "power loss inside the recovery of such a state, and inside the recovery from that",
          "distinct states", 50'000, "crash_enumeration", "nested", {"--seconds=100000"})),
      TakingAllCores(Harness(
          "damage",
          "every bit of the segments of a store flipped, every length cut to, sectors zeroed, "
          "swapped and misplaced, every other byte flipped",
          "wounds", 300'000, "byte_flip", "count", {"--bits=segments", "--store=closed"})),
      {.name = "fuzz",
       .injected =
           "hostile bytes for every parser, checksums made right, and programs of API calls",
       .counted = "executions",
       .floor = kExecutions,
       .commands = Fuzzers},
      Harness("io_errors",
              "every call of the file system, with each error, short transfers and failed syncs, "
              "once and for ever",
              "failures of calls", 50'000, "io_errors"),
      Harness("allocation_failures",
              "every allocation and mapping in calls of the API and in workers, once and for ever",
              "failed allocations", 20'000, "allocation_failures"),
      Harness("compound_faults",
              "a failed call, then a death, a power loss or an error of the recovery",
              "states behind two faults", 100'000, "compound_faults"),
      Harness("mutants", "one protection of the library taken away",
              "mutants that the suite noticed", 106, "mutant_hunt"),
      Harness("kills", "SIGKILL of a process with producers and consumers, also in its recovery",
              "kills", 200, "kill_loop", "kills"),
      Harness(
          "system_calls",
          "each system call of a process on its store, failed with each error that it can have, "
          "cut short, or killed in it",
          "system calls failed", 700, "syscall_errors"),
      Harness("power_cuts", "images of ext4, xfs and btrfs cloned while a store on them is written",
              "cuts", 20, "power_cuts"),
      Harness("failed_syncs", "disks that run full below a file system, so that fsync fails",
              "failing disks", 12, "failed_syncs"),
      Harness("small_disks", "too little disk, shared memory, file size or descriptors",
              "shortages", 60, "small_disks"),
      Harness("hostile_environment",
              "files of a live store unlinked, replaced and cut, clocks that jump, callbacks that "
              "throw, syncs that hang, signals, forks, openers that race",
              "cases", 300, "hostile_environment"),
      {.name = "threads",
       .injected = "all public functions from many threads at once, which yield at locks and "
                   "publications, under the thread sanitizer",
       .counted = "calls",
       .floor = kStressCalls,
       .commands = ThreadStress,
       .takes_all_cores = true},
  };
  return *kinds;
}

}  // namespace weir::testing
