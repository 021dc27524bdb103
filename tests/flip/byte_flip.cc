// Wounds a small store in every way that a single fault can, opens it, and asks: was anything else
// lost than what was hit, was anything wrong delivered, was it said?
//
//   byte_flip [--bits=one|segments|all] [--seed=S] [--workers=N] [--count=N]
//   byte_flip --seed=S --store=NAME --file=FILE --damage=flip:BYTE:BIT      one wound, told in full
//
// Every byte of every file is flipped (one bit by lot, or all eight one after another: of segments,
// or of all files), every file is cut to every shorter length, every sector is zeroed, swapped with
// another one, and overwritten with one that belongs elsewhere; for a store that was closed, killed
// with its front left behind, killed without, and left by a power loss. Of a store with a large
// segment every block but the first is zeroed, which holds both copies of its header. Fails when a
// promise is broken, when a worker dies or hangs, and when there were fewer wounds than --count.

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <map>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "flip/damage.h"
#include "flip/sample_store.h"
#include "support/random.h"
#include "torture/report.h"

namespace weir::testing {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr size_t kWorkersMax = 64;
constexpr uint64_t kThoroughOneIn = 16;
constexpr uint64_t kCutStride = 8;  // records end at multiples of it
constexpr int kPrintedMax = 3;      // of a kind, by worker
constexpr uint64_t kDeathsMax = 50;
constexpr auto kHangTimeout = std::chrono::seconds(20);

enum class Bits : uint8_t { kOne, kSegments, kAll };

struct Flags {
  Bits bits = Bits::kOne;
  uint64_t count = 0;
  uint64_t seed = 1;
  uint64_t workers = std::clamp<uint64_t>(std::thread::hardware_concurrency(), 1, kWorkersMax);
  std::string store;
  std::string file;
  std::string damage;
};

bool ParseFlags(int argc, char** argv, Flags* flags) {
  for (int i = 1; i < argc; ++i) {
    const std::pair<std::string, std::string> flag =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    uint64_t number = 0;
    const bool is_number = absl::SimpleAtoi(flag.second, &number);
    if (flag.first == "--bits" && flag.second == "one") {
      flags->bits = Bits::kOne;
    } else if (flag.first == "--bits" && flag.second == "segments") {
      flags->bits = Bits::kSegments;
    } else if (flag.first == "--bits" && flag.second == "all") {
      flags->bits = Bits::kAll;
    } else if (flag.first == "--count" && is_number) {
      flags->count = number;
    } else if (flag.first == "--store") {
      flags->store = flag.second;
    } else if (flag.first == "--file") {
      flags->file = flag.second;
    } else if (flag.first == "--damage") {
      flags->damage = flag.second;
    } else if (flag.first == "--seed" && is_number) {
      flags->seed = number;
    } else if (flag.first == "--workers" && is_number) {
      flags->workers = std::clamp<uint64_t>(number, 1, kWorkersMax);
    } else {
      return false;
    }
  }
  return true;
}

struct Case {
  size_t store = 0;
  Damage damage;
};

std::vector<Case> AllCases(const std::vector<SampleStore>& stores, const Flags& flags) {
  std::vector<Case> cases;
  Random random(flags.seed);
  for (size_t store = 0; store < stores.size(); ++store) {
    if (!flags.store.empty() && stores[store].name != flags.store) continue;
    for (size_t file = 0; file < stores[store].files.size(); ++file) {
      const SampleFile& target = stores[store].files[file];
      const auto add = [&](Damage::Kind kind, uint64_t offset, uint32_t bit) {
        cases.push_back({store, {.kind = kind, .file = file, .offset = offset, .bit = bit}});
      };
      if (stores[store].name == "large") {
        const bool is_segment = KindOf(target) == FileKind::kSegment;
        for (uint64_t at = kBlockBytes; is_segment && at < target.size; at += kBlockBytes) {
          add(Damage::Kind::kBlock, at, 0);
        }
        continue;
      }
      const bool all_bits = flags.bits == Bits::kAll ||
                            (flags.bits == Bits::kSegments && KindOf(target) == FileKind::kSegment);
      // The last two stores are much like the first two.
      const uint64_t stride = all_bits || store < 2 ? 1 : 2;
      for (uint64_t at = random.Below(stride); at < target.size; at += stride) {
        const auto lot = static_cast<uint32_t>(random.Below(8));
        for (uint32_t bit = 0; bit < 8; ++bit) {
          if (all_bits || bit == lot) add(Damage::Kind::kFlip, at, bit);
        }
      }
      if (target.is_shared) continue;  // memory is not cut, and has no sectors
      for (uint64_t at = 0; at < target.size; at += all_bits ? 1 : kCutStride) {
        add(Damage::Kind::kCut, at, 0);
      }
      for (uint64_t at = 0; at < target.size; at += kSectorBytes) {
        add(Damage::Kind::kZero, at, 0);
        if (at + kSectorBytes < target.size) add(Damage::Kind::kMisplace, at, 0);
        if (at + kSectorBytes <= target.size / 2 / kSectorBytes * kSectorBytes) {
          add(Damage::Kind::kSwap, at, 0);
        }
      }
    }
  }
  return cases;
}

std::string Reproduction(const std::vector<SampleStore>& stores, const Case& wound,
                         const Flags& flags) {
  return absl::StrCat("byte_flip --seed=", flags.seed, " --store=", stores[wound.store].name,
                      " --file=", stores[wound.store].files[wound.damage.file].name,
                      " --damage=", wound.damage.ToString());
}

// In memory that all workers share.
struct Tally {
  struct Row {
    std::atomic<uint64_t> flips, cuts, sectors, refused, lost, reported, violations;
  };
  Row rows[kFileKinds];
  std::atomic<uint64_t> delivered, violations;
  std::atomic<uint64_t> next_case;
  std::atomic<uint64_t> at[kWorkersMax];  // the case that a worker is at
};

// Messages, one for each queue that a message is in.
uint64_t Delivered(const Verdict& verdict) {
  uint64_t delivered = 0;
  for (const Verdict::Record& record : verdict.records) delivered += record.places.size();
  return delivered;
}

class Worker {
 public:
  Worker(const std::vector<SampleStore>& stores, const std::vector<Case>& cases, const Flags& flags,
         Tally* tally, size_t ordinal)
      : stores_(stores), cases_(cases), flags_(flags), tally_(tally), ordinal_(ordinal) {}

