// Reads everything that a store has on its disk and tells every place that is damaged.

#ifndef WEIR_API_VERIFICATION_H_
#define WEIR_API_VERIFICATION_H_

#include <string>

#include "absl/status/statusor.h"
#include "index/indexer.h"
#include "log/log_view.h"
#include "store/topic_catalogue.h"
#include "weir/store.h"

namespace weir::internal {

// The name of the file that holds a position of the log, or would hold it.
std::string FileAt(const Segments& segments, LogPosition position);

enum class Verifier : uint8_t { kWriter, kReader };

// Findings of the log, of what is written twice, and of the index files. A reader also tells of
// what a writer mends as he goes: what opening gave up on, because the log goes on behind it, and
// index files that a clean close should have left, because they are made anew.
absl::StatusOr<VerifyReport> VerifyStore(LogView& log, TopicCatalogue& catalogue, Indexer& indexer,
                                         const RecoveryReport& opened, Verifier verifier);

}  // namespace weir::internal

#endif  // WEIR_API_VERIFICATION_H_
