// The log as its users see it: append, claim, ends, wait for durability, and the steps that do
// the work. lib/README.md has the flow.
//
// To the log a record's stamp is opaque: who appends hands in a function that writes it.

#ifndef WEIR_LOG_COMMIT_LOG_H_
#define WEIR_LOG_COMMIT_LOG_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/promise.h"
#include "log/block_cache.h"
#include "log/completions.h"
#include "log/directory_lock.h"
#include "log/doorbell.h"
#include "log/front.h"
#include "log/health.h"
#include "log/held_claims.h"
#include "log/log_counters.h"
#include "log/log_syncer.h"
#include "log/log_writer.h"
#include "log/lost_ranges.h"
#include "log/progress.h"
#include "log/recovery.h"
#include "log/segments.h"
#include "log/store_directory.h"
#include "log/superblock_file.h"
#include "weir/hooks.h"
#include "weir/options.h"

namespace weir::internal {

// A moment of Clock::MonotonicNanos().
using Deadline = int64_t;
inline constexpr Deadline kNever = std::numeric_limits<int64_t>::max();

class CommitLog {
 public:
  // Opens and recovers the log in options.directory; see MessageStore::Open.
  static absl::StatusOr<std::unique_ptr<CommitLog>> Open(const StoreOptions& options);
  ~CommitLog();

  // Writes and syncs everything and leaves the directory as small as it can be. No step of a
  // worker may be running. On an error the front stays for the next open.
  absl::Status Close();
  // From now on appends are refused and waiting calls return; the steps still work.
  void Stop();
  bool is_stopped() const { return is_stopped_.load(std::memory_order_acquire); }

  // --- Append

  // Claims a record of `bytes` (aligned, at most record_bytes_max(); groups: group_bytes_max()).
  // `stamp` as for Front::TryClaim; if it has a function Prepare(), that is called outside the lock
  // before each try, to allocate what the stamp may need.
  template <typename Stamper>
  absl::Status Claim(uint32_t bytes, int64_t now_wall, Deadline deadline, Stamper&& stamp,
                     Reservation* reservation);
  // Who asks for room: what is kept back for the log's own is not for messages.
  enum class Room : uint8_t { kMessages, kReserve };
  // Waits until there is room for a claim of `bytes`, or says why there will be none.
  absl::Status MakeRoom(uint32_t bytes, Deadline deadline, Room room = Room::kMessages);
  // Whether all that this thread promised since it has the place is kept, and `word` is the length
  // of what it claimed. If not, GiveUp() what was claimed instead of publishing it.
  static bool MayPublish(const Reservation& reservation, int32_t word) {
    HOLDS(static_cast<uint32_t>(word) == reservation.size);
    return !AnyBroken();
  }
  // Makes the sealed record visible with `word`.
  void Publish(const Reservation& reservation, int32_t word) {
    internal::Publish(reservation.bytes, word);
    Nudge(reservation.end());
  }
  // After a broken promise: makes the claimed record (or group) a void, so that nobody waits for
  // it, tells those who wait that it is none, and ends writing. Returns what was broken.
  absl::Status GiveUp(const Reservation& reservation);
  // Makes the claimed record (or group) a void.
  void Abandon(const Reservation& reservation) {
    // Behind another length nobody would find the next record.
    if (!HOLDS(LoadHeader(reservation.bytes).bytes() == reservation.size)) {
      StoreWord(reservation.bytes, -static_cast<int32_t>(reservation.size));
    }
    HOLDS(reservation.end() <= front_->claimed_end());
    SealVoid(reservation.bytes, reservation.position, front_->incarnation());
    Nudge(reservation.end());
  }

  // What of the prepared segments is kept back from messages: without it the space that they wait
  // for could not be made, for that takes records too.
  uint64_t reserve_bytes() const {
    return options_.retention.NeedsSpace() ? segments_.segment_bytes() : 0;
  }

  uint32_t record_bytes_max() const { return record_bytes_max_; }
  uint32_t group_bytes_max() const { return group_bytes_max_; }
  uint64_t incarnation() const { return front_->incarnation(); }

  // --- Wait

  // What every append has reached with its publication.
  Durability ReachedAtOnce() const {
    return front_->is_shared() && !is_front_gone_.load(std::memory_order_acquire)
               ? Durability::kProcess
               : Durability::kNone;
  }
  // What the log up to `end` has reached now.
  Durability Reached(LogPosition end) const;
  // Whether this thread may wait: kFailedPrecondition if it holds a claim besides the one at `but`,
  // and would wait for itself. Who appends asks before anything is written.
  // "; a claim at P is held", or nothing: for whoever waited in vain.
  std::string HeldClaimText() const;
  absl::Status CheckMayWait(std::optional<LogPosition> but = std::nullopt) const;
  absl::Status CheckMayReach(Durability durability, absl::Duration timeout,
                             std::optional<LogPosition> but = std::nullopt) const {
    return durability <= ReachedAtOnce() || timeout <= absl::ZeroDuration() ? absl::OkStatus()
                                                                            : CheckMayWait(but);
  }
  // Waits until [begin, end) has reached `wanted`; at the deadline, and when there is no memory to
  // wait with, what it has reached. kDataLoss: it never will.
  absl::StatusOr<Durability> WaitFor(LogPosition begin, LogPosition end, Durability wanted,
                                     Deadline deadline);
  // The same for kDisk, as a status: why no more is appended, or kDeadlineExceeded, which names
  // `what` lies there.
  absl::Status WaitDurable(LogPosition begin, LogPosition end, Deadline deadline,
                           absl::string_view what);
  absl::Status Flush(Deadline deadline);
  // An endless timeout costs no look at the clock.
  Deadline DeadlineIn(absl::Duration timeout) const {
    return timeout == absl::InfiniteDuration() ? kNever : FiniteDeadlineIn(timeout);
  }

