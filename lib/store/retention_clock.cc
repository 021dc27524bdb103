#include "store/retention_clock.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "format/state_record.h"

namespace weir::internal {

void RetentionClock::Remember(Said said) {
  HOLDS(was_said_ || newest_.position == LogPosition(0));
  HOLDS(said.position.value() % kRecordAlignment == 0);
  before_ = std::exchange(newest_, said);
  was_said_ = true;
}

int64_t RetentionClock::Now(int64_t newest) {
  const int64_t wall = clock_->WallNanos();
  const int64_t monotonic = clock_->MonotonicNanos();
  MutexLock lock(mutex_);
  HOLDS(was_said_ || newest_.position == LogPosition(0));
  const int64_t before = time_;
  if (!std::exchange(has_begun_, true)) {
    time_ = was_said_ ? newest_.time : newest == 0 ? wall : std::min(wall, newest);
  } else {
    const int64_t passed = std::max<int64_t>(monotonic - looked_, 0);
    time_ += std::clamp<int64_t>(wall - time_, 0, 2 * passed);
    HOLDS(time_ >= before);  // what was old stays old
  }
  looked_ = monotonic;
  return time_;
}

absl::StatusOr<uint64_t> RetentionClock::Carry(LogPosition) {
  ENSURE(appender_ != nullptr);
  for (;;) {
    std::string entry;
    {
      MutexLock lock(mutex_);
      if (!has_begun_) return 0;
      ENSURE(!was_said_ || time_ >= newest_.time);
      AppendValue(entry, time_);
      const absl::StatusOr<Reservation> place = appender_->TryAppend(entry);
      if (place.ok()) {
        Remember({time_, place->position});
        return place->size;
      }
      if (!absl::IsDeadlineExceeded(place.status())) return place.status();
    }
    RETURN_IF_ERROR(appender_->MakeRoom(entry.size(), kNever));
  }
}

absl::Status RetentionClock::Apply(const ScannedRecord& record) {
  if (record.header.type != RecordType::kState) return absl::OkStatus();
  const std::optional<StateRecord> state = DecodeState(record.bytes);
  if (!state) return absl::DataLossError("state record: impossible parts");
  if (state->name != kName) return absl::OkStatus();
  if (state->entries.size() != sizeof(int64_t)) {
    return absl::DataLossError("state record of the time: it has another size");
  }
  MutexLock lock(mutex_);
  Remember({internal::Load<int64_t>(state->entries.data()), record.position});
  return absl::OkStatus();
}

std::string RetentionClock::SaveChanges(LogPosition from, LogPosition to) const {
  MutexLock lock(mutex_);
  std::string bytes;
  const Said& said = newest_.position < to ? newest_ : before_;
  if (said.time == 0 || said.position < from || said.position >= to) return bytes;
  AppendValue(bytes, said.time);
  AppendValue(bytes, said.position.value());
  return bytes;
}

absl::Status RetentionClock::Load(absl::string_view bytes) {
  ByteReader reader(bytes);
  while (reader.remaining() > 0) {
    const auto time = reader.Take<int64_t>();
    const LogPosition position(reader.Take<uint64_t>());
    if (!reader.ok()) return absl::DataLossError("saved time: odd size");
    if (position.value() % kRecordAlignment != 0) {
      return absl::DataLossError("saved time: no record said it");
    }
    MutexLock lock(mutex_);
    Remember({time, position});
  }
  return absl::OkStatus();
}

void RetentionClock::Restart() {
  MutexLock lock(mutex_);
  HOLDS(!has_begun_);  // it goes on from what the log says
  HOLDS(was_said_ || newest_.position == LogPosition(0));
  newest_ = before_ = {};
  was_said_ = false;
}

}  // namespace weir::internal
