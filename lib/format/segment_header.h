// The first bytes of a segment file: whose log it is, where in it, and where the log before it
// ends. They stand there twice, in different sectors, so that no single bad sector takes them.

#ifndef WEIR_FORMAT_SEGMENT_HEADER_H_
#define WEIR_FORMAT_SEGMENT_HEADER_H_

#include <array>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "weir/message.h"

namespace weir::internal {

using Uuid = std::array<uint8_t, 16>;

// Bytes that the header takes from the segment's address space; records begin behind it.
inline constexpr uint32_t kSegmentHeaderBytes = 1024;
inline constexpr uint32_t kSegmentHeaderCopyBytes = 512;
inline constexpr uint32_t kFormatVersion = 1;

struct SegmentHeader {
  Uuid store{};
  uint64_t segment_bytes = 0;
  LogPosition begin;
  uint64_t generation = 0;
  uint64_t incarnation = 0;     // of the first record
  LogPosition predecessor_end;  // the log before this segment ends here: normally at `begin`;
                                // less is a cut
  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

// kSegmentHeaderBytes bytes.
std::string EncodeSegmentHeader(const SegmentHeader& header);

// From at least one whole copy. kDataLoss if none is; kInvalidArgument for a newer format or
// another byte order.
absl::StatusOr<SegmentHeader> DecodeSegmentHeader(absl::string_view bytes);

// Which of the two copies are whole. `bytes` may end too early.
std::array<bool, 2> WholeHeaderCopies(absl::string_view bytes);

}  // namespace weir::internal

#endif  // WEIR_FORMAT_SEGMENT_HEADER_H_
