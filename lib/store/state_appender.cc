#include "store/state_appender.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "format/state_record.h"

namespace weir::internal {

size_t StateAppender::entries_bytes_max() const {
  // Larger ones would only take longer to be read in one piece.
  constexpr uint32_t kRecordBytesMax = 64 << 10;
  return std::min(log_->record_bytes_max(), kRecordBytesMax) - StateRecordBytes(name_, 0);
}

absl::StatusOr<Reservation> StateAppender::TryAppend(absl::string_view entries) {
  ENSURE(!entries.empty());
  ENSURE(entries.size() <= entries_bytes_max());
  const uint32_t bytes = StateRecordBytes(name_, entries.size());
  const ReserveStamp stamp{
      [&](LogPosition, char* memory, int64_t time) { StampState(memory, bytes, time); }};
  Reservation place;
  RETURN_IF_ERROR(log_->Claim(bytes, log_->clock().WallNanos(),
                              log_->DeadlineIn(absl::ZeroDuration()), stamp, &place));
  const int32_t word = FillState(place.bytes, place.position, log_->incarnation(),
                                 {.name = name_, .entries = entries});
  if (!CommitLog::MayPublish(place, word)) return log_->GiveUp(place);
  log_->Publish(place, word);
  log_->doorbell().RingLog();
  return place;
}

absl::Status StateAppender::MakeRoom(size_t entries_bytes, Deadline deadline) {
  return log_->MakeRoom(StateRecordBytes(name_, entries_bytes), deadline,
                        CommitLog::Room::kReserve);
}

absl::Status StateAppender::MakeDurable(const Reservation& place) {
  return log_->WaitDurable(place.position, place.end(), log_->DeadlineIn(absl::InfiniteDuration()),
                           absl::StrCat("state of ", name_));
}

}  // namespace weir::internal
