// weir read: messages of a topic or of one queue, once or for ever.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "tool/commands.h"
#include "tool/cursor.h"
#include "tool/diagnostics.h"
#include "tool/flags.h"
#include "tool/message_format.h"
#include "tool/open_store.h"
#include "tool/output.h"
#include "tool/recovery_text.h"
#include "weir/store.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "read";
constexpr uint64_t kMessagesPerRead = 1024;
// While it waits, the command looks this often whether anybody still reads what it prints.
constexpr absl::Duration kWait = absl::Seconds(1);
constexpr absl::Duration kTopicPoll = absl::Milliseconds(50);
// A store that is being trimmed may send a read back a few times; more is a mistake of ours.
constexpr int kStandstillsMax = 1000;

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

// Prints up to `max` messages. kDataLoss if damage was met; reading went on behind it.
absl::Status Print(Cursor& cursor, uint64_t max, bool follow, Output& output) {
  const Format format = absl::GetFlag(FLAGS_format);
  absl::Status damage;
  int standstills = 0;
  while (max > 0 && !output.is_closed()) {
    const uint64_t before = cursor.place();
    const std::string where = cursor.Describe();
    const auto count = static_cast<uint32_t>(std::min(max, kMessagesPerRead));
    const absl::StatusOr<ReadResult> result =
        cursor.Read(count, follow ? kWait : absl::ZeroDuration());
    if (!result.ok()) return result.status();

    std::string text;
    for (const MessageView& message : *result) FormatMessage(message, format, &text);
    output.Write(text);
    if (follow) output.Flush();
    max -= std::min<uint64_t>(max, result->size());

    switch (result->outcome()) {
      case ReadOutcome::kFound:
      case ReadOutcome::kNoMatch:
      case ReadOutcome::kBeingRemoved:
        break;
      case ReadOutcome::kAtEnd:
        if (!follow) return damage;
        output.Probe();
        continue;
      case ReadOutcome::kOffsetTooSmall:
        if (before != 0) Note(kName, absl::StrCat(where, " was dropped; reads on behind it"));
        break;
      case ReadOutcome::kBeyondEnd:
        return absl::OutOfRangeError(
            absl::StrCat(where, " is beyond the end (", cursor.place(), ")"));
      case ReadOutcome::kNoSuchQueue:
        return absl::NotFoundError(absl::StrCat(where, ": there is no such queue"));
      case ReadOutcome::kDamaged: {
        const absl::string_view reason =
            result->damage() ? result->damage()->reason : absl::string_view("damaged");
        Note(kName, absl::StrCat(where, ": ", reason));
        damage = absl::DataLossError("messages are missing because of damage");
        break;
      }
    }
    standstills = cursor.place() == before ? standstills + 1 : 0;
    if (standstills > kStandstillsMax) {
      return absl::InternalError(absl::StrCat(where, ": reading does not get on"));
    }
  }
  return damage;
}

int RunRead(const std::string& directory) {
  if (absl::GetFlag(FLAGS_topic).empty()) return Misused(kName, "--topic must be given");
  const bool follow = absl::GetFlag(FLAGS_follow);
  const uint64_t from = absl::GetFlag(FLAGS_from).value.value_or(0);
  const uint64_t max =
      absl::GetFlag(FLAGS_max).value.value_or(std::numeric_limits<uint64_t>::max());

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

  const LogPosition end = (*store)->Info().end;
  if (!queue && LogPosition(from) > end) {
    return Failed(kName, absl::StrCat("position ", from, " is beyond the end (", end.value(), ")"));
  }

  Cursor cursor(store->get(), *topic, queue, from);
  absl::Status status = Print(cursor, max, follow, output);
  output.Flush();
  status.Update(output.status());
  // Whose messages a damaged range held, nobody knows any more.
  if (!(*store)->recovery().damage.empty()) {
    status.Update(absl::DataLossError("messages may be missing because of damage"));
  }
  return status.ok() ? kSuccess : Failed(kName, status);
}

}  // namespace

const Command kReadCommand = {
    .name = kName,
    .synopsis =
        "DIR --topic=T [--queue=N] [--from=OFFSET] [--max=N] [--follow]\n"
        "          [--format=body|tsv|json]",
    .summary = "prints messages of a topic",
    .about =
        "Prints the messages of a topic, one a line: of one queue in the order of its offsets, or\n"
        "of all queues in the order of the log. Works on a store that another process writes.\n"
        "\n"
        "--from is an offset if --queue is given. Else it is a position in the log, and reading\n"
        "begins with the first message there or behind it. What is beyond the end is an error.\n"
        "\n"
        "Formats: `body` is the body and nothing else. `tsv` has the columns position, queue,\n"
        "offset, store time, tag, ordering key, keys (with commas), body, in which tab, newline,\n"
        "carriage return and backslash are \\t \\n \\r \\\\. `json` is one object per message; "
        "what\n"
        "is not UTF-8 stands in base64 under a name that ends in _base64.\n"
        "\n"
        "Damage is said on standard error, reading goes on behind it, and the exit status is 1.\n",
    .flags = {"topic", "queue", "from", "max", "follow", "format"},
    .run = RunRead,
};

}  // namespace weir::tool