  Completions& completions() { return completions_; }
  // Somebody who does not wait wants what is appended durable soon.
  void RequestSync() {
    uses_disk_durability_.store(true, std::memory_order_relaxed);
    if (!wants_sync_.exchange(true, std::memory_order_acq_rel) && has_workers_) wakeups_.syncer();
  }
  void RequestWrite() {
    if (has_workers_) wakeups_.writer();
  }
  void WakeCallbacks() {
    if (wakeups_.callbacks) wakeups_.callbacks();
  }

  // --- Read

  Front& front() { return *front_; }
  const Front& front() const { return *front_; }
  Segments& segments() { return segments_; }
  const Segments& segments() const { return segments_; }
  Doorbell& doorbell() { return *doorbell_; }
  // Below this everything is there for those who read the log as a whole.
  LogPosition ContiguousVisibleEnd();
  bool visible_only_durable() const { return options_.visibility == Visibility::kOnDurable; }
  // Raw bytes of [position, position + out.size()), from the front or the files. All of it must
  // lie in one segment and below the published end.
  absl::Status ReadBytes(LogPosition position, absl::Span<char> out);

  // Drops whole segments below `position`, never the active one.
  absl::Status TrimTo(LogPosition position);

  // --- Work: each step does a bounded piece and returns how long it may rest.

  absl::Duration WriteStep();
  absl::Duration SyncStep();
  absl::Duration PrepareStep() { return PrepareFor(Room::kMessages, /*may_drop=*/true); }
  absl::Duration CallbackStep() { return RunCallbacks(/*is_last=*/false); }
  // Behind Close(): calls back whoever is decided, but for those that a callback itself closes for.
  void FinishCallbacks();
  // Who wakes the workers. Without it whoever waits does the work himself.
  struct Wakeups {
    std::function<void()> writer, syncer, preparer, callbacks;
  };
  void SetWakeups(Wakeups wakeups);
  // Messages are refused for this reason (kResourceExhausted), whatever room there is, until OK is
  // said.
  void Refuse(const absl::Status& why);
  // Who drops old segments when there may be no more files. An error: nothing can go, and appends
  // are refused for it. Called with no lock held, by whoever prepares.
  void SetSpaceMaker(std::function<absl::Status()> make_space) {
    make_space_ = std::move(make_space);
  }

  // Ends writing if this thread broke a promise since it was last asked, and says which; OK if all
  // were kept. For who began a call or a step, at its end; holds no lock of the log.
  absl::Status JudgePromises() { return AnyBroken() ? EndWriting() : absl::OkStatus(); }

  Health& health() { return health_; }
  const Health& health() const { return health_; }
  const LogCounters& counters() const { return counters_; }
  LostRanges& lost() { return lost_; }
  HeldClaims& held_claims() { return held_claims_; }
  BlockCache& cache() { return cache_; }
  Directory& directory() { return *directory_; }
  SuperblockFile& superblock() { return *superblock_; }
  const StoreOptions& options() const { return options_; }
  RecoveryReport& report() { return report_; }
  // Offsets that recovery left out behind a cut.
  const std::vector<SeenOffset>& left_out() const { return left_out_; }
  Clock& clock() const { return *options_.clock; }

 private:
  CommitLog(const StoreOptions& options, std::unique_ptr<Directory> directory,
            std::unique_ptr<DirectoryLock> lock, std::unique_ptr<SuperblockFile> superblock);
  absl::Status Start();
  absl::Status WriteAndClose();
  absl::Status TidyUp(LogPosition end);
  absl::Status EndWriting();

