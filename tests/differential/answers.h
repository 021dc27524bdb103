// Is what a store read what the model says? Each function returns what is wrong, or nothing.

#ifndef WEIR_TESTS_DIFFERENTIAL_ANSWERS_H_
#define WEIR_TESTS_DIFFERENTIAL_ANSWERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "differential/places.h"
#include "support/reference_model.h"
#include "weir/options.h"

namespace weir::testing {

class Answers {
 public:
  Answers(const ReferenceModel& model, Places& places) : model_(model), places_(places) {}

  // While faults are about a read may end before what it cannot read.
  void set_may_end_early(bool may_end_early) { may_end_early_ = may_end_early; }

  std::string Read(const ReadResult& result, const QueueName& queue, uint64_t offset,
                   const ReadOptions& options) const;
  std::string ReadBackwards(const ReadResult& result, const QueueName& queue, uint64_t offset,
                            const ReadOptions& options) const;
  std::string ReadLast(const ReadResult& result, const QueueName& queue, uint32_t count) const;
  std::string ReadTopic(const ReadResult& result, const std::string& topic, LogPosition position,
                        const ReadOptions& options) const;
  std::string ReadAt(const absl::StatusOr<ReadResult>& result, LogPosition position) const;

 private:
  using Record = ReferenceModel::Record;

  std::string CheckMessage(const MessageView& message, const Record& record) const;
  std::string CheckList(const ReadResult& result, const std::vector<const Record*>& expected,
                        const ReadOptions& options) const;

  const ReferenceModel& model_;
  Places& places_;
  bool may_end_early_ = false;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_ANSWERS_H_
