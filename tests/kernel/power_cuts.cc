// Cuts the power of a disk in earnest: an image is cloned while a store on it is written.
//
//   power_cuts [--count=N] [--seed=S] [--case=N]
//
// The image lies on a file system that can clone files in one step. A clone holds what the medium
// held at that moment, in the middle of whatever the file system inside was doing; it is mounted,
// its journal is replayed, and the store on it is opened as by the next boot. Everything that was
// acknowledged as kDisk before the clone began is there, and of the rest a part without holes.

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/strings/str_cat.h"
#include "kernel/disks.h"
#include "kernel/harness.h"
#include "kernel/passing_file_system.h"
#include "kernel/subject.h"
#include "support/random.h"

ABSL_FLAG(uint64_t, count, 20, "How many cuts at least.");

namespace weir::kernel {
namespace {

namespace fs = std::filesystem;
using testing::Random;

// Cuts of one victim; it gets a new disk then, because this one fills.
constexpr uint64_t kCutsPerVictim = 5;
constexpr uint64_t kHostMegabytes = 1536;

// Mounts what can clone files; its name, or none.
std::optional<std::string> MountHost(const Workplace& workplace,
                                     const std::vector<DiskKind>& kinds) {
  // On a mount of its own: one that holds the image of another below itself would keep both alive
  // when the namespace ends with a process that was killed.
  if (!MountTmpfs(workplace / "medium", "1536m").ok()) return std::nullopt;
  for (const char* type : {"btrfs", "xfs"}) {
    for (const DiskKind& kind : kinds) {
      if (kind.type != type) continue;
      const std::string image = workplace / "medium/host.img";
      if (!MakeImage(kind, image, kHostMegabytes).ok()) continue;
      if (!MountImage(kind, image, workplace / "host").ok()) continue;
      const bool can_clone = RunCommand(absl::StrCat("cd ", workplace / "host",
                                                     " && echo x >a && cp --reflink=always a b"))
                                 .ok();
      if (can_clone) return kind.name;
      Unmount(workplace / "host").IgnoreError();
    }
  }
  return std::nullopt;
}

class CutDisk {
 public:
  CutDisk(const Workplace& workplace, const DiskKind& kind, uint64_t seed)
      : workplace_(workplace), kind_(kind), seed_(seed) {}
  ~CutDisk() {
    subject_.reset();  // nothing on it is busy then
    Unmount(workplace_ / "disk").IgnoreError();
    Unmount(workplace_ / "clone").IgnoreError();
  }
  CutDisk(const CutDisk&) = delete;
  CutDisk& operator=(const CutDisk&) = delete;

  absl::Status Start() {
    for (const char* name : {"front", "next_front"}) {
      fs::remove_all(workplace_ / name);
      fs::create_directories(workplace_ / name);
    }
    absl::Status status = MakeImage(kind_, image(), std::max<uint64_t>(kind_.megabytes_min, 192));
    if (status.ok()) status = MountImage(kind_, image(), workplace_ / "disk");
    if (!status.ok()) return status;
    victim::VictimOptions options;
    options.store.directory = workplace_ / "disk/store";
    options.store.front_directory = workplace_ / "front";
    options.store.segment_bytes = 256 << 10;
    options.store.front_bytes = 1 << 20;
    options.disk_one_in = 2;
    options.seed = seed_;
    subject_.emplace(options);
    subject_->Start();
    return subject_->AwaitAcknowledged(1);
  }

  absl::Status Cut(Random& random) {
    if (auto status = subject_->AwaitAcknowledged(1 + random.Below(40)); !status.ok())
      return status;
    subject_->Listen(std::chrono::milliseconds(random.Below(15)));
    // What was heard of until now must be on the clone; what was sent until then may be.
    testing::Expectation expectation{.as_of = subject_->ledger().history().now(),
                                     .survives = Durability::kDisk,
                                     .is_thorough = true};
    const std::string clone = workplace_ / "host/clone.img";
    auto cloned =
        RunCommand(absl::StrCat("rm -f ", clone, "; cp --reflink=always ", image(), " ", clone));
    if (!cloned.ok()) return cloned.status();
    subject_->CatchUp();
    expectation.taken_by = subject_->ledger().history().now();
    absl::Status status = MountImage(kind_, clone, workplace_ / "clone");
    if (!status.ok()) return status;
    status = ExamineClone(expectation);
    status.Update(Unmount(workplace_ / "clone"));
    return status;
  }

  absl::Status End() { return subject_->Kill(); }

 private:
  std::string image() const { return workplace_ / "host/disk.img"; }

  absl::Status ExamineClone(const testing::Expectation& expectation) {
    NextBoot next_boot;
    StoreOptions options = subject_->options();
    options.directory = workplace_ / "clone/store";
    options.front_directory = workplace_ / "next_front";
    options.file_system = &next_boot;
    return Examine(options, subject_->ledger(), expectation);
  }

  const Workplace& workplace_;
  const DiskKind kind_;
  const uint64_t seed_;
  std::optional<Subject> subject_;
};

// The cuts of victim `number`, from case `first` on.
void CutPower(const Workplace& workplace, Harness& harness, const DiskKind& kind,
              const std::string& host, uint64_t first) {
  Random random(Random::Mix(harness.seed(), first));
  CutDisk disk(workplace, kind, random.Next());
  const std::string what = absl::StrCat(kind.name, " on ", host);
  absl::Status status = disk.Start();
  for (uint64_t i = 0; i < kCutsPerVictim && status.ok() && !harness.is_done(); ++i) {
    status = disk.Cut(random);
    harness.Note(first, what, status);
  }
  if (status.ok()) status = disk.End();
  if (!status.ok()) harness.Note(first, what, status);
}

int Run(const Workplace& workplace) {
  if (!workplace.may_mount) return testing::ReportSkipped("only root can mount disks");
  std::vector<DiskKind> kinds = DiskKinds(workplace.path);
  const std::optional<std::string> host = MountHost(workplace, kinds);
  if (!host) return testing::ReportSkipped("neither btrfs nor xfs can be made and mounted here");
  // Without a journal a file system is not one that survives power loss.
  std::erase_if(kinds, [](const DiskKind& kind) { return kind.name == "ext4 without journal"; });
  Harness harness("power_cuts", "cuts", absl::GetFlag(FLAGS_count));
  for (uint64_t number = harness.first(); !harness.is_done(); ++number) {
    const uint64_t before = harness.count();
    CutPower(workplace, harness, kinds[number % kinds.size()], *host, number);
    if (harness.is_single() || harness.count() == before) break;
  }
  return harness.Report();
}

}  // namespace
}  // namespace weir::kernel

int main(int argc, char* argv[]) {
  return weir::kernel::HarnessMain(argc, argv, weir::kernel::Run);
}