  void Run() {
    for (;;) {
      const uint64_t at = tally_->next_case++;
      if (at >= cases_.size()) return;
      tally_->at[ordinal_] = at;
      Check(cases_[at], at);
    }
  }

 private:
  void Check(const Case& wound, uint64_t at) {
    const SampleStore& store = stores_[wound.store];
    const FileKind kind = KindOf(store.files[wound.damage.file]);
    Tally::Row& row = tally_->rows[static_cast<size_t>(kind)];
    const bool is_thorough = Random::Mix(flags_.seed, at) % kThoroughOneIn == 0;
    const Verdict verdict = Examine(store, wound.damage, is_thorough);
    ++(wound.damage.kind == Damage::Kind::kFlip  ? row.flips
       : wound.damage.kind == Damage::Kind::kCut ? row.cuts
                                                 : row.sectors);
    row.refused += verdict.was_refused;
    row.lost += verdict.lost;
    row.reported += verdict.tells_anything;
    row.violations += verdict.violations.size();
    tally_->delivered += Delivered(verdict);
    for (const Violation& violation : verdict.violations) {
      ++tally_->violations;
      if (++printed_[Kind(store.name, violation.text)] > kPrintedMax) continue;
      std::printf("VIOLATION %s\nreproduce: %s\n", violation.text.c_str(),
                  Reproduction(stores_, wound, flags_).c_str());
      std::fflush(stdout);
    }
  }

  // The text without its numbers.
  static std::string Kind(const std::string& store, const std::string& text) {
    std::string kind = store;
    std::copy_if(text.begin(), text.end(), std::back_inserter(kind),
                 [](char c) { return !absl::ascii_isdigit(static_cast<unsigned char>(c)); });
    return kind;
  }

  const std::vector<SampleStore>& stores_;
  const std::vector<Case>& cases_;
  const Flags& flags_;
  Tally* const tally_;
  const size_t ordinal_;
  std::map<std::string, int> printed_;
};

// The workers as processes: one that dies takes a violation with it and nothing else.
void RunWorkers(const std::vector<SampleStore>& stores, const std::vector<Case>& cases,
                const Flags& flags, Tally* tally) {
  struct Child {
    pid_t process = 0;
    uint64_t at = 0;
    SteadyClock::time_point since;
  };
  std::vector<Child> children(flags.workers);
  size_t running = 0;
  uint64_t deaths = 0;
  const auto start = [&](size_t ordinal) {
    std::fflush(stdout);
    const pid_t process = fork();
    if (process == 0) {
      Worker(stores, cases, flags, tally, ordinal).Run();
      std::fflush(stdout);
      _exit(0);
    }
    if (process < 0) return std::perror("fork");
    children[ordinal] = {.process = process, .at = ~uint64_t{0}, .since = SteadyClock::now()};
    ++running;
  };
  for (size_t i = 0; i < children.size(); ++i) start(i);
  while (running != 0) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    for (size_t i = 0; i < children.size(); ++i) {
      Child& child = children[i];
      if (child.process == 0) continue;
      int status = 0;
      if (waitpid(child.process, &status, WNOHANG) == child.process) {
        child.process = 0;
        --running;
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) continue;
        std::printf("VIOLATION a worker died, wait status %d\nreproduce: %s\n", status,
                    Reproduction(stores, cases[tally->at[i]], flags).c_str());
        ++tally->violations;
        if (++deaths < kDeathsMax) start(i);
      } else if (tally->at[i] != child.at) {
        child.at = tally->at[i];
        child.since = SteadyClock::now();
      } else if (SteadyClock::now() - child.since > kHangTimeout) {
        std::printf("a worker hangs and is ended\n");
        kill(child.process, SIGKILL);
        child.since = SteadyClock::now();
      }
    }
  }
}

