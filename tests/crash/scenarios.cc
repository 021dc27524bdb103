#include "crash/scenarios.h"

#include <string>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

constexpr Durability kProcess = Durability::kProcess;
constexpr Durability kDisk = Durability::kDisk;

Durability Any(Workload& workload) { return workload.random().OneIn(3) ? kDisk : kProcess; }

void Begin(Workload& workload) {
  workload.Open();
  workload.CreateTopic("orders", 2);
}

// More than three segments of small messages.
void Roll(Workload& workload) {
  Begin(workload);
  workload.AppendMany(50, kProcess);
  workload.Append(kDisk);
  workload.RunUntilIdle();
  workload.AppendMany(10, kProcess);
}

// Segments come to rest: index files beside them, the superblock at the roll and when idle.
void Seal(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 4; ++i) {
    workload.AppendMany(16, kProcess);
    workload.Flush();
    workload.RunUntilIdle();
  }
}

void Group(Workload& workload) {
  Begin(workload);
  workload.CreateTopic("trades", 1);
  for (int i = 0; i < 12; ++i) {
    workload.AppendGroup(static_cast<size_t>(workload.random().Between(2, 5)), Any(workload));
    if (workload.random().OneIn(2)) workload.Append(Any(workload));
    if (workload.random().OneIn(3)) workload.RunOnce();
  }
}

void ClaimGivenUp(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 10; ++i) {
    workload.CommitClaim(Any(workload));
    workload.GiveUpClaim();
    workload.Append(Any(workload));
    if (workload.random().OneIn(3)) workload.RunOnce();
  }
}

// A claim is open when the process dies, with published messages behind it.
void ClaimOpen(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 3; ++i) {
    workload.AppendMany(6, Any(workload));
    workload.LeaveClaimOpen();
    for (int n = 0; n < 8; ++n) {
      // A waiting call would be refused: this thread holds a claim.
      workload.Append(kProcess);
      workload.RunOnce();
    }
    workload.KillAndOpen();
  }
  workload.AppendMany(6, Any(workload));
}

void FanOut(Workload& workload) {
  Begin(workload);
  workload.CreateTopic("audit", 3);
  for (int i = 0; i < 12; ++i) {
    workload.FanOut(Any(workload));
    workload.Append(Any(workload));
    if (workload.random().OneIn(3)) workload.RunOnce();
  }
}

// A sync fails, in each way that kernels know; the file is replaced.
void FailedSync(Workload& workload) {
  Begin(workload);
  workload.AppendMany(12, Any(workload));
  for (const PagesAfterFailure pages :
       {PagesAfterFailure::kDropped, PagesAfterFailure::kKept, PagesAfterFailure::kReverted}) {
    workload.disk().Inject(
        {.kind = OperationKind::kSync, .nth = workload.random().Between(1, 3), .pages = pages});
    for (int i = 0; i < 10; ++i) {
      workload.Append(Any(workload));
      workload.RunOnce();
    }
    workload.disk().ClearFaults();
    workload.RunUntilIdle();
  }
}

void FailedWrite(Workload& workload) {
  Begin(workload);
  workload.AppendMany(12, Any(workload));
  for (int round = 0; round < 3; ++round) {
    workload.disk().Inject(InputOutputError({.kind = OperationKind::kWrite,
                                             .nth = workload.random().Between(1, 3),
                                             .sectors_written = workload.random().Below(3)}));
    for (int i = 0; i < 10; ++i) {
      workload.Append(Any(workload));
      workload.RunOnce();
    }
    workload.disk().ClearFaults();
    workload.RunUntilIdle();
  }
}

// The power goes, the log is cut, and goes on.
void CutAndAppend(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 3; ++i) {
    workload.AppendMany(14, Any(workload));
    workload.CutPowerAndOpen();
  }
  workload.AppendMany(8, Any(workload));
}

void CleanClose(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 4; ++i) {
    workload.AppendMany(8, Any(workload));
    workload.Close();
    workload.Open();
  }
  workload.AppendMany(4, Any(workload));
}

// The process dies; the next one adopts the front and goes on.
void AdoptedFront(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 4; ++i) {
    workload.AppendMany(10, Any(workload));
    workload.KillAndOpen();
  }
  workload.AppendMany(5, Any(workload));
}

void KillThenCut(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 2; ++i) {
    workload.AppendMany(9, Any(workload));
    workload.KillAndOpen();
    workload.AppendMany(5, kProcess);
    workload.CutPowerAndOpen();
  }
  workload.AppendMany(5, Any(workload));
}

// Without shared memory kProcess waits for the write.
void PrivateFront(Workload& workload) {
  Begin(workload);
  workload.AppendMany(20, Any(workload));
  workload.KillAndOpen();
  workload.AppendGroup(3, kProcess);
  workload.AppendMany(15, Any(workload));
  workload.CutPowerAndOpen();
  workload.AppendMany(8, Any(workload));
}

// The disk is full for a while. Nothing that was acknowledged is lost, and service returns.
void DiskFull(Workload& workload) {
  Begin(workload);
  workload.AppendMany(8, Any(workload));
  workload.RunUntilIdle();
  workload.disk().SetCapacity(workload.disk().used_bytes() + workload.random().Below(2) * 4096);
  for (int i = 0; i < 60; ++i) {
    workload.Append(Any(workload));
    if (workload.random().OneIn(3)) workload.RunOnce();
  }
  workload.disk().SetCapacity(uint64_t{1} << 30);
  workload.RunUntilIdle();
  workload.AppendMany(10, Any(workload));
  if (workload.is_open() && !workload.Append(kDisk)) {
    workload.Problem("the disk has space again and the store does not notice");
  }
}

