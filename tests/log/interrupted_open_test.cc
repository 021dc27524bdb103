// An open that meets an error, at whichever of its calls and however the log was left, takes
// nothing from the next open; nor does the look of a process that only reads.

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "log/followed_log.h"
#include "log/recovery.h"
#include "log/small_log.h"

namespace weir::testing {
namespace {

// A log as somebody left it, on a machine that can be had again and again.
struct Left {
  CrashImage image;
  bool front_is_private = false;
};

class Leaving {
 public:
  explicit Leaving(bool front_is_private = false) : front_is_private_(front_is_private) {
    StoreOptions options = SmallLog(disk, clock);
    if (front_is_private) options.front_directory = "private";
    log = OpenLog(options);
  }
  void Append(size_t count) {
    for (size_t i = 0; i < count; ++i) {
      places.push_back(weir::testing::Append(*log, Numbered(places.size(), 700)));
    }
  }
  void Write() {
    while (log->WriteStep() == absl::ZeroDuration()) {
    }
  }
  // What is behind the death of the process, or of the machine, and what somebody did to it then.
  Left Dies(const std::function<void(FaultFileSystem&)>& harm = nullptr) {
    return Become(disk.ProcessDeath(), harm);
  }
  Left LosesPower(const LossPlan& plan,
                  const std::function<void(FaultFileSystem&)>& harm = nullptr) {
    return Become(disk.PowerLoss(plan), harm);
  }
  Left Closes(const std::function<void(FaultFileSystem&)>& harm = nullptr) {
    log->Stop();
    REQUIRE(log->Close().ok());
    return Dies(harm);
  }

  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<CommitLog> log;
  std::vector<Reservation> places;

