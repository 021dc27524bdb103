// A small indexed log with look-ups of keys and times, and what a search through everything that
// was appended says to the same questions. Each queue is a topic of its own.

#ifndef WEIR_TESTS_INDEX_SMALL_LOOKUP_H_
#define WEIR_TESTS_INDEX_SMALL_LOOKUP_H_

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "index/key_lookup.h"
#include "index/sealed_segments.h"
#include "index/small_indexer.h"
#include "index/time_lookup.h"

namespace weir::testing {

class Searched {
 public:
  struct Message {
    LogPosition position;
    uint32_t queue = 0;
    std::string key;
    int64_t time = 0;
  };

  Searched(FaultFileSystem& disk, ManualClock& clock,
           uint64_t filter_bytes_max = SealedSegments::kFilterBytesMax)
      : store(disk, clock),
        sealed(&store.view, &store.indexer, &store.files, filter_bytes_max),
        keys(&sealed, &store.digests, kSegment),
        times(&store.view, &sealed, &store.digests),
        clock_(clock) {}

  LogPosition Append(uint32_t queue, const std::string& key, size_t body_bytes = 150) {
    const LogPosition at = store.Append(queue, Numbered(messages.size(), body_bytes), {}, {key});
    messages.push_back({at, queue, key, clock_.WallNanos()});
    return at;
  }
  LogPosition end() { return store.view.ContiguousVisibleEnd(); }

  // As who asks for them in pages of `page`, with the collection behind.
  std::vector<LogPosition> Find(const KeyLookup::Wanted& wanted, size_t page) {
    REQUIRE(store.indexer.DigestTo(end()).ok());
    std::vector<LogPosition> all;
    KeyLookup::Wanted rest = wanted;
    rest.max = page;
    for (;;) {
      const auto found = keys.Find(rest);
      INFO(found.status());
      REQUIRE(found.ok());
      CHECK(found->unreadable.empty());
      REQUIRE(found->positions.size() <= page);
      all.insert(all.end(), found->positions.begin(), found->positions.end());
      if (found->is_all) return all;
      REQUIRE(found->positions.size() == page);
      if (wanted.newest_first) {
        rest.end = all.back();
      } else {
        rest.begin = all.back() + 1;
      }
    }
  }
  std::vector<LogPosition> SearchAll(const KeyLookup::Wanted& wanted) const {
    std::vector<LogPosition> all;
    for (const Message& message : messages) {
      if (message.queue != wanted.first_queue || message.key != wanted.key) continue;
      if (message.position < wanted.begin || message.position >= wanted.end) continue;
      all.push_back(message.position);
    }
    if (wanted.newest_first) std::reverse(all.begin(), all.end());
    return all;
  }
  LogPosition SearchTime(int64_t time) {
    for (const Message& message : messages) {
      if (message.time >= time) return message.position;
    }
    return end();
  }
  uint64_t sealed_segments() const { return store.indexer.sealed_end().value() / kSegment; }

  Indexed store;
  SealedSegments sealed;
  KeyLookup keys;
  TimeLookup times;
  std::vector<Message> messages;

 private:
  ManualClock& clock_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_INDEX_SMALL_LOOKUP_H_
