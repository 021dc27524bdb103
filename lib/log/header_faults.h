// What is wrong with that which is written twice: superblocks and the headers of segments. One
// whole copy is enough to go on with, so nobody else tells of the other one.

#ifndef WEIR_LOG_HEADER_FAULTS_H_
#define WEIR_LOG_HEADER_FAULTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "log/segments.h"
#include "weir/file_system.h"

namespace weir::internal {

struct HeaderFault {
  std::string file;
  uint64_t offset = 0;  // in the file
  uint64_t bytes = 0;
  std::string what;
};

// Of the superblock that serves; of all its files if none does, or of its name if there is none.
absl::StatusOr<std::vector<HeaderFault>> SuperblockFaults(Directory& directory);

// Whether a superblock is there that another version of the library or another machine wrote.
absl::StatusOr<bool> HasForeignSuperblock(Directory& directory);

// Of a segment's file. None if it cannot be opened: then it is missing as a whole.
absl::StatusOr<std::vector<HeaderFault>> SegmentHeaderFaults(Directory& directory,
                                                             const SegmentEntry& entry);

}  // namespace weir::internal

#endif  // WEIR_LOG_HEADER_FAULTS_H_
