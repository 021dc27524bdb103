#include "store/topic_writer.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "store/message_stamp.h"

namespace weir::internal {

absl::StatusOr<LogPosition> TopicWriter::TryAppend(const TopicRecord& topic, CommitLog::Room room) {
  ENSURE(topic.queue_count > 0);
  ENSURE(!topic.name.empty());
  const std::string body = EncodeTopic(topic);
  const auto stamp = [&](LogPosition, char* memory, int64_t time) {
    StampTopicGroup(memory, topic.name, time);
  };
  const uint32_t bytes = TopicGroupBytes(topic.name);
  const int64_t now = log_->clock().WallNanos();
  const Deadline at_once = log_->DeadlineIn(absl::ZeroDuration());
  Reservation place;
  RETURN_IF_ERROR(room == CommitLog::Room::kReserve
                      ? log_->Claim(bytes, now, at_once, ReserveStamp{stamp}, &place)
                      : log_->Claim(bytes, now, at_once, CountedStamp{0, stamp}, &place));
  const int32_t word =
      FillTopicGroup(place.bytes, place.position, log_->incarnation(), topic.name, body);
  if (!CommitLog::MayPublish(place, word)) return log_->GiveUp(place);
  log_->Publish(place, word);
  log_->doorbell().RingLog();
  return place.position + kRecordHeaderBytes;
}

uint64_t TopicWriter::EndOf(const Topic::Entry& topic) const {
  uint64_t end = topic.first_offset;
  for (uint32_t i = 0; i < topic.queue_count; ++i) {
    end = std::max(end, queues_->queue(topic.first_queue + i).end());
  }
  return end;
}

bool TopicWriter::HasMessages(const Topic::Entry& topic, LogPosition from) const {
  for (uint32_t i = 0; i < topic.queue_count; ++i) {
    if (queues_->queue(topic.first_queue + i).HasMessages(from)) return true;
  }
  return false;
}

absl::StatusOr<const Topic::Entry*> TopicWriter::Create(absl::string_view name,
                                                        uint32_t queue_count,
                                                        const TopicSettings& settings,
                                                        Deadline deadline) {
  RETURN_IF_ERROR(CheckTopicName(name));
  if (queue_count == 0 || queue_count > kMaxQueuesPerTopic) {
    return absl::InvalidArgumentError(
        absl::StrCat(queue_count, " queues; 1 to ", kMaxQueuesPerTopic));
  }
  for (;;) {
    {
      MutexLock lock(topic_lock_);
      if (const Topic::Entry* const known = catalogue_->Find(name)) return known;
      TopicRecord topic{.name = name,
                        .first_queue = catalogue_->next_queue(),
                        .queue_count = queue_count,
                        .settings = settings};
      if (const Topic::Entry* const before = catalogue_->FindDeleted(name)) {
        topic.first_offset = EndOf(*before);
      }
      // Whatever can fail for want of memory or numbers fails before the record is in the log.
      ASSIGN_OR_RETURN(TopicCatalogue::Prepared prepared, catalogue_->Prepare(topic));
      const absl::StatusOr<LogPosition> position = TryAppend(topic, CommitLog::Room::kMessages);
      // Entered before anybody can append to it: a message is never without its topic.
      if (position.ok()) {
        const Topic::Entry* const added = catalogue_->Enter(std::move(prepared), *position);
        ENSURE(catalogue_->Find(name) == added);
        ENSURE(queues_->has(added->first_queue + added->queue_count - 1));
        return added;
      }
      if (!absl::IsDeadlineExceeded(position.status())) return position.status();
    }
    RETURN_IF_ERROR(log_->MakeRoom(TopicGroupBytes(name), deadline));
  }
}

absl::Status TopicWriter::Change(const Topic::Entry& topic, const TopicRecord& record,
                                 Deadline deadline) {
  ENSURE(record.name == topic.name);
  ENSURE(record.first_queue == topic.first_queue && record.queue_count == topic.queue_count);
  for (;;) {
    {
      MutexLock changing(change_lock_);
      if (topic.is_deleted.load(std::memory_order_acquire)) {
        return absl::NotFoundError(absl::StrCat("topic ", topic.name, " was deleted"));
      }
      const absl::StatusOr<LogPosition> position = [&] {
        MutexLock lock(topic_lock_);
        return TryAppend(record, CommitLog::Room::kReserve);
      }();
      if (position.ok()) {
        const LogPosition group = *position - kRecordHeaderBytes;
        RETURN_IF_ERROR(log_->WaitDurable(group, group + kRecordHeaderBytes,
                                          log_->DeadlineIn(absl::InfiniteDuration()),
                                          absl::StrCat("the change of topic ", topic.name)));
        if (record.is_deleted) topic.may_be_in_use.store(true, std::memory_order_relaxed);
        catalogue_->Change(topic, record, *position);
        return absl::OkStatus();
      }
      if (!absl::IsDeadlineExceeded(position.status())) return position.status();
    }
    RETURN_IF_ERROR(
        log_->MakeRoom(TopicGroupBytes(topic.name), deadline, CommitLog::Room::kReserve));
  }
}

absl::Status TopicWriter::Alter(const Topic::Entry& topic, const TopicSettings& settings,
                                Deadline deadline) {
  TopicRecord record = RecordOf(topic);
  record.settings.max_age_nanos = settings.max_age_nanos;
  record.settings.max_bytes = settings.max_bytes;
  return Change(topic, record, deadline);
}

absl::Status TopicWriter::Delete(const Topic::Entry& topic, Deadline deadline) {
  TopicRecord record = RecordOf(topic);
  record.is_deleted = true;
  return Change(topic, record, deadline);
}

absl::StatusOr<uint64_t> TopicWriter::Carry(LogPosition below) {
  ENSURE(below <= log_->front().claimed_end());
  uint64_t carried_bytes = 0;
  for (const Topic::Entry* const topic : catalogue_->All()) {
    for (;;) {
      {
        MutexLock changing(change_lock_);
        if (topic->recorded.load(std::memory_order_relaxed) >= below.value()) break;
        const bool is_over =
            catalogue_->IsReplaced(*topic) && !topic->may_be_in_use.load(std::memory_order_relaxed);
        if (is_over && !HasMessages(*topic, below)) break;
        const TopicRecord record = RecordOf(*topic);
        MutexLock lock(topic_lock_);
        const absl::StatusOr<LogPosition> position = TryAppend(record, CommitLog::Room::kReserve);
        if (position.ok()) {
          ENSURE(*position >= below);  // else it goes with the others
          catalogue_->Change(*topic, record, *position);
          carried_bytes += TopicGroupBytes(topic->name);
          break;
        }
        if (!absl::IsDeadlineExceeded(position.status())) return position.status();
      }
      RETURN_IF_ERROR(
          log_->MakeRoom(TopicGroupBytes(topic->name), kNever, CommitLog::Room::kReserve));
    }
  }
  return carried_bytes;
}

}  // namespace weir::internal
