#include "faults/trial_programs.h"

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

constexpr Durability kProcess = Durability::kProcess;
constexpr Durability kDisk = Durability::kDisk;

void Begin(Trial& trial) {
  trial.Open();
  trial.CreateTopic("orders");
}

// Three segments, sealed while the log goes on.
void RollAndSeal(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 3; ++i) {
    trial.AppendMany(12, kProcess);
    trial.Flush();
    trial.RunUntilIdle();
  }
}

void Groups(Trial& trial) {
  Begin(trial);
  trial.CreateTopic("trades");
  for (int i = 0; i < 5; ++i) {
    trial.AppendGroup(static_cast<size_t>(trial.random().Between(2, 4)),
                      i % 2 == 0 ? kDisk : kProcess);
    trial.Append(kProcess);
    trial.RunOnce();
  }
}

void Claims(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 5; ++i) {
    trial.CommitClaim(kDisk);
    trial.GiveUpClaim();
    trial.CommitClaim(kProcess);
    trial.RunOnce();
  }
  trial.Flush();
}

// A claim dies with its process, with published messages behind it.
void ClaimOfTheDead(Trial& trial) {
  Begin(trial);
  trial.AppendMany(4, kProcess);
  trial.LeaveClaimOpen();
  for (int i = 0; i < 3; ++i) trial.Append(kProcess);
  trial.RunOnce();
  trial.KillAndOpen();
  trial.AppendMany(3, kDisk);
}

void FanOut(Trial& trial) {
  Begin(trial);
  trial.CreateTopic("audit");
  for (int i = 0; i < 4; ++i) {
    trial.FanOut(kProcess);
    trial.FanOut(kDisk);
    trial.RunOnce();
  }
}

void OnDisk(Trial& trial) {
  Begin(trial);
  trial.AppendMany(15, kDisk);
}

void Async(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 6; ++i) {
    trial.AppendAsync(kDisk);
    trial.AppendAsync(kProcess);
    trial.RunOnce();
  }
  trial.RunUntilIdle();
  trial.AppendAsync(kDisk);
  trial.Close();
}

void CloseAndOpen(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 2; ++i) {
    trial.AppendMany(8, kProcess);
    trial.Close();
    trial.Open();
  }
  trial.Append(kDisk);
}

// The process dies, and the next one adopts its front.
void Adopt(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 2; ++i) {
    trial.AppendMany(9, i == 0 ? kProcess : kDisk);
    trial.KillAndOpen();
  }
  trial.AppendMany(4, kProcess);
}

void PowerLoss(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 2; ++i) {
    trial.AppendMany(4, kDisk);
    trial.AppendMany(6, kProcess);
    trial.CutPowerAndOpen();
  }
  trial.AppendMany(4, kProcess);
}

void Topics(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 4; ++i) {
    trial.Append(kProcess);
    trial.CreateTopic(absl::StrCat("created-", i));
    trial.AppendToNewTopic(absl::StrCat("appended-", i));
    trial.RunOnce();
  }
  trial.KillAndOpen();
  trial.Append(kDisk);
}

// Without shared memory kProcess waits for the write.
void PrivateFront(Trial& trial) {
  Begin(trial);
  trial.AppendMany(10, kProcess);
  trial.KillAndOpen();
  trial.AppendGroup(3, kProcess);
  trial.AppendMany(5, kDisk);
}

// From the front, from the cache, from sealed and unsealed segments.
void Reading(Trial& trial) {
  Begin(trial);
  trial.AppendMany(36, kProcess);
  trial.RunUntilIdle();
  trial.ReadEverything();
  trial.Close();
  trial.Open();
  trial.ReadEverything();
  trial.RunUntilIdle();
  trial.ReadEverything();
}

void JournalTrim(Trial& trial) {
  trial.Open();
  for (int i = 0; i < 3; ++i) {
    trial.AppendMany(14, i == 1 ? kDisk : kProcess);
    trial.AppendGroup(3, kDisk);
    trial.Trim();
    trial.RunUntilIdle();
    trial.ReadEverything();
  }
}

