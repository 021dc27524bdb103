// Looks for messages while others append: by key, by id, by time, and with filters.

#ifndef WEIR_TESTS_STRESS_FINDER_H_
#define WEIR_TESTS_STRESS_FINDER_H_

#include "stress/actor.h"
#include "stress/stage.h"
#include "weir/filter.h"
#include "weir/store.h"

namespace weir::testing {

class Finder {
 public:
  // `is_other`: the store is another process's, which reads.
  Finder(Stage* stage, MessageStore* store, bool is_other, Actor* me)
      : stage_(*stage), store_(*store), is_other_(is_other), me_(*me) {}

  // Goes on until it is over.
  void Run();

 private:
  // What was there when somebody looked may be dropped, not yet visible as a whole, or unknown to
  // another process.
  void ExpectFound(const absl::Status& status);
  void FindAgain(const MessageView& message);
  void FindTimes(const MessageView& message);
  void PageThrough(absl::string_view key, const Filter& filter);
  void ReadValues();

  Stage& stage_;
  MessageStore& store_;
  const bool is_other_;
  Actor& me_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_FINDER_H_
