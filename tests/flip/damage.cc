#include "flip/damage.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "format/file_names.h"
#include "format/front_layout.h"
#include "format/record.h"
#include "support/image_oracle.h"

namespace weir::testing {
namespace {

// Bytes of the sector that begins there; the last one of a file may be short.
uint64_t SectorAt(const SampleFile& file, uint64_t offset) {
  return std::min(kSectorBytes, file.size - offset);
}

// Far enough away: the copies of what is written twice are one sector apart.
uint64_t SwappedWith(const SampleFile& file, uint64_t offset) {
  return offset + file.size / 2 / kSectorBytes * kSectorBytes;
}

std::string ReadFrom(const DiskFile& file, uint64_t offset, uint64_t size) {
  std::string bytes(size, '\0');
  file.content().Read(offset, absl::MakeSpan(bytes.data(), bytes.size()));
  return bytes;
}

CrashImage Wound(const SampleStore& sample, const Damage& damage) {
  CrashImage image = sample.image;
  const SampleFile& file = sample.files[damage.file];
  if (file.is_shared) {
    for (auto& [name, memory] : image.shared) {
      if (name.second != file.name) continue;
      std::string bytes = *memory.bytes;
      bytes[damage.offset] = static_cast<char>(bytes[damage.offset] ^ (1 << damage.bit));
      memory.bytes = std::make_shared<const std::string>(std::move(bytes));
    }
    return image;
  }
  const uint64_t directory = *image.disk.FindDirectory("/store");
  DiskFile& on_disk = image.disk.MutableFile(image.disk.Find(directory, file.name));
  if (damage.kind == Damage::Kind::kCut) {
    on_disk.Resize(damage.offset);
  } else if (damage.kind == Damage::Kind::kZero) {
    on_disk.Write(damage.offset, std::string(SectorAt(file, damage.offset), '\0'));
  } else if (damage.kind == Damage::Kind::kBlock) {
    const uint64_t size = std::min(kBlockBytes, file.size - damage.offset);
    on_disk.Write(damage.offset, std::string(size, '\0'));
  } else if (damage.kind == Damage::Kind::kSwap) {
    // The drive wrote two sectors to each other's places.
    const uint64_t other = SwappedWith(file, damage.offset);
    const std::string first = ReadFrom(on_disk, damage.offset, kSectorBytes);
    on_disk.Write(damage.offset, ReadFrom(on_disk, other, kSectorBytes));
    on_disk.Write(other, first);
  } else if (damage.kind == Damage::Kind::kMisplace) {
    // What belongs to the end of the file, written here: old, whole, and in the wrong place.
    const uint64_t from = (file.size - 1) / kSectorBytes * kSectorBytes;
    on_disk.Write(damage.offset, ReadFrom(on_disk, from, SectorAt(file, from)));
  } else {
    char byte = 0;
    on_disk.content().Read(damage.offset, absl::MakeSpan(&byte, 1));
    byte = static_cast<char>(byte ^ (1 << damage.bit));
    on_disk.Write(damage.offset, absl::string_view(&byte, 1));
  }
  on_disk.Sync();
  return image;
}

using Range = std::pair<LogPosition, LogPosition>;

// The damaged stretch of the log, or nothing if the file holds no records.
Range DamagedLog(const SampleStore& sample, const Damage& damage) {
  const SampleFile& file = sample.files[damage.file];
  if (file.is_shared) {
    if (damage.offset < internal::kFrontHeaderBytes) return {};
    const uint64_t in_ring = damage.offset - internal::kFrontHeaderBytes;
    const uint64_t lap = sample.front_begin.value() & (kSampleFrontBytes - 1);
    const LogPosition at = sample.front_begin + ((in_ring - lap) & (kSampleFrontBytes - 1));
    return {at, at + 1};
  }
  const auto name = internal::ParseSegmentFileName(file.name);
  if (!name) return {};
  const LogPosition begin = name->begin + damage.offset;
  switch (damage.kind) {
    case Damage::Kind::kFlip:
      return {begin, begin + 1};
    case Damage::Kind::kZero:
    case Damage::Kind::kMisplace:
    case Damage::Kind::kSwap:
      return {begin, begin + kSectorBytes};
    case Damage::Kind::kBlock:
      return {begin, begin + kBlockBytes};
    case Damage::Kind::kCut:
      // Without its header nothing in the file can be read.
      return {damage.offset < 512 ? name->begin : begin, name->begin + sample.shape.segment_bytes};
  }
  return {};
}

// The other one, if the wound has two.
Range OtherDamagedLog(const SampleStore& sample, const Damage& damage) {
  if (damage.kind != Damage::Kind::kSwap) return {};
  Damage other = damage;
  other.offset = SwappedWith(sample.files[damage.file], damage.offset);
  return DamagedLog(sample, other);
}

bool Hits(const Range& range, const Verdict::Record& record) {
  return record.begin < range.second && range.first < record.end;
}

// Whether losing this message is what the wound is.
class Losses {
 public:
  Losses(const SampleStore& sample, const Damage& damage)
      : sample_(sample),
        is_front_(KindOf(sample.files[damage.file]) == FileKind::kFront),
        offset_(damage.offset),
        range_(DamagedLog(sample, damage)),
        other_range_(OtherDamagedLog(sample, damage)) {}

