// Fails the system calls of a store, one in each run, and looks whether anything acknowledged is
// gone.
//
//   syscall_errors [--count=N] [--seed=S] [--case=N]
//
// The victim works alone in manual mode, so it makes the same calls in the same order each time.
// One traced run says which they are; the first few of each kind that touch the store or its front
// fail then with each error that such a call can have, take a part of their bytes, or the process
// is killed in them (injection.cc). Before that, three traced runs show that it touches files with
// the calls of seam_calls.h and with no others.

#include <signal.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernel/harness.h"
#include "kernel/injection.h"
#include "kernel/seam_calls.h"
#include "kernel/syscall_trace.h"
#include "victim/victim_process.h"

ABSL_FLAG(uint64_t, count, 700, "How many calls to fail at least.");

namespace weir::kernel {
namespace {

namespace fs = std::filesystem;
using victim::Event;
using victim::VictimOptions;
using victim::VictimProcess;

// Cases of one victim; another one, with another seed, comes when all of its calls were failed.
constexpr uint64_t kCasesPerVictim = 100'000;
constexpr std::chrono::seconds kPatience{20};
// The victim's first word to its parent; the store's files come after it.
constexpr std::string_view kBegin = "write(";

std::string ContentOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

std::string LineWith(const std::string& text, std::string_view what) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(what) != std::string::npos) return line;
  }
  return "";
}

