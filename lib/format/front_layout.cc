#include "format/front_layout.h"

#include "absl/strings/str_cat.h"
#include "base/checksum.h"
#include "base/mutant.h"

namespace weir::internal {
namespace {

constexpr uint64_t kMagic = 0x31545246'52494557;  // "WEIRFRT1"
constexpr size_t kCheckedBytes = offsetof(FrontHeader, checksum);

uint64_t ChecksumOf(const FrontHeader& header) {
  return Checksum(reinterpret_cast<const char*>(&header), kCheckedBytes, kMagic);
}

}  // namespace

void WriteFrontIdentity(FrontHeader& header, const FrontIdentity& identity) {
  header.magic = kMagic;
  header.version = kFormatVersion;
  header.reserved = 0;
  header.identity = identity;
  header.checksum = ChecksumOf(header);
}

absl::Status CheckFront(const FrontHeader& header, const FrontIdentity& expected) {
  if (header.magic != kMagic || header.version != kFormatVersion ||
      (header.checksum != ChecksumOf(header) && !Without(Protection::kFrontHeaderChecksum))) {
    return absl::DataLossError("the front's header is not whole");
  }
  FrontIdentity found = header.identity;
  if (Without(Protection::kFrontStore)) found.store = expected.store;
  if (Without(Protection::kFrontIncarnation)) found.incarnation = expected.incarnation;
  if (Without(Protection::kFrontBoot)) found.boot = expected.boot;
  if (Without(Protection::kFrontDirectoryDevice)) {
    found.directory_device = expected.directory_device;
  }
  if (Without(Protection::kFrontDirectoryInode)) {
    found.directory_inode = expected.directory_inode;
  }
  if (Without(Protection::kFrontLockDevice)) found.lock_device = expected.lock_device;
  if (Without(Protection::kFrontLockInode)) found.lock_inode = expected.lock_inode;
  if (found == expected) return absl::OkStatus();
  const char* what =
      found.store != expected.store               ? "store uuid"
      : found.incarnation != expected.incarnation ? "incarnation"
      : found.boot != expected.boot               ? "boot"
      : found.directory_inode != expected.directory_inode ||
              found.directory_device != expected.directory_device
          ? "store directory"
      : found.lock_inode != expected.lock_inode || found.lock_device != expected.lock_device
          ? "LOCK file"
          : "size";
  return absl::FailedPreconditionError(
      absl::StrCat("the front belongs to another store: its ", what, " differs"));
}

bool EndsMakeSense(const FrontHeader& header, uint64_t ring_bytes) {
  if (Without(Protection::kFrontEnds)) return true;
  const uint64_t begin = header.front_begin.load(std::memory_order_acquire);
  const uint64_t written = header.written_end.load(std::memory_order_acquire);
  const uint64_t claimed = header.claimed_end.load(std::memory_order_acquire);
  const uint64_t durable = header.durable_end.load(std::memory_order_acquire);
  // Where the next record is claimed; the others may lie anywhere.
  const uint64_t in_segment = claimed & (header.identity.segment_bytes - 1);
  const bool is_in_header = in_segment != 0 && in_segment < kSegmentHeaderBytes;
  return begin <= written && written <= claimed && durable <= written &&
         claimed - begin <= ring_bytes && !is_in_header &&
         (begin | written | claimed | durable) % 8 == 0;
}

}  // namespace weir::internal
