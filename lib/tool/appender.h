// Appends lines to a topic and keeps account of what is acknowledged.
//
// Nothing is acknowledged before it is as durable as asked for. A sync per line would be slow, so
// lines are appended at once and Acknowledge() waits for all of them together; the caller does that
// before it waits for more input, so a line never waits for the next one.

#ifndef WEIR_TOOL_APPENDER_H_
#define WEIR_TOOL_APPENDER_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/optional.h"
#include "tool/latencies.h"
#include "tool/output.h"
#include "weir/store.h"

namespace weir::tool {

struct AppenderOptions {
  Topic topic;
  char separator = '\t';
  // Numbers of fields, from 1. A line without the field gives a message without the part.
  absl::optional<uint64_t> tag_field;
  absl::optional<uint64_t> key_field;
  absl::optional<uint64_t> ordering_field;
  Durability durability = Durability::kProcess;
  size_t batch = 1;  // lines of one atomic batch
  bool prints_positions = false;
  bool measures = false;
};

class Appender {
 public:
  // Positions go to `output`.
  Appender(MessageStore* store, Output* output, const AppenderOptions& options);

  // Appends one line, or keeps it until its batch is whole. Errors name the line.
  absl::Status Add(absl::string_view line);

  // Waits until everything appended is as durable as asked for, and prints the positions.
  absl::Status Acknowledge();

  // Appends the last batch, whole or not, and acknowledges it.
  absl::Status Finish();

  // Messages acknowledged, and bytes of their bodies.
  uint64_t messages() const { return messages_; }
  uint64_t bytes() const { return bytes_; }
  // From the append to the acknowledgement; empty unless options.measures.
  const Latencies& latencies() const { return latencies_; }

 private:
  struct Pending {
    Receipt receipt;
    uint64_t bytes;
    int64_t started_nanos;
  };

  Message MessageOf(absl::string_view line) const;
  absl::Status AppendLine(absl::string_view line);
  absl::Status AppendBatch();
  absl::Status AcknowledgeIfMany();

  MessageStore* const store_;
  Output* const output_;
  const AppenderOptions options_;

  uint64_t lines_ = 0;
  std::string batch_text_;          // lines of the batch, back to back
  std::vector<size_t> batch_ends_;  // where each ends in it
  std::vector<Pending> pending_;    // appended and not acknowledged
  uint64_t pending_bytes_ = 0;
  uint64_t messages_ = 0;
  uint64_t bytes_ = 0;
  Latencies latencies_;
};

}  // namespace weir::tool

#endif  // WEIR_TOOL_APPENDER_H_
