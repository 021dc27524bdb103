// Syncs that fail in earnest: a file system on an image whose own disk is full.
//
//   failed_syncs [--count=N] [--seed=S] [--case=N]
//
// The image is sparse and lies on a tmpfs that is smaller, so what the file system promised cannot
// be written back, and fsync says so once. Then the tmpfs grows or not, the victim ends, and the
// image is mounted anew: what the page cache held is gone, and everything acknowledged as kDisk
// must be on the medium. In between the store goes on, or is read-only and says why.

#include <sys/mount.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "kernel/disks.h"
#include "kernel/harness.h"
#include "kernel/passing_file_system.h"
#include "kernel/subject.h"
#include "support/random.h"
#include "weir/store.h"

ABSL_FLAG(uint64_t, count, 12, "How many disks at least.");

namespace weir::kernel {
namespace {

namespace fs = std::filesystem;
using testing::Random;

// Half of the disks fail under the first segments, whose space was never written before.
uint64_t SpareKib(Random& random) {
  return random.OneIn(2) ? 128 + random.Below(512) : 256 + random.Below(4096);
}

constexpr char kPageKib[] = "4";

// An image mounted at PLACE/disk, on a tmpfs at PLACE/medium.
class FailingDisk {
 public:
  FailingDisk(const DiskKind& kind, const std::string& place) : kind_(kind), place_(place) {}
  ~FailingDisk() {
    if (!queue_.empty()) {
      RunCommand(absl::StrCat("f=", queue_, "; echo ", requests_before_, " >$f")).IgnoreError();
    }
    Unmount(place_ + "/disk").IgnoreError();
    Unmount(place_ + "/medium").IgnoreError();
  }
  FailingDisk(const FailingDisk&) = delete;
  FailingDisk& operator=(const FailingDisk&) = delete;

  // With so much less than the image may come to need.
  absl::Status Make(uint64_t spare_kib) {
    const std::string image = place_ + "/medium/image";
    fs::create_directories(place_);
    absl::Status status = MountTmpfs(place_ + "/medium", "1g");
    if (status.ok()) status = MakeImage(kind_, image, std::max<uint64_t>(kind_.megabytes_min, 96));
    if (status.ok()) status = MountImage(kind_, image, place_ + "/disk");
    if (status.ok()) status = LimitRequests();
    if (!status.ok()) return status;
    auto used = RunCommand(absl::StrCat("sync; du -k ", image, " | cut -f1"));
    if (!used.ok()) return used.status();
    return Resize(absl::StrCat(std::stoull(*used) + spare_kib, "k"));
  }
  absl::Status Heal() { return Resize("1g"); }
  // What was not written is gone.
  absl::Status MountAnew() {
    if (absl::Status status = Unmount(place_ + "/disk"); !status.ok()) return status;
    return MountImage(kind_, place_ + "/medium/image", place_ + "/disk");
  }

 private:
  // A loop device reports a request that its file took a part of as whole, so a sync would lie. One
  // page is taken or not: so no request may be larger than that. The limit stays with the device
  // when it is given back, and is set back then; one that a killed run has left is not kept.
  absl::Status LimitRequests() {
    auto device = RunCommand(absl::StrCat("findmnt -n -o SOURCE --mountpoint ", place_, "/disk"));
    if (!device.ok()) return device.status();
    const std::string name = fs::path(*device).filename();
    queue_ = absl::StrCat("/sys/block/", absl::StripAsciiWhitespace(name), "/queue/max_sectors_kb");
    auto before = RunCommand("cat " + queue_);
    if (!before.ok()) return before.status();
    requests_before_ = *before;
    absl::StripAsciiWhitespace(&requests_before_);
    if (requests_before_ == kPageKib) requests_before_ = "$(cat ${f%/*}/max_hw_sectors_kb)";
    return RunCommand(absl::StrCat("echo ", kPageKib, " >", queue_)).status();
  }

