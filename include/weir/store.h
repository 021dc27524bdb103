// The message store: append messages to topics, read them back by queue, die, open again and have
// everything.
//
//   auto store = weir::MessageStore::Open({.directory = "data/queue"});
//   if (!store.ok()) return store.status();
//   auto receipt = (*store)->Append({.topic = "orders", .tag = "NEW", .body = "buy 100"});
//   auto result = (*store)->Read("orders", receipt->queue_id, receipt->queue_offset);
//   for (const weir::MessageView& message : *result) Use(message.body());
//
// Promises (what an append survives stands at weir::Durability)
//  * One writer process per store, any number of reading processes of the same user. A second
//    writer is refused at once and told who holds the store.
//  * The library never aborts, exits, throws out of its API, installs a signal handler, logs, or
//    opens a socket. A store is always in one of the four states of weir::StoreState.
//  * Every read verifies the checksum of what it returns.
//  * A forked child gets kFailedPrecondition from every call of the parent's store.
//
// Codes
//   kInvalidArgument     a name, size or option breaks a documented limit; nothing was done
//   kNotFound            the topic, queue or position does not exist; no store in the directory
//   kAlreadyExists       CreateTopic: there is one with another number of queues
//   kDeadlineExceeded    the timeout passed before anything was written
//   kResourceExhausted   no space on disk; nothing was written; service returns when space does
//   kFailedPrecondition  closed, read-only, forked child, or called where it could never return
//   kUnavailable         another process has the store; or the machine is out of descriptors
//   kOutOfRange          a position was dropped by retention
//   kDataLoss            damage, or an append that may be in the log but was never confirmed
//   kInternal            a promise of the library's own code was broken; the store is read-only
//
// All functions may be called from any thread, except the destructor and where it is said.

#ifndef WEIR_STORE_H_
#define WEIR_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "weir/hooks.h"
#include "weir/message.h"
#include "weir/options.h"

namespace weir {

// How something is distributed, since the store was opened. Percentiles are at most 1 % off.
struct Distribution {
  uint64_t count = 0;
  double mean = 0;
  uint64_t p50 = 0;
  uint64_t p99 = 0;
  uint64_t p999 = 0;
  uint64_t max = 0;
};

// A moment of the store's counters. Reading them stops nobody.
struct StoreStats {
  uint64_t appends = 0;       // messages
  uint64_t append_bytes = 0;  // bytes of records
  uint64_t reads = 0;         // messages returned
  uint64_t writes = 0;        // write calls
  uint64_t written_bytes = 0;
  uint64_t syncs = 0;
  uint64_t sync_waiters = 0;  // appends that a sync confirmed; by syncs: acks per sync
  uint64_t marks = 0;
  uint64_t segments_prepared = 0;
  uint64_t segments_recycled = 0;
  uint64_t replacements = 0;       // files replaced after a failed sync or write
  uint64_t stalls_front_full = 0;  // appends that waited for room in the front
  uint64_t stalls_segment = 0;     // ... for a prepared segment
  uint64_t stalls_unsynced = 0;    // ... because unsynced_bytes_max was reached
  uint64_t stalls_reader = 0;      // ... for a reader inside the front
  uint64_t front_fill_bytes = 0;   // published and not yet written
  uint64_t unsynced_bytes = 0;
  uint64_t index_probes = 0;  // run look-ups in index files
  uint64_t index_files_rebuilt = 0;
  uint64_t index_memory_bytes = 0;  // entries and queues in memory
  uint64_t cache_hits = 0;
  uint64_t cache_misses = 0;
  uint64_t doorbell_rings = 0;

