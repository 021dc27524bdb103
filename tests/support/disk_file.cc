#include "support/disk_file.h"

#include <algorithm>

namespace weir::testing {
namespace {

// How many versions between the synced and the present one are kept. More of them find nothing
// that two do not: the interesting state is "older than its neighbour".
constexpr size_t kVersionsMax = 3;

uint64_t SectorsOf(uint64_t bytes) { return (bytes + kSectorBytes - 1) / kSectorBytes; }

}  // namespace

void DiskFile::Write(uint64_t offset, absl::string_view bytes) {
  if (bytes.empty()) return;
  if (offset + bytes.size() > size()) RememberSize();
  last_write_begin_ = offset / kSectorBytes;
  last_write_end_ = SectorsOf(offset + bytes.size());
  for (uint64_t sector = last_write_begin_; sector < last_write_end_; ++sector) Touch(sector);
  content_.Write(offset, bytes);
}

void DiskFile::Resize(uint64_t size) {
  const uint64_t old_size = content_.size();
  if (size == old_size) return;
  RememberSize();
  // What a cut takes away may still be on the disk when the file grows again.
  for (uint64_t sector = size / kSectorBytes; sector < SectorsOf(old_size); ++sector) Touch(sector);
  content_.Resize(size);
}

void DiskFile::Sync() {
  if (has_lost_sectors_) {
    // Only what is dirty is written: dropped pages stay lost whatever a later sync answers.
    synced_.Resize(content_.size());
    for (const auto& [number, versions] : dirty_) {
      const Sector sector = Load(content_, number);
      const uint64_t begin = number * kSectorBytes;
      if (begin >= content_.size()) continue;
      const uint64_t bytes = std::min(kSectorBytes, content_.size() - begin);
      synced_.Write(begin, absl::string_view(sector.data(), static_cast<size_t>(bytes)));
    }
  } else {
    synced_ = content_;
  }
  dirty_.clear();
  earlier_sizes_.clear();
}

void DiskFile::FailSync(PagesAfterFailure pages) {
  switch (pages) {
    case PagesAfterFailure::kKept:
      return;
    case PagesAfterFailure::kDropped:
      if (!dirty_.empty()) has_lost_sectors_ = true;
      dirty_.clear();
      return;
    case PagesAfterFailure::kReverted:
      for (const auto& [number, versions] : dirty_) {
        const uint64_t begin = number * kSectorBytes;
        if (begin >= content_.size()) continue;
        const Sector sector = Load(synced_, number);
        const uint64_t bytes = std::min(kSectorBytes, content_.size() - begin);
        content_.Write(begin, absl::string_view(sector.data(), static_cast<size_t>(bytes)));
      }
      dirty_.clear();
      return;
  }
}

std::vector<DiskFile::DirtySector> DiskFile::DirtySectors() const {
  std::vector<DirtySector> sectors;
  sectors.reserve(dirty_.size());
  for (const auto& [number, versions] : dirty_) {
    sectors.push_back({.number = number, .states = versions.size() + 2});
  }
  return sectors;
}

DiskFile DiskFile::AfterPowerLoss(const Loss& loss) const {
  DiskFile after;
  after.content_ = synced_;
  const uint64_t size =
      loss.size_state < earlier_sizes_.size() ? earlier_sizes_[loss.size_state] : content_.size();
  after.content_.Resize(size);
  const uint64_t first_new = SectorsOf(synced_.size());
  if (loss.fill != nullptr) {
    for (uint64_t sector = first_new; sector < SectorsOf(size); ++sector) {
      const Sector filling = (*loss.fill)(sector);
      const uint64_t begin = sector * kSectorBytes;
      const uint64_t bytes = std::min(kSectorBytes, size - begin);
      after.content_.Write(begin, absl::string_view(filling.data(), static_cast<size_t>(bytes)));
    }
  }
  for (const auto& [number, versions] : dirty_) {
    const uint64_t begin = number * kSectorBytes;
    if (begin >= size) continue;
    const size_t state = loss.sector_state({.number = number, .states = versions.size() + 2});
    if (state == 0) continue;
    const Sector sector = state <= versions.size() ? versions[state - 1] : Load(content_, number);
    const uint64_t bytes = std::min(kSectorBytes, size - begin);
    after.content_.Write(begin, absl::string_view(sector.data(), static_cast<size_t>(bytes)));
  }
  after.synced_ = after.content_;
  return after;
}

void DiskFile::Touch(uint64_t sector) {
  const auto [entry, is_new] = dirty_.try_emplace(sector);
  if (is_new) return;  // its version so far is the synced one
  std::vector<Sector>& versions = entry->second;
  const Sector present = Load(content_, sector);
  if (!versions.empty() && versions.back() == present) return;
  if (versions.size() == kVersionsMax) versions.erase(versions.begin());
  versions.push_back(present);
}

void DiskFile::RememberSize() {
  const uint64_t present = content_.size();
  if (!earlier_sizes_.empty() && earlier_sizes_.back() == present) return;
  // The synced size, the first, stays.
  if (earlier_sizes_.size() > kVersionsMax) earlier_sizes_.erase(earlier_sizes_.begin() + 1);
  earlier_sizes_.push_back(present);
}

Sector DiskFile::Load(const PagedBytes& bytes, uint64_t sector) const {
  Sector loaded = {};
  bytes.Read(sector * kSectorBytes, absl::MakeSpan(loaded));
  return loaded;
}

}  // namespace weir::testing
