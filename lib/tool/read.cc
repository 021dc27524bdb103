// weir read: messages of a topic or of one queue, once or for ever.

#include <unistd.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/optional.h"
#include "tool/commands.h"
#include "tool/cursor.h"
#include "tool/diagnostics.h"
#include "tool/flags.h"
#include "tool/open_store.h"
#include "tool/output.h"
#include "tool/recovery_text.h"
#include "tool/scan.h"
#include "tool/selection.h"
#include "weir/store.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "read";
constexpr absl::Duration kTopicPoll = absl::Milliseconds(50);

// The topic; with --follow it may be one that is still to be created.
absl::StatusOr<Topic> FindTopic(MessageStore& store, bool follow, Output& output) {
  const std::string name = absl::GetFlag(FLAGS_topic);
  absl::StatusOr<Topic> topic = store.FindTopic(name);
  if (!follow || topic.status().code() != absl::StatusCode::kNotFound) return topic;
  Note(kName, absl::StrCat("waits for the topic `", name, "`"));
  while (topic.status().code() == absl::StatusCode::kNotFound && !output.is_closed()) {
    absl::SleepFor(kTopicPoll);
    output.Probe();
    topic = store.FindTopic(name);
  }
  return topic;
}

// Where to begin: an offset of the queue, if one is given, or a position.
absl::StatusOr<uint64_t> BeginOf(MessageStore& store, const Topic& topic,
                                 const absl::optional<uint64_t>& queue) {
  const absl::optional<absl::Time> time = absl::GetFlag(FLAGS_from_time).value;
  if (!time) return absl::GetFlag(FLAGS_from).value.value_or(0);
  if (!queue) {
    const absl::StatusOr<LogPosition> position = store.PositionForTime(*time);
    return position.ok() ? absl::StatusOr<uint64_t>(position->value()) : position.status();
  }
  const absl::StatusOr<QueueOffset> offset =
      store.OffsetForTime(topic, static_cast<uint32_t>(*queue), *time, Boundary::kLower);
  return offset.ok() ? absl::StatusOr<uint64_t>(offset->value()) : offset.status();
}

int RunRead(const std::string& directory) {
  if (absl::GetFlag(FLAGS_topic).empty()) return Misused(kName, "--topic must be given");
  if (absl::GetFlag(FLAGS_from).value && absl::GetFlag(FLAGS_from_time).value) {
    return Misused(kName, "--from and --from_time say the same");
  }
  const absl::StatusOr<Selection> selection = Selection::FromFlags();
  if (!selection.ok()) return Misused(kName, selection.status().message());
  const bool follow = absl::GetFlag(FLAGS_follow);

  const absl::StatusOr<std::unique_ptr<MessageStore>> store = OpenForReading(directory);
  if (!store.ok()) return Failed(kName, store.status());
  for (const DamagedRange& range : (*store)->recovery().damage) Note(kName, DescribeDamage(range));
  Output output(STDOUT_FILENO);
  const absl::StatusOr<Topic> topic = FindTopic(**store, follow, output);
  if (output.is_closed()) return kSuccess;
  if (!topic.ok()) return Failed(kName, topic.status());
  const absl::optional<uint64_t> queue = absl::GetFlag(FLAGS_queue).value;
  if (queue && *queue >= topic->queue_count()) {
    return Failed(kName, absl::StrCat("there is no queue ", *queue, ": `", topic->name(), "` has ",
                                      topic->queue_count()));
  }

  const absl::StatusOr<uint64_t> from = BeginOf(**store, *topic, queue);
  if (!from.ok()) return Failed(kName, from.status());
  const LogPosition end = (*store)->Info().end;
  if (!queue && LogPosition(*from) > end) {
    return Failed(kName,
                  absl::StrCat("position ", *from, " is beyond the end (", end.value(), ")"));
  }

  const Scan scan{
      .command = kName,
      .store = store->get(),
      .selection = &*selection,
      .format = absl::GetFlag(FLAGS_format),
      .max = absl::GetFlag(FLAGS_max).value.value_or(std::numeric_limits<uint64_t>::max()),
      .follow = follow};
  Cursor cursor(store->get(), *topic, queue, *from);
  absl::Status status = scan.Print(cursor, output);
  output.Flush();
  status.Update(output.status());
  status.Update(MissingBecauseOf((*store)->recovery().damage));
  return status.ok() ? kSuccess : Failed(kName, status);
}

}  // namespace

const Command kReadCommand = {
    .name = kName,
    .synopsis =
        "DIR --topic=T [--queue=N] [--from=OFFSET|--from_time=TIME]\n"
        "          [--filter=EXPRESSION] [--max=N] [--follow] [--format=body|tsv|json]",
    .summary = "prints messages of a topic",
    .about =
        "Prints the messages of a topic, one a line: of one queue in the order of its offsets, or\n"
        "of all queues in the order of the log. Works on a store that another process writes.\n"
        "\n"
        "--from is an offset if --queue is given. Else it is a position in the log, and reading\n"
        "begins with the first message there or behind it. What is beyond the end is an error.\n"
        "--from_time begins with the first message that is not older. --filter is a condition on\n"
        "properties; include/weir/filter.h has the language.\n"
        "\n"
        "Formats: `body` is the body and nothing else. `tsv` has the columns position, queue,\n"
        "offset, store time, tag, ordering key, keys (with commas), body, in which tab, newline,\n"
        "carriage return and backslash are \\t \\n \\r \\\\. `json` is one object per message, "
        "with\n"
        "its id; what is not UTF-8 stands in base64 under a name that ends in _base64.\n"
        "\n"
        "Damage is said on standard error, reading goes on behind it, and the exit status is 1.\n",
    .flags = {"topic", "queue", "from", "from_time", "filter", "max", "follow", "format"},
    .run = RunRead,
};

}  // namespace weir::tool
