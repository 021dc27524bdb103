// A small store with everything in it, frozen as a process or a power loss leaves it, and what a
// whole copy of it delivers.

#ifndef WEIR_TESTS_FLIP_SAMPLE_STORE_H_
#define WEIR_TESTS_FLIP_SAMPLE_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "support/crash_image.h"
#include "support/oracle.h"
#include "support/send_history.h"
#include "support/subject.h"
#include "weir/clock.h"
#include "weir/message.h"
#include "weir/options.h"

namespace weir::testing {

inline constexpr uint64_t kSampleSegmentBytes = 4096;
inline constexpr uint64_t kSampleFrontBytes = 8192;

// A message as it was delivered when nothing was damaged.
struct SampleMessage {
  std::string topic;
  uint32_t queue_id = 0;
  QueueOffset offset;
  std::string content;  // all its parts
};

// One file of the store, or its front.
struct SampleFile {
  std::string name;
  uint64_t size = 0;
  bool is_shared = false;
};

struct SampleStore {
  std::string name;
  SubjectShape shape;
  CrashImage image;
  SendHistory history;
  Verdict whole;                        // what a whole copy delivers, all of it for good
  std::vector<SampleMessage> messages;  // the same, one for each queue that a message is in
  std::vector<SampleFile> files;
  LogPosition front_begin;  // of a front that was left behind
  LogPosition front_end;
  LogPosition unwritten;   // only the front has what is from here on
  LogPosition open_claim;  // of a message that was never published; 0: none
};

// All parts of a message, so that two are equal if and only if these are.
std::string ContentOf(const MessageView& message);

StoreOptions SampleOptions(const SampleStore& sample, FileSystem* file_system, Clock* clock);

// "closed": a clean close. "killed": the process died, its front is there, something was only in
// it. "private": the process died and its front with it. "power": another boot. "large": four
// lives, each closed, in one segment of many blocks.
std::vector<SampleStore> MakeSampleStores(uint64_t seed);
// "large": four lives, each closed, in one segment of many blocks.
SampleStore MakeLargeStore(uint64_t seed);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FLIP_SAMPLE_STORE_H_
