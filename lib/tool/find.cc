// weir find: messages by key, by id, by time and by what is in them.

#include <unistd.h>

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "absl/flags/flag.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "tool/commands.h"
#include "tool/cursor.h"
#include "tool/diagnostics.h"
#include "tool/flags.h"
#include "tool/message_format.h"
#include "tool/open_store.h"
#include "tool/output.h"
#include "tool/recovery_text.h"
#include "tool/scan.h"
#include "tool/selection.h"
#include "weir/store.h"

namespace weir::tool {
namespace {

constexpr absl::string_view kName = "find";
constexpr uint32_t kMessagesPerPage = 256;

// Why the flags do not go together; empty if they do.
std::string WhyMisused() {
  const bool has_id = absl::GetFlag(FLAGS_id).value.has_value();
  const bool has_key = !absl::GetFlag(FLAGS_key).empty();
  const bool has_topic = !absl::GetFlag(FLAGS_topic).empty();
  const bool has_more = absl::GetFlag(FLAGS_from_time).value ||
                        absl::GetFlag(FLAGS_to_time).value || !absl::GetFlag(FLAGS_tag).empty() ||
                        !absl::GetFlag(FLAGS_filter).empty() || !absl::GetFlag(FLAGS_grep).empty();
  if (has_id && (has_key || has_topic || has_more)) return "--id names one message, alone";
  if (!has_id && !has_topic) return "--topic must be given, or --id";
  const bool is_latest = absl::GetFlag(FLAGS_latest);
  if (is_latest && (has_id || absl::GetFlag(FLAGS_newest_first))) {
    return "--latest goes with --key and what selects, and nothing else";
  }
  if (!has_id && !has_key && !has_more && !is_latest) {
    return "by what? --key, --latest, --id, --from_time, --to_time, --tag, --filter or --grep";
  }
  if (absl::GetFlag(FLAGS_newest_first) && !has_key) return "--newest_first goes with --key";
  return "";
}

absl::Status PrintById(MessageStore& store, Output& output) {
  const absl::StatusOr<ReadResult> found = store.FindById(*absl::GetFlag(FLAGS_id).value);
  if (!found.ok()) return found.status();
  std::string text;
  FormatMessage(store, (*found)[0], absl::GetFlag(FLAGS_format), &text);
  output.Write(text);
  return absl::OkStatus();
}

// Prints page after page of what `next_page` finds, as far as it is selected.
template <typename NextPage>
absl::Status PrintPages(const Scan& scan, Output& output, NextPage next_page) {
  absl::Status damage;
  for (uint64_t left = scan.max; left > 0 && !output.is_closed();) {
    const auto page = next_page();
    if (!page.ok()) return page.status();
    for (const DamagedRange& range : page->damage()) Note(kName, DescribeDamage(range));
    damage.Update(MissingBecauseOf(page->damage()));
    std::string text;
    for (const MessageView& message : *page) {
      if (left == 0) break;
      if (!scan.selection->Has(message)) continue;
      FormatMessage(*scan.store, message, scan.format, &text);
      --left;
    }
    output.Write(text);
    if (page->is_done()) break;
  }
  return damage;
}

absl::Status PrintByKey(const Scan& scan, const Topic& topic, Output& output) {
  FindOptions options{.from = scan.selection->from(),
                      .to = scan.selection->to(),
                      .limit = kMessagesPerPage,
                      .newest_first = absl::GetFlag(FLAGS_newest_first)};
  if (options.to < options.from) return absl::OkStatus();
  const std::string key = absl::GetFlag(FLAGS_key);
  return PrintPages(scan, output, [&]() -> absl::StatusOr<FindResult> {
    absl::StatusOr<FindResult> page = scan.store->FindByKey(topic, key, options);
    if (page.ok()) options.cursor = page->next();
    return page;
  });
}

absl::Status PrintLatest(const Scan& scan, const Topic& topic, Output& output) {
  const std::string key = absl::GetFlag(FLAGS_key);
  std::string text;
  if (!key.empty()) {
    const absl::StatusOr<ReadResult> found = scan.store->Latest(topic, key);
    if (absl::IsNotFound(found.status())) return absl::OkStatus();
    if (!found.ok()) return found.status();
    if (scan.selection->Has((*found)[0])) {
      FormatMessage(*scan.store, (*found)[0], scan.format, &text);
    }
    output.Write(text);
    return absl::OkStatus();
  }
  LatestCursor cursor;
  return PrintPages(scan, output, [&]() -> absl::StatusOr<LatestResult> {
    absl::StatusOr<LatestResult> page =
        scan.store->ReadLatest(topic, cursor, {.limit = kMessagesPerPage});
    if (page.ok()) cursor = page->next();
    return page;
  });
}

absl::Status PrintByTime(const Scan& scan, const Topic& topic, Output& output) {
  LogPosition from;
  if (scan.selection->from() != absl::InfinitePast()) {
    const absl::StatusOr<LogPosition> position =
        scan.store->PositionForTime(scan.selection->from());
    if (!position.ok()) return position.status();
    from = *position;
  }
  Cursor cursor(scan.store, topic, absl::nullopt, from.value());
  return scan.Print(cursor, output);
}

absl::Status PrintFound(MessageStore& store, const Selection& selection, Output& output) {
  if (absl::GetFlag(FLAGS_id).value) return PrintById(store, output);
  const absl::StatusOr<Topic> topic = store.FindTopic(absl::GetFlag(FLAGS_topic));
  if (!topic.ok()) return topic.status();
  const Scan scan{
      .command = kName,
      .store = &store,
      .selection = &selection,
      .format = absl::GetFlag(FLAGS_format),
      .max = absl::GetFlag(FLAGS_max).value.value_or(std::numeric_limits<uint64_t>::max())};
  if (absl::GetFlag(FLAGS_latest)) return PrintLatest(scan, *topic, output);
  const bool has_key = !absl::GetFlag(FLAGS_key).empty();
  return has_key ? PrintByKey(scan, *topic, output) : PrintByTime(scan, *topic, output);
}

int RunFind(const std::string& directory) {
  if (const std::string why = WhyMisused(); !why.empty()) return Misused(kName, why);
  const absl::StatusOr<Selection> selection = Selection::FromFlags();
  if (!selection.ok()) return Misused(kName, selection.status().message());
  const absl::StatusOr<std::unique_ptr<MessageStore>> store = OpenForReading(directory);
  if (!store.ok()) return Failed(kName, store.status());
  for (const DamagedRange& range : (*store)->recovery().damage) Note(kName, DescribeDamage(range));
  Output output(STDOUT_FILENO);
  absl::Status status = PrintFound(**store, *selection, output);
  output.Flush();
  status.Update(output.status());
  status.Update(MissingBecauseOf((*store)->recovery().damage));
  return status.ok() ? kSuccess : Failed(kName, status);
}

}  // namespace

const Command kFindCommand = {
    .name = kName,
    .synopsis =
        "DIR --topic=T [--key=K [--newest_first]] [--latest] [--from_time=TIME] [--to_time=TIME]\n"
        "          [--tag=TAG] [--filter=EXPRESSION] [--grep=EXPRESSION] [--max=N]\n"
        "          [--format=body|tsv|json]\n"
        "       weir find DIR --id=ID [--format=body|tsv|json]",
    .summary = "prints messages by key, id, time or content",
    .about =
        "Prints the messages of a topic that have a key, were stored between two times, have a\n"
        "tag, properties that fulfil a filter (include/weir/filter.h has its language) and a body\n"
        "in which an extended regular expression matches, as far as these are asked for; in the\n"
        "order of the log, one a line. A key is looked up in the index. Else the log is read\n"
        "between the two times. Works on a store that another process writes.\n"
        "\n"
        "With --latest, of a compacted topic, the newest message of the key, or of each key in "
        "the\n"
        "order of the keys' bytes, also if its segment was dropped.\n"
        "\n"
        "Times are as `weir read --format=tsv` prints them, 2024-05-06T07:08:09.123456789Z, or\n"
        "with less behind the seconds or another zone, 2024-05-06T09:08:09+02:00. Both ends are\n"
        "included. An id stands in what --format=json prints.\n"
        "\n"
        "Damage is said on standard error, reading goes on behind it, and the exit status is 1.\n"
        "Finding nothing is no failure, but for --id.\n",
    .flags = {"topic", "key", "newest_first", "latest", "id", "from_time", "to_time", "tag",
              "filter", "grep", "max", "format"},
    .run = RunFind,
};

}  // namespace weir::tool
