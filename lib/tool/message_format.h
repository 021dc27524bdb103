// A message as lines of text, in the three formats of `weir read` and `weir find`.
//
//   body  the body and a newline
//   tsv   position, queue, offset, store time, tag, ordering key, keys (comma between), body; tab,
//         newline, carriage return and backslash inside a column become \t, \n, \r and \\.
//   json  one object per line, with the message's id; bytes that are not UTF-8 stand in base64 (see
//         json_writer.h)

#ifndef WEIR_TOOL_MESSAGE_FORMAT_H_
#define WEIR_TOOL_MESSAGE_FORMAT_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "tool/flags.h"
#include "weir/store.h"

namespace weir::tool {

// Appends `message`, which was read from `store`, with its newline to `out`.
void FormatMessage(MessageStore& store, const MessageView& message, Format format,
                   std::string* out);

// In UTC, with all nine digits: "2024-05-06T07:08:09.123456789Z".
std::string FormatTimeUtc(absl::Time time);

// Appends `text` as one column of a line.
void AppendColumn(absl::string_view text, std::string* out);

}  // namespace weir::tool

#endif  // WEIR_TOOL_MESSAGE_FORMAT_H_
