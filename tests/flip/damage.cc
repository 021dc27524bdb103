#include "flip/damage.h"

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <map>
#include <memory>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "format/file_names.h"
#include "format/front_layout.h"
#include "format/record.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

constexpr int kReadsMax = 10'000;  // by queue; more is a read that does not come to its end

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
      return {damage.offset < 512 ? name->begin : begin, name->begin + sample.segment_bytes};
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

class Examination {
 public:
  Examination(const SampleStore& sample, const Damage& damage)
      : sample_(sample),
        damage_(damage),
        kind_(KindOf(sample.files[damage.file])),
        range_(DamagedLog(sample, damage)),
        other_range_(OtherDamagedLog(sample, damage)),
        disk_(Wound(sample, damage)) {
    clock_.AdvanceAtEveryLook(absl::Microseconds(100));
    for (const SampleMessage& message : sample.messages) {
      expected_[{message.topic, message.queue_id, message.offset.value()}] = &message;
    }
  }
  ~Examination() { disk_.Kill(); }

  Findings Run(bool is_thorough) {
    if (!Open()) return std::move(findings_);
    std::vector<const SampleMessage*> missing = ReadEverything(*store_);
    Judge(missing);
    if (is_thorough) {
      CheckLogOrder(missing);
      CheckVerify();
      CheckService();
      CheckOpenAgain(missing);
    }
    return std::move(findings_);
  }

 private:
  using Place = std::tuple<std::string, uint32_t, uint64_t>;

  template <typename... Parts>
  void Report(const Parts&... parts) {
    if (findings_.violations.size() < 5) findings_.violations.push_back(absl::StrCat(parts...));
  }

  bool Open() {
    auto opened = MessageStore::Open(SampleOptions(sample_, &disk_, &clock_));
    if (opened.ok()) {
      store_ = *std::move(opened);
      NoteReports();
      return true;
    }
    findings_.was_refused = true;
    findings_.was_reported = true;
    // A store without a whole superblock cannot be opened: both its slots must be gone for that.
    const bool hits_both =
        damage_.kind == Damage::Kind::kCut || damage_.kind == Damage::Kind::kSwap;
    const bool may_refuse = kind_ == FileKind::kSuperblock && hits_both;
    if (!may_refuse) Report("refused: ", opened.status().ToString());
    return false;
  }

  void NoteReports() {
    const RecoveryReport& report = store_->recovery();
    findings_.was_reported |= !report.damage.empty() || !report.notes.empty() ||
                              report.possible_loss || store_->state() != StoreState::kHealthy;
    findings_.said = report.notes;
    for (const DamagedRange& range : report.damage) Say(range);
  }

  void Say(const DamagedRange& range) {
    findings_.said.push_back(
        absl::StrCat(range.begin.value(), " to ", range.end.value(), ": ", range.reason));
  }

  bool IsDamaged(const SampleMessage& message) const {
    const auto hits = [&](const Range& range) {
      return message.begin < range.second && range.first < message.end;
    };
    return hits(range_) || hits(other_range_);
  }

  // Losing these is what the wound is.
  bool MayBeLost(const SampleMessage& message) const {
    if (IsDamaged(message)) return true;
    // Nothing vouches for the stamp of an open claim. The void that is made of it may take the
    // number of another message.
    if (kind_ == FileKind::kFront && sample_.open_claim != LogPosition(0) &&
        range_.first >= sample_.open_claim &&
        range_.first < sample_.open_claim + internal::kRecordHeaderBytes) {
      return message.begin > sample_.open_claim;
    }
    // A front whose header is not to be trusted is left alone, and what only it had is lost; the
    // ends in it have no checksum.
    return kind_ == FileKind::kFront && damage_.offset < internal::kFrontHeaderBytes &&
           message.end > sample_.unwritten;
  }

  std::vector<const SampleMessage*> ReadEverything(MessageStore& store) {
    auto left = expected_;
    for (const auto& [topic, queues] : sample_.topics) {
      const absl::StatusOr<Topic> handle = store.FindTopic(topic);
      if (!handle.ok() || handle->queue_count() != queues) {
        Report("topic ", topic, ": ", handle.status().ToString());
        continue;
      }
      for (uint32_t id = 0; id < queues; ++id) ReadQueue(store, topic, id, left);
    }
    std::vector<const SampleMessage*> missing;
    for (const auto& [place, message] : left) missing.push_back(message);
    return missing;
  }

  void ReadQueue(MessageStore& store, const std::string& topic, uint32_t id,
                 std::map<Place, const SampleMessage*>& left) {
    QueueOffset offset(0);
    for (int reads = 0;; ++reads) {
      if (reads > kReadsMax) return Report(topic, "/", id, ": reading never ends");
      const auto result = store.Read(topic, id, offset, {.max_messages = 1000});
      if (!result.ok()) return Report(topic, "/", id, ": ", result.status().ToString());
      for (const MessageView& message : *result) {
        ++findings_.delivered;
        const Place place{topic, id, message.queue_offset().value()};
        const auto found = expected_.find(place);
        if (found == expected_.end()) {
          Report(topic, "/", id, "@", message.queue_offset().value(), ": was never there");
        } else if (found->second->content != ContentOf(message)) {
          Report(topic, "/", id, "@", message.queue_offset().value(), ": other bytes");
        } else if (left.erase(place) == 0) {
          Report(topic, "/", id, "@", message.queue_offset().value(), ": twice");
        }
      }
      switch (result->outcome()) {
        case ReadOutcome::kDamaged:
          damage_met_ = findings_.was_reported = true;
          if (result->damage().has_value()) {
            Say(*result->damage());
          } else {
            Report("damage without a range");
          }
          break;
        case ReadOutcome::kFound:
        case ReadOutcome::kNoMatch:
        case ReadOutcome::kOffsetTooSmall:
          break;
        default:
          return;
      }
      if (result->next_offset() <= offset) return Report(topic, "/", id, ": reading stands still");
      offset = result->next_offset();
    }
  }

