// What an index file is asked about keys and times.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "index/index_file.h"

namespace weir::internal {

// --- Keys

// The keys that lie in one block of the file, which begins with some other part of the body or ends
// with it: keys [first, first + count) of the table.
absl::StatusOr<IndexFile::KeyBlock> IndexFile::ReadKeyBlock(uint64_t index) const {
  const uint64_t number = (header_.keys_at() + index * kKeyEntryBytes) / kIndexBlockBytes;
  const uint64_t block_begin = number * kIndexBlockBytes;
  const uint64_t from = std::max(block_begin, header_.keys_at());
  const uint64_t to = std::min(block_begin + kIndexBlockBytes, header_.filter_at());
  ASSIGN_OR_RETURN(std::shared_ptr<const Block> block, GetBlock(number));
  KeyBlock keys{.first = (from - header_.keys_at()) / kKeyEntryBytes,
                .count = (to - from) / kKeyEntryBytes};
  keys.entries = block->bytes.get() + (from - block_begin);
  keys.block = std::move(block);
  return keys;
}

KeyEntry IndexFile::KeyBlock::At(uint64_t index) const {
  return Load<KeyEntry>(entries + (index - first) * kKeyEntryBytes);
}

// The ordinal of the first entry that is not smaller than `wanted`; `keys` is where it lies, or the
// block of the last entry if all are smaller.
absl::StatusOr<uint64_t> IndexFile::LowerBound(KeyEntry wanted, KeyBlock* keys) const {
  uint64_t begin = 0;
  uint64_t end = header_.key_count;
  KeyEntry low{0};
  KeyEntry high{~uint64_t{0}};
  for (uint64_t look = 0; begin < end; ++look) {
    const uint64_t guess = GuessEntry(look, begin, end, wanted, low, high);
    if (guess < keys->first || guess >= keys->end()) {
      ASSIGN_OR_RETURN(*keys, ReadKeyBlock(guess));
    }
    if (keys->At(keys->first) >= wanted) {
      high = keys->At(keys->first);
      end = std::min(end, keys->first);
    } else if (keys->At(keys->end() - 1) < wanted) {
      low = keys->At(keys->end() - 1);
      begin = std::max(begin, keys->end());
    } else {
      // Its neighbour before is smaller, and it is not: in this block.
      begin = std::max(begin, keys->first);
      end = std::min(end, keys->end());
      while (begin < end) {
        const uint64_t middle = begin + (end - begin) / 2;
        if (keys->At(middle) < wanted) {
          begin = middle + 1;
        } else {
          end = middle;
        }
      }
    }
  }
  return begin;
}

absl::Status IndexFile::FindKeys(const KeyQuery& query, std::vector<uint32_t>* words) const {
  if (header_.key_count == 0 || query.begin_word >= query.end_word) return absl::OkStatus();
  KeyBlock keys;
  const KeyEntry bound = query.newest_first ? query.end() : query.begin();
  ASSIGN_OR_RETURN(uint64_t at, LowerBound(bound, &keys));
  for (size_t found = 0; found < query.max; ++found) {
    if (query.newest_first ? at == 0 : at == header_.key_count) break;
    if (query.newest_first) --at;
    if (at < keys.first || at >= keys.end()) {
      ASSIGN_OR_RETURN(keys, ReadKeyBlock(at));
    }
    const KeyEntry entry = keys.At(at);
    if (entry < query.begin() || entry >= query.end()) break;
    const absl::string_view fault = FaultOf(entry, nullptr, header_);
    if (!fault.empty()) return KeyFault(at, fault);
    words->push_back(entry.position_word());
    if (!query.newest_first) ++at;
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> IndexFile::ReadFilter() const {
  return ReadBody(header_.filter_at(), header_.filter.bytes());
}

absl::Status IndexFile::KeyFault(uint64_t index, absl::string_view fault) const {
  return absl::DataLossError(
      absl::StrCat(name_, ": key ", index, " at +",
                   header_.body_at() + header_.keys_at() + index * kKeyEntryBytes, ": ", fault));
}

absl::Status IndexFile::VerifyKeys() const {
  ASSIGN_OR_RETURN(const std::string slots, ReadFilter());
  std::optional<KeyEntry> before;
  for (uint64_t at = 0; at < header_.key_count;) {
    ASSIGN_OR_RETURN(const KeyBlock keys, ReadKeyBlock(at));
    for (; at < keys.end(); ++at) {
      const KeyEntry entry = keys.At(at);
      absl::string_view fault = FaultOf(entry, before ? &*before : nullptr, header_);
      if (fault.empty() && !slots.empty() && !MayHold(header_.filter, slots.data(), entry.hash())) {
        fault = "the filter does not hold it";
      }
      if (!fault.empty()) return KeyFault(at, fault);
      before = entry;
    }
  }
  return absl::OkStatus();
}

// --- Times

absl::StatusOr<TimeStretch> IndexFile::FindTime(int64_t time) const {
  uint32_t begin = 0;
  uint32_t end = header_.sample_count;
  TimeSample older;
  TimeSample not_older;
  while (begin < end) {
    const uint32_t middle = begin + (end - begin) / 2;
    ASSIGN_OR_RETURN(const TimeSample sample, ReadSample(middle));
    if (sample.store_time < time) {
      begin = middle + 1;
      older = sample;
    } else {
      end = middle;
      not_older = sample;
    }
  }
  return StretchBetween(begin == 0 ? nullptr : &older,
                        begin == header_.sample_count ? nullptr : &not_older,
                        header_.identity.segment_begin, header_.identity.segment_end);
}

absl::StatusOr<TimeSample> IndexFile::ReadSample(uint32_t index) const {
  const uint64_t at = header_.samples_at() + uint64_t{index} * kTimeSampleBytes;
  ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block, GetBlock(at / kIndexBlockBytes));
  const auto sample = Load<TimeSample>(block->bytes.get() + at % kIndexBlockBytes);
  const absl::string_view fault = FaultOf(sample, nullptr, header_);
  if (!fault.empty()) return SampleFault(index, fault);
  return sample;
}

absl::Status IndexFile::SampleFault(uint32_t index, absl::string_view fault) const {
  return absl::DataLossError(absl::StrCat(
      name_, ": time sample ", index, " at +",
      header_.body_at() + header_.samples_at() + uint64_t{index} * kTimeSampleBytes, ": ", fault));
}

absl::Status IndexFile::VerifySamples() const {
  std::optional<TimeSample> before;
  for (uint32_t index = 0; index < header_.sample_count; ++index) {
    ASSIGN_OR_RETURN(const TimeSample sample, ReadSample(index));
    absl::string_view fault = FaultOf(sample, before ? &*before : nullptr, header_);
    if (!before && sample.store_time != header_.first_store_time) {
      fault = "the first one is not as old as the header says";
    }
    if (!fault.empty()) return SampleFault(index, fault);
    before = sample;
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
