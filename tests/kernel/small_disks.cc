// A store with too little of something: disk, shared memory, file size or descriptors.
//
//   small_disks [--count=N] [--seed=S] [--case=N]
//
// The victim works on a tmpfs of its own until it is refused. What it reads goes on; when somebody
// makes room it goes on too. Then it is killed or closed, and everything acknowledged is there.

#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include <filesystem>
#include <functional>
#include <string>

#include "absl/flags/flag.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "kernel/disks.h"
#include "kernel/harness.h"
#include "kernel/subject.h"
#include "support/random.h"

ABSL_FLAG(uint64_t, count, 60, "How many cases at least.");

namespace weir::kernel {
namespace {

namespace fs = std::filesystem;
using testing::Random;

enum class Shortage { kDisk, kFront, kFileSize, kDescriptors };
constexpr Shortage kShortages[] = {Shortage::kDisk,  Shortage::kDisk,     Shortage::kDisk,
                                   Shortage::kFront, Shortage::kFileSize, Shortage::kDescriptors};
constexpr uint64_t kRefusals = 3;

struct Case {
  Shortage shortage = Shortage::kDisk;
  uint64_t disk_kib = 64 << 10;
  uint64_t front_kib = 64 << 10;
  uint64_t file_bytes = RLIM_INFINITY;
  uint64_t descriptors = 256;

  std::string text() const {
    switch (shortage) {
      case Shortage::kDisk:
        return absl::StrCat("a disk of ", disk_kib, " KiB");
      case Shortage::kFront:
        return absl::StrCat("a front of ", front_kib, " KiB, a disk of ", disk_kib);
      case Shortage::kFileSize:
        return absl::StrCat("files of ", file_bytes, " bytes");
      case Shortage::kDescriptors:
        break;
    }
    return absl::StrCat(descriptors, " descriptors");
  }
};

// Sizes from 64 KiB to 8 MiB, as many small ones as large.
uint64_t SizeKib(Random& random) {
  const uint64_t base = uint64_t{64} << random.Below(7);
  return base + 4 * random.Below(base / 4 + 1);
}

Case CaseOf(uint64_t number, Random& random) {
  Case one{.shortage = kShortages[number % std::size(kShortages)]};
  if (one.shortage == Shortage::kDisk || one.shortage == Shortage::kFront) {
    one.disk_kib = SizeKib(random);
  }
  if (one.shortage == Shortage::kFront) one.front_kib = SizeKib(random);
  if (one.shortage == Shortage::kFileSize) one.file_bytes = 4096 * (1 + random.Below(16));
  // The victim's own are some, and a store of two segments needs more than ten.
  if (one.shortage == Shortage::kDescriptors) one.descriptors = 4 + random.Below(24);
  return one;
}

void SetLimits(uint64_t file_bytes, uint64_t descriptors) {
  const rlimit files{.rlim_cur = file_bytes, .rlim_max = RLIM_INFINITY};
  setrlimit(RLIMIT_FSIZE, &files);
  rlimit open{};
  getrlimit(RLIMIT_NOFILE, &open);
  open.rlim_cur = descriptors;
  setrlimit(RLIMIT_NOFILE, &open);
}

// Two small disks, mounted while this object lives.
class Disks {
 public:
  Disks(const std::string& place, const Case& one) : place_(place) {
    fs::create_directories(place);
    status_ = MountTmpfs(place + "/disk", absl::StrCat(one.disk_kib, "k"));
    status_.Update(MountTmpfs(place + "/front", absl::StrCat(one.front_kib, "k")));
  }
  ~Disks() {
    for (const char* name : {"/disk", "/front"}) Unmount(place_ + name).IgnoreError();
  }
  Disks(const Disks&) = delete;
  Disks& operator=(const Disks&) = delete;

  const absl::Status& status() const { return status_; }
  // The disk becomes so large, whatever is on it.
  absl::Status Grow() {
    if (mount("tmpfs", (place_ + "/disk").c_str(), "tmpfs", MS_REMOUNT, "size=256m") == 0) {
      return absl::OkStatus();
    }
    return absl::ErrnoToStatus(errno, "growing a tmpfs");
  }

