// The options of a store and of single calls.
//
//   weir::StoreOptions options{.directory = "data/queue", .sync_interval = absl::Milliseconds(20)};

#ifndef WEIR_OPTIONS_H_
#define WEIR_OPTIONS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "weir/clock.h"
#include "weir/file_system.h"
#include "weir/filter.h"
#include "weir/hooks.h"
#include "weir/message.h"

namespace weir {

// Who does the background work (writing, syncing, preparing segments, sealing, callbacks).
enum class Background : uint8_t {
  // Workers of the library, one for each job, named "weir-...". They take no signals of the host.
  kThreads,
  // The host, with RunOnce(); and callers that must wait do what they wait for. There are no
  // threads of the library, and deadlines are looked at between system calls: a call may be late by
  // one write or sync.
  kManual,
};

// When a message can be read. Who keeps queue offsets outside the store wants kOnDurable: a power
// loss may take messages that were read already; their numbers are given again, to others, and a
// reader that remembers a higher offset would never see those.
enum class Visibility : uint8_t {
  // As soon as kProcess holds for it. With a shared front that is when the message itself is
  // published, queue by queue, whatever is still unfinished before it in the log; with a private
  // front, when everything up to it is written. Who reads the log as a whole or by position
  // (CommitLog::Read, ReadAt, Dump, Verify, processes that read) sees the contiguous part: all that
  // stands before the first unfinished append.
  kOnAppend,
  // As soon as kDisk holds for it and for everything before it: the durable end, which is
  // contiguous for everybody.
  kOnDurable,
};

// What a store keeps, and for how long. Whole segments go, oldest first, with their index files,
// and never one that is still appended to. What the store must not forget (topics, ends of queues,
// offsets of groups, newest messages of compacted topics) is appended again before. Nothing goes
// because a clock jumps: time is believed to run at most twice as fast as it does, so that what a
// store missed while it was closed is made up for in as long as it was closed.
struct Retention {
  // What is done for messages that some group, which has committed an offset in their queue, has
  // not reached. A listener hears of it either way.
  enum class Unconsumed : uint8_t {
    kDrop,  // dropped like all others
    kKeep,  // kept; appends that would need their space are refused (kResourceExhausted) until the
            // groups have gone on
  };

  // Segments go when all their messages are older than this.
  absl::Duration max_age = absl::InfiniteDuration();
  // How many bytes all files of the directory may have; exceeded by at most one segment, and by the
  // copies of one while newest messages of compacted topics are appended again. 0: any number. At
  // least six segments, else kInvalidArgument.
  uint64_t max_bytes = 0;
  // Segments go early while fewer bytes than this are free on the file system, and appends are
  // refused (kResourceExhausted) while fewer than the second are. 0: whatever is free.
  uint64_t free_bytes_low = 0;
  uint64_t free_bytes_min = 0;
  Unconsumed unconsumed = Unconsumed::kDrop;

  // Whether appends may have to wait for it.
  bool NeedsSpace() const { return max_bytes > 0 || free_bytes_low > 0 || free_bytes_min > 0; }
};

// What a topic is told when it is created.
struct TopicOptions {
  // 1 to kMaxQueuesPerTopic. Never changes.
  uint32_t queue_count = 8;
  // What is kept of it, besides what StoreOptions::retention keeps of all: messages of whole
  // segments, those that are older than this, and those beyond so many bytes of records (0: any
  // number). They can be read no more; their space follows with their segments.
  absl::Duration max_age = absl::InfiniteDuration();
  uint64_t max_bytes = 0;
  // Compaction by key: MessageStore::Latest() and ReadLatest() find the newest message of each key,
  // also when its segment was dropped, for "latest player state" or "last quote". Never changes. A
  // message is of the first of its keys, and is refused without one (kInvalidArgument); one without
  // a body deletes its key. Queues are read as those of any topic, and the limits above take
  // messages from them and from no key. What takes a key, too: a purge of its newest message, and
  // that this has expired.
  //
  // Before a segment is dropped the newest messages in it are appended again, as copies that no
  // queue delivers and that have 72 bytes more. With Retention::max_bytes these copies of all keys
  // may take half of that, less five segments that are written to and made ready, and a quarter if
  // max_bytes is less than 32 segments: a new key,
  // or more bytes for one, is refused then (kResourceExhausted); fewer bytes, and deletions, are
  // not. Memory: some 220 bytes for each key, in reading processes,
  // too, and its bytes if it has more than 15; StoreStats has both.
  bool is_compacted = false;
};

struct StoreOptions {
  // The store's directory; its parent must exist. One store, one directory, nothing else in it.
  std::string directory;
  // False: kNotFound if there is no store. Made with permissions 0700, files with 0600.
  bool create_if_missing = true;
  // Opens a store that another process writes (or wrote) for reading; nothing is changed, nothing
  // is created, and nothing runs in the background. CommitLog refuses it.
  bool read_only = false;
  Background background = Background::kThreads;
  // The processor that the workers run on, from 0; negative: any. kInvalidArgument if there is none
  // such. Without effect with Background::kManual.
  int worker_core = -1;

