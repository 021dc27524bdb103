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
#include "weir/hooks.h"
#include "weir/message.h"

namespace weir {

// Who does the background work (writing, syncing, preparing segments, sealing, callbacks).
enum class Background : uint8_t {
  kThreads,  // workers of the library
  kManual,   // the host, with RunOnce(); and callers that must wait do what they wait for
};

// When a message can be read. Offsets kept outside the store want kOnDurable: after a power loss
// numbers that only lost messages had are given again, and a reader that was ahead would skip.
enum class Visibility : uint8_t {
  kOnAppend,   // as soon as kProcess holds for it
  kOnDurable,  // as soon as kDisk holds for everything up to it
};

struct StoreOptions {
  // The store's directory; its parent must exist. One store, one directory, nothing else in it.
  std::string directory;
  bool create_if_missing = true;
  // Opens a store that another process writes (or wrote) for reading; nothing is changed.
  bool read_only = false;
  Background background = Background::kThreads;
  // The processor that the workers run on; negative: any. kInvalidArgument if there is none such.
  int worker_core = -1;

  // Bytes per segment file, a power of two from 4 KiB to 1 GiB. Set when the store is created; the
  // stored value wins afterwards.
  uint64_t segment_bytes = uint64_t{64} << 20;
  // Bytes of the ring in which the newest part of the log lies; a power of two.
  uint64_t front_bytes = uint64_t{32} << 20;
  // Where the shared front lies. Empty: /dev/shm if it outlives this process, else the front is
  // private. A path: there, and the caller vouches that it outlives the process. "private": the
  // front is private memory and kProcess waits for the write.
  std::string front_directory;

  // A sync is begun this long after the first unsynced append at the latest (background work
  // permitting), and at most this many bytes are ever unsynced (or one record, if it is larger).
  absl::Duration sync_interval = absl::Milliseconds(100);
  uint64_t unsynced_bytes_max = uint64_t{256} << 20;
  // Bytes of the cache for reads below the front.
  uint64_t read_cache_bytes = uint64_t{64} << 20;

  Visibility visibility = Visibility::kOnAppend;
  // Appending to an unknown topic creates it with this many queues; 0: kNotFound instead.
  uint32_t default_queue_count = 8;
  // At most a quarter of the smaller of front and segment counts, whatever is said here.
  uint64_t max_body_bytes = uint64_t{4} << 20;
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
  // How long the call may wait: for room in the front, and for `durability`. Zero: try.
  absl::Duration timeout = absl::InfiniteDuration();
};

struct ReadOptions {
  uint32_t max_messages = 32;
  // Bytes of records; at least one message is returned whatever its size.
  uint64_t max_bytes = uint64_t{1} << 20;
  // Tags that match: "A", "A || B", or "*" (all).
  absl::string_view tags = "*";
  // How long to wait for the first message. Zero: do not wait.
  absl::Duration wait = absl::ZeroDuration();
  // How much of `wait` is spent spinning before the thread blocks.
  absl::Duration spin = absl::ZeroDuration();
};

}  // namespace weir

#endif  // WEIR_OPTIONS_H_
