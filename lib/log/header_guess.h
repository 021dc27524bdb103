// Segments whose header is gone, and what the rest of the log knows of it: who wrote there. For who
// looks at a damaged log and changes nothing.

#ifndef WEIR_LOG_HEADER_GUESS_H_
#define WEIR_LOG_HEADER_GUESS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "format/superblock.h"
#include "log/segments.h"

namespace weir::internal {

// Every incarnation that a header, an open record or the superblock names.
absl::StatusOr<std::vector<uint64_t>> KnownIncarnations(Segments& segments,
                                                        const Superblock& superblock);

// Puts a file with a guessed header into the list for each segment whose own cannot be read and in
// which a record verifies with a known incarnation, or that has records in the front, which are in
// [front_begin, front_end). The others stay as they are. An error: a header of a newer format,
// which is nobody's to guess, or one that may pass.
absl::Status GuessHeaders(Segments& segments, const Superblock& superblock, LogPosition front_begin,
                          LogPosition front_end);

}  // namespace weir::internal

#endif  // WEIR_LOG_HEADER_GUESS_H_
