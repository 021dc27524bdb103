#include "index/segment_keys.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/status_macros.h"

namespace weir::internal {
namespace {

using Run = std::vector<KeyEntry>;

Run Merge(const Run& one, const Run& two) {
  Run merged(one.size() + two.size());
  std::merge(one.begin(), one.end(), two.begin(), two.end(), merged.begin());
  return merged;
}

// Adds places until there are `max` words.
void FindInRun(const KeyQuery& query, const Run& run, size_t max, std::vector<uint32_t>* words) {
  const auto begin = std::lower_bound(run.begin(), run.end(), query.begin());
  const auto end = std::lower_bound(begin, run.end(), query.end());
  const auto count = static_cast<ptrdiff_t>(
      std::min<size_t>(static_cast<size_t>(end - begin), max - words->size()));
  const auto add = [&](KeyEntry entry) { words->push_back(entry.position_word()); };
  if (query.newest_first) {
    std::for_each_n(std::make_reverse_iterator(end), count, add);
  } else {
    std::for_each_n(begin, count, add);
  }
}

void FindInNewest(const KeyQuery& query, const Run& newest, size_t max,
                  std::vector<uint32_t>* words) {
  const auto look_at = [&](KeyEntry entry) {
    const bool is_wanted = entry >= query.begin() && entry < query.end();
    if (is_wanted && words->size() < max) words->push_back(entry.position_word());
  };
  if (query.newest_first) {
    std::for_each(newest.rbegin(), newest.rend(), look_at);
  } else {
    std::for_each(newest.begin(), newest.end(), look_at);
  }
}

}  // namespace

void SegmentKeys::Add(absl::Span<const KeyEntry> entries) {
  Runs runs;
  Run run;
  size_t newest_count = 0;
  {
    MutexLock lock(mutex_);
    HOLDS(newest_.empty() || entries.empty() ||
          newest_.back().position_word() < entries.front().position_word());
    if (newest_.size() + entries.size() <= kNewestMax) {
      newest_.reserve(kNewestMax);
      newest_.insert(newest_.end(), entries.begin(), entries.end());
      return;
    }
    runs = runs_;
    run.reserve(newest_.size() + entries.size());
    run = newest_;
    newest_count = newest_.size();
  }
  // Without the lock: nobody else changes anything, and merging may take milliseconds.
  run.insert(run.end(), entries.begin(), entries.end());
  std::sort(run.begin(), run.end());
  while (!runs.empty() && runs.back()->size() / 2 <= run.size()) {
    run = Merge(*runs.back(), run);
    runs.pop_back();
  }
  runs.push_back(std::make_shared<const Run>(std::move(run)));
  MutexLock lock(mutex_);
  HOLDS(newest_.size() == newest_count);  // else somebody added, and what he did is lost
  runs_.swap(runs);
  newest_.clear();
}

void SegmentKeys::Find(const KeyQuery& query, std::vector<uint32_t>* words) const {
  if (query.begin_word >= query.end_word) return;
  const size_t max = words->size() + query.max;
  MutexLock lock(mutex_);
  if (query.newest_first) {
    FindInNewest(query, newest_, max, words);
    for (auto run = runs_.rbegin(); run != runs_.rend() && words->size() < max; ++run) {
      FindInRun(query, **run, max, words);
    }
    return;
  }
  for (auto run = runs_.begin(); run != runs_.end() && words->size() < max; ++run) {
    FindInRun(query, **run, max, words);
  }
  FindInNewest(query, newest_, max, words);
}

std::vector<KeyEntry> SegmentKeys::Sorted() const {
  Runs runs;
  Run sorted;
  {
    MutexLock lock(mutex_);
    runs = runs_;
    sorted = newest_;
  }
  std::sort(sorted.begin(), sorted.end());
  for (auto run = runs.rbegin(); run != runs.rend(); ++run) sorted = Merge(**run, sorted);
  return sorted;
}

uint64_t SegmentKeys::memory_bytes() const {
  MutexLock lock(mutex_);
  uint64_t entries = newest_.capacity();
  for (const auto& run : runs_) entries += run->capacity();
  return entries * kKeyEntryBytes;
}

}  // namespace weir::internal
