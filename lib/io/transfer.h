// Reads, writes and sizes of one descriptor, carried through to their end: short transfers are
// continued, interrupted calls repeated, and a file size limit is an error, never a signal.
//
// All functions may run at the same time on disjoint ranges. `path` is for the text of an error.

#ifndef WEIR_IO_TRANSFER_H_
#define WEIR_IO_TRANSFER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace weir::internal {

// Returns how many bytes were read, fewer than asked only at the end of the file.
absl::StatusOr<size_t> ReadFully(int fd, const std::string& path, uint64_t offset,
                                 absl::Span<char> out);

// Writes the pieces back to back, all of them or an error.
absl::Status WriteFully(int fd, const std::string& path, uint64_t offset,
                        absl::Span<const absl::string_view> pieces);

// Makes the file at least `size` bytes long with space for all of them. Where the file system
// cannot reserve space, zeros are written behind the present end; holes in front of it stay holes.
absl::Status AllocateSpace(int fd, const std::string& path, uint64_t size);

absl::Status TruncateTo(int fd, const std::string& path, uint64_t size);

}  // namespace weir::internal

#endif  // WEIR_IO_TRANSFER_H_
