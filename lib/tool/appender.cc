#include "tool/appender.h"

#include <chrono>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"

namespace weir::tool {
namespace {

// Acknowledging costs next to nothing without a sync, and positions should come soon ...
constexpr size_t kPendingMax = 512;
// ... but a sync costs as much as many appends.
constexpr size_t kPendingMaxDisk = 65'536;
constexpr uint64_t kPendingBytesMax = uint64_t{1} << 20;

int64_t NowNanos() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

// The field of that number, or nothing.
absl::string_view FieldOf(absl::string_view line, char separator, absl::optional<uint64_t> number) {
  if (!number) return {};
  for (uint64_t i = 1; i < *number; ++i) {
    const size_t end = line.find(separator);
    if (end == absl::string_view::npos) return {};
    line.remove_prefix(end + 1);
  }
  return line.substr(0, line.find(separator));
}

absl::Status Annotate(const absl::Status& status, absl::string_view where) {
  return absl::Status(status.code(), absl::StrCat(where, ": ", status.message()));
}

}  // namespace

Appender::Appender(MessageStore* store, Output* output, const AppenderOptions& options)
    : store_(store), output_(output), options_(options) {}

absl::Status Appender::Add(absl::string_view line) {
  ++lines_;
  if (options_.batch == 1) return AppendLine(line);
  batch_text_.append(line.data(), line.size());
  batch_ends_.push_back(batch_text_.size());
  return batch_ends_.size() < options_.batch ? absl::OkStatus() : AppendBatch();
}

absl::Status Appender::Acknowledge() {
  if (pending_.empty()) return absl::OkStatus();
  if (options_.durability == Durability::kDisk) {
    const absl::StatusOr<Durability> reached =
        store_->WaitFor(pending_.back().receipt, Durability::kDisk);
    if (!reached.ok()) {
      return Annotate(reached.status(),
                      absl::StrCat("the last ", pending_.size(), " messages are not confirmed"));
    }
  }

  const int64_t now = options_.measures ? NowNanos() : 0;
  for (const Pending& pending : pending_) {
    ++messages_;
    bytes_ += pending.bytes;
    if (options_.measures && options_.durability == Durability::kDisk) {
      latencies_.Add(static_cast<uint64_t>(now - pending.started_nanos));
    }
    if (options_.prints_positions) {
      output_->Write(absl::StrCat(pending.receipt.position.value(), "\n"));
    }
  }
  output_->Flush();
  pending_.clear();
  pending_bytes_ = 0;
  return absl::OkStatus();
}

absl::Status Appender::Finish() {
  if (const absl::Status status = AppendBatch(); !status.ok()) return status;
  return Acknowledge();
}

Message Appender::MessageOf(absl::string_view line) const {
  Message message{.topic = options_.topic, .body = line};
  message.tag = FieldOf(line, options_.separator, options_.tag_field);
  message.ordering_key = FieldOf(line, options_.separator, options_.ordering_field);
  const absl::string_view key = FieldOf(line, options_.separator, options_.key_field);
  if (!key.empty()) message.keys.push_back(key);
  return message;
}

absl::Status Appender::AppendLine(absl::string_view line) {
  const int64_t started = options_.measures ? NowNanos() : 0;
  const absl::StatusOr<Receipt> receipt = store_->Append(MessageOf(line));
  if (!receipt.ok()) return Annotate(receipt.status(), absl::StrCat("line ", lines_));
  // Without a sync the message is acknowledged now; its position is only printed later.
  if (options_.measures && options_.durability == Durability::kProcess) {
    latencies_.Add(static_cast<uint64_t>(NowNanos() - started));
  }
  pending_.push_back({*receipt, line.size(), started});
  pending_bytes_ += line.size();
  return AcknowledgeIfMany();
}

absl::Status Appender::AppendBatch() {
  if (batch_ends_.empty()) return absl::OkStatus();
  std::vector<Message> messages;
  size_t begin = 0;
  for (const size_t end : batch_ends_) {
    messages.push_back(MessageOf(absl::string_view(batch_text_).substr(begin, end - begin)));
    begin = end;
  }

  const int64_t started = options_.measures ? NowNanos() : 0;
  const absl::StatusOr<std::vector<Receipt>> receipts = store_->Append(messages);
  if (!receipts.ok()) {
    return Annotate(receipts.status(), absl::StrCat("lines ", lines_ - messages.size() + 1, " to ",
                                                    lines_, ", one batch"));
  }
  const int64_t now = options_.measures ? NowNanos() : 0;
  for (size_t i = 0; i < receipts->size(); ++i) {
    if (options_.measures && options_.durability == Durability::kProcess) {
      latencies_.Add(static_cast<uint64_t>(now - started));
    }
    pending_.push_back({(*receipts)[i], messages[i].body.size(), started});
    pending_bytes_ += messages[i].body.size();
  }
  batch_text_.clear();
  batch_ends_.clear();
  return AcknowledgeIfMany();
}

absl::Status Appender::AcknowledgeIfMany() {
  const bool waits_for_disk = options_.durability == Durability::kDisk;
  const size_t pending_max = waits_for_disk ? kPendingMaxDisk : kPendingMax;
  const bool is_many = pending_.size() >= pending_max || pending_bytes_ >= kPendingBytesMax;
  return is_many ? Acknowledge() : absl::OkStatus();
}

}  // namespace weir::tool