  void Judge(const std::vector<const SampleMessage*>& missing) {
    for (const SampleMessage* const message : missing) {
      if (!MayBeLost(*message)) {
        Report("collateral: ", message->topic, "/", message->queue_id, "@", message->offset.value(),
               " in ", message->begin.value(), "..", message->end.value(), ", ", missing.size(),
               " in all");
        return;
      }
    }
    findings_.lost += missing.size();
    const bool is_end_of_front = kind_ == FileKind::kFront &&
                                 damage_.offset >= offsetof(internal::FrontHeader, claimed_end) &&
                                 damage_.offset < internal::kFrontHeaderBytes;
    NoteReports();
    const bool was_said = damage_met_ || !store_->recovery().damage.empty() ||
                          store_->recovery().possible_loss ||
                          store_->state() != StoreState::kHealthy;
    if (!missing.empty() && !was_said && !is_end_of_front) {
      Report("silent: ", missing.size(), " messages are gone and nothing was said");
    }
  }

  void CheckLogOrder(const std::vector<const SampleMessage*>& missing) {
    for (const auto& [topic, queues] : sample_.topics) {
      std::vector<LogPosition> wanted;
      for (const SampleMessage& message : sample_.messages) {
        if (message.topic != topic) continue;
        if (std::find(missing.begin(), missing.end(), &message) != missing.end()) continue;
        wanted.push_back(message.begin);
      }
      std::sort(wanted.begin(), wanted.end());
      wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
      std::vector<LogPosition> found;
      LogPosition position;
      for (int reads = 0;; ++reads) {
        if (reads > kReadsMax) return Report(topic, ": ReadTopic never ends");
        const auto result = store_->ReadTopic(topic, position, {.max_messages = 1000});
        if (!result.ok()) return Report(topic, ": ", result.status().ToString());
        for (const MessageView& message : *result) found.push_back(message.position());
        const bool goes_on = result->outcome() == ReadOutcome::kFound ||
                             result->outcome() == ReadOutcome::kNoMatch ||
                             result->outcome() == ReadOutcome::kDamaged;
        if (!goes_on) break;
        if (result->next_position() <= position) {
          if (result->empty()) break;
          return Report(topic, ": ReadTopic stands still at ", position.value());
        }
        position = result->next_position();
      }
      if (found != wanted) {
        Report(topic, ": by queue ", wanted.size(), " messages, in the order of the log ",
               found.size());
      }
    }
  }

  void CheckVerify() {
    const auto report = store_->Verify();
    if (!report.ok()) return Report("Verify: ", report.status().ToString());
    findings_.was_reported |= !report->findings.empty();
    findings_.was_reported |= store_->Stats().index_files_rebuilt != 0;
    // What an index file's bytes say is checked: a wound there is seen, or healed with a note.
    if (kind_ == FileKind::kIndex && !findings_.was_reported) Report("unnoticed");
  }

  // A wounded store takes messages.
  void CheckService() {
    // In a topic of its own: the number of a damaged message that was its queue's last may be
    // given again.
    const auto receipt =
        store_->Append({.topic = "new", .body = "afterwards"},
                       {.durability = Durability::kDisk, .timeout = absl::Seconds(1)});
    if (!receipt.ok()) return Report("append: ", receipt.status().ToString());
    if (receipt->reached != Durability::kDisk) return Report("append: it does not get to the disk");
    const auto read = store_->Read("new", receipt->queue_id, receipt->queue_offset);
    if (!read.ok() || read->empty() || (*read)[0].body() != "afterwards") {
      return Report("what was appended afterwards cannot be read");
    }
    afterwards_ = *receipt;
  }

  // Whatever happens between: what was delivered once is delivered again.
  void CheckOpenAgain(const std::vector<const SampleMessage*>& missing) {
    if (!findings_.violations.empty()) return;
    for (const bool is_power_loss : {false, true}) {
      const CrashImage left =
          is_power_loss ? disk_.PowerLoss(LossPlan::LoseEverything()) : disk_.ProcessDeath();
      FaultFileSystem disk(left);
      ManualClock clock;
      clock.AdvanceAtEveryLook(absl::Microseconds(100));
      auto opened = MessageStore::Open(SampleOptions(sample_, &disk, &clock));
      if (!opened.ok()) {
        disk.Kill();
        return Report(is_power_loss ? "after a power loss" : "opened again", ": ",
                      opened.status().ToString());
      }
      const std::vector<const SampleMessage*> again = ReadEverything(**opened);
      if (again != missing) {
        Report(is_power_loss ? "after a power loss" : "opened again", ": ", again.size(),
               " messages are missing, ", missing.size(), " were before");
      }
      const auto read = (*opened)->Read("new", afterwards_.queue_id, afterwards_.queue_offset);
      if (!read.ok() || read->empty() || (*read)[0].body() != "afterwards") {
        Report("what was appended afterwards is gone");
      }
      disk.Kill();
    }
  }

  const SampleStore& sample_;
  const Damage& damage_;
  const FileKind kind_;
  const Range range_;
  const Range other_range_;
  std::map<Place, const SampleMessage*> expected_;
  Receipt afterwards_;
  bool damage_met_ = false;
  Findings findings_;

  ManualClock clock_;
  FaultFileSystem disk_;
  std::unique_ptr<MessageStore> store_;
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

Findings Examine(const SampleStore& sample, const Damage& damage, bool is_thorough) {
  return Examination(sample, damage).Run(is_thorough);
}

}  // namespace weir::testing
