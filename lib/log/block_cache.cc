#include "log/block_cache.h"

namespace weir::internal {

std::shared_ptr<const Block> BlockCache::Find(const BlockKey& key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.blocks.find(key);
  if (found == shard.blocks.end()) {
    misses_.fetch_add(1, std::memory_order_relaxed);
    return nullptr;
  }
  hits_.fetch_add(1, std::memory_order_relaxed);
  shard.newest_first.splice(shard.newest_first.begin(), shard.newest_first, found->second);
  return found->second->second;
}

std::shared_ptr<const Block> BlockCache::Insert(const BlockKey& key, Block block) {
  auto inserted = std::make_shared<const Block>(std::move(block));
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  if (const auto found = shard.blocks.find(key); found != shard.blocks.end()) {
    return found->second->second;
  }
  shard.newest_first.emplace_front(key, inserted);
  shard.blocks.emplace(key, shard.newest_first.begin());
  shard.bytes += inserted->size;
  while (shard.bytes > shard_bytes_max_ && !shard.newest_first.empty()) {
    shard.bytes -= shard.newest_first.back().second->size;
    shard.blocks.erase(shard.newest_first.back().first);
    shard.newest_first.pop_back();
  }
  return inserted;
}

void BlockCache::Erase(const BlockKey& key) {
  Shard& shard = ShardOf(key);
  MutexLock lock(shard.mutex);
  const auto found = shard.blocks.find(key);
  if (found == shard.blocks.end()) return;
  shard.bytes -= found->second->second->size;
  shard.newest_first.erase(found->second);
  shard.blocks.erase(found);
}

}  // namespace weir::internal
