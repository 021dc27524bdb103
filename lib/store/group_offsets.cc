#include "store/group_offsets.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "format/record.h"
#include "format/state_record.h"

namespace weir::internal {
namespace {

// An entry: u8 length of the group's name, name, u32 queue number, u64 offset. A saved one also
// says which record said it.
size_t EntryBytes(absl::string_view group) { return 1 + group.size() + 4 + 8; }

void AppendEntry(std::string& to, absl::string_view group, const QueueProgress& progress) {
  AppendValue(to, static_cast<uint8_t>(group.size()));
  absl::StrAppend(&to, group);
  AppendValue(to, progress.number);
  AppendValue(to, progress.offset);
}

struct Entry {
  absl::string_view group;
  QueueProgress progress;
};

Entry TakeEntry(ByteReader& reader) {
  Entry entry;
  entry.group = reader.TakeBytes(reader.Take<uint8_t>());
  entry.progress.number = reader.Take<uint32_t>();
  entry.progress.offset = reader.Take<uint64_t>();
  return entry;
}

}  // namespace

absl::Status CheckGroupName(absl::string_view group) {
  if (group.empty()) return absl::InvalidArgumentError("the group's name is empty");
  if (group.size() > kMaxGroupNameBytes) {
    return absl::InvalidArgumentError(absl::StrCat("the group's name has ", group.size(),
                                                   " bytes; at most ", kMaxGroupNameBytes));
  }
  if (std::any_of(group.begin(), group.end(),
                  [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); })) {
    return absl::InvalidArgumentError(
        absl::StrCat("the group's name has a control character: ", absl::CHexEscape(group)));
  }
  return absl::OkStatus();
}

void GroupOffsets::Say(const std::string& group, uint32_t number, Said said) {
  HOLDS(!group.empty());
  HOLDS(said.position.value() % kRecordAlignment == 0);
  History& history = groups_[group][number];
  if (!history.empty() &&
      segments_->BeginOf(history.back().position) == segments_->BeginOf(said.position)) {
    history.back() = said;
  } else {
    history.push_back(said);
  }
  while (history.size() > 1 && history[1].position < indexer_->sealed_end()) {
    history.erase(history.begin());
  }
}

absl::StatusOr<Reservation> GroupOffsets::Commit(absl::string_view group,
                                                 absl::Span<const QueueProgress> progress,
                                                 bool may_go_back, Deadline deadline) {
  ENSURE(appender_ != nullptr);
  RETURN_IF_ERROR(CheckGroupName(group));
  const size_t bytes = progress.size() * EntryBytes(group);
  if (progress.empty() || bytes > appender_->entries_bytes_max()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a commit of ", progress.size(), " queues; 1 to ",
        appender_->entries_bytes_max() / EntryBytes(group), " of this group are one commit"));
  }
  const std::string name(group);
  std::string entries;
  entries.reserve(bytes);
  for (const QueueProgress& queue : progress) AppendEntry(entries, group, queue);
  ENSURE(entries.size() == bytes);
  for (;;) {
    {
      MutexLock lock(mutex_);
      Queues& known = groups_[name];
      for (const QueueProgress& queue : progress) {
        // Behind the record nothing may fail for want of memory.
        History& history = known[queue.number];
        history.reserve(history.size() + 1);
        if (history.empty() || may_go_back) continue;
        const uint64_t before = history.back().offset;
        if (queue.offset >= before) continue;
        return absl::FailedPreconditionError(absl::StrCat("group ", group, " is at offset ", before,
                                                          " of queue ", queue.number,
                                                          " and would go back to ", queue.offset));
      }
      const absl::StatusOr<Reservation> place = appender_->TryAppend(entries);
      if (place.ok()) {
        for (const QueueProgress& queue : progress) {
          Say(name, queue.number, {place->position, queue.offset});
        }
        return place;
      }
      if (!absl::IsDeadlineExceeded(place.status())) return place.status();
    }
    RETURN_IF_ERROR(appender_->MakeRoom(bytes, deadline));
  }
}

std::optional<uint64_t> GroupOffsets::Find(absl::string_view group, uint32_t number) const {
  MutexLock lock(mutex_);
  const auto queues = groups_.find(group);
  if (queues == groups_.end()) return std::nullopt;
  const auto found = queues->second.find(number);
  if (found == queues->second.end() || found->second.empty()) return std::nullopt;
  return found->second.back().offset;
}

std::vector<GroupOffsets::Behind> GroupOffsets::FindBehind(uint32_t number, uint64_t end) const {
  MutexLock lock(mutex_);
  std::vector<Behind> behind;
  for (const auto& [group, queues] : groups_) {
    const auto found = queues.find(number);
    if (found == queues.end() || found->second.empty() || found->second.back().offset >= end) {
      continue;
    }
    behind.push_back({group, found->second.back().offset});
  }
  return behind;
}

