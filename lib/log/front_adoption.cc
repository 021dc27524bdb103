#include "log/front_adoption.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "log/segment_file.h"
#include "log/segment_scanner.h"

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

// Walks the unwritten part of a front whose bytes somebody may have overwritten. A claim has no
// checksum, so its length is believed only if it leads to something that can be believed.
class Settler {
 public:
  Settler(Front& front, std::vector<DamagedRange>* damage) : front_(front), damage_(damage) {}

  uint64_t Run();

 private:
  uint64_t Available(LogPosition at) const;
  bool IsWhole(LogPosition at) const;
  bool HasShape(LogPosition at) const;
  bool LeadsOn(LogPosition at);
  uint64_t GroupBytes(LogPosition at) const;
  uint64_t LostBytes(LogPosition at) const;
  std::optional<LogPosition> EndAround(LogPosition at) const;
  bool MendWord(LogPosition at, uint64_t bytes);
  LogPosition Cover(LogPosition at);
  std::optional<LogPosition> StepOver(LogPosition at);

  Front& front_;
  std::vector<DamagedRange>* const damage_;
  const LogPosition claimed_ = front_.claimed_end();
  LogPosition believed_;  // every length below leads on
};

// How many bytes belong to what begins at `at` and to what follows it in its segment.
uint64_t Settler::Available(LogPosition at) const {
  const uint64_t in_segment = at.value() & (front_.segment_bytes() - 1);
  return std::min(claimed_ - at, front_.segment_bytes() - in_segment);
}

// Whether a published record begins at `at` and verifies.
bool Settler::IsWhole(LogPosition at) const {
  const char* const record = front_.At(at);
  const uint64_t available = Available(at);
  const RecordHeader header = LoadHeader(record);
  if (!LengthFits(header, available)) return false;
  if (Verify(record, available, at, front_.incarnation())) return true;
  // An open record is seeded with what it ends.
  const auto open = DecodeOpen({at, record, header});
  return open && Verify(record, available, at, open->previous);
}

// Whether what begins at `at` has the length of a claim or of a published record.
bool Settler::HasShape(LogPosition at) const {
  const char* const record = front_.At(at);
  const RecordHeader header = LoadHeader(record);
  return LengthFits(header, Available(at)) && (header.word > 0 || CanBeVoided(record, header));
}

// Whether lengths lead from `at` to a record that verifies or to the end of all that was claimed.
bool Settler::LeadsOn(LogPosition at) {
  LogPosition end = at;
  while (end < claimed_ && end >= believed_) {
    const LogPosition start = RecordStart(end, front_.segment_bytes());
    if (start >= claimed_ || (end != at && IsWhole(start))) break;
    if (!HasShape(start)) return false;
    end = start + LoadHeader(front_.At(start)).bytes();
  }
  HOLDS(end >= at);
  HOLDS(end <= claimed_);
  believed_ = std::max(believed_, end);
  return true;
}

// How far it is from `at`, where no length can be believed, to the next published record that
// verifies; else to the end. Claims between the two cannot be told from rubbish.
uint64_t Settler::LostBytes(LogPosition at) const {
  const uint64_t available = Available(at);
  for (uint64_t skip = kRecordHeaderBytes; skip + kRecordHeaderBytes <= available;
       skip += kRecordAlignment) {
    if (!IsWhole(at + skip)) continue;
    // A member of a group whose header is lost was perhaps never published.
    const RecordHeader header = LoadHeader(front_.At(at + skip));
    const uint64_t distance = uint64_t{header.group_distance} * kRecordAlignment;
    if (distance == 0 || distance > skip) return skip;
  }
  return available;
}

// How many bytes the group has whose members stand behind `at`, if there is one.
uint64_t Settler::GroupBytes(LogPosition at) const {
  LogPosition end = at + kRecordHeaderBytes;
  while (end - at + kRecordHeaderBytes <= Available(at) && IsWhole(end)) {
    const RecordHeader member = LoadHeader(front_.At(end));
    if (uint64_t{member.group_distance} * kRecordAlignment != end - at) break;
    end = end + member.bytes();
  }
  return end - at;
}

// The end of the record that `at` lies inside of, if there is one that verifies.
std::optional<LogPosition> Settler::EndAround(LogPosition at) const {
  const LogPosition segment(at.value() & ~(front_.segment_bytes() - 1));
  const LogPosition lowest = std::max(front_.front_begin(), segment + kSegmentHeaderBytes);
  for (LogPosition before = at; before >= lowest + kRecordAlignment;) {
    before = before - kRecordAlignment;
    if (!IsWhole(before)) continue;
    const LogPosition end = before + LoadHeader(front_.At(before)).bytes();
    return end > at ? std::optional(end) : std::nullopt;
  }
  return std::nullopt;
}