  bool operator()(size_t sent) const {
    const Verdict::Record& record = sample_.whole.records[sent];
    if (Hits(range_, record) || Hits(other_range_, record)) return true;
    if (!is_front_) return false;
    // Nothing vouches for the stamp of an open claim. The void that is made of it may take the
    // number of another message.
    if (sample_.open_claim != LogPosition(0) && range_.first >= sample_.open_claim &&
        range_.first < sample_.open_claim + internal::kRecordHeaderBytes) {
      return record.begin > sample_.open_claim;
    }
    // A front whose header is not to be trusted is left alone, and what only it had is lost.
    return offset_ < internal::kFrontHeaderBytes && record.end > sample_.unwritten;
  }

  // The ends in a front's header have no checksum: what they leave out was never there.
  bool may_be_silent() const {
    return is_front_ && offset_ >= offsetof(internal::FrontHeader, claimed_end) &&
           offset_ < internal::kFrontHeaderBytes;
  }

 private:
  const SampleStore& sample_;
  const bool is_front_;
  const uint64_t offset_;
  const Range range_;
  const Range other_range_;
};

}  // namespace

std::string Damage::ToString() const {
  switch (kind) {
    case Kind::kFlip:
      return absl::StrCat("flip:", offset, ":", bit);
    case Kind::kCut:
      return absl::StrCat("cut:", offset);
    case Kind::kZero:
      return absl::StrCat("zero:", offset);
    case Kind::kSwap:
      return absl::StrCat("swap:", offset);
    case Kind::kMisplace:
      return absl::StrCat("misplace:", offset);
    case Kind::kBlock:
      return absl::StrCat("block:", offset);
  }
  return "";
}

std::optional<Damage> Damage::Parse(absl::string_view text) {
  Damage damage;
  const std::string copy(text);
  if (std::sscanf(copy.c_str(), "flip:%" SCNu64 ":%u", &damage.offset, &damage.bit) == 2) {
    return damage.bit < 8 ? std::optional<Damage>(damage) : std::nullopt;
  }
  damage.kind = Kind::kCut;
  if (std::sscanf(copy.c_str(), "cut:%" SCNu64, &damage.offset) == 1) return damage;
  damage.kind = Kind::kZero;
  if (std::sscanf(copy.c_str(), "zero:%" SCNu64, &damage.offset) == 1) return damage;
  damage.kind = Kind::kSwap;
  if (std::sscanf(copy.c_str(), "swap:%" SCNu64, &damage.offset) == 1) return damage;
  damage.kind = Kind::kMisplace;
  if (std::sscanf(copy.c_str(), "misplace:%" SCNu64, &damage.offset) == 1) return damage;
  damage.kind = Kind::kBlock;
  if (std::sscanf(copy.c_str(), "block:%" SCNu64, &damage.offset) == 1) return damage;
  return std::nullopt;
}

FileKind KindOf(const SampleFile& file) {
  if (file.is_shared) return FileKind::kFront;
  if (internal::ParseIndexFileName(file.name)) return FileKind::kIndex;
  if (internal::ParseSegmentFileName(file.name)) return FileKind::kSegment;
  if (internal::ParseSuperblockFileName(file.name)) return FileKind::kSuperblock;
  return FileKind::kLock;
}

absl::string_view FileKindName(FileKind kind) {
  static constexpr absl::string_view kNames[kFileKinds] = {"segment", "index", "superblock", "lock",
                                                           "front"};
  return kNames[static_cast<size_t>(kind)];
}

Verdict Examine(const SampleStore& sample, const Damage& damage, bool is_thorough) {
  const FileKind kind = KindOf(sample.files[damage.file]);
  const Losses losses(sample, damage);
  // A store without a whole superblock cannot be opened: both its slots must be gone for that.
  const bool hits_both = damage.kind == Damage::Kind::kCut || damage.kind == Damage::Kind::kSwap;
  const Expectation expectation{.survives = Durability::kDisk,
                                .allows_damage = true,
                                .may_be_lost = losses,
                                .may_be_silent = losses.may_be_silent(),
                                .may_be_refused = kind == FileKind::kSuperblock && hits_both,
                                .is_thorough = is_thorough,
                                .opens_again = is_thorough};
  Verdict verdict = ExamineImage(Wound(sample, damage), sample.shape, sample.history, expectation);
  if (verdict.was_refused) return verdict;
  CheckSame(sample.whole, sample.history, Violation::Kind::kPhantom, verdict, losses);
  // What an index file's bytes say is checked: a wound there is seen, or healed with a note.
  if (is_thorough && kind == FileKind::kIndex && !verdict.tells_anything) {
    verdict.Add(Violation::Kind::kBroken, "unnoticed");
  }
  return verdict;
}

}  // namespace weir::testing
