// Where the records of the model lie in the log, and what was promised of each: the model counts
// records, the store counts bytes, and this is the table between the two.

#ifndef WEIR_TESTS_DIFFERENTIAL_PLACES_H_
#define WEIR_TESTS_DIFFERENTIAL_PLACES_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <optional>
#include <set>

#include "absl/time/time.h"
#include "weir/message.h"

namespace weir::testing {

struct Place {
  LogPosition position;  // if known
  bool knows_position = false;
  LogPosition end;                       // of the record, or of the group that it belongs to
  uint64_t bytes_max = 0;                // of the record
  uint64_t bytes_min = 0;                // the same unless only a part of a claim was used
  uint64_t group = 0;                    // members of one group have one number; 0: none
  bool may_be_void = false;              // its claim was committed while the process died
  std::optional<absl::Time> store_time;  // once seen
};

class Places {
 public:
  using Ordinal = size_t;

  Place& operator[](Ordinal ordinal) { return places_[ordinal]; }
  Ordinal size() const { return places_.size(); }
  void Add(const Place& place) {
    places_.push_back(place);
    highest_ = std::max(highest_, place.end);
  }
  // Nothing below this is given again after a power loss.
  LogPosition highest() const { return highest_; }
  void set_highest(LogPosition highest) { highest_ = highest; }

  // How many records end at or below `end`.
  Ordinal Below(LogPosition end) const {
    const auto behind =
        std::upper_bound(places_.begin(), places_.end(), end,
                         [](LogPosition at, const Place& place) { return at < place.end; });
    return static_cast<Ordinal>(behind - places_.begin());
  }
  // The first record that begins at `position` or behind it, which is no place inside a record of
  // unknown position.
  Ordinal From(LogPosition position) const {
    Ordinal from = Below(position);
    for (Ordinal ordinal = from; ordinal < places_.size(); ++ordinal) {
      const Place& place = places_[ordinal];
      // Only members of one group share their end.
      const bool is_of_next = ordinal != from && place.end != places_[ordinal - 1].end;
      if (place.knows_position && place.position == position) return ordinal;
      if (is_of_next || (place.knows_position && place.position > position)) break;
      if (place.knows_position) from = ordinal + 1;
    }
    return from;
  }

  // Everything up to and with this record survives what `level` survives.
  void Acknowledge(Ordinal ordinal, Durability level) {
    if (level >= Durability::kProcess) in_process_ = std::max(in_process_, ordinal + 1);
    if (level >= Durability::kDisk) on_disk_ = std::max(on_disk_, ordinal + 1);
  }
  Ordinal in_process() const { return std::max(in_process_, on_disk_); }
  Ordinal on_disk() const { return on_disk_; }
  struct Acknowledged {
    Ordinal in_process = 0;
    Ordinal on_disk = 0;
    LogPosition highest;
  };
  Acknowledged acknowledged() const { return {in_process_, on_disk_, highest_}; }
  void Restore(const Acknowledged& before) {
    in_process_ = before.in_process;
    on_disk_ = before.on_disk;
    highest_ = before.highest;
  }

  void Cut(Ordinal end) {
    places_.resize(std::min(end, places_.size()));
    in_process_ = std::min(in_process_, places_.size());
    on_disk_ = std::min(on_disk_, places_.size());
  }

 private:
  std::deque<Place> places_;
  Ordinal in_process_ = 0;
  Ordinal on_disk_ = 0;
  LogPosition highest_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_PLACES_H_