 private:
  Left Become(const CrashImage& image, const std::function<void(FaultFileSystem&)>& harm) {
    disk.Kill();
    FaultFileSystem after(image);
    if (harm) harm(after);
    return {.image = after.Freeze(), .front_is_private = front_is_private_};
  }
  const bool front_is_private_;
};

void Remove(FaultFileSystem& disk, uint64_t segment) {
  disk.RemoveFile(FileOf(LogPosition(segment * kSegment)));
}

Left Closed() {
  Leaving leaving;
  leaving.Append(10);
  return leaving.Closes();
}

Left ClosedAndDamaged() {
  Leaving leaving;
  leaving.Append(14);
  const LogPosition damaged = leaving.places[2].position;
  return leaving.Closes([&](FaultFileSystem& disk) {
    Damage(disk, damaged);
    Remove(disk, 1);
  });
}

// With open claims, of one record and of a group, and records in the front only.
Left Killed() {
  Leaving leaving;
  leaving.Append(3);
  SyncNow(*leaving.log);
  leaving.Append(5);
  leaving.Write();
  Claim(*leaving.log, 40);
  leaving.Append(1);
  ClaimGroup(*leaving.log, {"one", "two"});
  leaving.Append(1);
  return leaving.Dies();
}

Left KilledWithoutHeader() {
  Leaving leaving;
  leaving.Append(2);
  SyncNow(*leaving.log);
  leaving.Append(1);
  leaving.Write();
  leaving.Append(1);
  return leaving.Dies([](FaultFileSystem& disk) {
    Scribble(disk, LogPosition(0), std::string(kSegmentHeaderBytes, 'x'));
  });
}

// What is in the front only was to go into files that were prepared.
Left KilledWithoutPreparedFiles() {
  Leaving leaving;
  while (leaving.log->PrepareStep() == absl::ZeroDuration()) {
  }
  leaving.Append(3);
  SyncNow(*leaving.log);
  leaving.Append(6);
  REQUIRE(leaving.places.back().position > LogPosition(2 * kSegment));
  return leaving.Dies([](FaultFileSystem& disk) {
    Remove(disk, 1);
    Remove(disk, 2);
  });
}

// In the same boot, behind a written tail of which somebody tore the end.
Left KilledWithPrivateFront() {
  Leaving leaving(/*front_is_private=*/true);
  leaving.Append(3);
  SyncNow(*leaving.log);
  leaving.Append(4);
  leaving.Write();
  const LogPosition torn = leaving.places.back().position;
  return leaving.Dies(
      [&](FaultFileSystem& disk) { Scribble(disk, torn + 100, std::string(100, '\0')); });
}

// Behind a writer of an earlier life, whose open records announce the one that died.
Left KilledInItsSecondLife() {
  Leaving leaving;
  leaving.Append(2);
  REQUIRE(leaving.log->Close().ok());
  leaving.log = OpenLog(SmallLog(leaving.disk, leaving.clock));
  leaving.Append(3);
  leaving.Write();
  leaving.Append(1);
  return leaving.Dies();
}

// The slot that told of the front is damaged: it is found by its name.
Left KilledAndUntold() {
  Leaving leaving;
  leaving.Append(6);
  return leaving.Dies([](FaultFileSystem& disk) {
    std::string bytes = disk.ReadFile("/store/superblock");
    const auto newest = DecodeSuperblock(bytes);
    REQUIRE(newest.ok());
    bytes.replace((newest->sequence % 2) * kSuperblockSlotBytes, 100, 100, '#');
    disk.WriteFile("/store/superblock", bytes);
  });
}

Left TornByPowerLoss() {
  Leaving leaving;
  leaving.Append(3);
  SyncNow(*leaving.log);
  leaving.Append(4);
  leaving.Write();
  return leaving.LosesPower(LossPlan::LoseEverything());
}

// Behind a hole stand records in its segment and whole segments: they are put aside.
Left HoledByPowerLoss() {
  Leaving leaving;
  leaving.Append(1);
  SyncNow(*leaving.log);
  leaving.Append(14);
  leaving.Write();
  const LogPosition hole = leaving.places[2].position;
  return leaving.LosesPower(LossPlan::KeepEverything(),
                            [&](FaultFileSystem& disk) { Damage(disk, hole); });
}

// A file failed, and both it and what took its place are there.
Left Replaced() {
  Leaving leaving;
  leaving.Append(6);
  leaving.disk.Inject(InputOutputError({.kind = OperationKind::kSync, .name_contains = "0000"}));
  SyncNow(*leaving.log);
  REQUIRE(leaving.log->counters().replacements > 0);
  leaving.Append(2);
  const std::string failed = FileOf(LogPosition(0));
  return leaving.Dies([&](FaultFileSystem& disk) {
    const std::string whole = disk.ReadFile(failed + ".1");
    disk.WriteFile(failed, whole.substr(0, kSegment / 2));
  });
}

struct Kind {
  const char* name;
  Left (*left)();
};
constexpr Kind kKinds[] = {{"closed", Closed},
                           {"closed and damaged", ClosedAndDamaged},
                           {"killed", Killed},
                           {"killed, without a header", KilledWithoutHeader},
                           {"killed, without prepared files", KilledWithoutPreparedFiles},
                           {"killed, with a private front", KilledWithPrivateFront},
                           {"killed in its second life", KilledInItsSecondLife},
                           {"killed, and untold", KilledAndUntold},
                           {"torn by a power loss", TornByPowerLoss},
                           {"holed by a power loss", HoledByPowerLoss},
                           {"replaced", Replaced}};

// What fails: any call for want of something that will be there again, and some that find no space
// or that the device refuses.
const std::vector<Fault>& Faults() {
  static const std::vector<Fault> faults = {
      TooManyOpenFiles({}),
      DiskFull({.kind = OperationKind::kWrite}),
      DiskFull({.kind = OperationKind::kCreate}),
      DiskFull({.kind = OperationKind::kAllocate}),
      InputOutputError({.kind = OperationKind::kRead}),
      InputOutputError({.kind = OperationKind::kOpen}),
  };
  return faults;
}

// The bodies without what fills them up.
Words Short(Words bodies) {
  for (std::string& body : bodies) body = body.substr(0, body.find(" x"));
  return bodies;
}

Words SeenBy(FollowedLog& log) {
  Words bodies;
  LogScanner scanner(log, log.segments().begin(), log.ContiguousVisibleEnd());
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    const auto step = scanner.Next(&record, &damage);
    REQUIRE(step.ok());
    if (*step == LogScanner::Step::kEnd) return Short(std::move(bodies));
    if (*step != LogScanner::Step::kRecord || record.header.type != RecordType::kMessage) continue;
    bodies.emplace_back(DecodeParts(record.bytes)->body);
  }
}

class Machine {
 public:
  explicit Machine(const Left& left) : disk(left.image) {
    options = SmallLog(disk, clock);
    if (left.front_is_private) options.front_directory = "private";
  }
  FaultFileSystem disk;
  ManualClock clock;
  StoreOptions options;
};

TEST_CASE("whichever call of an open fails, the next open finds what it would have found") {
  for (const Kind& kind : kKinds) {
    const Left left = kind.left();
    const Words expected = [&] {
      Machine machine(left);
      return Short(Bodies(*OpenLog(machine.options)));
    }();
    REQUIRE(expected.size() >= 1);
    uint64_t refused = 0;
    for (Fault fault : Faults()) {
      for (fault.nth = 1;; ++fault.nth) {
        CAPTURE(kind.name, fault.reason, fault.nth);
        Machine machine(left);
        machine.disk.Inject(fault);
        auto opened = CommitLog::Open(machine.options);
        const bool was_met = machine.disk.failures() > 0;
        machine.disk.ClearFaults();
        if (!opened.ok()) ++refused;
        opened = absl::UnavailableError("given up");
        CHECK(Short(Bodies(*OpenLog(machine.options))) == expected);
        if (!was_met) break;
      }
    }
    CHECK(refused >= 20);
  }
}

TEST_CASE("whichever call of a reading process fails, it sees everything when it looks again") {
  for (const Kind& kind : kKinds) {
    const Left left = kind.left();
    const Words expected = [&] {
      Machine machine(left);
      return SeenBy(**FollowedLog::Open(machine.options));
    }();
    uint64_t refused = 0;
    for (Fault fault : Faults()) {
      for (fault.nth = 1;; ++fault.nth) {
        CAPTURE(kind.name, fault.reason, fault.nth);
        Machine machine(left);
        const ImageHash before = machine.disk.Freeze().Hash();
        machine.disk.Inject(fault);
        auto opened = FollowedLog::Open(machine.options);
        const bool was_met = machine.disk.failures() > 0;
        machine.disk.ClearFaults();
        if (!opened.ok()) ++refused;
        opened = FollowedLog::Open(machine.options);
        REQUIRE(opened.ok());
        CHECK(SeenBy(**opened) == expected);
        CHECK(machine.disk.Freeze().Hash() == before);
        if (!was_met) break;
      }
    }
    CHECK(refused >= 5);
  }
}

}  // namespace
}  // namespace weir::testing