// If nothing but the length was overwritten, the checksum knows whether `bytes` is it.
bool Settler::MendWord(LogPosition at, uint64_t bytes) {
  if (!HOLDS(bytes >= kRecordHeaderBytes) || !HOLDS(at + bytes <= claimed_)) return false;
  const int32_t found = LoadWord(front_.At(at));
  Publish(front_.At(at), static_cast<int32_t>(bytes));
  if (IsWhole(at)) return true;
  Publish(front_.At(at), found);
  return false;
}

// Makes something whole of a stretch that does not lead on. Returns its end.
LogPosition Settler::Cover(LogPosition at) {
  const uint64_t lost = LostBytes(at);
  for (const uint64_t bytes : {GroupBytes(at), lost}) {
    if (MendWord(at, bytes)) return at + bytes;
  }
  // If it is the written end that was overwritten, this is the middle of a record.
  if (const auto end = at == front_.written_end() ? EndAround(at) : std::nullopt) {
    front_.set_written_end(*end);
    return *end;
  }
  HOLDS(lost >= kRecordHeaderBytes);
  HOLDS(at + lost <= claimed_);
  WriteFiller(front_.At(at), at, static_cast<uint32_t>(lost), kIsLost, front_.last_store_time(),
              front_.incarnation());
  damage_->push_back(
      {at, at + lost,
       absl::StrCat("front at ", at.value(), ": ", lost, " bytes were overwritten by somebody")});
  return at + lost;
}

// Too close to a border, or to the claimed end, for a record to begin at `at`: it is the one or the
// other end that was overwritten. Where the walk goes on, if it does.
std::optional<LogPosition> Settler::StepOver(LogPosition at) {
  const LogPosition border = at + Available(at);
  std::optional<LogPosition> next = EndAround(at);
  if (!next && border == claimed_) {
    damage_->push_back({at, border, "the front ends inside a record"});
    return std::nullopt;
  }
  if (!next) {
    damage_->push_back({at, border,
                        absl::StrCat("front at ", at.value(), ": no record ends ", border - at,
                                     " bytes before the end of a segment")});
    next = border;
  }
  // Else the walk would never end, or leave the front.
  if (!HOLDS(*next > at) || !HOLDS(*next <= claimed_)) return std::nullopt;
  front_.set_written_end(*next);
  return next;
}

uint64_t Settler::Run() {
  uint64_t voided = 0;
  for (LogPosition end = front_.written_end(); end < claimed_;) {
    const LogPosition at = RecordStart(end, front_.segment_bytes());
    if (at >= claimed_) break;
    if (Available(at) < kRecordHeaderBytes) {
      const std::optional<LogPosition> next = StepOver(at);
      if (!next) break;
      end = *next;
      continue;
    }
    if (!IsWhole(at) && !LeadsOn(at)) {
      end = Cover(at);
      continue;
    }
    const RecordHeader header = LoadHeader(front_.At(at));
    // Else the walk would never end, or leave the front.
    if (!HOLDS(header.bytes() >= kRecordHeaderBytes)) break;
    if (!HOLDS(header.bytes() <= Available(at))) break;
    if (header.word < 0) {
      SealVoid(front_.At(at), at, front_.incarnation());
      ++voided;
    }
    end = at + header.bytes();
  }
  return voided;
}

}  // namespace

absl::StatusOr<std::unique_ptr<SharedMemory>> TakeFront(FileSystem& file_system,
                                                        const std::string& directory,
                                                        const std::string& name,
                                                        FrontIdentity identity) {
  absl::StatusOr<std::unique_ptr<SharedMemory>> opened =
      file_system.OpenShared(directory, name, kFrontHeaderBytes, OpenMode::kReadWrite);
  // What the machine does not give today says nothing of what is in it.
  if (!opened.ok()) return FromDevice(opened.status());
  std::unique_ptr<SharedMemory> memory = *std::move(opened);
  if (memory->ring_bytes() == 0) return absl::DataLossError("the front has no ring");
  const auto& header = *reinterpret_cast<const FrontHeader*>(memory->header());
  identity.ring_bytes = memory->ring_bytes();
  RETURN_IF_ERROR(CheckFront(header, identity));
  if (!EndsMakeSense(header, memory->ring_bytes())) {
    return absl::DataLossError("the ends in the front's header contradict each other");
  }
  if (!Without(Protection::kAdoptedFrontLock)) RETURN_IF_ERROR(FromDevice(memory->TryLock()));
  return memory;
}

uint64_t SettleClaims(Front& front, std::vector<DamagedRange>* damage) {
  if (Without(Protection::kClaimsSettled)) return 0;
  return Settler(front, damage).Run();
}

}  // namespace weir::internal
