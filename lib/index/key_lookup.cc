#include "index/key_lookup.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/status_macros.h"
#include "log/segment_file.h"

namespace weir::internal {
namespace {

// Of a hundred filters half are not in the processor's caches, and three lines of each are wanted.
constexpr size_t kFetchedAtOnce = 32;

}  // namespace

// One call of Find().
class KeyLookup::Search {
 public:
  Search(SealedSegments& sealed, const Wanted& wanted, Candidates* found)
      : sealed_(sealed), wanted_(wanted), found_(*found) {}

  // Has the processor fetch what LookInto() will look at: for many segments at once, so that their
  // misses overlap.
  void Prefetch(const SealedSegment& segment) {
    if (segment.slots == nullptr || !Overlaps(segment.begin, segment.limit)) return;
    const FilterProbe probe(HashFor(segment.hash_seed), segment.filter);
    for (const uint32_t slot : {probe.first, probe.second, probe.third}) {
      __builtin_prefetch(segment.slots + slot);
    }
  }

  absl::Status LookInto(const SealedSegment& segment) {
    // Most segments end here.
    if (!Overlaps(segment.begin, segment.limit)) return absl::OkStatus();
    if (segment.fault.ok() && !segment.MayHave(HashFor(segment.hash_seed))) return absl::OkStatus();
    return LookIntoFile(segment);
  }

  void LookInto(const SegmentDigest& digest, LogPosition limit) {
    const LogPosition begin = digest.segment_begin();
    if (!Overlaps(begin, limit)) return;
    if (digest.is_incomplete()) {
      Tell(begin, limit, absl::DataLossError("some of the segment could not be read"));
    }
    digest.keys().Find(QueryFor(digest.hash_seed(), begin, limit), &words_);
    TakeWords(begin);
  }

  bool is_done() const { return found_.positions.size() >= wanted_.max; }

 private:
  bool Overlaps(LogPosition begin, LogPosition limit) const {
    return begin < wanted_.end && wanted_.begin < limit;
  }

  // Segments have one seed, but for those of a store whose superblock was lost and made anew.
  uint32_t HashFor(uint64_t seed) {
    if (!hash_ || seed != seed_) {
      hash_ = KeyHash(seed, wanted_.first_queue, wanted_.key);
      seed_ = seed;
    }
    return *hash_;
  }

  KeyQuery QueryFor(uint64_t seed, LogPosition begin, LogPosition limit) {
    const uint64_t from = std::max(wanted_.begin, begin) - begin;
    const uint64_t to = std::min(wanted_.end, limit) - begin;
    return {.hash = HashFor(seed),
            .begin_word = static_cast<uint32_t>(AlignUp<uint64_t>(from, 8) / 8),
            .end_word = static_cast<uint32_t>(AlignUp<uint64_t>(to, 8) / 8),
            .newest_first = wanted_.newest_first,
            .max = wanted_.max - found_.positions.size()};
  }

  absl::Status LookIntoFile(const SealedSegment& segment) {
    if (!segment.fault.ok()) Tell(segment.begin, segment.limit, segment.fault);
    if (!segment.is_known) return absl::OkStatus();
    const KeyQuery query = QueryFor(segment.hash_seed, segment.begin, segment.limit);
    absl::StatusOr<std::shared_ptr<IndexFile>> file = sealed_.File(segment.begin);
    absl::Status status = file.ok() ? (*file)->FindKeys(query, &words_) : file.status();
    if (IsUnreadable(status)) {
      words_.clear();
      file = sealed_.Rebuilt(segment.begin);
      status = file.ok() ? (*file)->FindKeys(query, &words_) : file.status();
    }
    if (absl::IsOutOfRange(status)) return absl::OkStatus();  // dropped meanwhile
    if (!status.ok() && !IsUnreadable(status)) return status;
    if (!status.ok()) {
      ASSIGN_OR_RETURN(const bool is_gone, sealed_.IsGone(segment.begin));
      if (!is_gone) Tell(segment.begin, segment.limit, status);
    }
    TakeWords(segment.begin);
    return absl::OkStatus();
  }

  void TakeWords(LogPosition begin) {
    for (const uint32_t word : words_) found_.positions.push_back(begin + uint64_t{word} * 8);
    words_.clear();
  }

  void Tell(LogPosition begin, LogPosition limit, const absl::Status& why) {
    found_.unreadable.push_back({begin, limit, std::string(why.message())});
  }

  SealedSegments& sealed_;
  const Wanted& wanted_;
  Candidates& found_;
  uint64_t seed_ = 0;
  std::optional<uint32_t> hash_;
  std::vector<uint32_t> words_;
};

absl::StatusOr<KeyLookup::Candidates> KeyLookup::Find(const Wanted& wanted) const {
  ASSIGN_OR_RETURN(const LookupSegments segments, LookupSegments::Of(sealed_, digests_));
  Candidates found;
  Search search(sealed_, wanted, &found);
  const size_t count = segments.size();
  const auto index_of = [&](size_t nth) { return wanted.newest_first ? count - 1 - nth : nth; };
  for (size_t nth = 0; nth < count && !search.is_done(); ++nth) {
    if (nth % kFetchedAtOnce == 0) {
      for (size_t ahead = nth; ahead < std::min(count, nth + kFetchedAtOnce); ++ahead) {
        const size_t index = index_of(ahead);
        if (index < segments.sealed_count) search.Prefetch((*segments.sealed)[index]);
      }
    }
    const size_t index = index_of(nth);
    if (index < segments.sealed_count) {
      RETURN_IF_ERROR(search.LookInto((*segments.sealed)[index]));
    } else {
      const SegmentDigest& digest = *segments.unsealed[index - segments.sealed_count];
      search.LookInto(digest, digest.segment_begin() + segment_bytes_);
    }
  }
  found.is_all = !search.is_done();
  return found;
}

}  // namespace weir::internal
