// Protections of the library that a test build takes away, one at a time: what is left is a
// mutant, and a suite that stays green on it would not miss the protection (tests/mutants).
//
// In the library itself Without() is false when it is compiled, so nothing of this is in it. With
// WEIR_MUTANTS, which only the objects of weir_mutants are compiled with, the environment chooses:
// WEIR_MUTANT=SegmentSync. Switches stand in .cc files only: what a header defines inline may also
// come from an object that was compiled without them.

#ifndef WEIR_BASE_MUTANT_H_
#define WEIR_BASE_MUTANT_H_

#include <cstdint>

namespace weir::internal {

// Name, where it stands, what is gone without it.
#define WEIR_PROTECTIONS(X)                                                                      \
  /* syncs of files */                                                                           \
  X(SegmentSync, "log/log_syncer.cc", "the sync of a segment")                                   \
  X(SuperblockSync, "log/superblock_file.cc", "the sync of an updated superblock")               \
  X(NewSuperblockSync, "log/superblock_file.cc", "the sync of a new superblock file")            \
  X(PreparedSync, "log/segments_prepare.cc", "the sync of a new segment's header")               \
  X(IndexFileSync, "index/index_file_writer.cc", "the sync of an index file")                    \
  X(ReplacementSync, "log/segment_replacer.cc", "the sync of what takes a failed file's place")  \
  X(RecoveredSync, "log/recovery.cc", "the sync of what was recovered")                          \
  X(AdoptedSync, "log/commit_log.cc", "the sync of an adopted front before it is served")        \
  X(CutRestSync, "log/log_cut.cc", "the sync of what a cut puts aside")                          \
  /* syncs of names */                                                                           \
  X(NewSuperblockName, "log/superblock_file.cc", "the directory's sync behind a new superblock") \
  X(PreparedName, "log/segments_prepare.cc", "the directory's sync behind a new segment")        \
  X(IndexFileName, "index/index_file_writer.cc", "the directory's sync behind an index file")    \
  X(ReplacementName, "log/segment_replacer.cc", "the directory's sync behind a replacement")     \
  X(RecycledName, "log/segments_prepare.cc", "the directory's sync before a file is used again") \
  X(CutRestName, "log/log_cut.cc", "the quarantine's sync behind what a cut puts aside")         \
  X(CutFilesName, "log/log_cut.cc", "the quarantine's sync behind files that a cut skips")       \
  X(StoreName, "io/posix_directory.cc", "the parent's sync behind a new store")                  \
  /* a failed sync or write */                                                                   \
  X(PoisonedSync, "log/log_syncer.cc", "a failed sync is believed when it is repeated")          \
  X(PoisonedWrite, "log/log_writer.cc", "a file whose write failed is written on")               \
  X(PoisonedSuperblock, "log/superblock_file.cc", "a failed sync of the superblock is repeated") \
  X(SpentSequence, "log/superblock_file.cc", "a failed update's sequence is used again")         \
  X(ReplacementLast, "log/segment_replacer.cc", "a replacement serves before its name stands")   \
  X(FailedFileKept, "log/segment_replacer.cc", "a failed file is deleted, not put aside")        \
  X(FailedRingKept, "log/log_syncer.cc", "the ring is reclaimed while a failed file waits")      \
  X(FailedForGood, "log/commit_log_room.cc", "appends go on behind an error that stays")         \
  /* what is acknowledged and seen */                                                            \
  X(AckedAfterSync, "log/commit_log.cc", "kDisk is acknowledged when it is written")             \
  X(AckedAfterWrite, "log/front.cc", "a private front is taken for one that survives")           \
  X(SampledEnd, "log/log_syncer.cc", "the durable end is looked up after the sync, not before")  \
  X(SampledFileEnd, "log/log_syncer.cc", "a file's synced end is looked up after its sync")      \
  X(TopicDurable, "store/engine_steps.cc", "a topic is created before it is durable")            \
  X(LostTold, "log/segment_replacer.cc", "who waits for a record is not told that it is lost")   \
  X(LostCovered, "log/segment_replacer.cc", "no filler covers what is lost")                     \
  X(CloseWhole, "log/commit_log.cc", "a close with an open claim counts as clean")               \
  X(FrontLinked, "log/commit_log_steps.cc", "nobody notices that the front was removed")         \
  X(VisibleOnDurable, "log/commit_log.cc", "kOnDurable shows what is only published")            \
  X(VisibleEnd, "store/message_fetch.cc", "a message is handed out beyond the visible end")      \
  X(UnsyncedMax, "log/commit_log_room.cc", "more than unsynced_bytes_max is unsynced")           \
  X(SealedWhenDurable, "index/indexer.cc", "an index file of a segment that is not durable")     \
  X(KeysSealed, "index/indexer.cc", "a segment is sealed before all its keys were taken")        \
  X(KeyCompared, "store/message_finder.cc", "a key is believed by its hash")                     \
  /* checksums, and what is in their seeds */                                                    \
  X(FileChecksum, "log/record_reader.cc", "a record from a file is not verified")                \
  X(FrontChecksum, "log/record_reader.cc", "a record from the front is not verified")            \
  X(ScanChecksum, "log/segment_scanner.cc", "a record in a scan is not verified")                \
  X(WriteChecksum, "log/log_writer.cc", "a record is not verified before it is written")         \
  X(IndexHeaderChecksum, "format/index_layout.cc", "an index file's header is not verified")     \
  X(IndexTableChecksum, "index/index_file.cc", "an index file's table is not verified")          \
  X(IndexBlockChecksum, "index/index_file.cc", "a block of an index file is not verified")       \
  X(SuperblockChecksum, "format/superblock.cc", "a superblock is not verified")                  \
  X(SegmentHeaderChecksum, "format/segment_header.cc", "a segment's header is not verified")     \
  X(FrontHeaderChecksum, "format/front_layout.cc", "a front's header is not verified")           \
  X(PositionSeed, "format/record.cc", "the position in a record's checksum")                     \
  X(IncarnationSeed, "format/record.cc", "the incarnation in a record's checksum")               \
  X(LengthSeed, "format/record.cc", "the length in a record's checksum")                         \
  X(NewerFormat, "format/superblock.cc", "a superblock of a newer format is passed over")        \
  /* what is there twice */                                                                      \
  X(TwoSlots, "log/superblock_file.cc", "the superblock is always written into slot 0")          \
  X(SlotSettled, "log/superblock_file.cc", "a slot that was read is not written again")          \
  X(SegmentHeaderTwin, "format/segment_header.cc", "a segment's header is written once")         \
  X(Marks, "log/log_syncer.cc", "no mark says how far the log was durable")                      \
  /* who may write */                                                                            \
  X(StoreLock, "log/directory_lock.cc", "LOCK is not locked")                                    \
  X(FrontLock, "log/front_memory.cc", "a new front is not locked")                               \
  X(AdoptedFrontLock, "log/front_adoption.cc", "an adopted front is not locked")                 \
  X(ExclusiveCreate, "io/posix_directory.cc", "creating takes a file that is there (O_EXCL)")    \
  X(RenameKeeps, "io/posix_directory.cc", "a rename replaces what has the name")                 \
  X(NoLinks, "io/posix_directory.cc", "symbolic links are followed")                             \
  X(LockLinks, "log/directory_lock.cc", "a LOCK with a second link is accepted")                 \
  X(SuperblockLinks, "log/store_directory.cc", "a superblock with a second link is accepted")    \
  X(SegmentLinks, "log/recovery.cc", "an active segment with a second link is accepted")         \
  X(SpareLinks, "log/segments_prepare.cc", "a file with a second link is recycled")              \
  X(SpareReaders, "log/segments_prepare.cc", "a file that is being read is recycled")            \
  /* whose front it is */                                                                        \
  X(FrontStore, "format/front_layout.cc", "a front of another store's uuid is adopted")          \
  X(FrontIncarnation, "format/front_layout.cc", "a front of another incarnation is adopted")     \
  X(FrontBoot, "format/front_layout.cc", "a front of another boot is adopted")                   \
  X(FrontDirectoryDevice, "format/front_layout.cc", "the device of a front's store is ignored")  \
  X(FrontDirectoryInode, "format/front_layout.cc", "the inode of a front's store is ignored")    \
  X(FrontLockDevice, "format/front_layout.cc", "the device of a front's LOCK is ignored")        \
  X(FrontLockInode, "format/front_layout.cc", "the inode of a front's LOCK is ignored")          \
  X(FrontEnds, "format/front_layout.cc", "ends that contradict each other are believed")         \
  /* the ring */                                                                                 \
  X(ClaimedEnd, "log/front.cc", "a walk goes on into the words of an earlier lap")               \
  X(WrittenEnd, "log/front.cc", "the ring is reclaimed beyond what was written")                 \
  X(RingReaders, "log/front.cc", "the ring is given again while somebody reads it")              \
  X(RingHeld, "log/front.cc", "the ring is reclaimed while somebody holds it")                   \
  X(PublishedLast, "store/engine.cc", "a record's word is published before its checksum")        \
  X(GroupPublishedLast, "store/engine.cc", "a group's word is published before its members")     \
  X(StampedUnderLock, "store/engine.cc", "a stamp is written outside the append lock")           \
  /* recovery */                                                                                 \
  X(FrontSaved, "log/recovery.cc", "an open does not say that it is not closed")                 \
  X(ClaimsSettled, "log/front_adoption.cc", "claims of a dead process do not become voids")      \
  X(RecoveredWritten, "log/recovery.cc", "what was recovered is not written again")              \
  X(OffsetsAfterDeath, "store/engine.cc", "offsets that a dead process gave are given again")    \
  X(OffsetsOfVoids, "index/consume_queues.cc", "a void's offsets are given again")               \
  X(StoreTimes, "log/recovery.cc", "store times go back behind an open")                         \
  X(DurableIsDamage, "log/tail_verdict.cc", "a hole in what was durable is cut off")             \
  X(SameBootIsDamage, "log/tail_verdict.cc", "a hole within one boot is cut off")                \
  X(WholeGroups, "log/tail_scan.cc", "half a group at the log's end is served")                  \
  X(WholeOpenRecords, "log/recovery.cc", "the log goes on behind half of its open records")      \
  X(Announced, "log/commit_log_room.cc", "a new incarnation is not announced")                   \
  X(NextIncarnation, "log/recovery.cc", "two opens have the same incarnation")                   \
  X(IncarnationOfPlace, "log/recovery.cc", "a copied store has its original's incarnation")      \
  X(CutNumber, "log/log_cut.cc", "no number stays without a file at a cut")                      \
  X(CutRestKept, "log/log_cut.cc", "what a cut leaves in its segment is overwritten")            \
  X(CutFilesKept, "log/log_cut.cc", "whole segments behind a cut are overwritten")               \
  X(MissingTold, "log/segments.cc", "a missing segment is not told of")                          \
  X(MissingLastTold, "log/segments.cc", "missing segments at the end are not told of")           \
  /* index files and the cache */                                                                \
  X(IndexIdentity, "index/index_file.cc", "an index file of other content is believed")          \
  X(IndexTemporary, "index/index_file_writer.cc", "an index file grows under its own name")      \
  X(WholeBlocks, "log/record_reader.cc", "blocks are cached before they are whole")              \
  X(SnapshotLooksAgain, "api/store_snapshot.cc", "a snapshot keeps what went meanwhile")         \
  X(TrimSaved, "log/commit_log.cc", "the superblock does not know that the log was trimmed")

enum class Protection : uint8_t {
#define WEIR_PROTECTION_ENUMERATOR(name, place, what) k##name,
  WEIR_PROTECTIONS(WEIR_PROTECTION_ENUMERATOR)
#undef WEIR_PROTECTION_ENUMERATOR
};

// Whether this protection is the one that was taken away.
#ifdef WEIR_MUTANTS
bool Without(Protection protection);
// Between two steps that a protection makes one: now and then others run here, as they would after
// a while without being asked.
void Linger();
#else
consteval bool Without(Protection) { return false; }
inline void Linger() {}
#endif

}  // namespace weir::internal

#endif  // WEIR_BASE_MUTANT_H_
