#include "tool/message_format.h"

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "tool/json_writer.h"

namespace weir::tool {
namespace {

void FormatTsv(const MessageView& message, std::string* out) {
  absl::StrAppend(out, message.position().value(), "\t", message.queue_id(), "\t",
                  message.queue_offset().value(), "\t", FormatTimeUtc(message.store_time()), "\t");
  AppendColumn(message.tag(), out);
  out->push_back('\t');
  AppendColumn(message.ordering_key(), out);
  out->push_back('\t');
  AppendColumn(absl::StrJoin(message.keys(), ","), out);
  out->push_back('\t');
  AppendColumn(message.body(), out);
  out->push_back('\n');
}

void FormatJson(MessageStore& store, const MessageView& message, std::string* out) {
  const absl::StatusOr<MessageId> id = store.IdOf(message.position());
  JsonWriter json(out);
  json.BeginObject();
  json.String("topic", message.topic());
  json.Number("queue", uint64_t{message.queue_id()});
  json.Number("offset", message.queue_offset().value());
  json.Number("position", message.position().value());
  if (id.ok()) json.String("id", id->ToString());  // else it is being removed
  json.String("store_time", FormatTimeUtc(message.store_time()));
  if (message.expires_at() != absl::InfiniteFuture()) {
    json.String("expires_at", FormatTimeUtc(message.expires_at()));
  }
  json.String("tag", message.tag());
  json.String("ordering_key", message.ordering_key());
  json.Strings("keys", message.keys());
  // A list and not an object: a name may occur twice, and need not be text.
  json.BeginArray("properties");
  for (const Property& property : message.properties()) {
    json.BeginObject();
    json.String("name", property.name);
    json.String("value", property.value);
    json.EndObject();
  }
  json.EndArray();
  json.String("body", message.body());
  json.EndObject();
  out->push_back('\n');
}

}  // namespace

void FormatMessage(MessageStore& store, const MessageView& message, Format format,
                   std::string* out) {
  switch (format) {
    case Format::kBody:
      absl::StrAppend(out, message.body(), "\n");
      return;
    case Format::kTsv:
      FormatTsv(message, out);
      return;
    case Format::kJson:
      FormatJson(store, message, out);
      return;
  }
}

std::string FormatTimeUtc(absl::Time time) {
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E9SZ", time, absl::UTCTimeZone());
}

void AppendColumn(absl::string_view text, std::string* out) {
  for (const char c : text) {
    switch (c) {
      case '\t':
        out->append("\\t");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\\':
        out->append("\\\\");
        break;
      default:
        out->push_back(c);
    }
  }
}

}  // namespace weir::tool
