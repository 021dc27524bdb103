#include "tool/flags.h"

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"

namespace weir::tool {

bool AbslParseFlag(absl::string_view text, SegmentBytes* flag, std::string* error) {
  uint64_t bytes = 0;
  const bool is_number = absl::SimpleAtoi(text, &bytes);
  if (!is_number || bytes < 4096 || bytes > (uint64_t{1} << 30) || (bytes & (bytes - 1)) != 0) {
    *error = "a power of two from 4096 to 1073741824 is wanted";
    return false;
  }
  flag->value = bytes;
  return true;
}

std::string AbslUnparseFlag(const SegmentBytes& flag) {
  return flag.value ? absl::StrCat(*flag.value) : "";
}

bool AbslParseFlag(absl::string_view text, Separator* flag, std::string* error) {
  if (text == "\\t") text = "\t";
  if (text.size() != 1 || text[0] == '\n') {
    *error = "one byte that is not a newline is wanted";
    return false;
  }
  flag->value = text[0];
  return true;
}

std::string AbslUnparseFlag(const Separator& flag) { return std::string(1, flag.value); }

bool AbslParseFlag(absl::string_view text, TimeFlag* flag, std::string* error) {
  absl::Time time;
  std::string reason;
  if (!absl::ParseTime(absl::RFC3339_full, text, &time, &reason)) {
    *error = "a time like 2024-05-06T07:08:09Z is wanted";
    return false;
  }
  flag->value = time;
  return true;
}

std::string AbslUnparseFlag(const TimeFlag& flag) {
  return flag.value ? absl::FormatTime(absl::RFC3339_full, *flag.value, absl::UTCTimeZone()) : "";
}

bool AbslParseFlag(absl::string_view text, IdFlag* flag, std::string* error) {
  const absl::StatusOr<MessageId> id = MessageId::Parse(text);
  if (!id.ok()) {
    *error = std::string(id.status().message());
    return false;
  }
  flag->value = *id;
  return true;
}

std::string AbslUnparseFlag(const IdFlag& flag) { return flag.value ? flag.value->ToString() : ""; }

bool AbslParseFlag(absl::string_view text, AppendDurability* flag, std::string* error) {
  if (text == "process") {
    flag->value = Durability::kProcess;
  } else if (text == "disk") {
    flag->value = Durability::kDisk;
  } else {
    *error = "`process` or `disk` is wanted";
    return false;
  }
  return true;
}

std::string AbslUnparseFlag(const AppendDurability& flag) {
  return flag.value == Durability::kDisk ? "disk" : "process";
}

bool AbslParseFlag(absl::string_view text, Format* flag, std::string* error) {
  if (text == "body") {
    *flag = Format::kBody;
  } else if (text == "tsv") {
    *flag = Format::kTsv;
  } else if (text == "json") {
    *flag = Format::kJson;
  } else {
    *error = "`body`, `tsv` or `json` is wanted";
    return false;
  }
  return true;
}

std::string AbslUnparseFlag(Format flag) {
  switch (flag) {
    case Format::kBody:
      return "body";
    case Format::kTsv:
      return "tsv";
    case Format::kJson:
      return "json";
  }
  return "";
}

}  // namespace weir::tool

ABSL_FLAG(std::string, topic, "", "The topic. Must be given.");
ABSL_FLAG(weir::tool::Separator, separator, {}, "The byte between fields (default: a tab).");
ABSL_FLAG(weir::tool::FieldNumber, tag_field, {}, "Number of the field that is the tag.");
ABSL_FLAG(weir::tool::FieldNumber, key_field, {}, "Number of the field that is the key.");
ABSL_FLAG(weir::tool::FieldNumber, ordering_field, {},
          "Number of the field that is the ordering key: equal ones share a queue.");
ABSL_FLAG(weir::tool::QueueCount, queues, {},
          "Queues of the topic, which is created if it is missing (default: 8).");
ABSL_FLAG(weir::tool::AppendDurability, durability, {},
          "What to wait for: `process` (survives kill -9; the default) or `disk` (synced).");
ABSL_FLAG(weir::tool::BatchSize, batch, {}, "Appends so many lines at a time, all or none.");
ABSL_FLAG(weir::tool::SegmentBytes, segment_bytes, {},
          "Bytes of a segment file, if the store is created now (default: 67108864).");
ABSL_FLAG(bool, ack, false, "Prints the position of each message once it is acknowledged.");
ABSL_FLAG(bool, latency, false,
          "Prints p50, p99, p99.9 and the maximum from append to "
          "acknowledgement.");
ABSL_FLAG(weir::tool::QueueId, queue, {}, "Reads this queue only (default: all, in log order).");
ABSL_FLAG(weir::tool::AnyNumber, from, {},
          "Where to begin: an offset with --queue, else a position in the log (default: 0).");
ABSL_FLAG(weir::tool::TimeFlag, from_time, {}, "Messages that were stored then or later.");
ABSL_FLAG(weir::tool::TimeFlag, to_time, {}, "Messages that were stored then or earlier.");
ABSL_FLAG(std::string, key, "", "Messages that have this key among theirs.");
ABSL_FLAG(bool, newest_first, false, "Prints the newest messages of the key first.");
ABSL_FLAG(bool, latest, false, "Prints the newest message of the key, or of each key.");
ABSL_FLAG(bool, compacted, false,
          "Creates the topic so that the newest message of each key is kept; needs --queues.");
ABSL_FLAG(weir::tool::IdFlag, id, {}, "The message with this id: 64 hexadecimal digits.");
ABSL_FLAG(std::string, tag, "", "Messages with this tag.");
ABSL_FLAG(
    std::string, filter, "",
    "Messages whose properties fulfil this expression, as in \"price > 10 AND venue = 'X'\".");
ABSL_FLAG(std::string, grep, "",
          "Messages in whose body this extended regular expression matches, as in `grep -E`.");
ABSL_FLAG(weir::tool::AnyNumber, max, {}, "Ends after so many (default: no limit).");
ABSL_FLAG(bool, follow, false, "Waits at the end for what is appended later.");
ABSL_FLAG(weir::tool::Format, format, weir::tool::Format::kBody,
          "`body` (the default), `tsv` or `json`.");
ABSL_FLAG(bool, json, false, "Prints one JSON object.");
ABSL_FLAG(bool, dry_run, false, "Changes nothing, and prints what would be done.");
ABSL_FLAG(std::string, to, "", "Where the copy goes (default: DIR with `.repaired` behind it).");
ABSL_FLAG(bool, keep_unconsumed, false, "Drops nothing that a consumer group has still to read.");
ABSL_FLAG(absl::Duration, max_age, absl::InfiniteDuration(),
          "Drops segments of which every message is older: 72h, 30m.");
ABSL_FLAG(weir::tool::AnyNumber, max_bytes, {}, "Drops what is more, of all files together.");
