// weir append: lines of standard input become messages.

#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <utility>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "tool/appender.h"
#include "tool/commands.h"
#include "tool/diagnostics.h"
#include "tool/flags.h"
#include "tool/line_reader.h"
#include "tool/output.h"
#include "tool/progress.h"
#include "tool/recovery_text.h"
#include "weir/store.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "append";

absl::StatusOr<Topic> OpenTopic(MessageStore& store) {
  const std::string name = absl::GetFlag(FLAGS_topic);
  const absl::optional<uint64_t> queues = absl::GetFlag(FLAGS_queues).value;
  if (queues) {
    return store.CreateTopic(name, {.queue_count = static_cast<uint32_t>(*queues),
                                    .is_compacted = absl::GetFlag(FLAGS_compacted)});
  }
  return store.OpenTopic(name);
}

AppenderOptions ReadFlags(Topic topic) {
  return {.topic = topic,
          .separator = absl::GetFlag(FLAGS_separator).value,
          .tag_field = absl::GetFlag(FLAGS_tag_field).value,
          .key_field = absl::GetFlag(FLAGS_key_field).value,
          .ordering_field = absl::GetFlag(FLAGS_ordering_field).value,
          .durability = absl::GetFlag(FLAGS_durability).value,
          .batch = static_cast<size_t>(absl::GetFlag(FLAGS_batch).value.value_or(1)),
          .prints_positions = absl::GetFlag(FLAGS_ack),
          .measures = absl::GetFlag(FLAGS_latency)};
}

absl::Status AppendLines(LineReader& lines, Appender& appender, const Output& output) {
  Progress progress;
  for (;;) {
    if (!lines.has_line()) {
      // The next line may be a long time in coming.
      if (const absl::Status status = appender.Acknowledge(); !status.ok()) return status;
    }
    absl::string_view line;
    if (!lines.Next(line)) break;
    if (const absl::Status status = appender.Add(line); !status.ok()) return status;
    progress.Show(appender.messages(), appender.bytes());
    if (output.is_closed()) {
      return output.status().ok() ? absl::CancelledError("nobody reads the positions any more")
                                  : output.status();
    }
  }
  if (!lines.status().ok()) return lines.status();
  return appender.Finish();
}

std::string Summary(const Appender& appender, double seconds) {
  const double rate = seconds > 0 ? static_cast<double>(appender.messages()) / seconds : 0;
  return absl::StrFormat("appended %d messages, %d bytes in %.3f s (%.0f/s)\n", appender.messages(),
                         appender.bytes(), seconds, rate);
}

std::string LatencySummary(const Latencies& latencies) {
  const auto micros = [&](double share) {
    return static_cast<double>(latencies.Quantile(share)) / 1e3;
  };
  return absl::StrFormat("append p50 %.2f us, p99 %.2f us, p99.9 %.2f us, max %.2f us\n",
                         micros(0.5), micros(0.99), micros(0.999),
                         static_cast<double>(latencies.max()) / 1e3);
}

int RunAppend(const std::string& directory) {
  if (absl::GetFlag(FLAGS_topic).empty()) return Misused(kName, "--topic must be given");
  if (absl::GetFlag(FLAGS_compacted) && !absl::GetFlag(FLAGS_queues).value) {
    return Misused(kName, "--compacted goes with --queues");
  }
  // Before the store is opened, which makes it.
  if (const absl::Status name = CheckTopicName(absl::GetFlag(FLAGS_topic)); !name.ok()) {
    return Misused(kName, absl::StrCat("--topic: ", name.message()));
  }
  StoreOptions options{.directory = directory};
  if (const auto bytes = absl::GetFlag(FLAGS_segment_bytes).value) options.segment_bytes = *bytes;

  absl::StatusOr<std::unique_ptr<MessageStore>> store = MessageStore::Open(options);
  if (!store.ok()) return Failed(kName, store.status());
  const RecoveryReport& report = (*store)->recovery();
  if (!report.was_clean) Note(kName, DescribeRecovery(report));
  for (const DamagedRange& range : report.damage) Note(kName, DescribeDamage(range));
  for (const std::string& note : report.notes) Note(kName, note);
  const absl::StatusOr<Topic> topic = OpenTopic(**store);
  if (!topic.ok()) return Failed(kName, topic.status());

  Output output(STDOUT_FILENO);
  LineReader lines(STDIN_FILENO);
  Appender appender(store->get(), &output, ReadFlags(*topic));
  const auto start = std::chrono::steady_clock::now();
  absl::Status status = AppendLines(lines, appender, output);
  // What was appended before a line failed is as good as the rest; an error here is the same one.
  if (!status.ok()) appender.Acknowledge().IgnoreError();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;

  status.Update((*store)->Close());
  output.Write(Summary(appender, elapsed.count()));
  if (absl::GetFlag(FLAGS_latency)) output.Write(LatencySummary(appender.latencies()));
  output.Flush();
  status.Update(output.status());
  return status.ok() ? kSuccess : Failed(kName, status);
}

}  // namespace

const Command kAppendCommand = {
    .name = kName,
    .synopsis =
        "DIR --topic=T [--separator=C] [--tag_field=N] [--key_field=N] [--ordering_field=N]\n"
        "            [--queues=N [--compacted]] [--durability=process|disk] [--batch=N] "
        "[--segment_bytes=N]\n"
        "            [--ack] [--latency]",
    .summary = "appends each line of standard input as a message",
    .about =
        "Appends each line of standard input, without its newline, as the body of a message. An\n"
        "empty line is an empty body; the last line needs no newline. The store and the topic are\n"
        "created if they are missing. Needs the store to itself.\n"
        "\n"
        "Fields are numbered from 1. A line that has no such field, or an empty one, becomes a\n"
        "message without that tag, key or ordering key. The body is always the whole line.\n"
        "\n"
        "With --compacted the topic keeps the newest message of each key, whatever is dropped:\n"
        "`weir find --latest` prints them. A line without a key is refused then; an empty line\n"
        "has none.\n"
        "\n"
        "With --durability=disk, lines that come together share a sync. A line that the store\n"
        "refuses ends the command; the lines before it stay appended.\n",
    .flags = {"topic", "separator", "tag_field", "key_field", "ordering_field", "queues",
              "compacted", "durability", "batch", "segment_bytes", "ack", "latency"},
    .run = RunAppend,
};

}  // namespace weir::tool