  Distribution appends_per_sync;  // how many one sync made durable
  Distribution sync_nanos;        // how long it took
  Distribution stall_nanos;       // how long appends waited that waited for room
  Distribution write_bytes;       // how much one call wrote
};

struct TopicInfo {
  std::string name;
  uint32_t queue_count = 0;
  uint64_t messages = 0;  // appended to it ever, as far as the retained log knows
  uint64_t bytes = 0;     // of their records
};

struct SegmentInfo {
  std::string file;
  LogPosition begin;
  LogPosition end;  // of its records
  bool is_sealed = false;
  bool has_index = false;
};

struct StoreInfo {
  StoreState state = StoreState::kClosed;
  std::string reason;  // of a state that is not healthy
  LogPosition begin;
  LogPosition end;      // everything reserved
  LogPosition written;  // handed to the kernel
  LogPosition durable;  // synced
  bool front_is_shared = false;
  std::vector<SegmentInfo> segments;
  std::vector<TopicInfo> topics;
  std::vector<std::string> quarantine;
};

// What verify found in one place.
struct VerifyFinding {
  std::string file;
  LogPosition position;
  std::string what;
};

struct VerifyReport {
  uint64_t records = 0;
  uint64_t messages = 0;
  uint64_t bytes = 0;
  uint64_t index_files = 0;
  std::vector<VerifyFinding> findings;  // empty: sound
};

// A record as it lies in the log, for people who look.
struct RecordInfo {
  LogPosition position;
  uint32_t bytes = 0;
  absl::string_view type;  // "message", "void", "filler", "group", "open", "mark", "topic"
  uint32_t queue_number = 0;
  QueueOffset queue_offset;
  absl::Time store_time;
  uint64_t checksum = 0;
  std::string text;  // what there is to say of it
};

// A place reserved in the log to encode a message's body into. Until it is committed nothing
// behind it becomes durable: hold it for microseconds. A thread that holds a claim must not wait
// for its store (kFailedPrecondition). Destruction without Commit() gives the place up: its offset
// becomes a void. Movable; used by one thread at a time, which holds it from its first look at
// body() on; must not outlive the store.
class MessageClaim {
 public:
  MessageClaim();
  MessageClaim(MessageClaim&&) noexcept;
  MessageClaim& operator=(MessageClaim&&) noexcept;
  ~MessageClaim();

  // The bytes to fill, as many as were asked for. Their content is arbitrary.
  absl::Span<char> body() const;
  // Where the message will be, if it is committed.
  LogPosition position() const;
  QueueOffset queue_offset() const;

  // Publishes the first `bytes` of the body (at most body().size(), else kInvalidArgument and the
  // claim stays). Waits as Append() does for `options.durability`.
  absl::StatusOr<Receipt> Commit(size_t bytes, const AppendOptions& options = {});

