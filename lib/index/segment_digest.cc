#include "index/segment_digest.h"

#include <algorithm>

#include "base/status_macros.h"
#include "format/record.h"

namespace weir::internal {
namespace {

uint32_t StretchOf(uint32_t position_word) { return position_word / (kSampledBytes / 8); }

}  // namespace

void SegmentDigest::AddKeysOf(uint32_t queue_number, absl::Span<const absl::string_view> keys,
                              uint32_t word) {
  if (!topic_.has(queue_number)) topic_ = topic_queues_(queue_number);
  // What nobody can read, nobody can find.
  if (!topic_.has(queue_number)) return;
  for (const absl::string_view key : keys) {
    of_record_.push_back(KeyEntry::Of(KeyHash(hash_seed_, topic_.first, key), word));
  }
}

void SegmentDigest::CollectKeys(const ScannedRecord& record) {
  of_record_.clear();
  if ((record.header.flags & kHasKeys) == 0) return;
  const auto parts = DecodeParts(record.bytes);
  if (!parts) return;
  const auto word = static_cast<uint32_t>((record.position - segment_begin_) / 8);
  const auto keys = DecodeKeys(*parts);
  AddKeysOf(record.header.queue_number, keys, word);
  // Queues are in the order of their numbers, so those of one topic follow one another.
  for (uint32_t i = 0; i < parts->further_queue_count; ++i) {
    const uint32_t number = parts->further_queue(i).number;
    if (!topic_.has(number)) AddKeysOf(number, keys, word);
  }
  std::sort(of_record_.begin(), of_record_.end());
  of_record_.erase(std::unique(of_record_.begin(), of_record_.end()), of_record_.end());
}

void SegmentDigest::Apply(const ScannedRecord& record) {
  const RecordHeader& header = record.header;
  if (header.type != RecordType::kMessage || header.queue_number == kNoQueue) return;
  // Else its place would be that of another record.
  if (!HOLDS(record.position >= segment_begin_)) return;
  {
    MutexLock lock(mutex_);
    if (record.position < applied_end_) return;
    if (samples_.size() == samples_.capacity()) samples_.reserve(2 * samples_.size() + 16);
  }
  CollectKeys(record);
  if (!of_record_.empty()) keys_.Add(of_record_);
  // From here on nothing takes memory.
  const auto word = static_cast<uint32_t>((record.position - segment_begin_) / 8);
  MutexLock lock(mutex_);
  applied_end_ = record.end();
  // Appends see to it that times never go back. If they do, the log is not to be trusted, and a
  // search must end all the same.
  times_.last = times_.is_empty ? header.store_time : std::max(times_.last, header.store_time);
  if (times_.is_empty) times_.first = times_.last;
  times_.is_empty = false;
  if (!samples_.empty() && StretchOf(samples_.back().position_word) == StretchOf(word)) return;
  HOLDS(samples_.size() < samples_.capacity());
  samples_.push_back({.store_time = times_.last, .position_word = word});
}

void SegmentDigest::MarkIncomplete() {
  MutexLock lock(mutex_);
  is_incomplete_ = true;
}

bool SegmentDigest::is_incomplete() const {
  MutexLock lock(mutex_);
  return is_incomplete_;
}

StoreTimes SegmentDigest::times() const {
  MutexLock lock(mutex_);
  return times_;
}

TimeStretch SegmentDigest::FindTime(int64_t time, LogPosition segment_end) const {
  MutexLock lock(mutex_);
  const auto not_older =
      std::partition_point(samples_.begin(), samples_.end(),
                           [&](const TimeSample& sample) { return sample.store_time < time; });
  return StretchBetween(not_older == samples_.begin() ? nullptr : &*std::prev(not_older),
                        not_older == samples_.end() ? nullptr : &*not_older, segment_begin_,
                        segment_end);
}

absl::Status SegmentDigest::AddTo(IndexFileWriter& writer) const {
  StoreTimes times;
  std::vector<TimeSample> samples;
  {
    MutexLock lock(mutex_);
    times = times_;
    samples = samples_;
    if (is_incomplete_) writer.SetIncomplete();
  }
  RETURN_IF_ERROR(writer.AddTimes(times.first, times.last, samples));
  return writer.AddKeys(hash_seed_, keys_.Sorted());
}

uint64_t SegmentDigest::memory_bytes() const {
  MutexLock lock(mutex_);
  return keys_.memory_bytes() + samples_.capacity() * sizeof(TimeSample);
}

}  // namespace weir::internal
