// Where a host hears from its store: its state and the reason, and what opening it found.
//
//   struct Alarm final : weir::StateListener {
//     void OnState(weir::StoreState state, const std::string& reason) override { ... }
//   };

#ifndef WEIR_HOOKS_H_
#define WEIR_HOOKS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "weir/message.h"

namespace weir {

// A store is always in one of these. Full disks degrade it and heal; read-only is for what space
// does not cure.
enum class StoreState : uint8_t {
  kHealthy,
  kDegraded,  // it works, but not as it should: disk full, damage found, front gone, ...
  kReadOnly,  // appends are refused until the store is opened again; reads go on
  kClosed,    // closed, or a forked child's copy of a store
};

// "healthy", "degraded", "read-only", "closed".
absl::string_view StoreStateName(StoreState state);

// Messages of one queue that are gone before a consumer group came to them.
struct UnconsumedMessages {
  std::string group;
  std::string topic;
  uint32_t queue_id = 0;
  QueueOffset first;  // where the group stands
  QueueOffset end;    // one behind the last one that was dropped
};

// Called on a worker or inside RunOnce(), Open() or Close(), one call at a time, with no lock of
// the store held. May call the store. An exception that it throws is caught and forgotten.
class StateListener {
 public:
  virtual ~StateListener() = default;
  // The state is `state` now, for that reason (empty if healthy). Called once for each change of
  // the two; of changes that came and went between two looks only the last is told. A store that
  // opens healthy says nothing.
  virtual void OnState(StoreState state, const std::string& reason) = 0;
  // Retention dropped messages that a consumer group had not reached. Called once for each queue,
  // group and step; behind the fact.
  virtual void OnUnconsumedDropped(const UnconsumedMessages&) {}
};

// Messages of one queue that a cut left out. Their offsets are given to others again.
struct DroppedOffsets {
  std::string topic;      // empty: the cut left the topic itself out
  uint32_t queue_id = 0;  // then the queue's number
  QueueOffset first;
  QueueOffset end;  // one behind the last one that was found
};

// What Open() found and did. In a process that only reads: what the next writer would find, and
// with a live writer nothing but `last_sync` and `end`.
struct RecoveryReport {
  bool was_clean = false;      // the store was closed, or is new
  bool front_adopted = false;  // the front of a dead process was there: nothing is lost
  bool possible_loss = false;  // the front of this boot is gone: appends since the last write too
  // The last sync that is known of; one later may have completed. InfinitePast: none.
  absl::Time last_sync;
  LogPosition end;  // where the log goes on
  // Behind the cut, found and left out (kept in quarantine/): power loss only.
  uint64_t dropped_bytes = 0;
  uint64_t dropped_records = 0;
  std::vector<DroppedOffsets> dropped_offsets;  // by topic and queue
  uint64_t voided_claims = 0;                   // claims that died with their process
  uint64_t bytes_read = 0;                      // of segments and index files
  absl::Duration duration;                      // of the whole open
  // Ranges that should hold records and do not. Everything else stays readable.
  std::vector<DamagedRange> damage;
  std::vector<std::string> notes;  // rebuilt index files, foreign fronts left alone, ...
};

}  // namespace weir

#endif  // WEIR_HOOKS_H_
