// weir info: what a store holds and how it is.

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "tool/commands.h"
#include "tool/diagnostics.h"
#include "tool/flags.h"
#include "tool/json_writer.h"
#include "tool/message_format.h"
#include "tool/open_store.h"
#include "tool/output.h"
#include "tool/recovery_text.h"
#include "weir/store.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "info";
constexpr size_t kQueuesPrinted = 32;  // per topic, as text; JSON has all of them

// The queues of a topic in which anything ever was, with their bounds.
std::vector<std::pair<uint32_t, QueueBounds>> UsedQueues(const MessageStore& store,
                                                         const TopicInfo& topic) {
  std::vector<std::pair<uint32_t, QueueBounds>> queues;
  for (uint32_t queue_id = 0; queue_id < topic.queue_count; ++queue_id) {
    const absl::StatusOr<QueueBounds> bounds = store.Bounds(topic.name, queue_id);
    if (bounds.ok() && bounds->end.value() > 0) queues.emplace_back(queue_id, *bounds);
  }
  return queues;
}

// Only a process has a private front.
absl::string_view FrontOf(const StoreInfo& info, bool has_writer) {
  if (info.front_is_shared) return "shared";
  return has_writer ? "private" : "none";
}

std::string AsText(const MessageStore& store, const absl::optional<std::string>& writer) {
  const StoreInfo info = store.Info();
  const RecoveryReport& recovery = store.recovery();
  std::string text;
  absl::StrAppend(&text, "state     ", StoreStateName(info.state), info.reason.empty() ? "" : ": ",
                  info.reason, "\n");
  absl::StrAppend(&text, "opening   ",
                  writer ? absl::StrCat("live: process ", *writer, " writes the store")
                         : DescribeRecovery(recovery),
                  "\n");
  for (const DamagedRange& range : recovery.damage) {
    absl::StrAppend(&text, "  ", DescribeDamage(range), "\n");
  }
  for (const DroppedOffsets& dropped : recovery.dropped_offsets) {
    absl::StrAppend(&text, "  ", DescribeDropped(dropped), "\n");
  }
  for (const std::string& note : recovery.notes) absl::StrAppend(&text, "  ", note, "\n");
  absl::StrAppend(&text, "log       begin ", info.begin.value(), ", durable ", info.durable.value(),
                  ", written ", info.written.value(), ", end ", info.end.value(), "\n");
  absl::StrAppend(&text, "front     ", FrontOf(info, writer.has_value()), "\n");
  const StoreStats stats = store.Stats();
  absl::StrAppend(&text, "memory    queues ", stats.index_memory_bytes, ", keys ",
                  stats.key_memory_bytes, ", filters ", stats.filter_memory_bytes, ", latest ",
                  stats.latest_memory_bytes, " bytes\n");
  if (stats.latest_keys > 0) {
    absl::StrAppend(&text, "latest    ", stats.latest_keys, " keys, ", stats.latest_bytes,
                    " bytes to keep\n");
  }

  absl::StrAppend(&text, "segments  ", info.segments.size(), "\n");
  for (const SegmentInfo& segment : info.segments) {
    absl::StrAppend(&text, "  ", segment.file, "  ", segment.begin.value(), " to ",
                    segment.end.value(), segment.is_sealed ? ", sealed" : ", active",
                    segment.has_index ? ", indexed" : "",
                    segment.is_cut ? ", cut: the log goes on in the next one" : "", "\n");
  }
  absl::StrAppend(&text, "topics    ", info.topics.size(), "\n");
  for (const TopicInfo& topic : info.topics) {
    absl::StrAppend(&text, "  ", absl::Utf8SafeCEscape(topic.name), "  ", topic.queue_count,
                    " queues, ", topic.messages, " messages, ", topic.bytes, " bytes",
                    topic.is_compacted ? ", compacted" : "", "\n");
    const auto queues = UsedQueues(store, topic);
    for (size_t i = 0; i < std::min(queues.size(), kQueuesPrinted); ++i) {
      absl::StrAppend(&text, "    queue ", queues[i].first, "  offsets ",
                      queues[i].second.first.value(), " to ", queues[i].second.end.value(), "\n");
    }
    if (queues.size() > kQueuesPrinted) {
      absl::StrAppend(&text, "    and ", queues.size() - kQueuesPrinted, " more\n");
    }
  }
  absl::StrAppend(&text, "quarantine  ", info.quarantine.size(), "\n");
  for (const std::string& file : info.quarantine) absl::StrAppend(&text, "  ", file, "\n");
  return text;
}

