// Blocks of written bytes, counted and pinned: a cache shared by segments and index files. Whoever
// holds a block keeps its memory, never a file.
//
// What makes room is the oldest block that was not found since it last had its turn. So finding one
// writes a bit beside it, where moving it to the front of a list would touch its neighbours, which
// are in nobody's cache.

#ifndef WEIR_LOG_BLOCK_CACHE_H_
#define WEIR_LOG_BLOCK_CACHE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <utility>

#include "absl/hash/hash.h"
#include "base/mutex.h"

namespace weir::internal {

struct Block {
  std::unique_ptr<char[]> bytes;
  size_t size = 0;
};

struct BlockKey {
  uint64_t file = 0;   // from NewFile(); never another content
  uint64_t index = 0;  // which block of it
  friend bool operator==(const BlockKey&, const BlockKey&) = default;
  template <typename H>
  friend H AbslHashValue(H h, const BlockKey& key) {
    return H::combine(std::move(h), key.file, key.index);
  }
};

// All functions may be called from any thread.
class BlockCache {
 public:
  explicit BlockCache(uint64_t bytes_max) : shard_bytes_max_(bytes_max / kShards) {}

  // A number that no file of this cache had before.
  uint64_t NewFile() { return next_file_.fetch_add(1, std::memory_order_relaxed); }

  // Null if it is not there.
  std::shared_ptr<const Block> Find(const BlockKey& key);
  // Puts a block in, unless one is there already; returns the one that is there.
  std::shared_ptr<const Block> Insert(const BlockKey& key, Block block);
  void Erase(const BlockKey& key);

  uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }
  uint64_t misses() const { return misses_.load(std::memory_order_relaxed); }

 private:
  struct Held {
    std::shared_ptr<const Block> block;
    std::list<BlockKey>::iterator turn;
    bool was_found = false;  // since it last had its turn
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<BlockKey, Held, absl::Hash<BlockKey>> blocks ABSL_GUARDED_BY(mutex);
    std::list<BlockKey> turns ABSL_GUARDED_BY(mutex);  // the next one last
    uint64_t bytes ABSL_GUARDED_BY(mutex) = 0;

    void MakeRoom(uint64_t bytes_max) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex);
  };
  static constexpr size_t kShards = 8;

  Shard& ShardOf(const BlockKey& key) { return shards_[(key.file * 31 + key.index) % kShards]; }

  const uint64_t shard_bytes_max_;
  std::atomic<uint64_t> next_file_{1};
  std::atomic<uint64_t> hits_{0};
  std::atomic<uint64_t> misses_{0};
  std::array<Shard, kShards> shards_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_BLOCK_CACHE_H_
