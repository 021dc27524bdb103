// Kills a process that appends, again and again, and looks whether anything acknowledged is gone.
//
//   kill_loop [--kills=N] [--seed=S] [--directory=D]
//
// A victim (victim.h) opens a store and appends from several threads; every message and every
// acknowledgement goes through a pipe into the ledger of this process (ledger.h). After up to 30 ms
// of work it gets SIGKILL, sometimes while it still recovers from the last one. Then the oracle
// looks at the store, as a writer or as a reading process, or the next victim goes on with it
// unseen. Every 25 kills begin a new store with other sizes. Exit status 1 if any rule is broken.

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <random>
#include <string>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "support/directory_oracle.h"
#include "support/oracle.h"
#include "torture/report.h"
#include "victim/ledger.h"
#include "victim/victim.h"
#include "victim/victim_process.h"
#include "weir/store.h"

ABSL_FLAG(uint32_t, kills, 300, "How often to kill.");
ABSL_FLAG(uint64_t, seed, 0, "Chooses sizes, moments and messages; 0: another one each time.");
ABSL_FLAG(std::string, directory, "", "Where the stores lie; default: a temporary directory.");

namespace weir::victim {
namespace {

constexpr uint32_t kKillsPerStore = 25;
constexpr std::chrono::seconds kPatience{30};

struct Sizes {
  uint64_t segment_bytes;
  uint64_t front_bytes;
  absl::string_view front;  // "shared": in a directory of ours; else as StoreOptions has it
};
constexpr Sizes kSizes[] = {
    {64 << 10, 64 << 10, "shared"},
    {1 << 20, 256 << 10, "private"},
    {256 << 10, 1 << 20, "shared"},
    {4 << 20, 1 << 20, ""},
};

// One store and everything that happens to it.
class Campaign {
 public:
  Campaign(std::string directory, const Sizes& sizes, uint64_t seed)
      : sizes_(sizes), seed_(seed), random_(seed), ledger_(seed) {
    std::filesystem::create_directories(directory + "/front");
    options_.directory = directory + "/store";
    options_.segment_bytes = sizes.segment_bytes;
    options_.front_bytes = sizes.front_bytes;
    options_.front_directory =
        sizes.front == "shared" ? directory + "/front" : std::string(sizes.front);
  }

  // One life and death of a victim, and a look at the store or none.
  absl::Status KillOnce() {
    ++run_;
    ledger_.history().Die();
    bool is_open = false;
    VictimProcess victim(Victim(), [&](const Event& event) { Listen(event, is_open); });
    const bool dies_in_recovery = Below(4) == 0;
    const EventKind start = dies_in_recovery ? EventKind::kOpening : EventKind::kOpened;
    const auto patience_ends = std::chrono::steady_clock::now() + kPatience;
    bool is_alive = victim.Listen(patience_ends, start);
    if (is_alive && std::chrono::steady_clock::now() >= patience_ends) {
      return absl::DeadlineExceededError("the victim hangs in Open()");
    }
    const std::chrono::microseconds life(Below(dies_in_recovery ? 4'000 : 30'000));
    if (is_alive) is_alive = victim.Listen(std::chrono::steady_clock::now() + life);
    if (absl::Status status = victim.Kill(); !status.ok()) return status;
    ++kills_;
    if (!is_open) ++kills_in_recovery_;

    switch (Below(4)) {
      case 0:
        return absl::OkStatus();  // the next victim finds what this one left
      case 1:
        return Check(/*as_reader=*/true);
      default:
        return Check(/*as_reader=*/false);
    }
  }

  absl::Status Finish() {
    const testing::Expectation expectation{.is_faultless = true, .is_thorough = true};
    return Judge(testing::DirectoryOracle(options_, ledger_.history(), expectation).ExamineAll());
  }

  static void PrintHead() {
    absl::PrintF("%9s %9s %8s %6s %12s %8s %13s %12s %7s %12s\n", "segment", "front", "kind",
                 "kills", "in recovery", "adopted", "acknowledged", "unconfirmed", "voids",
                 "max recovery");
  }
  void Print() const {
    absl::PrintF("%9d %9d %8s %6d %12d %8d %13d %12d %7d %9.2f ms\n", sizes_.segment_bytes,
                 sizes_.front_bytes, sizes_.front.empty() ? "default" : sizes_.front, kills_,
                 kills_in_recovery_, adoptions_, ledger_.acknowledged(), unconfirmed_, voids_,
                 static_cast<double>(recovery_nanos_max_) / 1e6);
    std::fflush(stdout);
  }
  uint64_t acknowledged() const { return ledger_.acknowledged(); }

 private:
  uint32_t Below(uint32_t bound) { return static_cast<uint32_t>(random_() % bound); }