 private:
  const std::string place_;
  absl::Status status_;
};

// What a refusal and a state may say where there is a shortage and nothing else.
absl::Status CheckHeard(const Subject::Heard& heard) {
  if (heard.reads_failed > 0) {
    return absl::InternalError(absl::StrCat("a read failed: ", heard.read_failure));
  }
  if (heard.state == StoreState::kReadOnly) {
    return absl::InternalError(absl::StrCat("read-only: ", heard.reason));
  }
  const bool is_room = absl::StrContains(heard.refusal, "RESOURCE_EXHAUSTED") ||
                       absl::StrContains(heard.refusal, "DEADLINE_EXCEEDED");
  if (heard.refused > 0 && !is_room) return absl::InternalError(heard.refusal);
  return absl::OkStatus();
}

bool MayNotOpen(const absl::Status& status) {
  return absl::IsResourceExhausted(status) || absl::IsUnavailable(status);
}

// *is_short: whether the victim met the shortage at all.
absl::Status RunCase(const Workplace& workplace, const Case& one, Random& random, bool* is_short) {
  const std::string place = workplace / "small";
  Disks disks(place, one);
  if (!disks.status().ok()) return disks.status();
  victim::VictimOptions options;
  options.store.directory = place + "/disk/store";
  options.store.front_directory = random.OneIn(4) ? "private" : place + "/front";
  options.store.segment_bytes = uint64_t{64 << 10} << random.Below(3);
  options.store.front_bytes = uint64_t{64 << 10} << random.Below(5);
  if (random.OneIn(3)) options.store.background = Background::kManual;
  options.seed = random.Next();
  options.is_patient = true;
  Subject subject(options);

  // Enough to roll where there is room, and until it is refused where there is not.
  const auto is_stuck = [](const Subject::Heard& heard) {
    return heard.refused >= kRefusals || heard.not_opened || heard.acknowledged >= 2'000;
  };
  subject.Start([&] { SetLimits(one.file_bytes, one.descriptors); });
  absl::Status status = subject.Await("a shortage", is_stuck);
  if (!status.ok()) return status;
  const Subject::Heard& heard = subject.heard();
  const bool has_private =
      options.store.front_directory == "private" || one.front_kib << 10 < options.store.front_bytes;
  *is_short = heard.refused > 0 || heard.not_opened || heard.was_degraded ||
              (one.shortage == Shortage::kFront && has_private);
  if (status = CheckHeard(heard); !status.ok()) return status;
  if (heard.not_opened) {
    if (!MayNotOpen(*heard.not_opened)) return *heard.not_opened;
    subject.End().IgnoreError();  // it has ended already
    if (status = disks.Grow(); !status.ok()) return status;
    return Examine(options.store, subject.ledger());
  }

  // Service returns with the room, to the same process or the next one.
  if (random.OneIn(2)) {
    if (status = disks.Grow(); !status.ok()) return status;
    const rlimit64 no_limit{.rlim_cur = RLIM64_INFINITY, .rlim_max = RLIM64_INFINITY};
    prlimit64(subject.pid(), RLIMIT_FSIZE, &no_limit, nullptr);
    const rlimit64 many{.rlim_cur = 256, .rlim_max = 4096};
    prlimit64(subject.pid(), RLIMIT_NOFILE, &many, nullptr);
    if (status = subject.AwaitAcknowledged(300); !status.ok()) return status;
    if (status = CheckHeard(subject.heard()); !status.ok()) return status;
  }
  status = random.OneIn(2) ? subject.Kill() : subject.End();
  if (!status.ok()) return status;
  if (status = disks.Grow(); !status.ok()) return status;
  return Examine(options.store, subject.ledger());
}

int Run(const Workplace& workplace) {
  if (!workplace.may_mount) return testing::ReportSkipped("only root can mount a tmpfs");
  Harness harness("small_disks", "shortages", absl::GetFlag(FLAGS_count));
  for (uint64_t number = harness.first(); !harness.is_done(); ++number) {
    Random random(Random::Mix(harness.seed(), number));
    const Case one = CaseOf(number, random);
    bool is_short = false;
    const absl::Status status = RunCase(workplace, one, random, &is_short);
    if (is_short || !status.ok()) harness.Note(number, one.text(), status);
    if (harness.is_single()) break;
  }
  return harness.Report();
}

}  // namespace
}  // namespace weir::kernel

int main(int argc, char* argv[]) {
  return weir::kernel::HarnessMain(argc, argv, weir::kernel::Run);
}