void JournalDeaths(Trial& trial) {
  trial.Open();
  trial.AppendMany(14, kProcess);
  trial.Flush();
  trial.Trim();
  trial.KillAndOpen();
  trial.AppendMany(6, kDisk);
  trial.AppendMany(3, kProcess);
  trial.CutPowerAndOpen();
  trial.AppendMany(4, kProcess);
  trial.Close();
  trial.Open();
  trial.ReadEverything();
}

// What is there to ask for, in a store with sealed segments.
void Looking(Trial& trial) {
  Begin(trial);
  trial.LookAtEverything();
  trial.AppendMany(20, kProcess);
  trial.Verify();
  trial.RunUntilIdle();
  trial.LookAtEverything();
  trial.Verify();
  trial.KillAndOpen();
  trial.LookAtEverything();
}

// In memory, in index files, and again after a death.
void Finding(Trial& trial) {
  Begin(trial);
  trial.AppendMany(14, kProcess);
  trial.FindEverything();
  trial.Flush();
  trial.RunUntilIdle();
  trial.AppendMany(6, kProcess);
  trial.FindEverything();
  trial.KillAndOpen();
  trial.FindEverything();
}

// Topics come and go, and groups get on.
void Managing(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 2; ++i) {
    trial.AppendMany(8, kProcess);
    trial.CommitOffset();
    trial.ManageTopic(absl::StrCat("doomed-", i));
    trial.RunUntilIdle();
    trial.KillAndOpen();
    trial.CheckOffset();
  }
  trial.CommitOffset();
  trial.Append(kDisk);
}

// The first segments are dropped, and what is younger stays. All fits into the front: what the
// kernel takes back is there.
void Retaining(Trial& trial) {
  Begin(trial);
  trial.AppendDoomed("stale", 13);
  trial.Flush();
  trial.RunUntilIdle();
  trial.GetOld();
  trial.AppendMany(6, kProcess);
  trial.Retain();
  trial.RunUntilIdle();
  trial.AppendMany(3, kProcess);
  trial.KillAndOpen();
  trial.Retain();
  trial.Append(kDisk);
}

void Waits(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 3; ++i) {
    trial.Append(kProcess);
    trial.WaitForLast(kDisk);
    trial.ReadWaiting();
    trial.CommitClaim(kDisk);
    trial.Flush();
  }
}

// Another process reads while this one writes, is killed, and writes again.
void Reader(Trial& trial) {
  Begin(trial);
  trial.AppendMany(10, kProcess);
  trial.OpenReader();
  trial.ReadAsReader();
  trial.AppendToNewTopic("later");
  trial.AppendMany(20, kProcess);
  trial.AppendGroup(3, kDisk);
  trial.ReadAsReader();
  trial.RunUntilIdle();
  trial.ReadAsReader();
  trial.Close();
  trial.ReadAsReader();
  trial.Open();
  trial.Append(kProcess);
  trial.ReadAsReader();
  trial.CloseReader();
  trial.KillAndOpen();
  trial.OpenReader();
  trial.ReadAsReader();
}

// What a reading process makes of a store whose writer died.
void ReaderOfTheDead(Trial& trial) {
  Begin(trial);
  trial.AppendMany(14, kProcess);
  trial.Flush();
  trial.AppendMany(6, kProcess);
  trial.LeaveClaimOpen();
  trial.Append(kProcess);
  trial.KillWriter();
  trial.OpenReader();
  trial.ReadAsReader();
  trial.Open();
  trial.Append(kDisk);
  trial.ReadAsReader();
}

void Repairs(Trial& trial) {
  Begin(trial);
  trial.AppendMany(24, kProcess);
  trial.AppendGroup(3, kProcess);
  trial.GiveUpClaim();
  trial.RunUntilIdle();
  trial.Close();
  trial.RepairIndexFile();
  trial.RepairIntoCopy();
  trial.Open();
  trial.Append(kDisk);
}