int Flip(const std::vector<SampleStore>& stores, const Flags& flags) {
  const auto begin = SteadyClock::now();
  const std::vector<Case> cases = AllCases(stores, flags);
  if (cases.empty()) {
    std::fprintf(stderr, "no store has the name %s\n", flags.store.c_str());
    return 2;
  }
  void* const memory =
      mmap(nullptr, sizeof(Tally), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) {
    std::perror("mmap");
    return 1;
  }
  Tally* const tally = new (memory) Tally();
  for (const SampleStore& store : stores) {
    uint64_t bytes = 0;
    for (const SampleFile& file : store.files) bytes += file.size;
    std::printf("store %-8s %3zu files, %6llu bytes, %3zu messages by queue\n", store.name.c_str(),
                store.files.size(), static_cast<unsigned long long>(bytes),
                static_cast<size_t>(Delivered(store.whole)));
  }
  RunWorkers(stores, cases, flags, tally);
  std::printf("%-12s %9s %9s %8s %8s %9s %9s %11s\n", "file", "flips", "cuts", "sectors", "refused",
              "lost", "reported", "violations");
  for (size_t kind = 0; kind < kFileKinds; ++kind) {
    const Tally::Row& row = tally->rows[kind];
    const auto number = [](const std::atomic<uint64_t>& value) {
      return static_cast<unsigned long long>(value.load());
    };
    std::printf("%-12s %9llu %9llu %8llu %8llu %9llu %9llu %11llu\n",
                std::string(FileKindName(static_cast<FileKind>(kind))).c_str(), number(row.flips),
                number(row.cuts), number(row.sectors), number(row.refused), number(row.lost),
                number(row.reported), number(row.violations));
  }
  const double seconds = std::chrono::duration<double>(SteadyClock::now() - begin).count();
  std::printf("%.1f s, %llu messages delivered\n", seconds,
              static_cast<unsigned long long>(tally->delivered.load()));
  return ReportTorture("wounds", std::min<uint64_t>(tally->next_case, cases.size()), flags.count,
                       tally->violations);
}

int Reproduce(const std::vector<SampleStore>& stores, const Flags& flags) {
  const auto damage = Damage::Parse(flags.damage);
  for (const SampleStore& store : stores) {
    for (size_t file = 0; file < store.files.size(); ++file) {
      if (store.name != flags.store || store.files[file].name != flags.file || !damage) continue;
      Damage wound = *damage;
      wound.file = file;
      const Verdict verdict = Examine(store, wound, /*is_thorough=*/true);
      std::printf("%llu delivered, %llu lost, %s, %s\n",
                  static_cast<unsigned long long>(Delivered(verdict)),
                  static_cast<unsigned long long>(verdict.lost),
                  verdict.was_refused ? "refused" : "opened",
                  verdict.tells_anything ? "reported" : "nothing said");
      for (const std::string& text : verdict.said) std::printf("said: %s\n", text.c_str());
      std::printf("%s", verdict.ToString().c_str());
      return verdict.ok() ? 0 : 1;
    }
  }
  std::fprintf(stderr, "no such store, file or damage\n");
  return 2;
}

int Main(int argc, char** argv) {
  Flags flags;
  if (!ParseFlags(argc, argv, &flags)) {
    std::fprintf(stderr,
                 "usage: byte_flip [--bits=one|segments|all] [--seed=S] [--workers=N] "
                 "[--store=NAME] [--count=N]\n"
                 "       byte_flip --seed=S --store=NAME --file=FILE --damage=WOUND\n");
    return 2;
  }
  std::vector<SampleStore> stores = MakeSampleStores(flags.seed);
  stores.push_back(MakeLargeStore(flags.seed));
  return flags.damage.empty() ? Flip(stores, flags) : Reproduce(stores, flags);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) { return weir::testing::Main(argc, argv); }