void WriteRecovery(const RecoveryReport& report, JsonWriter& json) {
  json.BeginObject("recovery");
  json.Boolean("was_clean", report.was_clean);
  json.Boolean("front_adopted", report.front_adopted);
  json.Boolean("possible_loss", report.possible_loss);
  json.String("last_sync",
              report.last_sync == absl::InfinitePast() ? "never" : FormatTimeUtc(report.last_sync));
  json.Number("end", report.end.value());
  json.Number("dropped_bytes", report.dropped_bytes);
  json.Number("dropped_records", report.dropped_records);
  json.BeginArray("dropped_offsets");
  for (const DroppedOffsets& dropped : report.dropped_offsets) {
    json.BeginObject();
    json.String("topic", dropped.topic);
    json.Number("queue", uint64_t{dropped.queue_id});
    json.Number("first", dropped.first.value());
    json.Number("end", dropped.end.value());
    json.EndObject();
  }
  json.EndArray();
  json.Number("voided_claims", report.voided_claims);
  json.Number("bytes_read", report.bytes_read);
  json.Number("seconds", absl::ToDoubleSeconds(report.duration));
  json.BeginArray("damage");
  for (const DamagedRange& range : report.damage) {
    json.BeginObject();
    json.Number("begin", range.begin.value());
    json.Number("end", range.end.value());
    json.String("reason", range.reason);
    json.EndObject();
  }
  json.EndArray();
  json.Strings("notes", std::vector<absl::string_view>(report.notes.begin(), report.notes.end()));
  json.EndObject();
}

void WriteTopic(const MessageStore& store, const TopicInfo& topic, JsonWriter& json) {
  json.BeginObject();
  json.String("name", topic.name);
  json.Number("queue_count", uint64_t{topic.queue_count});
  json.Boolean("is_compacted", topic.is_compacted);
  json.Number("messages", topic.messages);
  json.Number("bytes", topic.bytes);
  json.BeginArray("queues");
  for (const auto& [queue_id, bounds] : UsedQueues(store, topic)) {
    json.BeginObject();
    json.Number("queue", uint64_t{queue_id});
    json.Number("first", bounds.first.value());
    json.Number("end", bounds.end.value());
    json.EndObject();
  }
  json.EndArray();
  json.EndObject();
}

std::string AsJson(const MessageStore& store, const absl::optional<std::string>& writer) {
  const StoreInfo info = store.Info();
  std::string text;
  JsonWriter json(&text);
  json.BeginObject();
  json.String("state", StoreStateName(info.state));
  json.String("reason", info.reason);
  json.Number("begin", info.begin.value());
  json.Number("durable", info.durable.value());
  json.Number("written", info.written.value());
  json.Number("end", info.end.value());
  json.Boolean("has_writer", writer.has_value());
  json.String("front", FrontOf(info, writer.has_value()));
  const StoreStats stats = store.Stats();
  json.BeginObject("memory");
  json.Number("queues", stats.index_memory_bytes);
  json.Number("keys", stats.key_memory_bytes);
  json.Number("filters", stats.filter_memory_bytes);
  json.Number("latest", stats.latest_memory_bytes);
  json.EndObject();
  json.BeginObject("latest");
  json.Number("keys", stats.latest_keys);
  json.Number("bytes", stats.latest_bytes);
  json.EndObject();
  WriteRecovery(store.recovery(), json);
  json.BeginArray("segments");
  for (const SegmentInfo& segment : info.segments) {
    json.BeginObject();
    json.String("file", segment.file);
    json.Number("begin", segment.begin.value());
    json.Number("end", segment.end.value());
    json.Boolean("is_sealed", segment.is_sealed);
    json.Boolean("has_index", segment.has_index);
    json.Boolean("is_cut", segment.is_cut);
    json.EndObject();
  }
  json.EndArray();
  json.BeginArray("topics");
  for (const TopicInfo& topic : info.topics) WriteTopic(store, topic, json);
  json.EndArray();
  json.Strings("quarantine",
               std::vector<absl::string_view>(info.quarantine.begin(), info.quarantine.end()));
  json.EndObject();
  text.push_back('\n');
  return text;
}

int RunInfo(const std::string& directory) {
  const absl::StatusOr<std::unique_ptr<MessageStore>> store = OpenForReading(directory);
  if (!store.ok()) return Failed(kName, store.status());
  Output output(STDOUT_FILENO);
  const absl::optional<std::string> writer = WriterOf(directory);
  output.Write(absl::GetFlag(FLAGS_json) ? AsJson(**store, writer) : AsText(**store, writer));
  output.Flush();
  return output.status().ok() ? kSuccess : Failed(kName, output.status());
}

}  // namespace

const Command kInfoCommand = {
    .name = kName,
    .synopsis = "DIR [--json]",
    .summary = "says what a store holds and how it is",
    .about =
        "Prints the state of a store, what opening it found, the ends of its log, its\n"
        "segments, its topics with their queues, and the files in quarantine. Works on a store\n"
        "that another process writes: `opening` names it then. Of one whose writer died it says\n"
        "what the next writer will find: damaged ranges, and what a power loss took. Of older\n"
        "recoveries the cuts in the log and what they set aside stay to be seen. The front is\n"
        "where the newest messages are: `none` if nobody writes and nothing is left of who did.\n"
        "Memory is what the index takes in this process. A writer has its own: the same for "
        "queues\n"
        "and for keys that are not sealed, and for filters, once a key is looked up, up to 64 "
        "MiB.\n"
        "Damage that opening did not meet is found by `weir verify`, which reads everything.\n",
    .flags = {"json"},
    .run = RunInfo,
};

}  // namespace weir::tool