  struct Impl;
  explicit MessageClaim(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

class MessageStore final {
 public:
  // Opens the store in options.directory, recovers it if it was not closed, and creates it if it
  // is missing and options allow. Errors: kUnavailable (another writer: the text names its pid),
  // kInvalidArgument (options; a directory that is not a store; another format or byte order),
  // kNotFound, kPermissionDenied, kFailedPrecondition (a copied store with hard links), kDataLoss
  // (strict_recovery). A failed open changes nothing that a later open needs.
  static absl::StatusOr<std::unique_ptr<MessageStore>> Open(const StoreOptions& options);

  // Closes the store if Close() did not. No other call may be running.
  ~MessageStore();
  MessageStore(const MessageStore&) = delete;
  MessageStore& operator=(const MessageStore&) = delete;

  // Writes and syncs everything, seals, and closes. Running calls of other threads end with
  // kFailedPrecondition. The error of the last write, if there is one; then the front stays for the
  // next open. The second call: kFailedPrecondition.
  absl::Status Close();

  // --- Topics

  // Creates a topic and returns when it survives what kDisk survives. A topic that is there with
  // the same number of queues: its handle. Names are 1 to 255 bytes without control characters and
  // '/', and not "." or ".."; they are never used as paths.
  absl::StatusOr<Topic> CreateTopic(absl::string_view name, uint32_t queue_count);

  // The handle of a topic; kNotFound if there is none. Creates nothing.
  absl::StatusOr<Topic> FindTopic(absl::string_view name) const;

  // The handle of a topic; created with options.default_queue_count if it is missing and the
  // option allows.
  absl::StatusOr<Topic> OpenTopic(absl::string_view name);

  // --- Append

  // Appends one message. Errors before the message has a place: nothing was written. kDataLoss:
  // it may be in the log and will never be confirmed. If the timeout passes after it has a place:
  // OK, with a lower `reached`; WaitFor() goes on waiting.
  absl::StatusOr<Receipt> Append(const Message& message, const AppendOptions& options = {});

  // Appends all or, whatever happens, none of the messages, over any mix of topics and queues. At
  // most half of the smaller of front and segment, else kInvalidArgument. Receipts in the order of
  // the messages; all messages have one store time.
  absl::StatusOr<std::vector<Receipt>> Append(absl::Span<const Message> messages,
                                              const AppendOptions& options = {});

  // Appends without waiting. An error returned: nothing was written and `callback` is never
  // called. Else it is called once, on a worker or inside RunOnce() or Close(), in the order of
  // the log, when options.durability is reached or never will be. An append inside a callback never
  // waits. options.timeout bounds only the wait for room.
  absl::Status AppendAsync(const Message& message, const AppendOptions& options,
                           AppendCallback callback);

  // Reserves room for a message whose body the caller encodes in place; message.body is ignored.
  absl::StatusOr<MessageClaim> Claim(const Message& message, size_t body_bytes,
                                     absl::Duration timeout = absl::InfiniteDuration());

  // Waits until everything up to receipt.end is durable as asked. Returns the level reached when
  // it or the timeout is; kDataLoss if it never will be.
  absl::StatusOr<Durability> WaitFor(const Receipt& receipt, Durability durability,
                                     absl::Duration timeout = absl::InfiniteDuration());

  // Waits until everything appended before the call is on disk. kDeadlineExceeded if not in time.
  absl::Status Flush(absl::Duration timeout = absl::InfiniteDuration());

  // --- Read

  // Reads messages of one queue from `offset` on. Reading an unknown topic or queue is an outcome,
  // not an error, and creates nothing. Errors: kInvalidArgument (tags), kFailedPrecondition, and
  // what the file system says.
  absl::StatusOr<ReadResult> Read(TopicRef topic, uint32_t queue_id, QueueOffset offset,
                                  const ReadOptions& options = {});

  // Reads a topic's messages of all queues in the order of the log, from `position` on (any
  // number: reading starts at the first message that begins there or behind it). A message in
  // several queues of the topic is seen once.
  absl::StatusOr<ReadResult> ReadTopic(TopicRef topic, LogPosition position,
                                       const ReadOptions& options = {});

  // Reads backwards: messages below `offset`, newest first. next_offset() is where to go on.
  absl::StatusOr<ReadResult> ReadBackwards(TopicRef topic, uint32_t queue_id, QueueOffset offset,
                                           const ReadOptions& options = {});

  // The last `count` messages of a queue, oldest first.
  absl::StatusOr<ReadResult> ReadLast(TopicRef topic, uint32_t queue_id, uint32_t count);

  // The message whose record begins at `position`. kNotFound if none begins there, kOutOfRange
  // if the position was dropped or is beyond the end, kDataLoss if it is damaged.
  absl::StatusOr<ReadResult> ReadAt(LogPosition position);

  // kNotFound for an unknown topic or queue id.
  absl::StatusOr<QueueBounds> Bounds(TopicRef topic, uint32_t queue_id) const;

  // --- Work and state

  // Does a bounded piece of each background job. Returns how long the host may wait before it
  // calls again: zero means that there is more to do now. With Background::kThreads it may be
  // called too and helps.
  absl::Duration RunOnce();

  StoreState state() const;
  StoreStats Stats() const;
  StoreInfo Info() const;
  const RecoveryReport& recovery() const;

  // Reads and checks every record and every index file. Findings are not errors.
  absl::StatusOr<VerifyReport> Verify();

  // Up to `max` records from `position` on (the first one that begins there or behind it).
  absl::StatusOr<std::vector<RecordInfo>> Dump(LogPosition position, size_t max);

  struct Impl;
  explicit MessageStore(std::unique_ptr<Impl> impl);

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace weir

#endif  // WEIR_STORE_H_
