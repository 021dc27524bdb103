// Appends to a store in every way there is.

#ifndef WEIR_TESTS_STRESS_PRODUCER_H_
#define WEIR_TESTS_STRESS_PRODUCER_H_

#include <atomic>
#include <cstdint>
#include <string>

#include "stress/actor.h"
#include "stress/stage.h"
#include "weir/store.h"

namespace weir::testing {

inline constexpr uint32_t kOrdersQueues = 4;
inline constexpr uint32_t kMadeTopics = 12;  // those whose creators race
inline std::string MadeTopic(uint64_t number) { return absl::StrCat("made.", number); }
inline uint32_t MadeQueues(uint64_t number) { return static_cast<uint32_t>(1 + number % 3); }

// Who is called back when asynchronous appends are decided: on whatever thread, one at a time.
class CalledBack {
 public:
  CalledBack(Stage* stage, Actor* me) : stage_(*stage), me_(*me) {}
  // `store` is there until it was destroyed.
  void Hear(MessageStore& store, const Identity& identity, const absl::Status& status,
            const Receipt& receipt);
  uint64_t count() const { return count_.load(std::memory_order_relaxed); }

 private:
  void AppendMore(MessageStore& store);

  Stage& stage_;
  Actor& me_;
  LogPosition last_;
  bool is_nested_ = false;
  std::atomic<uint64_t> count_{0};
};

class Producer {
 public:
  Producer(Stage* stage, MessageStore* store, CalledBack* called_back, Actor* me)
      : stage_(*stage), store_(*store), called_back_(*called_back), me_(*me) {}

  void Run();
  uint64_t async() const { return async_; }

 private:
  AppendOptions AnyOptions();
  Message AnyMessage(const std::string& body);
  void TakeRound();
  void AppendOne();
  void AppendBatch();
  void AppendAsync();
  void FanOut();
  void ToNewTopic();
  void Encode();
  void GiveUp();
  void HoldTwo();
  void WaitForLast();

  Stage& stage_;
  MessageStore& store_;
  CalledBack& called_back_;
  Actor& me_;
  Topic orders_;
  Receipt last_;
  uint64_t async_ = 0;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_PRODUCER_H_
