// Looks after topics while others append: settings, deletion, what is wanted no more, how far
// groups are, copies, and retention.

#ifndef WEIR_TESTS_STRESS_CUSTODIAN_H_
#define WEIR_TESTS_STRESS_CUSTODIAN_H_

#include <cstddef>
#include <string>
#include <vector>

#include "stress/actor.h"
#include "stress/stage.h"
#include "weir/store.h"

namespace weir::testing {

// How far a group of its own is in queue 0 of "orders": what it committed last, and whether that
// survives the process, and no commit failed since.
struct GroupState {
  std::string group;
  QueueOffset committed;
  bool is_certain = false;
};

class Custodian {
 public:
  Custodian(Stage* stage, MessageStore* store, GroupState* state, Actor* me)
      : stage_(*stage), store_(*store), state_(*state), me_(*me) {}

  // Does each of these things once.
  absl::Status Look();

 private:
  // The topic may be deleted by the other one meanwhile.
  void ExpectOfTopic(const absl::Status& status);
  void ChangeTopic(const std::string& name);
  void CommitOffsets();
  // Appends to a key of its own, and finds nothing older than it found before.
  void KeepLatest();
  void LookAtAllLatest();
  void TakeSnapshot();
  absl::Status Retain();

  Stage& stage_;
  MessageStore& store_;
  GroupState& state_;
  Actor& me_;
  int snapshots_ = 0;
  std::vector<std::string> kept_;  // bodies of its key
  size_t seen_ = 0;                // as many as were seen; 0: none
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_CUSTODIAN_H_
