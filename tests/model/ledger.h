// What a store must hold, kept beside it: every queue as a plain list of what was put there, in the
// order of the calls. Written from the public headers alone.
//
// One thread calls the store, so the order of the calls is the order of the log.

#ifndef WEIR_TESTS_MODEL_LEDGER_H_
#define WEIR_TESTS_MODEL_LEDGER_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "weir/message.h"

namespace weir::testing {

struct LedgerPlace {
  size_t topic = 0;
  uint32_t queue_id = 0;
  uint64_t offset = 0;
};

struct LedgerItem {
  enum class State : uint8_t { kThere, kClaimed, kVoid };

  State state = State::kThere;
  std::string body, tag, ordering_key;
  std::vector<std::string> keys;
  std::vector<std::pair<std::string, std::string>> properties;
  std::vector<LedgerPlace> places;  // the first is the message's own queue
  std::optional<LogPosition> position;
};

struct LedgerTopic {
  std::string name;
  std::vector<std::vector<size_t>> queues;     // offset -> item
  std::map<std::string, uint32_t> key_queues;  // where an ordering key went first
};

class Ledger {
 public:
  // Everything, or only what lies below a position of the log can be seen.
  using Limit = std::optional<LogPosition>;

  size_t AddTopic(const std::string& name, uint32_t queue_count);
  size_t topic_count() const { return topics_.size(); }
  LedgerTopic& topic(size_t index) { return topics_[index]; }
  const LedgerTopic& topic(size_t index) const { return topics_[index]; }
  const std::vector<size_t>& queue(size_t topic, uint32_t id) const {
    return topics_[topic].queues[id];
  }

  // Puts an item at the end of its queues and fills in the offsets.
  size_t Put(LedgerItem item);
  LedgerItem& item(size_t index) { return items_[index]; }
  const LedgerItem& item(size_t index) const { return items_[index]; }
  size_t size() const { return items_.size(); }

  // The process died. With its front: claims become voids. Without: the log ends at the first.
  void VoidClaims();
  void ForgetFromFirstClaim();

  bool IsVisible(size_t item, Limit limit) const;
  // Offsets of the messages that a read from `offset` on can give, up to the first that cannot be
  // seen yet; `*stop` is where that stands, or the end.
  std::vector<uint64_t> Forward(size_t topic, uint32_t id, uint64_t offset, absl::string_view tags,
                                Limit limit, uint64_t* stop) const;
  // The same below `offset`, newest first; what cannot be seen is passed by.
  std::vector<uint64_t> Backward(size_t topic, uint32_t id, uint64_t offset, absl::string_view tags,
                                 Limit limit) const;
  // Items of a topic in the order of the log, up to the first that cannot be seen yet.
  std::vector<size_t> InLogOrder(size_t topic, absl::string_view tags, Limit limit,
                                 bool* is_whole) const;

  // Why the message is not the item; empty if it is.
  std::string Difference(const MessageView& message, size_t item) const;

 private:
  static bool Matches(const LedgerItem& item, absl::string_view tags);

  std::vector<LedgerTopic> topics_;
  std::deque<LedgerItem> items_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_MODEL_LEDGER_H_
