// Crashes small programs at every call of the file system, in every way that a plan of losses
// names, opens the store on what is left, and asks the oracle.
//
//   crash_enumeration [--states=N] [--seconds=S] [--seed=S] [--scenario=NAME] [--workers=N]
//   crash_enumeration --nested=N ...              only crashes inside recoveries, and inside some
//                                                 of the recoveries from those
//   crash_enumeration --scenario=NAME --seed=S --op=K --plan=P      one state, told in full
//
// Rounds over all scenarios, each with its own seed, until so many *distinct* states were opened.
// A state counts if no state with the same bytes was opened before. Fails when a promise is broken,
// when a worker dies or hangs, and when the count is not reached in the time given.

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "crash/scenarios.h"
#include "crash/state_check.h"
#include "crash/tally.h"
#include "crash/workload.h"
#include "support/random.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

using Clock = std::chrono::steady_clock;

// Of so many distinct states one is opened again in every way and verified, and one is crashed
// again inside its recovery, at so many places.
constexpr uint64_t kThoroughOneIn = 16;
constexpr uint64_t kNestedOneIn = 24;
constexpr int kNestedPlaces = 4;
constexpr int kNestedPlacesAlone = 16;  // where nothing else is looked at
// The same of crashes inside a recovery.
constexpr uint64_t kThoroughNestedOneIn = 8;
constexpr uint64_t kTwiceOneIn = 10;

constexpr int kPrintedMax = 50;  // violations by worker
constexpr size_t kPrintedBytesMax = 400;
constexpr auto kHangTimeout = std::chrono::seconds(60);
constexpr int kDeathsMax = 100;  // of workers, before they are no longer replaced

struct Flags {
  uint64_t states = 1'000'000;
  uint64_t nested = 0;  // not 0: that many crashes inside recoveries, and nothing else
  uint64_t seconds = 180;
  uint64_t seed = 1;
  uint64_t workers = std::max(1u, std::thread::hardware_concurrency());
  std::string scenario;  // empty: all
  std::optional<uint64_t> operation;
  // "P", or "P/K/Q": crash Q at call K of the recovery, and so on
  std::string plan;
};

std::optional<Flags> ParseFlags(int argc, char** argv) {
  Flags flags;
  for (int i = 1; i < argc; ++i) {
    const std::pair<absl::string_view, absl::string_view> flag =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    uint64_t number = 0;
    const bool is_number = absl::SimpleAtoi(flag.second, &number);
    if (flag.first == "--scenario") {
      flags.scenario = std::string(flag.second);
    } else if (flag.first == "--plan") {
      flags.plan = std::string(flag.second);
    } else if (!is_number) {
      return std::nullopt;
    } else if (flag.first == "--states") {
      flags.states = number;
    } else if (flag.first == "--nested") {
      flags.nested = number;
    } else if (flag.first == "--seconds") {
      flags.seconds = number;
    } else if (flag.first == "--seed") {
      flags.seed = number;
    } else if (flag.first == "--workers") {
      flags.workers = std::clamp<uint64_t>(number, 1, kWorkersMax);
    } else if (flag.first == "--op") {
      flags.operation = number;
    } else {
      return std::nullopt;
    }
  }
  return flags;
}

// Of the states that a crash at a moment can leave, of one of them, and of the moments of its
// recovery.
uint64_t MomentSeed(uint64_t seed, uint64_t operation) { return Random::Mix(seed, operation, 2); }
uint64_t StateSeed(uint64_t moment, uint64_t plan) { return Random::Mix(moment, plan, 3); }

// The line that leads back to the state that a worker was at.
std::string Reproduction(const WorkerPlace& place) {
  std::string line = absl::StrCat(
      "crash_enumeration --scenario=", Scenarios()[static_cast<size_t>(place.scenario)].name,
      " --seed=", place.seed.load(), " --op=", place.operation.load(),
      " --plan=", place.plan.load());
  for (size_t depth = 0; depth < place.depth; ++depth) {
    const WorkerPlace::Nested& nested = place.nested[depth];
    absl::StrAppend(&line, "/", nested.operation.load(), "/", nested.plan.load());
  }
  return line;
}

// One process: takes tasks, a scenario with a seed each, until there is enough.
class Worker {
 public:
  Worker(const Flags& flags, Tally* tally, size_t ordinal, Clock::time_point deadline)
      : flags_(flags), tally_(tally), place_(tally->workers[ordinal]), deadline_(deadline) {}

  void Run(const std::vector<size_t>& scenarios) {
    for (;;) {
      const uint64_t task = tally_->next_task++;
      const bool is_first_round = task < scenarios.size();
      if (Clock::now() >= deadline_) return;
      if (!is_first_round && IsEnough()) return;
      RunScenario(scenarios[static_cast<size_t>(task % scenarios.size())],
                  flags_.seed + task / scenarios.size());
    }
  }