void JournalWaits(Trial& trial) {
  trial.Open();
  for (int i = 0; i < 3; ++i) {
    trial.AppendMany(4, kProcess);
    trial.WaitForLast(kDisk);
    trial.AppendGroup(4, kProcess);
    trial.LookAtEverything();
    trial.ReadEverything();
    trial.Flush();
  }
  trial.Close();
  trial.Open();
  trial.Append(kDisk);
}

// With threads of the library; what they find at an open is sealed by them. CreateTopic() would
// wait for memory for ever.
void Workers(Trial& trial) {
  trial.Open();
  trial.AppendToNewTopic("orders");
  for (int i = 0; i < 2; ++i) {
    trial.AppendMany(10, kProcess);
    trial.AppendAsync(kDisk);
    trial.Append(kDisk);
    trial.CommitClaim(kProcess);
    trial.AppendGroup(3, kDisk);
    trial.ReadEverything();
    trial.ReadWaiting();
    if (i == 0) trial.KillAndOpen();
  }
  trial.AppendAsync(kProcess);
  trial.Flush();
  trial.LookAtEverything();
  trial.Close();
  trial.Open();
  trial.Append(kProcess);
}

void JournalWorkers(Trial& trial) {
  trial.Open();
  trial.AppendMany(14, kProcess);
  trial.Append(kDisk);
  trial.Trim();
  trial.KillAndOpen();
  trial.AppendGroup(3, kDisk);
  trial.ReadEverything();
  trial.Close();
}

// Groups go on and back, segments come to rest, the process dies and the power goes.
void ConsumerGroups(Trial& trial) {
  Begin(trial);
  for (int i = 0; i < 3; ++i) {
    for (int n = 0; n < 4; ++n) {
      trial.AppendMany(3, kProcess);
      trial.CommitOffset(n % 2 == 0 ? "risk" : "audit", n == 3 ? kDisk : kProcess);
    }
    trial.RunUntilIdle();
    trial.CommitOffset("risk", i == 2 ? kDisk : kProcess);
    if (i == 1) trial.KillAndOpen();
  }
  trial.CutPowerAndOpen();
  trial.CommitOffset("audit", kProcess);
}

}  // namespace

const std::vector<TrialProgram>& TrialPrograms() {
  static const auto* const programs = new std::vector<TrialProgram>{
      {.name = "roll_and_seal", .run = RollAndSeal},
      {.name = "groups", .run = Groups},
      {.name = "claims", .run = Claims},
      {.name = "claim_of_the_dead", .run = ClaimOfTheDead},
      {.name = "fan_out", .run = FanOut},
      {.name = "on_disk", .run = OnDisk},
      {.name = "async", .run = Async},
      {.name = "close_and_open", .run = CloseAndOpen},
      {.name = "adopt", .run = Adopt},
      {.name = "power_loss", .run = PowerLoss},
      {.name = "topics", .run = Topics},
      {.name = "private_front", .shape = {.front_directory = "private"}, .run = PrivateFront},
      {.name = "reading", .run = Reading},
      {.name = "looking", .run = Looking},
      {.name = "finding", .run = Finding},
      {.name = "managing", .run = Managing},
      {.name = "retaining", .run = Retaining},
      {.name = "waits", .run = Waits},
      {.name = "reader", .run = Reader},
      {.name = "reader_of_the_dead", .run = ReaderOfTheDead},
      {.name = "repairs", .run = Repairs},
      {.name = "workers", .shape = {.has_workers = true}, .run = Workers},
      {.name = "journal_waits", .shape = {.is_journal = true}, .run = JournalWaits},
      {.name = "journal_workers",
       .shape = {.is_journal = true, .has_workers = true},
       .run = JournalWorkers},
      {.name = "journal_trim", .shape = {.is_journal = true}, .run = JournalTrim},
      {.name = "journal_deaths", .shape = {.is_journal = true}, .run = JournalDeaths},
      {.name = "consumer_groups", .run = ConsumerGroups},
  };
  return *programs;
}

}  // namespace weir::testing
