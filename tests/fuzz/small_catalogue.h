// A catalogue of topics on queues of its own.

#ifndef WEIR_TESTS_FUZZ_SMALL_CATALOGUE_H_
#define WEIR_TESTS_FUZZ_SMALL_CATALOGUE_H_

#include "base/mutex.h"
#include "index/consume_queues.h"
#include "log/reader_slots.h"
#include "store/topic_catalogue.h"

namespace weir::testing {

struct SmallCatalogue {
  internal::ReaderSlots readers;
  internal::Mutex append_lock;
  internal::ConsumeQueues queues{&readers, &append_lock};
  internal::TopicCatalogue topics{&queues};
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_FUZZ_SMALL_CATALOGUE_H_