  // Bytes per segment file, a power of two from 4 KiB to 1 GiB. Set when the store is created; the
  // stored value wins afterwards.
  uint64_t segment_bytes = uint64_t{64} << 20;
  // Bytes of the ring in which the newest part of the log lies, a power of two from 8 KiB to 4 GiB.
  // If shared memory has not so much room, halves are tried down to 1 MiB, then private memory of
  // the full size; recovery().notes says so.
  uint64_t front_bytes = uint64_t{32} << 20;
  // Where the shared front lies. Empty: /dev/shm if it outlives this process (not in a container
  // with process ids of its own), else the front is private. A path: there, and the caller vouches
  // that it outlives the process. "private": the front is private memory and kProcess waits for
  // the write.
  std::string front_directory;

  // A sync is begun this long after the first unsynced append at the latest (while the disk
  // answers and, with Background::kManual, the host calls RunOnce()), and at most this many bytes
  // are ever unsynced (or one record, if it is larger): then appends wait.
  absl::Duration sync_interval = absl::Milliseconds(100);
  uint64_t unsynced_bytes_max = uint64_t{256} << 20;
  // Bytes of the cache for reads below the front. Views that somebody holds do not count.
  uint64_t read_cache_bytes = uint64_t{64} << 20;

  Visibility visibility = Visibility::kOnAppend;
  // Appending to an unknown topic creates it with this many queues, at most kMaxQueuesPerTopic; 0:
  // kNotFound instead, from OpenTopic() too.
  uint32_t default_queue_count = 8;
  // Bytes of a body. At most a quarter of the smaller of front and segment counts, for a message
  // with all its parts, whatever is said here.
  uint64_t max_body_bytes = uint64_t{4} << 20;
  // What goes, and when.
  Retention retention;
  // Refuse to open (kDataLoss) if recovery finds corruption, instead of opening degraded.
  bool strict_recovery = false;

  // None of these is owned; each must outlive the store. Null: the real one, or none.
  StateListener* state_listener = nullptr;
  FileSystem* file_system = nullptr;
  Clock* clock = nullptr;
};

struct AppendOptions {
  // What to wait for before returning.
  Durability durability = Durability::kProcess;
  // How long the call may wait: for room in the front, and for `durability`. Zero or less: try.
  // Passed before the message has a place: kDeadlineExceeded, and nothing was written. Passed
  // afterwards: OK, and Receipt::reached says how far it came.
  absl::Duration timeout = absl::InfiniteDuration();
};

struct CommitOptions {
  // What to wait for before returning, and how long; as in AppendOptions.
  Durability durability = Durability::kProcess;
  absl::Duration timeout = absl::InfiniteDuration();
  // The group may also be set back.
  bool may_go_back = false;
};

struct ReadOptions {
  // 0: kInvalidArgument. However few are wanted, a call looks at no more than 16,384 messages, and
  // at none behind max_bytes or 4 MiB of them, whichever is more.
  uint32_t max_messages = 32;
  // Bytes of records; at least one message is returned whatever its size.
  uint64_t max_bytes = uint64_t{1} << 20;
  // Tags that match: "A", "A || B", or "*" (all). kInvalidArgument for an empty one.
  absl::string_view tags = "*";
  // And this, of their properties (Filter::Compile); by default every message matches.
  Filter filter = {};
  // And this, asked last, on the reading thread, with no lock held. What a view shows it is the
  // read's until the call returns.
  MessagePredicate predicate = nullptr;
  // How long to wait for the first message. Zero: do not wait.
  absl::Duration wait = absl::ZeroDuration();
  // How much of `wait` is spent spinning before the thread blocks: wakes sooner, and takes a core.
  absl::Duration spin = absl::ZeroDuration();
};

}  // namespace weir

#endif  // WEIR_OPTIONS_H_
