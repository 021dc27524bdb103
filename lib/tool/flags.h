// The flags of all commands and the types of their values. Values that make no sense are refused
// when they are parsed, so the commands need not look at them again.

#ifndef WEIR_TOOL_FLAGS_H_
#define WEIR_TOOL_FLAGS_H_

#include <cstdint>
#include <limits>
#include <string>

#include "absl/flags/declare.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "weir/find.h"
#include "weir/message.h"

namespace weir::tool {

// A number within bounds, or none: the flag was not given.
template <uint64_t kMin, uint64_t kMax>
struct NumberFlag {
  absl::optional<uint64_t> value;
};

template <uint64_t kMin, uint64_t kMax>
bool AbslParseFlag(absl::string_view text, NumberFlag<kMin, kMax>* flag, std::string* error) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(text, &number) || number < kMin || number > kMax) {
    *error = kMax == std::numeric_limits<uint64_t>::max()
                 ? absl::StrCat("a whole number from ", kMin, " on is wanted")
                 : absl::StrCat("a whole number from ", kMin, " to ", kMax, " is wanted");
    return false;
  }
  flag->value = number;
  return true;
}

template <uint64_t kMin, uint64_t kMax>
std::string AbslUnparseFlag(const NumberFlag<kMin, kMax>& flag) {
  return flag.value ? absl::StrCat(*flag.value) : "";
}

using AnyNumber = NumberFlag<0, std::numeric_limits<uint64_t>::max()>;
using QueueId = NumberFlag<0, kMaxQueuesPerTopic - 1>;
using QueueCount = NumberFlag<1, kMaxQueuesPerTopic>;
using FieldNumber = NumberFlag<1, 1'000'000>;
using BatchSize = NumberFlag<1, 1'000'000>;

// A power of two from 4 KiB to 1 GiB, or none.
struct SegmentBytes {
  absl::optional<uint64_t> value;
};
bool AbslParseFlag(absl::string_view text, SegmentBytes* flag, std::string* error);
std::string AbslUnparseFlag(const SegmentBytes& flag);

// One byte between fields.
struct Separator {
  char value = '\t';
};
bool AbslParseFlag(absl::string_view text, Separator* flag, std::string* error);
std::string AbslUnparseFlag(const Separator& flag);

// A moment, or none.
struct TimeFlag {
  absl::optional<absl::Time> value;
};
bool AbslParseFlag(absl::string_view text, TimeFlag* flag, std::string* error);
std::string AbslUnparseFlag(const TimeFlag& flag);

// The id of a message, or none.
struct IdFlag {
  absl::optional<MessageId> value;
};
bool AbslParseFlag(absl::string_view text, IdFlag* flag, std::string* error);
std::string AbslUnparseFlag(const IdFlag& flag);

struct AppendDurability {
  Durability value = Durability::kProcess;
};
bool AbslParseFlag(absl::string_view text, AppendDurability* flag, std::string* error);
std::string AbslUnparseFlag(const AppendDurability& flag);

enum class Format { kBody, kTsv, kJson };
bool AbslParseFlag(absl::string_view text, Format* flag, std::string* error);
std::string AbslUnparseFlag(Format flag);

}  // namespace weir::tool

ABSL_DECLARE_FLAG(std::string, topic);
ABSL_DECLARE_FLAG(weir::tool::Separator, separator);
ABSL_DECLARE_FLAG(weir::tool::FieldNumber, tag_field);
ABSL_DECLARE_FLAG(weir::tool::FieldNumber, key_field);
ABSL_DECLARE_FLAG(weir::tool::FieldNumber, ordering_field);
ABSL_DECLARE_FLAG(weir::tool::QueueCount, queues);
ABSL_DECLARE_FLAG(weir::tool::AppendDurability, durability);
ABSL_DECLARE_FLAG(weir::tool::BatchSize, batch);
ABSL_DECLARE_FLAG(weir::tool::SegmentBytes, segment_bytes);
ABSL_DECLARE_FLAG(bool, ack);
ABSL_DECLARE_FLAG(bool, latency);
ABSL_DECLARE_FLAG(weir::tool::QueueId, queue);
ABSL_DECLARE_FLAG(weir::tool::AnyNumber, from);
ABSL_DECLARE_FLAG(weir::tool::TimeFlag, from_time);
ABSL_DECLARE_FLAG(weir::tool::TimeFlag, to_time);
ABSL_DECLARE_FLAG(std::string, key);
ABSL_DECLARE_FLAG(bool, newest_first);
ABSL_DECLARE_FLAG(bool, latest);
ABSL_DECLARE_FLAG(bool, compacted);
ABSL_DECLARE_FLAG(weir::tool::IdFlag, id);
ABSL_DECLARE_FLAG(std::string, tag);
ABSL_DECLARE_FLAG(std::string, filter);
ABSL_DECLARE_FLAG(std::string, grep);
ABSL_DECLARE_FLAG(weir::tool::AnyNumber, max);
ABSL_DECLARE_FLAG(bool, follow);
ABSL_DECLARE_FLAG(weir::tool::Format, format);
ABSL_DECLARE_FLAG(bool, json);
ABSL_DECLARE_FLAG(bool, dry_run);
ABSL_DECLARE_FLAG(bool, keep_unconsumed);
ABSL_DECLARE_FLAG(absl::Duration, max_age);
ABSL_DECLARE_FLAG(weir::tool::AnyNumber, max_bytes);
ABSL_DECLARE_FLAG(std::string, to);

#endif  // WEIR_TOOL_FLAGS_H_
