#include "kernel/hostile_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "format/file_names.h"
#include "kernel/harness.h"
#include "kernel/subject.h"
#include "support/oracle.h"
#include "support/random.h"
#include "support/service.h"
#include "weir/store.h"

namespace weir::kernel {
namespace {

namespace fs = std::filesystem;
using testing::Random;

enum class Target { kLock, kSuperblock, kOldest, kWritten, kPrepared, kIndex, kFront, kDoorbell };
constexpr absl::string_view kTargetNames[] = {"LOCK",    "superblock",       "oldest segment",
                                              "segment", "prepared segment", "index file",
                                              "front",   "doorbell page"};
enum class Deed { kUnlink, kRename, kChmod, kLink, kFifo, kDirectory, kEmpty, kHalve };
constexpr absl::string_view kDeedNames[] = {"unlinked",
                                            "renamed",
                                            "chmod 000",
                                            "replaced by a link",
                                            "replaced by a FIFO",
                                            "replaced by a directory",
                                            "emptied",
                                            "cut in half"};
constexpr absl::string_view kPrecious = "somebody else's file";

struct Mischief {
  Target target;
  Deed deed;
};

// Memory that a process has mapped is not cut short: that is a signal in any program.
std::vector<Mischief> AllMischiefs() {
  std::vector<Mischief> all;
  for (size_t target = 0; target < std::size(kTargetNames); ++target) {
    for (size_t deed = 0; deed < std::size(kDeedNames); ++deed) {
      const Mischief mischief{static_cast<Target>(target), static_cast<Deed>(deed)};
      const bool is_mapped =
          mischief.target == Target::kFront || mischief.target == Target::kDoorbell;
      if (is_mapped && mischief.deed >= Deed::kEmpty) continue;
      all.push_back(mischief);
    }
  }
  return all;
}

// The path of the file that is meant; empty if there is none yet.
std::string Find(const StoreOptions& options, Target target) {
  if (target == Target::kLock) return options.directory + "/LOCK";
  if (target == Target::kSuperblock) return options.directory + "/superblock";
  if (target == Target::kFront || target == Target::kDoorbell) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(options.front_directory)) {
      const bool is_doorbell = absl::StrContains(entry.path().filename().string(), "bell");
      if (is_doorbell == (target == Target::kDoorbell)) names.push_back(entry.path());
    }
    return names.empty() ? "" : names[0];
  }
  std::vector<std::string> segments;
  std::vector<std::string> indexes;
  for (const auto& entry : fs::directory_iterator(options.directory)) {
    const std::string name = entry.path().filename();
    if (internal::ParseSegmentFileName(name)) segments.push_back(entry.path());
    if (internal::ParseIndexFileName(name)) indexes.push_back(entry.path());
  }
  std::sort(segments.begin(), segments.end());
  std::sort(indexes.begin(), indexes.end());
  if (target == Target::kIndex) return indexes.empty() ? "" : indexes.back();
  if (segments.size() < 4) return "";
  if (target == Target::kOldest) return segments.front();
  // Two are prepared ahead.
  return target == Target::kPrepared ? segments.back() : segments[segments.size() - 3];
}

absl::Status Do(Deed deed, const std::string& path, const std::string& aside,
                const std::string& precious) {
  std::error_code error;
  switch (deed) {
    case Deed::kUnlink:
      fs::remove(path, error);
      break;
    case Deed::kChmod:
      fs::permissions(path, fs::perms::none, error);
      break;
    case Deed::kEmpty:
    case Deed::kHalve:
      fs::resize_file(path, deed == Deed::kEmpty ? 0 : fs::file_size(path, error) / 2, error);
      break;
    default:
      fs::rename(path, aside, error);
      if (error || deed == Deed::kRename) break;
      if (deed == Deed::kLink) fs::create_symlink(precious, path, error);
      if (deed == Deed::kDirectory) fs::create_directory(path, error);
      if (deed == Deed::kFifo && mkfifo(path.c_str(), 0600) != 0) {
        error = std::error_code(errno, std::generic_category());
      }
  }
  // The store may have been faster and removed or renamed it itself.
  if (error && error != std::errc::no_such_file_or_directory && error != std::errc::file_exists) {
    return absl::InternalError(absl::StrCat(path, ": ", error.message()));
  }
  return absl::OkStatus();
}