  Deadline FiniteDeadlineIn(absl::Duration timeout) const;
  struct Limits {
    LogPosition messages;
    LogPosition reserve;
    std::atomic<uint64_t>* stall = nullptr;  // of who wanted more
  };
  Limits LimitsFor(LogPosition needed, Room room);
  LogPosition NeededEnd(uint32_t bytes) const;
  void AnnounceIncarnation() ABSL_EXCLUSIVE_LOCKS_REQUIRED(room_lock_);
  // What somebody waits for: room; what is there to be written; a sync, of the log up to `end` if
  // it is the durability of a record that he waits for.
  struct Want {
    bool is_sync = false;
    std::optional<LogPosition> end = std::nullopt;
  };
  // `may_drop`: old segments for it, which waits for the disk.
  absl::Duration PrepareFor(Room room, bool may_drop);
  // Does what somebody who waits needs, or sleeps until there is progress. `leads`: this thread
  // may do the work.
  absl::Status HelpOrSleep(const Want& want, bool leads, Deadline deadline);
  bool IsDone(bool progressed, const absl::Status& status) const;
  absl::StatusOr<Durability> Wait(LogPosition begin, LogPosition end, Durability wanted,
                                  Deadline deadline);
  void Sleep(const Want& want, uint32_t seen, absl::Duration duration);
  // What there is to be done when the log got on, besides waking those who wait.
  void FollowUp();
  void Progressed() {
    FollowUp();
    progress_.TellAll();
  }
  // Behind a publication: wakes workers at the end of idleness and when a quarter is full.
  void Nudge(LogPosition end);
  bool LeadsWithout(Deadline deadline) const { return !has_workers_ || deadline == kNever; }
  // Syncs if somebody waits for it or it is time; how long the step may rest. `tells`: something
  // changed for those who wait.
  absl::Duration SyncIfDue(bool* tells);
  void CheckClaims(int64_t now);
  // Whether it is decided what became of an asynchronous append.
  absl::Duration RunCallbacks(bool is_last);
  bool Decide(const Completion& completion, absl::Status* status, Durability* reached);
  void CheckFrontIsLinked(int64_t now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(sync_step_lock_);

  // Constant after Open.
  const StoreOptions options_;
  const std::unique_ptr<Directory> directory_;
  std::unique_ptr<DirectoryLock> lock_;
  std::unique_ptr<SuperblockFile> superblock_;
  std::unique_ptr<Front> front_;
  std::unique_ptr<Doorbell> doorbell_;
  std::string front_directory_;
  uint32_t record_bytes_max_ = 0;
  uint32_t group_bytes_max_ = 0;
  RecoveryReport report_;
  std::vector<SeenOffset> left_out_;
  Wakeups wakeups_;
  std::function<absl::Status()> make_space_;
  bool has_workers_ = false;

  // Synchronise themselves.
  BlockCache cache_;
  Segments segments_;
  Health health_;
  LostRanges lost_;
  LogCounters counters_;
  HeldClaims held_claims_;
  Completions completions_;
  Progress progress_;
  std::unique_ptr<LogWriter> writer_;
  std::unique_ptr<LogSyncer> syncer_;
  std::atomic<bool> is_stopped_{false};
  std::atomic<bool> is_front_gone_{false};

  // The end of the last nudge; whether the workers rest until there is something to do.
  alignas(64) std::atomic<uint64_t> nudged_at_{0};
  std::atomic<bool> is_idle_{true};
  std::atomic<bool> syncer_rests_{false};  // since the idleness that a producer has just ended
  std::atomic<uint64_t> quiet_since_{
      ~uint64_t{0}};  // the log's end when the writer last found nothing
  std::atomic<bool> wants_sync_{false};
  std::atomic<bool> uses_disk_durability_{false};

  // Who asks for room does so one at a time; guards the limit against Stop().
  Mutex room_lock_;
  bool must_announce_ ABSL_GUARDED_BY(room_lock_) = false;
  uint64_t announced_behind_ ABSL_GUARDED_BY(room_lock_) = 0;

  // Held by the prepare step from its look at is_stopped() on.
  Mutex prepare_step_lock_;

  // Only the sync step uses these.
  Mutex sync_step_lock_;
  int64_t unsynced_since_ ABSL_GUARDED_BY(sync_step_lock_) = 0;
  int64_t link_checked_ ABSL_GUARDED_BY(sync_step_lock_) = 0;
};

template <typename Stamper>
absl::Status CommitLog::Claim(uint32_t bytes, int64_t now_wall, Deadline deadline, Stamper&& stamp,
                              Reservation* reservation) {
  for (;;) {
    if constexpr (requires { stamp.Prepare(); }) stamp.Prepare();
    if (front_->TryClaim(bytes, now_wall, stamp, reservation)) return absl::OkStatus();
    constexpr bool uses_reserve = requires { std::remove_cvref_t<Stamper>::kUsesReserve; };
    if (absl::Status status =
            MakeRoom(bytes, deadline, uses_reserve ? Room::kReserve : Room::kMessages);
        !status.ok()) {
      return status;
    }
  }
}

inline void CommitLog::Nudge(LogPosition end) {
  if (!has_workers_) return;
  if (is_idle_.load(std::memory_order_relaxed)) {
    if (!is_idle_.exchange(false, std::memory_order_acq_rel)) return;
    nudged_at_.store(end.value(), std::memory_order_relaxed);
    syncer_rests_.store(true, std::memory_order_relaxed);
    wakeups_.writer();  // who wakes the syncer: a producer pays for one wake
    return;
  }
  const uint64_t nudged = nudged_at_.load(std::memory_order_relaxed);
  if (end.value() > nudged && end.value() - nudged > front_->ring_bytes() / 4) {
    nudged_at_.store(end.value(), std::memory_order_relaxed);
    wakeups_.writer();
  }
}

}  // namespace weir::internal

#endif  // WEIR_LOG_COMMIT_LOG_H_
