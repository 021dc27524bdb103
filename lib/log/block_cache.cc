#include "log/block_cache.h"

#include "base/status_macros.h"

namespace weir::internal {

std::shared_ptr<const Block> BlockCache::Find(const BlockKey& key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.blocks.find(key);
  if (found == shard.blocks.end()) {
    misses_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  // Else it would be the bytes of another place.
  if (!HOLDS(*found->second.turn == key)) return nullptr;
  HOLDS(shard.turns.size() == shard.blocks.size());
  hits_.fetch_add(1, std::memory_order_relaxed);
  found->second.was_found = true;
  return found->second.block;
}

void BlockCache::Shard::MakeRoom(uint64_t bytes_max) {
  while (bytes > bytes_max && !turns.empty()) {
    const auto next = blocks.find(turns.back());
    if (!HOLDS(next != blocks.end())) return;
    if (std::exchange(next->second.was_found, false)) {
      turns.splice(turns.begin(), turns, next->second.turn);
      continue;
    }
    if (!HOLDS(next->second.block->size <= bytes)) return;
    bytes -= next->second.block->size;
    turns.pop_back();
    blocks.erase(next);
  }
}

std::shared_ptr<const Block> BlockCache::Insert(const BlockKey& key, Block block) {
  auto inserted = std::make_shared<const Block>(std::move(block));
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  if (const auto found = shard.blocks.find(key); found != shard.blocks.end()) {
    return found->second.block;
  }
  std::list<BlockKey> turn = {key};  // made first: without memory for either neither is there
  shard.blocks.emplace(key, Held{.block = inserted, .turn = turn.begin()});
  shard.turns.splice(shard.turns.begin(), turn);
  shard.bytes += inserted->size;
  shard.MakeRoom(shard_bytes_max_);
  HOLDS(shard.bytes <= shard_bytes_max_);
  HOLDS(shard.turns.size() == shard.blocks.size());
  return inserted;
}

void BlockCache::Erase(const BlockKey& key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.blocks.find(key);
  if (found == shard.blocks.end()) return;
  if (!HOLDS(found->second.block->size <= shard.bytes)) return;
  shard.bytes -= found->second.block->size;
  shard.turns.erase(found->second.turn);
  shard.blocks.erase(found);
  HOLDS(shard.turns.size() == shard.blocks.size());
}

}  // namespace weir::internal