void Undo(Deed deed, const std::string& path, const std::string& aside) {
  std::error_code ignored;  // what could not be undone stays as it is
  if (deed == Deed::kChmod) fs::permissions(path, fs::perms(0600), ignored);
  if (!fs::exists(aside)) return;
  if (!fs::is_regular_file(fs::symlink_status(path))) fs::remove(path, ignored);
  if (!fs::exists(fs::symlink_status(path))) fs::rename(aside, path, ignored);
}

bool IsDocumentedOfOpen(const absl::Status& status) {
  return absl::IsDataLoss(status) || absl::IsFailedPrecondition(status) ||
         absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status) ||
         absl::IsNotFound(status);
}

// What an open makes of what is left. What is gone must be told of, unless the store is a copy that
// nobody promises anything of. Refusals come back in *refused.
absl::Status ExamineRest(StoreOptions options, victim::Ledger& ledger, bool may_be_silent,
                         absl::Status* refused) {
  options.background = Background::kManual;
  options.create_if_missing = false;
  const auto store = MessageStore::Open(options);
  *refused = store.status();
  if (!store.ok()) return absl::OkStatus();
  const testing::Expectation expectation{.allows_damage = true,
                                         .may_be_lost = [](size_t) { return true; },
                                         .may_be_silent = may_be_silent,
                                         .may_lose_topics = true,
                                         .allows_read_only = true,
                                         .is_just_opened = true};
  const testing::Verdict verdict = testing::Examine(**store, ledger.history(), expectation);
  // A read says what the file system says; who may not open a file sees it when he may.
  if (absl::IsPermissionDenied(verdict.error)) *refused = verdict.error;
  if (!refused->ok()) return absl::OkStatus();
  if (!verdict.ok()) return StatusOf(verdict);
  // It may be refused, but it must come back.
  (*store)->Append({.topic = testing::kServiceTopic, .body = "goes on"}).IgnoreError();
  (*store)->Close().IgnoreError();
  return absl::OkStatus();
}

std::string ContentOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

victim::VictimOptions LiveVictim(const std::string& place, uint64_t seed) {
  fs::remove_all(place);
  fs::create_directories(place + "/front");
  victim::VictimOptions options;
  options.store.directory = place + "/store";
  options.store.front_directory = place + "/front";
  options.store.segment_bytes = 64 << 10;
  options.store.front_bytes = 64 << 10;
  options.seed = seed;
  options.is_patient = true;
  return options;
}

}  // namespace

uint32_t Mischiefs() { return static_cast<uint32_t>(AllMischiefs().size()); }

std::string MischiefName(uint32_t mischief) {
  const auto [target, deed] = AllMischiefs()[mischief];
  return absl::StrCat(kTargetNames[static_cast<size_t>(target)], " ",
                      kDeedNames[static_cast<size_t>(deed)]);
}

absl::Status DoMischief(const Workplace& workplace, uint32_t mischief, uint64_t seed) {
  const auto [target, deed] = AllMischiefs()[mischief];
  Random random(seed);
  const std::string place = workplace / "mischief";
  Subject subject(LiveVictim(place, seed));
  const std::string aside = place + "/aside";
  const std::string precious = place + "/precious";
  std::ofstream(precious) << kPrecious;
  // Reaches for the file while it is written, so the moment is any.
  subject.Start();
  if (auto status = subject.AwaitAcknowledged(600 + random.Below(300)); !status.ok()) return status;
  std::string path;
  for (int tries = 0; tries < 200 && path.empty(); ++tries) {
    path = Find(subject.options(), target);
    if (path.empty()) subject.Listen(std::chrono::milliseconds(10));
  }
  if (path.empty()) return absl::InternalError("the file that was to be hit never was there");
  if (auto status = Do(deed, path, aside, precious); !status.ok()) return status;

  // Long enough to roll; what refuses everything has been met in half a second.
  const uint64_t wanted = subject.heard().acknowledged + 100 + random.Below(300);
  const uint64_t refused = subject.heard().refused + 30;
  absl::Status status = subject.Await("what comes of it", [&](const Subject::Heard& heard) {
    return heard.acknowledged >= wanted || heard.refused >= refused;
  });
  if (!status.ok()) return status;
  if (MessageStore::Open(subject.options()).ok()) {
    return absl::InternalError("a second writer opens the store beside the first");
  }
  status = random.OneIn(2) ? subject.Kill() : subject.End();
  if (!status.ok()) return status;
  if (ContentOf(precious) != kPrecious) return absl::DataLossError("somebody else's file changed");

  absl::Status refusal;
  status = ExamineRest(subject.options(), subject.ledger(), /*may_be_silent=*/false, &refusal);
  if (!status.ok() || refusal.ok()) return status;
  if (!IsDocumentedOfOpen(refusal)) return refusal;
  Undo(deed, path, aside);
  status = ExamineRest(subject.options(), subject.ledger(), /*may_be_silent=*/false, &refusal);
  // What was destroyed stays so; all the rest can be opened again when it was put right.
  const bool is_destroyed =
      target == Target::kSuperblock && (deed == Deed::kUnlink || deed >= Deed::kEmpty);
  if (status.ok() && !refusal.ok() && !is_destroyed) {
    return absl::Status(refusal.code(), absl::StrCat("put right and refused: ", refusal.message()));
  }
  if (ContentOf(precious) != kPrecious) return absl::DataLossError("somebody else's file changed");
  return status;
}

