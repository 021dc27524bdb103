// What people want to know of a store: counters, a description, a check of every record, a dump.

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

StoreInfo InfoOf(Engine& engine);
StoreInfo InfoOf(Follower& follower);

// Findings of the log and of the index files of what is sealed.
absl::StatusOr<VerifyReport> VerifyStore(LogView& log, TopicCatalogue& catalogue, IndexFiles& files,
                                         Indexer& indexer);

absl::StatusOr<std::vector<RecordInfo>> DumpRecords(LogView& log, TopicCatalogue& catalogue,
                                                    LogPosition position, size_t max);

}  // namespace weir::internal

#endif  // WEIR_API_STORE_CHECK_H_
