// Calls that break a documented limit: the documented code, and nothing done.

#include "absl/strings/str_cat.h"
#include "differential/store_program.h"

namespace weir::testing {

void StoreProgram::AppendInvalid() {
  // Whether the topic is there, may be created, or must not be there afterwards.
  const std::string topic = drafts_.TopicName();
  const bool is_there = model_.HasTopic(topic);
  const bool may_be_created = settings_.default_queue_count != 0;
  const std::string long_text(256, 'l');
  const std::string body(random_.Below(20), 'b');
  const std::string huge(settings_.smaller() / 4 + 1, 'h');
  const QueueRef twice[] = {{topic, 0}};
  Message message{.topic = topic, .queue_id = 0, .body = body};
  absl::StatusCode expected = absl::StatusCode::kInvalidArgument;
  const uint64_t choice = random_.Below(12);
  switch (choice) {
    case 0:
      message.tag = long_text;
      break;
    case 1:
      message.ordering_key = long_text;
      break;
    case 2:
      message.keys.assign(kMaxKeys + 1, "k");
      break;
    case 3:
      message.keys = {""};
      break;
    case 4:
      message.keys = {long_text};
      break;
    case 5:
      message.properties = {{"", "v"}};
      break;
    case 6:
      message.properties = {{long_text, "v"}};
      break;
    case 7:
      message.body = huge;
      if (!knows_front_) return;  // the limit is of another front
      break;
    case 8:
      message.further_queues = twice;
      break;
    case 9:
      message.topic = random_.OneIn(2) ? "a/b" : "";
      break;
    case 10:
      if (!is_there) return;
      message.queue_id = model_.QueueCount(topic);
      expected = absl::StatusCode::kNotFound;
      break;
    default:
      if (is_there || may_be_created) return;
      expected = absl::StatusCode::kNotFound;
      break;
  }
  if (choice < 9 && !is_there && !may_be_created) return;
  if (has_trouble_ || is_read_only_ || !claims_.empty()) return;
  const LogPosition end = store_->Info().end;
  trace_.Count();
  const uint64_t way = random_.Below(4);
  absl::Status status;
  if (way == 0) {
    const Message good{.topic = topic, .queue_id = 0, .body = "good"};
    const Message both[] = {good, message};
    status = store_->Append(is_there ? absl::MakeSpan(both) : absl::MakeSpan(&message, 1)).status();
  } else if (way == 1) {
    status = store_->AppendAsync(message, {}, [](const absl::Status&, const Receipt&) {});
  } else if (way == 2) {
    status = store_->Claim(message, message.body.size()).status();
  } else {
    status = store_->Append(message).status();
  }
  trace_.Note("invalid append ", choice, " in way ", way, " to ", topic, ": ", status.ToString());
  if (status.code() != expected) {
    return trace_.Mismatch("invalid append ", choice, " in way ", way, ": ", status.ToString());
  }
  if (!is_there && store_->FindTopic(topic).ok()) {
    return trace_.Mismatch("invalid append ", choice, " made the topic ", topic);
  }
  if (store_->Info().end != end) trace_.Mismatch("invalid append ", choice, " wrote something");
}

void StoreProgram::ReadInvalid() {
  trace_.Count();
  const QueueName queue = RandomQueue();
  absl::Status status;
  switch (random_.Below(4)) {
    case 0:
      status = store_->Read(queue.topic, queue.queue_id, QueueOffset(0), {.tags = "A ||"}).status();
      break;
    case 1:
      status = store_->Read(queue.topic, queue.queue_id, QueueOffset(0), {.tags = ""}).status();
      break;
    case 2:
      status = store_->Append(absl::Span<const Message>()).status();
      break;
    default:
      status = store_->ReadTopic(queue.topic, LogPosition(0), {.tags = " || "}).status();
  }
  trace_.Note("invalid call: ", status.ToString());
  if (!absl::IsInvalidArgument(status)) trace_.Mismatch("invalid call: ", status.ToString());
}

}  // namespace weir::testing