 private:
  void RunScenario(size_t scenario, uint64_t seed) {
    counts_ = &tally_->scenarios[scenario];
    place_.scenario = scenario;
    place_.seed = seed;
    place_.operation = WorkerPlace::kNone;
    place_.plan = 0;
    place_.depth = 0;
    seed_ = seed;
    Workload workload(Scenarios()[scenario].shape, Random::Mix(seed, scenario));
    Scenarios()[scenario].run(workload);
    ++counts_->runs;
    for (const std::string& problem : workload.problems()) {
      Print({.kind = Violation::Kind::kBroken, .text = absl::StrCat("in the run: ", problem)});
    }
    // From the last moment to the first: a state that is possible at several moments is judged by
    // the latest of them, when most was acknowledged.
    for (size_t i = workload.moments().size(); i-- > 0;) {
      if (Clock::now() >= deadline_) return;
      CheckMoment(workload, i);
    }
  }

  bool IsEnough() const {
    return flags_.nested > 0 ? tally_->nested() >= flags_.nested
                             : tally_->distinct() >= flags_.states;
  }

  void CheckMoment(const Workload& workload, size_t operation) {
    const Moment& moment = workload.moments()[operation];
    place_.operation = operation;
    const uint64_t moment_seed = MomentSeed(seed_, operation);
    const CrashStates states(moment, moment_seed);
    for (size_t plan = 0; plan < states.size(); ++plan) {
      place_.plan = plan;
      const CrashState state = states[plan];
      const uint64_t lot = StateSeed(moment_seed, plan);
      if (flags_.nested > 0) {
        if (IsEnough()) return;
        if (lot % kNestedOneIn == 0) CheckNested(workload, moment.as_of, state, lot);
        continue;
      }
      if (!IsNew(state)) continue;
      CheckState(workload, moment.as_of, state, lot % kThoroughOneIn == 0);
      if (lot / kThoroughOneIn % kNestedOneIn == 0) {
        CheckNested(workload, moment.as_of, state, lot);
      }
    }
  }

  bool IsNew(const CrashState& state) {
    ++counts_->states;
    ++place_.progress;
    if (!tally_->Add(state.image.Hash())) return false;
    ++counts_->distinct;
    return true;
  }

  void CheckState(const Workload& workload, uint64_t as_of, const CrashState& state,
                  bool is_thorough) {
    const StateCheck check{.workload = workload, .as_of = as_of, .is_thorough = is_thorough};
    const Verdict verdict = check.Check(state);
    if (is_thorough) ++counts_->repeated;
    counts_->acknowledged_checked += verdict.acknowledged_checked;
    for (const Violation& violation : verdict.violations) Print(violation);
  }

  // Crashes inside the recovery of a state, at places drawn by lot, the end always among them; and
  // inside the recoveries of some of those.
  void CheckNested(const Workload& workload, uint64_t as_of, const CrashState& state,
                   uint64_t state_seed) {
    const StateCheck check{.workload = workload, .as_of = as_of};
    const std::vector<Moment> moments = check.RecoveryMoments(state);
    if (moments.empty()) return;
    const size_t depth = place_.depth;
    WorkerPlace::Nested& place = place_.nested[depth];
    Random random(Random::Mix(state_seed, 4));
    const int places = flags_.nested > 0 && depth == 0 ? kNestedPlacesAlone : kNestedPlaces;
    for (int i = 0; i < places; ++i) {
      const size_t operation =
          i == 0 ? moments.size() - 1 : static_cast<size_t>(random.Below(moments.size()));
      const uint64_t moment_seed = MomentSeed(state_seed, operation);
      const CrashStates states(moments[operation], moment_seed);
      const size_t plan = static_cast<size_t>(random.Below(states.size()));
      place.operation = operation;
      place.plan = plan;
      place_.depth = depth + 1;
      CrashState nested = states[plan];
      nested.survives = std::max(nested.survives, state.survives);
      if (!IsNew(nested)) continue;
      ++counts_->nested;
      if (depth > 0) ++counts_->twice;
      const uint64_t lot = StateSeed(moment_seed, plan);
      CheckState(workload, as_of, nested, lot % kThoroughNestedOneIn == 0);
      if (depth + 1 < WorkerPlace::kDepthMax && lot / kThoroughNestedOneIn % kTwiceOneIn == 0) {
        CheckNested(workload, as_of, nested, lot);
      }
    }
    place_.depth = depth;
  }

