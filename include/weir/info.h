// What a store says of itself to people and their dashboards: counters, a description, and what
// came of looking at it, dropping from it and copying it.

#ifndef WEIR_INFO_H_
#define WEIR_INFO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "weir/hooks.h"
#include "weir/message.h"

namespace weir {

// How something is distributed, since the store was opened. Percentiles are at most 1 % off. All
// zero while nothing was counted.
struct Distribution {
  uint64_t count = 0;
  double mean = 0;
  uint64_t p50 = 0;
  uint64_t p99 = 0;
  uint64_t p999 = 0;
  uint64_t max = 0;
};

// A moment of the store's counters, which count from its opening on. Reading them stops nobody. In
// a process that only reads, those of appending and writing stay 0.
struct StoreStats {
  // Messages, alone, in batches and by claims, those given up among them; and the bytes of their
  // records.
  uint64_t appends = 0;
  uint64_t append_bytes = 0;
  uint64_t reads = 0;              // messages returned
  uint64_t writes = 0;             // write calls
  uint64_t written_bytes = 0;      // by them
  uint64_t syncs = 0;              // of segment files, for durability
  uint64_t sync_waiters = 0;       // appends that a sync confirmed; by syncs: acks per sync
  uint64_t marks = 0;              // records that name the durable end, as syncs write them
  uint64_t segments_prepared = 0;  // files made ready before they were needed
  uint64_t segments_recycled = 0;  // ... out of dropped ones
  uint64_t replacements = 0;       // files replaced after a failed sync or write
  uint64_t stalls_front_full = 0;  // appends that waited for room in the front
  uint64_t stalls_segment = 0;     // ... for a prepared segment
  uint64_t stalls_unsynced = 0;    // ... because unsynced_bytes_max was reached
  uint64_t stalls_reader = 0;      // ... for a reader inside the front
  uint64_t front_fill_bytes = 0;   // now: reserved and not yet written
  uint64_t unsynced_bytes = 0;     // now: reserved and not yet durable
  uint64_t index_probes = 0;       // run look-ups in index files
  uint64_t index_files_rebuilt = 0;
  uint64_t index_memory_bytes = 0;   // now: entries and queues in memory
  uint64_t key_memory_bytes = 0;     // now: keys and times of what is not sealed
  uint64_t filter_memory_bytes = 0;  // now: filters of the keys of sealed segments; at most 64 MiB
  uint64_t latest_keys = 0;          // now: keys of compacted topics that have a newest message
  uint64_t latest_bytes = 0;         // ... and the bytes of copies of them, to be kept for ever
  uint64_t latest_memory_bytes = 0;  // ... and what the index of them takes
  // Appended again before segments were dropped: newest messages, and all bytes of records, those
  // of topics, offsets and ends of queues too. To append_bytes: the write amplification of
  // carrying.
  uint64_t carried_messages = 0;
  uint64_t carried_bytes = 0;
  uint64_t cache_hits = 0;      // blocks that reads below the front found in memory
  uint64_t cache_misses = 0;    // ... and had to read
  uint64_t doorbell_rings = 0;  // wake-ups of readers that slept

  Distribution appends_per_sync;  // how many one sync made durable
  Distribution sync_nanos;        // how long it took
  Distribution stall_nanos;       // how long appends waited that waited for room and got it
  Distribution write_bytes;       // how much one call wrote
};

// What there is to say of a topic.
struct TopicInfo {
  std::string name;
  uint32_t queue_count = 0;
  bool is_compacted = false;
  uint64_t messages = 0;  // appended to it ever, as far as the retained log knows
  uint64_t bytes = 0;     // of their records
};

// One file of the log. Files prepared ahead are not among them.
struct SegmentInfo {
  std::string file;  // its name in the store's directory
  LogPosition begin;
  LogPosition end;         // of its records
  bool is_sealed = false;  // nothing is appended to it any more
  bool has_index = false;  // its index file is there
  // The log was cut at `end`, where a power loss or damage had ended it, and goes on in the next
  // segment. Stays true for ever.
  bool is_cut = false;
};

// A description of the store as it is now.
struct StoreInfo {
  StoreState state = StoreState::kClosed;
  std::string reason;                   // of a state that is not healthy
  LogPosition begin;                    // the oldest segment's
  LogPosition end;                      // everything reserved
  LogPosition written;                  // handed to the kernel
  LogPosition durable;                  // synced
  bool front_is_shared = false;         // false in a reading process that finds none, too
  std::vector<SegmentInfo> segments;    // oldest first
  std::vector<TopicInfo> topics;        // in the order of their creation
  std::vector<std::string> quarantine;  // names of files that were set aside, for people
};

// What a policy dropped, or would drop.
struct RetentionReport {
  uint64_t segments = 0;
  uint64_t bytes = 0;  // of their files
  LogPosition begin;   // of the log behind it
};

// What Snapshot() copied.
struct SnapshotReport {
  LogPosition end;  // of the copy's log: everything before it that was visible is in it
  uint64_t linked_files = 0;
  uint64_t copied_files = 0;
  uint64_t copied_bytes = 0;
};

// What verify found in one place.
struct VerifyFinding {
  std::string file;      // its name in the store's directory
  LogPosition position;  // where in the log the damage begins; of a superblock, where in the file
  LogPosition end;       // and where it ends
  std::string what;
  // Nothing is left to be had there, and the log says so itself: a range that is marked lost, or
  // messages of a topic whose record is gone. Nothing is to be repaired.
  bool is_final = false;
};

// What was checked, and what was found.
struct VerifyReport {
  uint64_t records = 0;   // messages among them
  uint64_t messages = 0;  // a message in many queues is one
  uint64_t bytes = 0;     // of the records
  uint64_t index_files = 0;
  std::vector<VerifyFinding> findings;  // empty: sound
};

// A record as it lies in the log, for people who look.
struct RecordInfo {
  LogPosition position;
  uint32_t bytes = 0;  // padding included; of a group, its members too, which follow one by one
  // "message", "void", "filler", "group", "open", "mark", "catalogue", "state", "copy"; "damage"
  // where no valid record is, and then only position, bytes and text mean something. Lives for
  // ever.
  absl::string_view type;
  uint32_t queue_number = 0;  // the store's number of the queue; 4294967295: none
  QueueOffset queue_offset;   // in that queue
  absl::Time store_time;      // absl::UnixEpoch(): not known
  uint64_t checksum = 0;      // as stored
  std::string text;           // what there is to say of it, in printable characters
};

}  // namespace weir

#endif  // WEIR_INFO_H_
