// What a store does, in the simplest words: vectors of messages. Tests run the same program on the
// model and on a store and compare. Knows nothing of the library but the words of weir/message.h.
//
//   ReferenceModel model;
//   model.CreateTopic("orders", 2);
//   model.Append({.queues = {{"orders", 1}}, .body = "buy 100"});
//   const ReferenceModel::Read read = model.ReadQueue({"orders", 1}, 0, {.max_messages = 10});
//
// Where a message goes when no queue is named is the store's choice: append to the store first and
// tell the model the queue of the receipt. Places in the log are ordinals: the model's messages
// are in the same order as the store's positions.

#ifndef WEIR_TESTS_SUPPORT_REFERENCE_MODEL_H_
#define WEIR_TESTS_SUPPORT_REFERENCE_MODEL_H_

#include <cstdint>
#include <deque>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "support/send_history.h"
#include "weir/message.h"

namespace weir::testing {

class ReferenceModel {
 public:
  struct Content {
    std::vector<QueueName> queues;  // the first and the further ones
    std::string tag = {};
    std::string ordering_key = {};
    std::vector<std::string> keys = {};
    std::vector<std::pair<std::string, std::string>> properties = {};
    std::string body = {};
    uint64_t record_bytes = 0;  // what it counts for Options::max_bytes
  };
  enum class State : uint8_t { kClaimed, kPublished, kVoid };
  using Ordinal = size_t;  // of a record in the log
  struct Record {
    Ordinal ordinal = 0;
    Content content;
    State state = State::kClaimed;
    std::vector<uint64_t> offsets;  // one for each queue
  };

  // kOk, or the code with which the store must refuse.
  absl::StatusCode CreateTopic(const std::string& name, uint32_t queue_count);
  bool HasTopic(const std::string& name) const { return topics_.count(name) != 0; }
  // 0 if there is none.
  uint32_t QueueCount(const std::string& name) const;
  std::vector<std::string> Topics() const;
  // The log's end when the topic was created: where its own record stands, which has no ordinal.
  Ordinal CreatedAt(const std::string& name) const { return topics_.at(name).created_at; }
  // Its record was lost after all; nothing may stand in its queues.
  void ForgetTopic(const std::string& name) { topics_.erase(name); }

  // Topics must exist. Returns the record: its offsets are what the receipt must say.
  Ordinal Append(const Content& content);
  std::vector<Ordinal> AppendGroup(const std::vector<Content>& contents);
  Ordinal Claim(const Content& content);  // the body is what will be committed at most
  void Commit(Ordinal claim, const std::string& body);
  void GiveUp(Ordinal claim);

  // With visibility on_durable: records from here on are not seen. Default: all are.
  void SetVisibleEnd(Ordinal end) { visible_end_ = end; }
  Ordinal visible_end() const { return visible_end_; }
  Ordinal log_end() const { return log_.size(); }
  const Record& record(Ordinal ordinal) const { return log_[ordinal]; }

  // The process dies: claims become voids. The power goes: so do all records from `end` on, and
  // their offsets are given again; topics that were created behind the first of them go too.
  void Die();
  void LosePower(Ordinal end);

  struct Options {
    uint64_t max_messages = 32;
    uint64_t max_bytes = std::numeric_limits<uint64_t>::max();
    std::string tags = "*";
  };
  struct Read {
    ReadOutcome outcome = ReadOutcome::kAtEnd;
    // Where to go on lies in this range: whether a read steps over the voids that follow the last
    // message is its own business.
    uint64_t next_offset = 0;
    uint64_t next_offset_max = 0;
    // Only voids were there: kAtEnd or kNoMatch, both are right.
    bool only_voids = false;
    // The offset was given and cannot be seen yet: kBeyondEnd is right too, and then `visible_end`
    // is where to go on.
    bool may_be_beyond = false;
    uint64_t visible_end = 0;
    uint64_t given_end = 0;  // the offset that the next record gets
    std::vector<const Record*> records;
    std::vector<uint64_t> offsets;  // of the records in the queue that was read
  };
  Read ReadQueue(const QueueName& queue, uint64_t offset, const Options& options) const;
  // Newest first, below `offset`. Here next_offset_max is where the newest of them ends.
  Read ReadBackwards(const QueueName& queue, uint64_t offset, const Options& options) const;
  Read ReadLast(const QueueName& queue, uint64_t count) const;
  // All queues in the order of the log, each record once; a claim of the topic ends it.
  std::vector<const Record*> ReadTopic(const std::string& topic, Ordinal from,
                                       const Options& options) const;
  // First offset, and one behind the newest visible one.
  std::pair<uint64_t, uint64_t> Bounds(const QueueName& queue) const;

 private:
  using Queue = std::vector<Ordinal>;  // by offset
  struct TopicState {
    std::vector<Queue> queues;
    Ordinal created_at = 0;
  };

  const Queue* Find(const QueueName& queue) const;
  bool IsVisible(Ordinal record) const {
    return record < visible_end_ && log_[record].state != State::kClaimed;
  }
  static bool IsOfTopic(const Record& record, const std::string& topic);
  Read BackwardsFrom(const QueueName& name, uint64_t end, const Options& options) const;
  static bool MatchesTags(const Record& record, const std::string& tags);
  void Take(const QueueName& queue, uint64_t offset, Read& read) const;

  std::map<std::string, TopicState> topics_;
  std::deque<Record> log_;
  Ordinal visible_end_ = std::numeric_limits<Ordinal>::max();
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_REFERENCE_MODEL_H_