template <typename Names>
bool IsAmong(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool IsSeamCall(const TracedCall& call) {
  const bool has_descriptor =
      !absl::StrContains(call.line, "AT_FDCWD") && call.name != "open" && call.name != "mkdir";
  const bool is_directory = call.name == "mkdir" || absl::StrContains(call.line, "O_DIRECTORY");
  return has_descriptor ? IsAmong(kSeamCalls, call.name)
                        : is_directory && IsAmong(kSeamPathCalls, call.name);
}

// One store in the workplace, and the victims that work on it under strace.
class Place {
 public:
  Place(const Workplace& workplace, uint64_t seed, bool has_threads, bool is_private)
      : path_(workplace / "place"), log_path_(workplace / "strace.log") {
    fs::remove_all(path_);
    fs::remove(log_path_);
    fs::create_directories(path_ + "/front");
    victim_.store.directory = path_ + "/store";
    victim_.store.front_directory = is_private ? "private" : path_ + "/front";
    victim_.store.segment_bytes = 64 << 10;
    victim_.store.front_bytes = 64 << 10;
    if (!has_threads) victim_.store.background = Background::kManual;
    victim_.seed = seed;
    victim_.is_patient = true;
    victim_.steps = 100;
    victim_.lives = 2;
  }

  // Lets a victim live under `strace WORDS`.
  absl::StatusOr<int> Trace(const std::vector<std::string>& words, victim::Ledger& ledger) {
    std::vector<std::string> wrapper{"strace", "-f", "-o", log_path_};
    wrapper.insert(wrapper.end(), words.begin(), words.end());
    return Run(std::move(wrapper), ledger);
  }
  // Lets one live whose transfers are short, as the injection says.
  absl::StatusOr<int> CutShort(const Injection& injection, victim::Ledger& ledger) {
    const std::string module =
        fs::read_symlink("/proc/self/exe").parent_path() / "libshort_counts.so";
    return Run({"env", "LD_PRELOAD=" + module, "SHORT_PLACE=" + path_,
                "SHORT_CALL=" + injection.call, absl::StrCat("SHORT_INDEX=", injection.index),
                "SHORT_COUNT=" + injection.what, "SHORT_TOLD=" + log_path_},
               ledger);
  }

  std::string log() const { return ContentOf(log_path_); }
  const std::string& path() const { return path_; }
  const StoreOptions& options() const { return victim_.store; }

 private:
  absl::StatusOr<int> Run(std::vector<std::string> wrapper, victim::Ledger& ledger) {
    VictimProcess process(victim_, [&](const Event& event) { ledger.Record(event); },
                          {.wrapper = std::move(wrapper)});
    return process.Wait(std::chrono::steady_clock::now() + kPatience);
  }

  const std::string path_;
  const std::string log_path_;
  VictimOptions victim_;
};

// The calls of a victim that nothing happens to; an error if one of them is not of the seam.
absl::StatusOr<std::vector<TracedCall>> TraceOne(const Workplace& workplace, uint64_t seed,
                                                 bool has_threads, bool is_private) {
  Place place(workplace, seed, has_threads, is_private);
  victim::Ledger ledger(seed);
  const absl::StatusOr<int> end = place.Trace({"-y", "-s", "64"}, ledger);
  if (absl::Status status = CheckEnd(end); !status.ok()) return status;
  if (ledger.acknowledged() < 100) return absl::InternalError("the victim did next to nothing");
  std::vector<TracedCall> calls = CallsOn(place.log(), kBegin, place.path());
  if (calls.size() < 100) return absl::InternalError("the trace shows next to nothing");
  for (const TracedCall& call : calls) {
    if (!IsSeamCall(call))
      return absl::InternalError(absl::StrCat("a call beside the seam: ", call.line));
  }
  if (absl::Status status = Examine(place.options(), ledger); !status.ok()) return status;
  return calls;
}

// Nothing if the injection did not happen.
std::optional<absl::Status> Inject(const Workplace& workplace, uint64_t seed,
                                   const Injection& injection) {
  Place place(workplace, seed, /*has_threads=*/false, /*is_private=*/false);
  victim::Ledger ledger(seed);
  const bool is_kill = injection.kind == Injection::Kind::kKill;
  absl::StatusOr<int> end;
  if (injection.kind == Injection::Kind::kShort) {
    end = place.CutShort(injection, ledger);
    if (place.log().empty()) return std::nullopt;
  } else {
    std::vector<std::string> words{"-y", "-e", absl::StrCat("trace=", injection.call), "-e",
                                   absl::StrCat("inject=", injection.text())};
    // Where the filter stops a process, strace can fail its call but not give it a signal.
    if (!is_kill) words.push_back("--seccomp-bpf");
    end = place.Trace(words, ledger);
    // The call that it was to be: else the victim did something else than the one that was traced.
    const std::string hit = LineWith(place.log(), is_kill ? ") = ?" : "(INJECTED)");
    if (!absl::StrContains(hit, place.path())) return std::nullopt;
  }
  const bool is_killed = is_kill && end.ok() && *end == -SIGKILL;
  absl::Status status = is_killed ? absl::OkStatus() : CheckEnd(end);
  if (status.ok()) status = Examine(place.options(), ledger);
  return status;
}

// Victim `round`, with each of its calls failed. False if it does not do what it should without
// that.
bool FailCallsOf(const Workplace& workplace, Harness& harness, uint64_t round) {
  const uint64_t seed = harness.seed() + round;
  uint64_t number = round * kCasesPerVictim;
  const auto calls = TraceOne(workplace, seed, /*has_threads=*/false, /*is_private=*/false);
  if (!calls.ok()) {
    harness.Note(number, "a traced run", calls.status());
    return false;
  }
  for (const Injection& injection : InjectionsInto(*calls)) {
    ++number;
    if (harness.is_done()) break;
    if (!harness.Wants(number)) continue;
    const auto status = Inject(workplace, seed, injection);
    if (status.has_value()) harness.Note(number, injection.text(), *status);
  }
  return true;
}

int Run(const Workplace& workplace) {
  if (!HasProgram("strace")) return testing::ReportSkipped("there is no strace");
  if (!RunCommand("strace -f --seccomp-bpf -o /dev/null -e trace=close true").ok()) {
    return testing::ReportSkipped("strace may not trace here");
  }
  Harness harness("syscall_errors", "system calls failed", absl::GetFlag(FLAGS_count));
  for (const bool has_threads : {false, true}) {
    const auto calls = TraceOne(workplace, harness.seed(), has_threads, /*is_private=*/true);
    if (!calls.ok()) harness.Note(0, "a traced run, private front", calls.status());
  }
  for (uint64_t round = harness.first() / kCasesPerVictim; !harness.is_done(); ++round) {
    const uint64_t before = harness.count();
    if (!FailCallsOf(workplace, harness, round) || harness.is_single() || harness.count() == before)
      break;
  }
  return harness.Report();
}

}  // namespace
}  // namespace weir::kernel

int main(int argc, char* argv[]) {
  return weir::kernel::HarnessMain(argc, argv, weir::kernel::Run);
}
