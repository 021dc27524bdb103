// What the superblock of a store must have said, as far as its segments tell. For who looks at a
// store that lost it, and changes nothing.

#ifndef WEIR_LOG_SUPERBLOCK_GUESS_H_
#define WEIR_LOG_SUPERBLOCK_GUESS_H_

#include "absl/status/statusor.h"
#include "format/superblock.h"
#include "weir/file_system.h"

namespace weir::internal {

// How far the log was durable, where it begins if files of it are missing, and whether it was
// closed nobody knows any more: it is taken for a log that this boot wrote and did not close, of
// which everything that verifies was durable. kDataLoss if no segment header is whole;
// kInvalidArgument for a newer format.
absl::StatusOr<Superblock> GuessSuperblock(FileSystem& file_system, Directory& directory);

// If a superblock serves only because a newer one is damaged, a front may be there that it does not
// know: of a writer that the newest files name. Then it is changed to say so.
void GuessFront(FileSystem& file_system, Directory& directory, Superblock* superblock);

}  // namespace weir::internal

#endif  // WEIR_LOG_SUPERBLOCK_GUESS_H_
