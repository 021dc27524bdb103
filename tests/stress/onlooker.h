// Everything that can be done with a store while others append to it: reads, looks, races of
// openers and of those who create topics.

#ifndef WEIR_TESTS_STRESS_ONLOOKER_H_
#define WEIR_TESTS_STRESS_ONLOOKER_H_

#include <cstdint>

#include "stress/actor.h"
#include "stress/stage.h"
#include "weir/store.h"

namespace weir::testing {

class Onlooker {
 public:
  // `is_other`: the store is another process's, which reads.
  Onlooker(Stage* stage, MessageStore* store, bool is_other, Actor* me)
      : stage_(*stage), store_(*store), is_other_(is_other), me_(*me) {}

  // Each goes on until it is over, and makes all of its calls once at least.

  // Of one queue of "orders".
  void FollowQueue(uint32_t queue_id);
  void FollowTopic();
  // Of the store that writes: state, counters, steps, and reads anywhere.
  void LookAround();
  // Creates topics that others create too.
  void MakeTopics();
  // Opens the store a second time: to write, in vain, and to read.
  void OpenAgain();

 private:
  bool MayFind(ReadOutcome outcome) const;
  void ExpectOfOthers(const absl::Status& status);
  // Looks at every part of a message; its body's sender.
  void Examine(const MessageView& message);
  void ReadEverywhere(LogPosition begin);
  void OpenToRead();

  Stage& stage_;
  MessageStore& store_;
  const bool is_other_;
  Actor& me_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_ONLOOKER_H_