  VictimOptions Victim() const { return {.store = options_, .seed = seed_, .run = run_}; }

  void Listen(const Event& event, bool& is_open) {
    ledger_.Record(event);
    if (event.kind != EventKind::kOpened) return;
    is_open = true;
    NoteRecovery(event.flag == 1, event.nanos);
  }

  void NoteRecovery(bool is_adopted, uint64_t nanos) {
    if (is_adopted) ++adoptions_;
    recovery_nanos_max_ = std::max(recovery_nanos_max_, nanos);
  }

  absl::Status Check(bool as_reader) {
    StoreOptions options = options_;
    options.read_only = as_reader;
    const auto store = MessageStore::Open(options);
    // The first victim may have died before there was a store.
    if (as_reader && store.status().code() == absl::StatusCode::kNotFound &&
        ledger_.acknowledged() == 0) {
      return absl::OkStatus();
    }
    if (!store.ok()) return store.status();
    if (!as_reader) {
      const RecoveryReport& recovery = (*store)->recovery();
      NoteRecovery(recovery.front_adopted,
                   static_cast<uint64_t>(absl::ToInt64Nanoseconds(recovery.duration)));
    }
    const testing::Verdict verdict = testing::Examine(
        **store, ledger_.history(),
        {.allows_read_only = as_reader, .is_faultless = true, .is_just_opened = true});
    absl::Status status = Judge(verdict);
    status.Update((*store)->Close());
    ledger_.history().Reopen(verdict.delivered,
                             as_reader ? Durability::kProcess : Durability::kDisk);
    return status;
  }

  absl::Status Judge(const testing::Verdict& verdict) {
    voids_ = verdict.voids;
    unconfirmed_ = 0;
    for (size_t i = 0; i < verdict.delivered.size(); ++i) {
      const bool is_confirmed = ledger_.history()[i].receipt.has_value();
      unconfirmed_ += verdict.delivered[i] && !is_confirmed ? 1 : 0;
    }
    return verdict.ok() ? absl::OkStatus() : absl::DataLossError(verdict.ToString());
  }

  const Sizes sizes_;
  const uint64_t seed_;
  std::mt19937_64 random_;
  StoreOptions options_;
  Ledger ledger_;
  uint32_t run_ = 0;
  uint32_t kills_ = 0;
  uint32_t kills_in_recovery_ = 0;
  uint32_t adoptions_ = 0;
  uint64_t unconfirmed_ = 0;  // of the last examination: delivered without an acknowledgement
  uint64_t voids_ = 0;        // ... and offsets without a message
  uint64_t recovery_nanos_max_ = 0;
};

int RunLoop() {
  const uint32_t kills = absl::GetFlag(FLAGS_kills);
  uint64_t seed = absl::GetFlag(FLAGS_seed);
  if (seed == 0) seed = std::random_device()();
  std::string directory = absl::GetFlag(FLAGS_directory);
  const bool is_temporary = directory.empty();
  if (is_temporary) {
    const char* parent = std::getenv("TMPDIR");
    directory = absl::StrCat(parent != nullptr ? parent : "/tmp", "/weir_kill_loop.XXXXXX");
    if (::mkdtemp(directory.data()) == nullptr) return 1;
  }

  uint64_t acknowledged = 0;
  Campaign::PrintHead();
  for (uint32_t done = 0, number = 0; done < kills; ++number) {
    Campaign campaign(absl::StrCat(directory, "/", number), kSizes[number % std::size(kSizes)],
                      seed + number);
    absl::Status status;
    for (uint32_t i = 0; i < kKillsPerStore && done < kills && status.ok(); ++i, ++done) {
      status = campaign.KillOnce();
    }
    if (status.ok()) status = campaign.Finish();
    campaign.Print();
    acknowledged += campaign.acknowledged();
    if (!status.ok()) {
      std::cout << "VIOLATION in " << directory << "/" << number << " at kill " << done << ": "
                << status << "\nreproduce: kill_loop --kills=" << kills << " --seed=" << seed
                << std::endl;
      return testing::ReportTorture("kills", done, kills, 1);
    }
    std::filesystem::remove_all(absl::StrCat(directory, "/", number));
  }
  if (is_temporary) std::filesystem::remove_all(directory);
  std::cout << acknowledged << " acknowledged, none of them lost (seed " << seed << ")"
            << std::endl;
  return testing::ReportTorture("kills", kills, kills, 0);
}

}  // namespace
}  // namespace weir::victim

int main(int argc, char* argv[]) {
  absl::SetProgramUsageMessage("kill_loop [--kills=N] [--seed=S] [--directory=D]");
  absl::ParseCommandLine(argc, argv);
  return weir::victim::RunLoop();
}