  void Print(const Violation& violation) {
    ++counts_->violations;
    if (violation.kind == Violation::Kind::kLost) ++counts_->lost;
    if (violation.kind == Violation::Kind::kPhantom) ++counts_->phantoms;
    if (++printed_ > kPrintedMax) return;
    // Of a run that failed as a whole the scenario and the seed are the place.
    const std::string text =
        absl::StrReplaceAll(violation.text.substr(0, kPrintedBytesMax), {{"\n", "; "}});
    std::printf("VIOLATION %s\nreproduce: %s\n", text.c_str(), Reproduction(place_).c_str());
    std::fflush(stdout);
  }

  const Flags& flags_;
  Tally* const tally_;
  WorkerPlace& place_;
  const Clock::time_point deadline_;
  ScenarioTally* counts_ = nullptr;
  uint64_t seed_ = 0;
  int printed_ = 0;
};

// The workers as processes: one that dies takes a violation with it and nothing else.
class Workers {
 public:
  Workers(const Flags& flags, Tally* tally, const std::vector<size_t>& scenarios,
          Clock::time_point deadline)
      : flags_(flags), tally_(tally), scenarios_(scenarios), deadline_(deadline) {}

  void Run() {
    children_.resize(flags_.workers);
    for (size_t i = 0; i < children_.size(); ++i) Start(i);
    while (running_ != 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      for (size_t i = 0; i < children_.size(); ++i) Look(i);
    }
  }

 private:
  struct Child {
    pid_t process = 0;  // 0: none
    uint64_t progress = 0;
    Clock::time_point progressed;
  };

  void Start(size_t ordinal) {
    std::fflush(stdout);
    const pid_t process = fork();
    if (process == 0) {
      Worker(flags_, tally_, ordinal, deadline_).Run(scenarios_);
      std::fflush(stdout);
      _exit(0);
    }
    if (process < 0) return std::perror("fork");
    children_[ordinal] = {.process = process, .progress = 0, .progressed = Clock::now()};
    ++running_;
  }

  void Look(size_t ordinal) {
    Child& child = children_[ordinal];
    if (child.process == 0) return;
    WorkerPlace& place = tally_->workers[ordinal];
    int status = 0;
    if (waitpid(child.process, &status, WNOHANG) == child.process) {
      child.process = 0;
      --running_;
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return;
      std::printf("VIOLATION a worker died, wait status %d\nreproduce: %s\n", status,
                  Reproduction(place).c_str());
      ++tally_->scenarios[static_cast<size_t>(place.scenario)].violations;
      if (++deaths_ <= kDeathsMax) Start(ordinal);  // goes on with the next task
    } else if (place.progress != child.progress) {
      child.progress = place.progress;
      child.progressed = Clock::now();
    } else if (Clock::now() - child.progressed > kHangTimeout) {
      std::printf("a worker hangs and is ended\n");
      kill(child.process, SIGKILL);
      child.progressed = Clock::now();
    }
  }

  const Flags& flags_;
  Tally* const tally_;
  const std::vector<size_t>& scenarios_;
  const Clock::time_point deadline_;
  std::vector<Child> children_;
  size_t running_ = 0;
  int deaths_ = 0;
};

void PrintTable(const std::vector<size_t>& scenarios, const Tally& tally) {
  struct Column {
    const char* name;
    int width;
    std::atomic<uint64_t> ScenarioTally::*count;
  };
  static constexpr Column kColumns[] = {{"runs", 6, &ScenarioTally::runs},
                                        {"states", 10, &ScenarioTally::states},
                                        {"distinct", 10, &ScenarioTally::distinct},
                                        {"nested", 9, &ScenarioTally::nested},
                                        {"twice", 7, &ScenarioTally::twice},
                                        {"repeated", 9, &ScenarioTally::repeated},
                                        {"acks checked", 13, &ScenarioTally::acknowledged_checked},
                                        {"lost", 6, &ScenarioTally::lost},
                                        {"phantoms", 9, &ScenarioTally::phantoms},
                                        {"violations", 11, &ScenarioTally::violations}};
  std::printf("%-20s", "scenario");
  for (const Column& column : kColumns) std::printf(" %*s", column.width, column.name);
  const auto print = [&](absl::string_view name, const std::vector<size_t>& summed) {
    std::printf("\n%-20s", std::string(name).c_str());
    for (const Column& column : kColumns) {
      uint64_t sum = 0;
      for (const size_t scenario : summed) sum += tally.scenarios[scenario].*column.count;
      std::printf(" %*llu", column.width, static_cast<unsigned long long>(sum));
    }
  };
  for (const size_t scenario : scenarios) print(Scenarios()[scenario].name, {scenario});
  print("all", scenarios);
  std::printf("\n");
}

