#include "store/queue_ends.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "format/state_record.h"

namespace weir::internal {
namespace {

// Of a record's entry: queue number, first, end. A saved one says also which record said it.
constexpr size_t kEntryBytes = 4 + 2 * 8;

void AppendEntry(std::string& to, uint32_t number, uint64_t first, uint64_t end) {
  AppendValue(to, number);
  AppendValue(to, first);
  AppendValue(to, end);
}

}  // namespace

void QueueEnds::Reserve(uint32_t number) {
  MutexLock lock(mutex_);
  ends_.try_emplace(number);
}

void QueueEnds::Remember(uint32_t number, Ends ends, LogPosition position) {
  HOLDS(ends.first <= ends.end);
  HOLDS(position.value() % kRecordAlignment == 0);
  MutexLock lock(mutex_);
  Ends& known = ends_[number];
  const bool says_it_again = known.position > LogPosition(0) && known.first == ends.first;
  ends.since = says_it_again ? known.since : position;
  ends.position = position;
  known = ends;
}

absl::Status QueueEnds::Purge(absl::Span<const QueuePurge> purges, Deadline deadline) {
  ENSURE(appender_ != nullptr);
  const size_t batch_max = appender_->entries_bytes_max() / kEntryBytes;
  while (!purges.empty()) {
    const auto batch = purges.subspan(0, batch_max);
    {
      MutexLock changing(change_lock_);
      std::string entries;
      std::vector<Ends> ends;
      for (const QueuePurge& purge : batch) {
        const ConsumeQueue& queue = queues_->queue(purge.number);
        const uint64_t end = queue.end();
        Reserve(purge.number);
        ends.push_back({.first = std::min(std::max(queue.first(), purge.first), end), .end = end});
        AppendEntry(entries, purge.number, ends.back().first, end);
      }
      ENSURE(entries.size() == batch.size() * kEntryBytes);
      const absl::StatusOr<Reservation> place = appender_->TryAppend(entries);
      if (place.ok()) {
        RETURN_IF_ERROR(appender_->MakeDurable(*place));
        for (size_t i = 0; i < batch.size(); ++i) {
          queues_->queue(batch[i].number).RaiseFirst(ends[i].first);
          Remember(batch[i].number, ends[i], place->position);
        }
        purges.remove_prefix(batch.size());
        continue;
      }
      if (!absl::IsDeadlineExceeded(place.status())) return place.status();
    }
    RETURN_IF_ERROR(appender_->MakeRoom(batch.size() * kEntryBytes, deadline));
  }
  return absl::OkStatus();
}

// --- Carrying

// What must be said again of the queue; nullopt if the log says it at or behind `below`.
std::optional<QueueEnds::Ends> QueueEnds::ToCarry(uint32_t number, LogPosition below) {
  if (!HOLDS(queues_->has(number))) return std::nullopt;
  const ConsumeQueue& queue = queues_->queue(number);
  if (queue.end() == 0) return std::nullopt;
  const bool has_messages = queue.HasMessages(below);
  {
    MutexLock lock(mutex_);
    const auto known = ends_.find(number);
    if (known != ends_.end() && known->second.position > LogPosition(0)) {
      HOLDS(known->second.since <= known->second.position);
      if (known->second.position >= below) return std::nullopt;
      // Where messages were dropped, those that are left say where the queue begins.
      const bool is_purged = known->second.first == queue.first();
      if (has_messages && !is_purged) {
        ends_.erase(known);
        return std::nullopt;
      }
    } else if (has_messages) {
      return std::nullopt;
    }
  }
  const Topic::Entry* const topic = catalogue_->OfQueue(number);
  // Nobody could take it up again.
  if (topic == nullptr || (!has_messages && catalogue_->IsReplaced(*topic))) return std::nullopt;
  // The topic's own record says it.
  if (queue.end() == topic->first_offset) return std::nullopt;
  const uint64_t end = queue.end();
  return Ends{.first = std::min(queue.first(), end), .end = end};
}

absl::StatusOr<uint64_t> QueueEnds::Carry(LogPosition below) {
  ENSURE(appender_ != nullptr);
  uint64_t carried_bytes = 0;
  const size_t bytes_max = appender_->entries_bytes_max();
  uint32_t next = queues_->Next(0);
  while (next < queues_->end()) {
    size_t bytes = 0;
    {
      MutexLock changing(change_lock_);
      std::string entries;
      std::vector<std::pair<uint32_t, Ends>> carried;
      uint32_t number = next;
      for (; number < queues_->end() && entries.size() + kEntryBytes <= bytes_max;
           number = queues_->Next(number + 1)) {
        const std::optional<Ends> ends = ToCarry(number, below);
        if (!ends) continue;
        AppendEntry(entries, number, ends->first, ends->end);
        Reserve(number);
        carried.emplace_back(number, *ends);
      }
      bytes = entries.size();
      const absl::StatusOr<Reservation> place =
          entries.empty() ? Reservation{} : appender_->TryAppend(entries);
      if (place.ok()) {
        // Else it goes with the others.
        ENSURE(entries.empty() || place->position >= below);
        for (const auto& [of, ends] : carried) Remember(of, ends, place->position);
        carried_bytes += place->size;
        next = number;
        continue;
      }
      if (!absl::IsDeadlineExceeded(place.status())) return place.status();
    }
    RETURN_IF_ERROR(appender_->MakeRoom(bytes, kNever));
  }
  return carried_bytes;
}

// --- As an index

absl::Status QueueEnds::Apply(const ScannedRecord& record) {
  if (record.header.type != RecordType::kState) return absl::OkStatus();
  const std::optional<StateRecord> state = DecodeState(record.bytes);
  if (!state) return absl::DataLossError("state record: impossible parts");
  if (state->name != kName) return absl::OkStatus();
  ByteReader reader(state->entries);
  while (reader.remaining() > 0) {
    const auto number = reader.Take<uint32_t>();
    const auto first = reader.Take<uint64_t>();
    const auto end = reader.Take<uint64_t>();
    if (!reader.ok() || first > end || !queues_->has(number)) {
      return absl::DataLossError(
          absl::StrCat("state record of queues' ends: impossible queue ", number));
    }
    RETURN_IF_ERROR(queues_->ExtendTo(number, end));
    queues_->queue(number).RaiseFirst(first);
    Remember(number, {.first = first, .end = end}, record.position);
  }
  return absl::OkStatus();
}

std::string QueueEnds::SaveChanges(LogPosition from, LogPosition to) const {
  MutexLock lock(mutex_);
  std::string bytes;
  for (const auto& [number, ends] : ends_) {
    // Of a record behind `to` the next file will tell.
    const LogPosition position = ends.position < to ? ends.position : ends.since;
    if (position == LogPosition(0) || position < from || position >= to) continue;
    AppendEntry(bytes, number, ends.first, ends.end);
    AppendValue(bytes, position.value());
  }
  return bytes;
}

absl::Status QueueEnds::Load(absl::string_view bytes) {
  ByteReader reader(bytes);
  while (reader.remaining() > 0) {
    const auto number = reader.Take<uint32_t>();
    const auto first = reader.Take<uint64_t>();
    const auto end = reader.Take<uint64_t>();
    const LogPosition position(reader.Take<uint64_t>());
    if (!reader.ok() || first > end || !queues_->has(number) ||
        position.value() % kRecordAlignment != 0) {
      return absl::DataLossError(absl::StrCat("saved ends: impossible queue ", number));
    }
    // Where the queue ends is saved with the queues.
    queues_->queue(number).RaiseFirst(std::min(first, queues_->queue(number).end()));
    Remember(number, {.first = first, .end = end}, position);
  }
  return absl::OkStatus();
}

void QueueEnds::Restart() {
  MutexLock lock(mutex_);
  ends_.clear();
}

}  // namespace weir::internal
