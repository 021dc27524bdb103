// Finds the newest message of a key, of a topic that keeps it, and messages by their id whose
// segment is gone: wherever they were carried to.

#ifndef WEIR_STORE_LATEST_FINDER_H_
#define WEIR_STORE_LATEST_FINDER_H_

#include <cstdint>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "index/indexer.h"
#include "log/log_view.h"
#include "log/read_memory.h"
#include "store/latest_keys.h"
#include "store/message_fetch.h"
#include "store/topic_catalogue.h"
#include "weir/find.h"
#include "weir/message.h"

namespace weir::internal {

// Any thread.
class LatestFinder {
 public:
  // Nothing is owned.
  LatestFinder(LogView* log, Indexer* indexer, const LatestKeys* keys,
               const TopicCatalogue* catalogue)
      : log_(*log), indexer_(*indexer), keys_(*keys), catalogue_(*catalogue) {}

  // The public functions of the same names; see weir/store.h. kAborted: the segment of a message
  // was dropped, and whoever only reads may not have been fed yet where it was carried to. He looks
  // for what is new and asks again; at his last look it counts as gone.
  absl::StatusOr<ReadResult> Latest(const Topic::Entry& topic, absl::string_view key,
                                    bool is_last_look);
  absl::StatusOr<LatestResult> ReadLatest(const Topic::Entry& topic, const LatestCursor& cursor,
                                          const LatestOptions& options, bool is_last_look);

  // Of a message that does not stand any more where it was first appended. kNotFound: no copy of it
  // is known. kAborted: as above.
  absl::StatusOr<ReadResult> FindCopy(const MessageId& id) const;
  absl::StatusOr<MessageId> IdOfCopy(LogPosition first) const;

 private:
  // kMessage: the newest message of the key, that stood at kept->place or was carried on since.
  // kSkip: there is none any more.
  absl::StatusOr<MessageFetch::Got> Fetch(MessageFetch& fetch, const Topic::Entry& topic,
                                          absl::string_view key, bool is_last_look,
                                          LatestKeys::Kept* kept) const;
  // The copy of the message that was first appended at `first`; its bytes lie in `memory`.
  absl::StatusOr<MessageCopy> LoadCopy(LogPosition first, ReadMemory& memory) const;

  LogView& log_;
  Indexer& indexer_;
  const LatestKeys& keys_;
  const TopicCatalogue& catalogue_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_LATEST_FINDER_H_
