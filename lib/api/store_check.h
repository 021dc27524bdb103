// What people want to know of a store: counters, a description, a dump.

#ifndef WEIR_API_STORE_CHECK_H_
#define WEIR_API_STORE_CHECK_H_

#include <vector>

#include "absl/status/statusor.h"
#include "store/engine.h"
#include "store/follower.h"
#include "weir/store.h"

namespace weir::internal {

StoreStats StatsOf(const CommitLog& log);
StoreStats StatsOf(Engine& engine);
StoreStats StatsOf(Follower& follower);

// First what takes no memory. Where it throws, the rest is missing.
void Describe(Engine& engine, StoreInfo* info);
void Describe(Follower& follower, StoreInfo* info);

// Damage is shown where it lies.
absl::StatusOr<std::vector<RecordInfo>> DumpRecords(LogView& log, TopicCatalogue& catalogue,
                                                    LogPosition position, size_t max);

}  // namespace weir::internal

#endif  // WEIR_API_STORE_CHECK_H_