std::vector<std::string> GroupOffsets::Groups() const {
  MutexLock lock(mutex_);
  std::vector<std::string> names;
  for (const auto& [group, queues] : groups_) {
    const bool has_said = std::any_of(queues.begin(), queues.end(),
                                      [](const auto& queue) { return !queue.second.empty(); });
    if (has_said) names.push_back(group);
  }
  return names;
}

std::vector<QueueProgress> GroupOffsets::Of(absl::string_view group) const {
  MutexLock lock(mutex_);
  std::vector<QueueProgress> all;
  const auto queues = groups_.find(group);
  if (queues == groups_.end()) return all;
  for (const auto& [number, history] : queues->second) {
    if (!history.empty()) all.push_back({number, history.back().offset});
  }
  return all;
}

absl::StatusOr<uint64_t> GroupOffsets::Carry(LogPosition below) {
  ENSURE(appender_ != nullptr);
  uint64_t carried_bytes = 0;
  struct Last {
    std::string group;
    uint32_t number = 0;
  };
  std::optional<Last> last;  // the one that was looked at last
  const size_t bytes_max = appender_->entries_bytes_max();
  for (bool more = true; more;) {
    size_t bytes = 0;
    {
      MutexLock lock(mutex_);
      std::string entries;
      std::vector<std::pair<const std::string*, QueueProgress>> carried;
      more = false;
      for (auto group = last ? groups_.lower_bound(last->group) : groups_.begin();
           group != groups_.end() && !more; ++group) {
        const bool goes_on = last && group->first == last->group;
        auto queue = goes_on ? group->second.upper_bound(last->number) : group->second.begin();
        for (; queue != group->second.end(); ++queue) {
          if (queue->second.empty() || queue->second.back().position >= below) continue;
          const Said& said = queue->second.back();
          if (entries.size() + EntryBytes(group->first) > bytes_max) {
            more = true;
            break;
          }
          queue->second.reserve(queue->second.size() + 1);
          carried.emplace_back(&group->first, QueueProgress{queue->first, said.offset});
          AppendEntry(entries, group->first, carried.back().second);
        }
      }
      if (entries.empty()) return carried_bytes;
      const absl::StatusOr<Reservation> place = appender_->TryAppend(entries);
      if (place.ok()) {
        ENSURE(place->position >= below);  // else it goes with the others
        for (const auto& [group, progress] : carried) {
          Say(*group, progress.number, {place->position, progress.offset});
        }
        carried_bytes += place->size;
        last = Last{*carried.back().first, carried.back().second.number};
        continue;
      }
      if (!absl::IsDeadlineExceeded(place.status())) return place.status();
      bytes = entries.size();
      more = true;
    }
    RETURN_IF_ERROR(appender_->MakeRoom(bytes, kNever));
  }
  return carried_bytes;
}

// --- As an index

absl::Status GroupOffsets::Apply(const ScannedRecord& record) {
  if (record.header.type != RecordType::kState) return absl::OkStatus();
  const std::optional<StateRecord> state = DecodeState(record.bytes);
  if (!state) return absl::DataLossError("state record: impossible parts");
  if (state->name != kName) return absl::OkStatus();
  ByteReader reader(state->entries);
  MutexLock lock(mutex_);
  while (reader.remaining() > 0) {
    const Entry entry = TakeEntry(reader);
    if (!reader.ok() || !CheckGroupName(entry.group).ok()) {
      return absl::DataLossError("state record of groups: impossible entry");
    }
    Say(std::string(entry.group), entry.progress.number, {record.position, entry.progress.offset});
  }
  return absl::OkStatus();
}

std::string GroupOffsets::SaveChanges(LogPosition from, LogPosition to) const {
  MutexLock lock(mutex_);
  std::string bytes;
  for (const auto& [group, queues] : groups_) {
    for (const auto& [number, history] : queues) {
      const auto newest = std::find_if(history.rbegin(), history.rend(),
                                       [&](const Said& said) { return said.position < to; });
      if (newest == history.rend() || newest->position < from) continue;
      AppendEntry(bytes, group, {number, newest->offset});
      AppendValue(bytes, newest->position.value());
    }
  }
  return bytes;
}

absl::Status GroupOffsets::Load(absl::string_view bytes) {
  ByteReader reader(bytes);
  MutexLock lock(mutex_);
  while (reader.remaining() > 0) {
    const Entry entry = TakeEntry(reader);
    const LogPosition position(reader.Take<uint64_t>());
    if (!reader.ok() || !CheckGroupName(entry.group).ok() ||
        position.value() % kRecordAlignment != 0) {
      return absl::DataLossError("saved groups: impossible entry");
    }
    Say(std::string(entry.group), entry.progress.number, {position, entry.progress.offset});
  }
  return absl::OkStatus();
}

void GroupOffsets::Restart() {
  MutexLock lock(mutex_);
  groups_.clear();
}

}  // namespace weir::internal
