// A state record as bytes: what an index knows and no message says, such as how far a group of
// consumers is. Whichever stands later in the log wins.

#ifndef WEIR_FORMAT_STATE_RECORD_H_
#define WEIR_FORMAT_STATE_RECORD_H_

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/string_view.h"
#include "weir/message.h"

namespace weir::internal {

inline constexpr size_t kStateNameBytesMax = 24;

struct StateRecord {
  absl::string_view name;     // of the index that wrote it; only that one knows what the rest means
  absl::string_view entries;  // one or many, nothing between them
};

// Length of the record.
uint32_t StateRecordBytes(absl::string_view name, size_t entries_bytes);
// Under the append lock: the claimed record.
void StampState(char* record, uint32_t bytes, int64_t time);
// Fills in the stamped record; returns the word to publish it with.
int32_t FillState(char* record, LogPosition position, uint64_t incarnation,
                  const StateRecord& state);

// Of a verified state record, in place. nullopt if it makes no sense.
std::optional<StateRecord> DecodeState(const char* record);

}  // namespace weir::internal

#endif  // WEIR_FORMAT_STATE_RECORD_H_