int Enumerate(const Flags& flags, const std::vector<size_t>& scenarios) {
  Tally* const tally = Tally::Create(flags.states + (uint64_t{1} << 20));
  if (tally == nullptr) {
    std::fprintf(stderr, "out of memory\n");
    return 1;
  }
  const Clock::time_point begin = Clock::now();
  const Clock::time_point deadline = begin + std::chrono::seconds(flags.seconds);
  Workers(flags, tally, scenarios, deadline).Run();
  PrintTable(scenarios, *tally);
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  const uint64_t distinct = tally->distinct();
  const uint64_t violations = tally->violations();
  std::printf("%llu distinct states in %.1f s (%.0f/s)\n",
              static_cast<unsigned long long>(distinct), seconds,
              static_cast<double>(distinct) / seconds);
  if (flags.nested > 0) {
    return ReportTorture("crashes in recoveries", tally->nested(), flags.nested, violations);
  }
  return ReportTorture("crash states", distinct, flags.states, violations);
}

int Tell(const Verdict& verdict) {
  for (const bool delivered : verdict.delivered) std::printf("%c", delivered ? '#' : '.');
  std::printf("\n%s%s\n", verdict.ToString().c_str(), verdict.ok() ? "sound" : "BROKEN");
  return verdict.ok() ? 0 : 1;
}

// One state of one moment.
int Reproduce(const Flags& flags, size_t scenario) {
  Workload workload(Scenarios()[scenario].shape, Random::Mix(flags.seed, scenario));
  Scenarios()[scenario].run(workload);
  for (const std::string& problem : workload.problems()) std::printf("%s\n", problem.c_str());
  // What failed in the run itself needs no moment.
  if (*flags.operation == WorkerPlace::kNone) return workload.problems().empty() ? 0 : 1;
  std::vector<uint64_t> path;
  for (const absl::string_view part : absl::StrSplit(flags.plan, '/')) {
    uint64_t number = 0;
    if (!absl::SimpleAtoi(part, &number)) return 2;
    path.push_back(number);
  }
  const uint64_t operation = *flags.operation;
  const size_t depth = path.size() / 2;
  if (operation >= workload.moments().size()) return 2;
  if (path.size() % 2 == 0 || depth > WorkerPlace::kDepthMax) return 2;
  Moment moment = workload.moments()[static_cast<size_t>(operation)];
  const StateCheck check{.workload = workload, .as_of = moment.as_of, .is_thorough = true};
  uint64_t moment_seed = MomentSeed(flags.seed, operation);
  std::optional<CrashState> state;
  for (size_t i = 0;; i += 2) {
    const CrashStates states(moment, moment_seed);
    const auto plan = static_cast<size_t>(path[i]);
    if (plan >= states.size()) return 2;
    std::printf("%sbefore: %s\ncrash: %s\n", i == 0 ? "" : "in the recovery ", moment.what.c_str(),
                states.Describe(plan).c_str());
    const Durability survives = state.has_value() ? state->survives : Durability::kProcess;
    state = states[plan];
    state->survives = std::max(state->survives, survives);
    if (i + 1 == path.size()) return Tell(check.Check(*state));
    const std::vector<Moment> moments = check.RecoveryMoments(*state);
    if (path[i + 1] >= moments.size()) return 2;
    moment_seed = MomentSeed(StateSeed(moment_seed, path[i]), path[i + 1]);
    moment = moments[static_cast<size_t>(path[i + 1])];
  }
}

int Main(int argc, char** argv) {
  const std::optional<Flags> flags = ParseFlags(argc, argv);
  std::vector<size_t> scenarios;
  for (size_t i = 0; i < Scenarios().size(); ++i) {
    if (flags.has_value() && (flags->scenario.empty() || flags->scenario == Scenarios()[i].name)) {
      scenarios.push_back(i);
    }
  }
  const bool tells_one = flags.has_value() && flags->operation.has_value();
  if (scenarios.empty() || (tells_one && scenarios.size() != 1)) {
    std::fprintf(
        stderr,
        "crash_enumeration [--states=N | --nested=N] [--seconds=S] [--seed=S] [--scenario=NAME] "
        "[--workers=N]\n"
        "crash_enumeration --scenario=NAME --seed=S --op=K --plan=P\nscenarios:");
    for (const Scenario& scenario : Scenarios()) {
      std::fprintf(stderr, " %s", std::string(scenario.name).c_str());
    }
    std::fprintf(stderr, "\n");
    return 2;
  }
  return tells_one ? Reproduce(*flags, scenarios.front()) : Enumerate(*flags, scenarios);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) { return weir::testing::Main(argc, argv); }
