#include "mutants/killers.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace weir::testing {
namespace {

using internal::Protection;

// One test of the suite, by its name. In Catch's language a comma parts two names.
Slice Test(absl::string_view name) {
  return {
      .program = "mutant_tests",
      .arguments = {absl::StrReplaceAll(name, {{",", "\\,"}, {"[", "\\["}}), "--warn", "NoTests"}};
}

// Every moment of one scenario crashed, as far as one gets in a second.
class Crashes {
 public:
  explicit Crashes(uint64_t seed) : seed_(seed) {}
  Slice operator()(absl::string_view scenario) const {
    return {.program = "mutant_crashes",
            .arguments = {absl::StrCat("--scenario=", scenario), absl::StrCat("--seed=", seed_),
                          "--states=1", "--seconds=1", "--workers=1"}};
  }

 private:
  const uint64_t seed_;
};

}  // namespace

std::vector<Hunted> AllHunted(uint64_t seed) {
  const Crashes crash(seed);
  const Slice replaced =
      Test("after a failed sync the same records stand at the same places of a new file");
  const Slice retried =
      Test("a try that stopped before its name was durable is cleared away by the next one");
  const Slice saved =
      Test("an update is on the disk when it returns, and the first superblock is too");
  const Slice listed = Test("a segment is in the list only when it would survive");
  const Slice index_crash =
      Test("a power loss at any call leaves a whole index, the old one, or none");
  const Slice not_ours =
      Test("a front of which anything is somebody else's is left alone, whatever it is");
  const Slice no_links =
      Test("a LOCK, superblock or active segment with a second link is refused and named");
  const Slice bits_of_index =
      Test("no flipped bit of an index file changes an answer without an error");
  const Slice moved =
      Test("the same bytes at another position or of another incarnation never verify");
  const Slice aside =
      Test("what a cut puts aside is there for good when the log goes on behind it");
  const Slice lost = Test(
      "what is neither in the front nor in the file is covered by a lost filler; waiters know");
  const Slice whole =
      Test("who reads while another thread appends sees whole messages, of whole batches");
  return {
      {Protection::kSegmentSync, {crash("roll")}},
      {Protection::kSuperblockSync, {saved}},
      {Protection::kNewSuperblockSync, {saved, crash("clean_close")}},
      {Protection::kPreparedSync, {listed}},
      {Protection::kIndexFileSync, {index_crash, crash("seal")}},
      {Protection::kReplacementSync, {replaced, crash("failed_sync")}},
      {Protection::kRecoveredSync,
       {Test(
            "recovered records survive the next power loss, whatever a sync before the death said"),
        crash("cut_and_append")}},
      {Protection::kAdoptedSync,
       {Test("voids and records of an adopted front are on the disk before the store is served"),
        crash("adopted_front")}},

      {Protection::kCutRestSync, {aside}},
      {Protection::kNewSuperblockName, {saved, crash("clean_close")}},
      {Protection::kPreparedName, {listed}},
      {Protection::kIndexFileName,
       {Test("an index file is on the disk before its entries leave the memory"), index_crash,
        crash("seal")}},
      {Protection::kReplacementName,
       {Test(
           "a replacement has its name for good, also where the failed file cannot be put aside")}},
      {Protection::kRecycledName,
       {Test("a file that is used again has lost its old name for good before its bytes change")}},
      {Protection::kCutRestName, {aside}},
      {Protection::kCutFilesName, {aside}},
      {Protection::kStoreName,
       {Test(
           "a store's directory is not opened for creation unless its name survives power loss")}},

      {Protection::kPoisonedSync,
       {Test("a file whose sync failed is never synced again, and the log goes on in the new one"),
        crash("failed_sync")}},
      {Protection::kPoisonedWrite,
       {Test("a device error poisons the file: it is not written again, and a new one takes over"),
        crash("failed_write")}},
      {Protection::kPoisonedSuperblock,
       {Test(
           "after a failed sync the superblock survives a power loss, and the old file is left")}},
      {Protection::kSpentSequence,
       {Test("an update that failed never comes back, although its file could not be removed"),
        Test("a new file whose name could not be made durable is made again by the next update")}},
      {Protection::kReplacementLast, {retried}},
      {Protection::kFailedFileKept,
       {replaced,
        Test("damage that was there before stays what it was, and its bytes are kept aside")}},
      {Protection::kFailedRingKept,
       {Test("while a failed file waits for the new one, nothing of it leaves the front"),
        Test("a failed file that waits for space keeps its part of the front")}},
      {Protection::kFailedForGood,
       {Test("an error of the disk that space does not cure leaves the log read-only, and says "
             "why")}},

      {Protection::kAckedAfterSync,
       {Test("with a private front a record has reached nothing before it is written"),
        Test("a deadline ends the wait for a sync that hangs, and the receipt says how far it "
             "came")}},
      {Protection::kAckedAfterWrite,
       {Test("with a private front a record has reached nothing before it is written"),
        crash("private_front")}},
      {Protection::kSampledEnd,
       {Test("what is written while a sync runs is not taken for durable when it ends")}},
      {Protection::kSampledFileEnd,
       {Test(
           "what is written while its file is synced is synced by the next, wherever the log is")}},
      {Protection::kTopicDurable,
       {Test("a topic that was created survives a power loss at once"), crash("topics")}},
      {Protection::kLostTold, {lost}},
      {Protection::kLostCovered, {lost}},
      {Protection::kCloseWhole,
       {Test("a close that meets an open claim says so and leaves the front for the next open")}},
      {Protection::kFrontLinked,
       {Test(
           "once somebody removed the front, a record waits for its write, and the log degrades")}},
      {Protection::kVisibleOnDurable,
       {Test("with visibility on_durable nothing is seen before its sync, else all at once")}},
      {Protection::kVisibleEnd,
       {Test("with visibility on_durable nothing is seen before its sync, else all at once"),
        crash("visible_on_durable")}},
      {Protection::kUnsyncedMax,
       {Test("never more than unsynced_bytes_max is unsynced: then an append waits for a sync")}},
      {Protection::kSealedWhenDurable,
       {Test("nothing is sealed before the whole segment is durable")}},
      {Protection::kKeysSealed,
       {Test("a segment is sealed with all its keys, whether or not anybody looked for them "
             "before")}},
      {Protection::kKeyCompared,
       {Test("keys of one hash never give each other's messages, and take no place in the limit")}},

      {Protection::kFileChecksum,
       {Test("a flipped bit in an old segment costs the record that it is in, which is named")}},
      {Protection::kFrontChecksum,
       {Test("what a stray write hurt in the front is damaged until it is written, and then it is "
             "not")}},
      {Protection::kScanChecksum,
       {Test("a record that does not verify is a gap if one that does stands behind it")}},
      {Protection::kWriteChecksum,
       {Test("a published record that somebody overwrote is written as it lies and reported")}},
      {Protection::kIndexHeaderChecksum, {bits_of_index}},
      {Protection::kIndexTableChecksum,
       {Test("a block that brings along a checksum that holds is not believed for that")}},
      {Protection::kIndexBlockChecksum, {bits_of_index}},
      {Protection::kSuperblockChecksum, {Test("no flipped bit of the newest slot is believed")}},
      {Protection::kSegmentHeaderChecksum,
       {Test("the same bit flipped in both copies is never believed")}},
      {Protection::kFrontHeaderChecksum,
       {Test("no flipped bit of a front's identity is believed")}},
      {Protection::kPositionSeed, {moved}},
      {Protection::kIncarnationSeed, {moved}},
      {Protection::kLengthSeed, {Test("the same bytes with another length never verify")}},
      {Protection::kNewerFormat,
       {Test("a newer format is refused even beside a slot that could be read")}},

      {Protection::kTwoSlots,
       {Test("updates go to the two slots in turn, and leave the other slot alone")}},
      {Protection::kSlotSettled,
       {Test("who died inside an update and a power loss inside the next one leave a whole "
             "slot")}},
      {Protection::kSegmentHeaderTwin,
       {Test("either copy of a segment header alone is enough, and none is data loss")}},
      {Protection::kMarks,
       {Test(
           "a mark tells that the log was durable, although the superblock does not know it yet")}},

      {Protection::kStoreLock,
       {Test("a second writer is refused and told which process has the store")}},
      {Protection::kFrontLock,
       {Test("a front is shared under its name, locked by us, and others can map it")}},
      {Protection::kAdoptedFrontLock,
       {Test("a front that belongs here is taken, and then it is locked")}},
      {Protection::kExclusiveCreate,
       {Test("creation takes only a free name, opening only a taken one")}},
      {Protection::kRenameKeeps, {Test("a rename and a move never replace")}},
      {Protection::kNoLinks,
       {Test("planted links, FIFOs, sockets and directories are refused and do not hang")}},
      {Protection::kLockLinks, {no_links}},
      {Protection::kSuperblockLinks, {no_links}},
      {Protection::kSegmentLinks, {no_links}},
      {Protection::kSpareLinks, {Test("a file that somebody linked keeps its bytes for him")}},
      {Protection::kSpareReaders,
       {Test("a dropped file that somebody reads is not used again before he is done")}},

      {Protection::kFrontStore, {not_ours}},
      {Protection::kFrontIncarnation, {not_ours}},
      {Protection::kFrontBoot, {not_ours}},
      {Protection::kFrontDirectoryDevice, {not_ours}},
      {Protection::kFrontDirectoryInode, {not_ours}},
      {Protection::kFrontLockDevice, {not_ours}},
      {Protection::kFrontLockInode, {not_ours}},
      {Protection::kFrontEnds, {Test("ends that contradict each other are not believed")}},

      {Protection::kClaimedEnd,
       {Test("words of an earlier lap are never looked at, however rarely somebody looks")}},
      {Protection::kWrittenEnd,
       {Test("space is given again as far as it was written, need not be kept, and is wanted")}},
      {Protection::kRingReaders,
       {Test("what a reader may still look at is kept; one that came later keeps nothing")}},
      {Protection::kRingHeld, {Test("while somebody holds the ring nothing of it is given again")}},
      {Protection::kPublishedLast, {whole}},
      {Protection::kGroupPublishedLast, {whole}},
      {Protection::kStampedUnderLock,
       {Test("concurrent appenders neither use an offset twice nor skip one")}},

      {Protection::kFrontSaved,
       {Test(
           "a killed process loses nothing: its front is adopted and the log goes on behind it")}},
      {Protection::kClaimsSettled,
       {Test("a claim that died unpublished becomes a void, and what stands behind it stays")}},
      {Protection::kRecoveredWritten,
       {Test("recovered records survive the next power loss, whatever a sync before the death "
             "said")}},
      {Protection::kOffsetsAfterDeath, {crash("adopted_front")}},
      {Protection::kOffsetsOfVoids,
       {Test("a record is entered in its queue and in every further one, a void as well")}},
      {Protection::kStoreTimes,
       {Test("store times go on where the log's newest stands, though the clock went back a day")}},
      {Protection::kDurableIsDamage,
       {Test("below what was durable a hole is damage after a power loss too")}},
      {Protection::kSameBootIsDamage,
       {Test("within one boot the same hole is damage, and everything behind it stays")}},
      {Protection::kWholeGroups,
       {Test("a group whose tail is torn is not there at all, and its whole members are no gap's "
             "end")}},
      {Protection::kWholeOpenRecords,
       {Test("of a torn pair of open records the second life is not read with the wrong seed")}},
      {Protection::kAnnounced,
       {Test("the log goes on in the same segment behind an open record that is written twice")}},
      {Protection::kNextIncarnation,
       {Test("the log goes on in the same segment behind an open record that is written twice")}},
      {Protection::kIncarnationOfPlace,
       {Test(
           "a store and its copy never go on under one incarnation, though both heard the same")}},
      {Protection::kCutNumber,
       {Test("behind a cut the log goes on where no file was ever prepared, one number further")}},
      {Protection::kCutRestKept,
       {Test("the rest of the segment that is cut is copied before anything is changed, if it is "
             "wanted")}},
      {Protection::kCutFilesKept,
       {Test("files that hold something behind a cut are kept, the others are used again")}},
      {Protection::kMissingTold,
       {Test("numbers without a file that no cut explains are missing, at the begin too")}},
      {Protection::kMissingLastTold,
       {Test("the newest file is missing as well if the log was durable behind it")}},

      {Protection::kIndexIdentity,
       {Test("an index of another content of the segment is stale, not damaged")}},
      {Protection::kIndexTemporary, {index_crash}},
      {Protection::kWholeBlocks,
       {Test(
           "index files that know more than the log, or less, are brought to what the log holds")}},
      {Protection::kSnapshotLooksAgain,
       {Test("segments that go while they are linked are no part of a snapshot")}},
      {Protection::kTrimSaved,
       {Test("whole segments below a position are dropped for good; the active one never is")}},
  };
}

}  // namespace weir::testing
