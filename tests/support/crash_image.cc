#include "support/crash_image.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "support/random.h"

namespace weir::testing {
namespace {

class Hasher {
 public:
  Hasher() { XXH3_128bits_reset(&state_); }

  void Add(absl::string_view bytes) { XXH3_128bits_update(&state_, bytes.data(), bytes.size()); }
  void Add(uint64_t number) { XXH3_128bits_update(&state_, &number, sizeof(number)); }
  // With its length, so that no two sequences of texts are the same bytes.
  void AddText(absl::string_view text) {
    Add(text.size());
    Add(text);
  }

  ImageHash hash() const {
    const XXH128_hash_t digest = XXH3_128bits_digest(&state_);
    return {.low = digest.low64, .high = digest.high64};
  }

 private:
  XXH3_state_t state_;
};

}  // namespace

CrashImage CrashImage::ProcessDeath() const {
  CrashImage after = *this;
  ++after.generation;
  after.disk.Collect([](uint64_t) { return false; });
  return after;
}

CrashImage CrashImage::ProcessDeathInWrite(const Operation& write, uint64_t bytes) const {
  CrashImage after = ProcessDeath();
  if (!after.disk.HasFile(write.inode)) return after;  // unlinked while open
  uint64_t offset = write.offset;
  for (const absl::string_view piece : write.pieces) {
    const absl::string_view part = piece.substr(0, static_cast<size_t>(bytes));
    after.disk.MutableFile(write.inode).Write(offset, part);
    offset += part.size();
    bytes -= part.size();
  }
  return after;
}

CrashImage CrashImage::PowerLoss(const LossPlan& plan) const {
  CrashImage after{.disk = disk.AfterPowerLoss(plan),
                   .shared = {},
                   .boot = boot + 1,
                   .generation = generation + 1,
                   .seed = seed,
                   .boot_id_override = {}};
  if (plan.keeps_named_shared_memory) {
    for (const auto& [name, bytes] : shared) {
      if (!name.first.empty()) after.shared.emplace(name, bytes);
    }
  }
  return after;
}

std::string CrashImage::boot_id() const {
  if (!boot_id_override.empty()) return boot_id_override;
  const uint64_t words[] = {Random::Mix(seed, boot, 1), Random::Mix(seed, boot, 2)};
  std::string id(sizeof(words), '\0');
  std::memcpy(id.data(), words, sizeof(words));
  return id;
}

ImageHash CrashImage::Hash() const {
  Hasher hasher;
  disk.Visit([&hasher](const std::string& path, const DiskFile* file) {
    hasher.AddText(path);
    if (file == nullptr) return;
    hasher.Add(file->size());
    file->content().VisitPages([&hasher](absl::string_view page) { hasher.Add(page); });
  });
  for (const auto& [name, memory] : shared) {
    hasher.AddText(name.first);
    hasher.AddText(name.second);
    hasher.AddText(*memory.bytes);
  }
  hasher.AddText(boot_id());
  return hasher.hash();
}

}  // namespace weir::testing