absl::Status CopyLiveStore(const Workplace& workplace, uint64_t seed) {
  const std::string place = workplace / "copied";
  Subject subject(LiveVictim(place, seed));
  subject.Start();
  if (auto status = subject.AwaitAcknowledged(100 + seed % 400); !status.ok()) return status;
  if (auto copied = RunCommand(absl::StrCat("cp -r ", place, "/store ", place, "/copy"));
      !copied.ok() && !absl::StrContains(copied.status().message(), "cannot stat")) {
    return copied.status();
  }
  StoreOptions copy = subject.options();
  copy.directory = place + "/copy";
  subject.CatchUp();
  absl::Status refusal;
  absl::Status status = ExamineRest(copy, subject.ledger(), /*may_be_silent=*/true, &refusal);
  // It was copied file by file while it changed, so it may be damaged.
  if (!refusal.ok() && !IsDocumentedOfOpen(refusal)) status.Update(refusal);
  status.Update(subject.AwaitAcknowledged(50));
  status.Update(subject.Kill());
  if (!status.ok()) return status;
  return Examine(subject.options(), subject.ledger());
}

absl::Status LinkLiveStore(const Workplace& workplace, uint64_t seed) {
  const std::string place = workplace / "linked";
  Subject subject(LiveVictim(place, seed));
  subject.Start();
  if (auto status = subject.AwaitAcknowledged(100 + seed % 400); !status.ok()) return status;
  RunCommand(absl::StrCat("cp -rl ", place, "/store ", place, "/links")).IgnoreError();
  StoreOptions links = subject.options();
  links.directory = place + "/links";
  const absl::Status held = MessageStore::Open(links).status();
  // LOCK is one file under two names, so the writer holds it under both.
  if (!absl::IsUnavailable(held)) {
    return absl::InternalError(absl::StrCat("a linked live store: ", held.ToString()));
  }
  if (auto status = subject.AwaitAcknowledged(50); !status.ok()) return status;
  if (auto status = subject.Kill(); !status.ok()) return status;
  for (const StoreOptions& options : {links, subject.options()}) {
    const absl::Status refused = MessageStore::Open(options).status();
    if (!absl::IsFailedPrecondition(refused) || !absl::StrContains(refused.message(), "link")) {
      return absl::InternalError(absl::StrCat("a linked store: ", refused.ToString()));
    }
  }
  fs::remove_all(links.directory);
  return Examine(subject.options(), subject.ledger());
}

absl::Status InterruptAlways(const Workplace& workplace, uint64_t seed) {
  victim::VictimOptions options = LiveVictim(workplace / "interrupted", seed);
  options.alarm_micros = 200;
  options.disk_one_in = 4;
  Subject subject(options);
  subject.Start();
  if (auto status = subject.AwaitAcknowledged(1000); !status.ok()) return status;
  if (auto status = seed % 2 == 0 ? subject.Kill() : subject.End(); !status.ok()) return status;
  const Subject::Heard& heard = subject.heard();
  if (heard.refused + heard.uncertain + heard.reads_failed > 0) {
    return absl::InternalError(absl::StrCat("a signal was taken for an error: ", heard.refusal,
                                            heard.read_failure, " uncertain ", heard.uncertain));
  }
  return Examine(subject.options(), subject.ledger());
}

}  // namespace weir::kernel