  absl::Status Resize(const std::string& size) {
    const std::string options = "size=" + size;
    if (mount("tmpfs", (place_ + "/medium").c_str(), "tmpfs", MS_REMOUNT, options.c_str()) == 0) {
      return absl::OkStatus();
    }
    return absl::ErrnoToStatus(errno, "the size of a tmpfs");
  }

  const DiskKind kind_;
  const std::string place_;
  std::string queue_;  // of the loop device, and its limit before
  std::string requests_before_;
};

// What the next boot makes of it: all that is acknowledged as kDisk is there, whatever damage there
// is to anything else.
absl::Status ExamineMedium(StoreOptions options, victim::Ledger& ledger) {
  NextBoot next_boot;
  options.file_system = &next_boot;
  testing::Expectation expectation{.survives = Durability::kDisk, .allows_damage = true};
  expectation.may_be_refused = ledger.acknowledged() == 0;
  return Examine(options, ledger, expectation);
}

absl::Status RunCase(const Workplace& workplace, const DiskKind& kind, Random& random,
                     bool* has_failed) {
  const std::string place = workplace / "failing";
  fs::create_directories(place + "/front");
  FailingDisk disk(kind, place);
  if (auto status = disk.Make(SpareKib(random)); !status.ok()) return status;
  victim::VictimOptions options;
  options.store.directory = place + "/disk/store";
  options.store.front_directory = place + "/front";
  options.store.segment_bytes = 256 << 10;
  options.store.front_bytes = 1 << 20;
  options.disk_one_in = 2;
  options.seed = random.Next();
  options.is_patient = true;
  Subject subject(options);
  subject.Start();
  const auto is_hit = [](const Subject::Heard& heard) {
    return heard.refused > 0 || heard.uncertain > 0 || heard.was_degraded || heard.not_opened ||
           heard.state == StoreState::kReadOnly;
  };
  absl::Status status = subject.Await("a failure", is_hit);
  *has_failed = is_hit(subject.heard());
  if (!status.ok() && !subject.heard().not_opened) return status;

  if (random.OneIn(3)) {
    subject.Listen(std::chrono::milliseconds(50));
  } else if (status = disk.Heal(); !status.ok()) {
    return status;
  }
  if (!subject.heard().not_opened && random.OneIn(2)) {
    if (status = disk.Heal(); !status.ok()) return status;
    const uint64_t wanted = subject.heard().acknowledged + 50;
    status = subject.Await("service or a reason", [&](const Subject::Heard& heard) {
      const bool has_reason = heard.state == StoreState::kReadOnly && !heard.reason.empty();
      return heard.acknowledged >= wanted || has_reason;
    });
    if (!status.ok()) return status;
  }
  if (!subject.heard().not_opened) {
    status = random.OneIn(2) ? subject.Kill() : subject.End();
    if (!status.ok()) return status;
  }
  if (status = disk.Heal(); !status.ok()) return status;
  fs::remove_all(place + "/front");
  fs::create_directories(place + "/front");
  if (status = disk.MountAnew(); !status.ok()) return status;
  return ExamineMedium(options.store, subject.ledger());
}

int Run(const Workplace& workplace) {
  if (!workplace.may_mount) return testing::ReportSkipped("only root can mount disks");
  const std::vector<DiskKind> kinds = DiskKinds(workplace.path);
  if (kinds.empty()) {
    return testing::ReportSkipped("no file system can be made on an image and mounted here");
  }
  Harness harness("failed_syncs", "failing disks", absl::GetFlag(FLAGS_count));
  for (uint64_t number = harness.first(); !harness.is_done(); ++number) {
    Random random(Random::Mix(harness.seed(), number));
    const DiskKind& kind = kinds[number % kinds.size()];
    bool has_failed = false;
    const absl::Status status = RunCase(workplace, kind, random, &has_failed);
    if (has_failed || !status.ok()) harness.Note(number, kind.name, status);
    if (harness.is_single()) break;
  }
  return harness.Report();
}

}  // namespace
}  // namespace weir::kernel

int main(int argc, char* argv[]) {
  return weir::kernel::HarnessMain(argc, argv, weir::kernel::Run);
}
