#include "log/front_adoption.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/record.h"

namespace weir::internal {
namespace {

// Whether the stamp of a claimed record keeps to itself.
bool QueuesFit(const char* record, uint32_t bytes) {
  const RecordHeader header = LoadHeader(record);
  if ((header.flags & kHasFurtherQueues) == 0) return true;
  if (bytes < kRecordHeaderBytes + 4) return false;
  const uint64_t count = Load<uint32_t>(record + kRecordHeaderBytes);
  return count <= kMaxFurtherQueues && kRecordHeaderBytes + 4 + count * kFurtherQueueBytes <= bytes;
}

bool LengthFits(const RecordHeader& header, uint64_t available) {
  // Behind a record there is nothing, or room for another one.
  const uint64_t bytes = header.bytes();
  return bytes >= kRecordHeaderBytes && bytes % kRecordAlignment == 0 &&
         (bytes == available || bytes + kRecordHeaderBytes <= available) &&
         header.version == kRecordVersion;
}

// A claim that its stamp describes well enough to become a void.
bool CanBeVoided(const char* record, const RecordHeader& header) {
  if (header.type != RecordType::kGroup) return QueuesFit(record, header.bytes());
  for (uint32_t at = kRecordHeaderBytes; at < header.bytes();) {
    const RecordHeader member = LoadHeader(record + at);
    if (!LengthFits(member, header.bytes() - at) || !QueuesFit(record + at, member.bytes())) {
      return false;
    }
    at += member.bytes();
  }
  return true;
}

// How far it is from `at`, where no length can be believed, to the next published record that
// verifies; else to the end. Claims between the two cannot be told from rubbish.
uint64_t LostBytes(const Front& front, LogPosition at, uint64_t available) {
  for (uint64_t skip = kRecordHeaderBytes; skip + kRecordHeaderBytes <= available;
       skip += kRecordAlignment) {
    const char* const record = front.At(at + skip);
    if (!Verify(record, available - skip, at + skip, front.incarnation())) continue;
    // A member of a group whose header is lost was perhaps never published.
    if (uint64_t{LoadHeader(record).group_distance} * kRecordAlignment <= skip &&
        LoadHeader(record).group_distance != 0) {
      continue;
    }
    return skip;
  }
  return available;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SharedMemory>> TakeFront(FileSystem& file_system,
                                                        const std::string& directory,
                                                        const std::string& name,
                                                        FrontIdentity identity) {
  ASSIGN_OR_RETURN(
      std::unique_ptr<SharedMemory> memory,
      file_system.OpenShared(directory, name, kFrontHeaderBytes, OpenMode::kReadWrite));
  if (memory->ring_bytes() == 0) return absl::DataLossError("the front has no ring");
  const auto& header = *reinterpret_cast<const FrontHeader*>(memory->header());
  identity.ring_bytes = memory->ring_bytes();
  RETURN_IF_ERROR(CheckFront(header, identity));
  if (!EndsMakeSense(header, memory->ring_bytes())) {
    return absl::DataLossError("the ends in the front's header contradict each other");
  }
  RETURN_IF_ERROR(memory->TryLock());
  return memory;
}

uint64_t SettleClaims(Front& front, std::vector<DamagedRange>* damage) {
  uint64_t voided = 0;
  const LogPosition claimed = front.claimed_end();
  for (LogPosition end = front.written_end(); end < claimed;) {
    const LogPosition at = RecordStart(end, front.segment_bytes());
    if (at >= claimed) break;
    const uint64_t in_segment = at.value() & (front.segment_bytes() - 1);
    const uint64_t available = std::min(claimed - at, front.segment_bytes() - in_segment);
    char* const record = front.At(at);
    const RecordHeader header = LoadHeader(record);
    if (available < kRecordHeaderBytes) {
      damage->push_back({at, at + available, "the front ends inside a record"});
      break;
    }
    const bool has_length = LengthFits(header, available);
    if (!has_length || (header.word < 0 && !CanBeVoided(record, header))) {
      const uint64_t lost = has_length ? header.bytes() : LostBytes(front, at, available);
      WriteFiller(record, at, static_cast<uint32_t>(lost), kIsLost, front.last_store_time(),
                  front.incarnation());
      damage->push_back({at, at + lost,
                         absl::StrCat("front at ", at.value(), ": ", lost,
                                      " bytes were overwritten by somebody")});
      end = at + lost;
      continue;
    }
    if (header.word < 0) {
      SealVoid(record, at, front.incarnation());
      ++voided;
    }
    end = at + header.bytes();
  }
  return voided;
}

}  // namespace weir::internal