void Topics(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 8; ++i) {
    workload.AppendMany(3, Any(workload));
    workload.CreateTopic(absl::StrCat("created-", i), static_cast<uint32_t>(1 + i % 3));
    workload.AppendToNewTopic(absl::StrCat("appended-", i));
    if (workload.random().OneIn(2)) workload.RunOnce();
  }
}

void MixedDurability(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 20; ++i) {
    workload.Append(kProcess);
    workload.AppendAsync(Any(workload));
    if (workload.random().OneIn(2)) workload.Append(kDisk);
    if (workload.random().OneIn(2)) workload.RunOnce();
    if (workload.random().OneIn(6)) workload.Flush();
  }
  workload.RunUntilIdle();
}

void VisibleOnDurable(Workload& workload) {
  Begin(workload);
  workload.AppendMany(15, Any(workload));
  workload.AppendGroup(3, kProcess);
  workload.KillAndOpen();
  workload.AppendMany(10, Any(workload));
  workload.CutPowerAndOpen();
  workload.AppendMany(5, Any(workload));
}

// Groups go on and back while messages come, segments come to rest, processes die and the power
// goes.
void ConsumerGroups(Workload& workload) {
  Begin(workload);
  for (int i = 0; i < 3; ++i) {
    for (int n = 0; n < 12; ++n) {
      workload.Append(Any(workload));
      workload.CommitOffset(workload.random().OneIn(2) ? "risk" : "audit", Any(workload));
      if (workload.random().OneIn(4)) workload.RunOnce();
    }
    workload.RunUntilIdle();
    workload.AppendMany(3, kProcess);
    workload.CommitOffset("risk", kProcess);
    if (i == 0) workload.KillAndOpen();
    if (i == 1) workload.CutPowerAndOpen();
  }
}

// Segments go, and with them all that they alone had said, which is said again before.
void Retained(Workload& workload) {
  Begin(workload);
  workload.CreateTopic("idle", 1);
  workload.AppendToNewTopic("quiet");
  for (int i = 0; i < 3; ++i) {
    workload.CommitOffset("risk", Any(workload));
    workload.AppendMany(25, kProcess);
    workload.Flush();
    workload.RunUntilIdle();
    workload.Retain((4 + workload.random().Below(4)) * workload.shape().segment_bytes);
    workload.AppendMany(5, Any(workload));
    if (i == 0) workload.KillAndOpen();
    if (i == 1) workload.CutPowerAndOpen();
  }
}

// A budget that is always full: who appends drops the oldest segment, and writes in its file.
void Budget(Workload& workload) {
  Begin(workload);
  workload.MayDropByItself();
  for (int i = 0; i < 3; ++i) {
    for (int n = 0; n < 60; ++n) {
      workload.Append(Any(workload));
      if (workload.random().OneIn(20)) workload.CommitOffset("risk", kProcess);
      if (workload.random().OneIn(6)) workload.RunOnce();
    }
    if (i == 0) workload.KillAndOpen();
    if (i == 1) workload.CutPowerAndOpen();
  }
}

void Purged(Workload& workload) {
  Begin(workload);
  workload.CreateTopic("gone", 2);
  workload.AppendMany(12, Any(workload));
  for (int i = 0; i < 3; ++i) {
    workload.Purge();
    workload.AppendMany(8, Any(workload));
    if (i == 0) workload.DeleteTopic("gone");
    if (i == 1) workload.RunUntilIdle();
    workload.Purge();
    workload.Append(Any(workload));
    if (i == 0) workload.KillAndOpen();
    if (i == 1) workload.CutPowerAndOpen();
  }
}

}  // namespace

const std::vector<Scenario>& Scenarios() {
  static const auto* const scenarios = new std::vector<Scenario>{
      {.name = "roll", .run = Roll},
      {.name = "seal", .run = Seal},
      {.name = "group", .run = Group},
      {.name = "claim_given_up", .run = ClaimGivenUp},
      {.name = "claim_open", .run = ClaimOpen},
      {.name = "fan_out", .run = FanOut},
      {.name = "failed_sync", .run = FailedSync},
      {.name = "failed_write", .run = FailedWrite},
      {.name = "cut_and_append", .run = CutAndAppend},
      {.name = "clean_close", .run = CleanClose},
      {.name = "adopted_front", .run = AdoptedFront},
      {.name = "kill_then_cut", .run = KillThenCut},
      {.name = "private_front", .shape = {.front_directory = "private"}, .run = PrivateFront},
      {.name = "disk_full", .run = DiskFull},
      {.name = "topics", .run = Topics},
      {.name = "mixed_durability", .run = MixedDurability},
      {.name = "visible_on_durable",
       .shape = {.visibility = Visibility::kOnDurable},
       .run = VisibleOnDurable},
      {.name = "consumer_groups", .run = ConsumerGroups},
      {.name = "retained", .run = Retained},
      {.name = "budget", .shape = {.max_bytes = 16 * 4096}, .run = Budget},
      {.name = "purged", .run = Purged},
  };
  return *scenarios;
}

}  // namespace weir::testing
