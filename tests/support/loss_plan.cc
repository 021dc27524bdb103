#include "support/loss_plan.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "support/fault_disk.h"
#include "support/random.h"

namespace weir::testing {
namespace {

const char* const kSectorsNames[] = {"lose all", "keep all", "lose one",
                                     "keep one", "tear",     "random"};
const char* const kSizesNames[] = {"old", "new", "random"};
const char* const kExtentsNames[] = {"zeros", "garbage", "stale"};

constexpr uint64_t kAll = ~uint64_t{0};

// Ordinals of up to `max` of `count` sectors: all of them, or spread at random, each range once.
std::vector<uint64_t> Choose(uint64_t count, uint64_t max, Random& random) {
  std::vector<uint64_t> chosen;
  if (count <= max) {
    for (uint64_t i = 0; i < count; ++i) chosen.push_back(i);
    return chosen;
  }
  for (uint64_t i = 0; i < max; ++i) {
    const uint64_t begin = count * i / max;
    const uint64_t end = count * (i + 1) / max;
    chosen.push_back(begin + random.Below(end - begin));
  }
  return chosen;
}

}  // namespace

std::string LossPlan::ToString() const {
  std::string text = absl::StrCat("sectors: ", kSectorsNames[static_cast<size_t>(sectors)]);
  if (sectors == Sectors::kLoseOne || sectors == Sectors::kKeepOne || sectors == Sectors::kTear) {
    absl::StrAppend(&text, " ", which);
  }
  absl::StrAppend(&text, ", sizes: ", kSizesNames[static_cast<size_t>(sizes)],
                  ", extents: ", kExtentsNames[static_cast<size_t>(extents)],
                  ", directory operations: ", absl::Hex(directory_operations));
  if (seed != 0) absl::StrAppend(&text, ", seed: ", seed);
  if (keeps_named_shared_memory) absl::StrAppend(&text, ", keeps named shared memory");
  return text;
}

std::vector<LossPlan> FaultDisk::LossPlans(const LossPlanLimits& limits) const {
  using Sectors = LossPlan::Sectors;
  using Sizes = LossPlan::Sizes;
  using Extents = LossPlan::Extents;
  Random random(limits.seed);
  std::vector<LossPlan> plans = {LossPlan::LoseEverything(), LossPlan::KeepEverything()};

  uint64_t sectors = 0;
  bool has_size_states = false;
  for (const auto& [inode, node] : files_) {
    if (node->file.IsClean()) continue;
    sectors += node->file.DirtySectors().size();
    has_size_states = has_size_states || node->file.size_states() > 1;
  }
  const size_t pending = pending_.size();
  if (sectors == 0 && !has_size_states && pending == 0) return {LossPlan::LoseEverything()};

  // Bytes without names, names without bytes; space without bytes.
  plans.push_back({.sectors = Sectors::kKeepAll, .sizes = Sizes::kNew});
  plans.push_back({.sectors = Sectors::kLoseAll, .directory_operations = kAll});
  plans.push_back({.sectors = Sectors::kKeepAll, .directory_operations = kAll});
  if (has_size_states) {
    for (const Extents extents : {Extents::kZeros, Extents::kGarbage, Extents::kStale}) {
      plans.push_back({.sizes = Sizes::kNew,
                       .extents = extents,
                       .directory_operations = kAll,
                       .seed = random.Next()});
    }
  }
  for (const uint64_t which : Choose(sectors, limits.single_sectors_max, random)) {
    for (const Sectors choice : {Sectors::kLoseOne, Sectors::kKeepOne}) {
      plans.push_back(
          {.sectors = choice, .which = which, .sizes = Sizes::kNew, .directory_operations = kAll});
    }
  }
  if (const auto written = files_.find(last_written_); written != files_.end()) {
    const DiskFile& file = written->second->file;
    if (!file.IsClean()) {
      for (uint64_t n = 0; n < file.last_write_end() - file.last_write_begin(); ++n) {
        plans.push_back({.sectors = Sectors::kTear,
                         .which = n,
                         .sizes = Sizes::kNew,
                         .directory_operations = kAll});
      }
    }
  }
  if (pending != 0) {
    const uint64_t subsets = pending <= 6 ? uint64_t{1} << pending : limits.subsets_max;
    for (uint64_t i = 0; i < std::min<uint64_t>(subsets, limits.subsets_max); ++i) {
      const uint64_t mask = pending <= 6 ? i : random.Next() | random.Next();
      for (const Sectors choice : {Sectors::kKeepAll, Sectors::kLoseAll, Sectors::kRandom}) {
        plans.push_back({.sectors = choice,
                         .sizes = choice == Sectors::kRandom ? Sizes::kRandom : Sizes::kNew,
                         .directory_operations = mask,
                         .seed = random.Next()});
      }
    }
  }
  for (size_t i = 0; i < limits.random_plans; ++i) {
    plans.push_back({.sectors = Sectors::kRandom,
                     .sizes = random.OneIn(4) ? Sizes::kRandom : Sizes::kNew,
                     .extents = static_cast<Extents>(random.Below(3)),
                     .directory_operations = random.OneIn(3) ? random.Next() : kAll,
                     .seed = random.Next()});
  }
  return plans;
}

}  // namespace weir::testing
