#include "store/latest_keys.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/status_macros.h"
#include "format/message_copy.h"
#include "format/record.h"
#include "format/state_record.h"

namespace weir::internal {
namespace {

// A purge: u32 queue number, u64 first offset that is not purged.
constexpr size_t kPurgeBytes = 4 + 8;
// What a key takes besides its bytes and its entry: the nodes that hold it, as they are allocated.
constexpr uint64_t kNodesBytes = 96;
constexpr uint64_t kCopyNodeBytes = 64;

uint64_t MemoryOf(const std::string& key) {
  return key.size() < std::string().capacity() + 1 ? 0 : key.capacity() + 1;
}

}  // namespace

// --- What is said

const Topic::Entry* LatestKeys::EverCompacted(uint32_t number) {
  const bool is_last = topic_ != nullptr && number - topic_->first_queue < topic_->queue_count;
  if (!is_last) topic_ = catalogue_.OfQueue(number);
  return topic_ != nullptr && topic_->is_compacted ? topic_ : nullptr;
}

const Topic::Entry* LatestKeys::Compacted(uint32_t number) {
  const Topic::Entry* const topic = EverCompacted(number);
  if (topic == nullptr || topic->is_deleted.load(std::memory_order_acquire)) return nullptr;
  return topic;
}

bool LatestKeys::IsOfDeleted(const Named& named) const {
  const Topic::Entry* const topic = catalogue_.OfQueue(named.kept.queue_number);
  return topic == nullptr || topic->is_deleted.load(std::memory_order_acquire);
}

bool LatestKeys::IsVisible(LogPosition place) {
  if (place >= visible_end_) visible_end_ = log_.ContiguousVisibleEnd();
  return place < visible_end_;
}

void LatestKeys::Add(uint32_t first_queue, absl::string_view key, const Kept& said) {
  HOLDS(said.copy_bytes > 0);
  Order order(1);
  Copies copy;
  if (said.place != said.first) copy.emplace(said.first, keys_.end());
  const auto [at, is_new] = keys_.try_emplace(Id(first_queue, std::string(key)));
  if (!HOLDS(is_new)) return;
  // From here on nothing takes memory.
  order.front() = at;
  if (!copy.empty()) copy.begin()->second = at;
  at->second = {.history = {said}, .order = order.begin()};
  living_.splice(living_.end(), order);
  copies_.merge(copy);
  copy_bytes_ += said.copy_bytes;
  key_bytes_ += MemoryOf(at->first.second);
}

void LatestKeys::ForgetCopy(LogPosition first, Keys::iterator at) {
  HOLDS(!copies_.empty());
  const auto [begin, end] = copies_.equal_range(first);
  const auto copy = std::find_if(begin, end, [&](const auto& known) { return known.second == at; });
  if (HOLDS(copy != end)) copies_.erase(copy);
}

void LatestKeys::Erase(Keys::iterator at) {
  const Entry& entry = at->second;
  const Kept& last = entry.history.back();
  if (last.place != last.first) ForgetCopy(last.first, at);
  HOLDS(copy_bytes_ >= last.copy_bytes);
  HOLDS(*entry.order == at);
  copy_bytes_ -= last.copy_bytes;
  key_bytes_ -= MemoryOf(at->first.second);
  (last.copy_bytes > 0 ? living_ : deleted_).erase(entry.order);
  keys_.erase(at);
}

void LatestKeys::Shorten(History& history) {
  const LogPosition sealed_end = indexer_.sealed_end();
  HOLDS(!history.empty());
  for (size_t i = 0; i + 1 < history.size();) {
    const LogPosition newer = history[i + 1].place;
    const bool same_segment =
        log_.segments().BeginOf(history[i].place) == log_.segments().BeginOf(newer);
    HOLDS(history[i].place < newer);
    if (newer < sealed_end || (same_segment && IsVisible(newer))) {
      history.erase(history.begin() + static_cast<ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void LatestKeys::Say(Keys::iterator at, const Kept& said) {
  Entry& entry = at->second;
  const Kept last = entry.history.back();
  // Nothing new; or a record that no writer can have written there.
  if (said.first < last.first || said.place <= last.place) return;
  HOLDS(said.first <= said.place);
  HOLDS(*entry.order == at);
  entry.history.reserve(entry.history.size() + 1);
  if (said.place != said.first) copies_.emplace(said.first, at);
  // From here on nothing takes memory.
  if (last.place != last.first) ForgetCopy(last.first, at);
  entry.history.push_back(said);
  Shorten(entry.history);
  copy_bytes_ += said.copy_bytes;
  copy_bytes_ -= last.copy_bytes;
  Order& from = last.copy_bytes > 0 ? living_ : deleted_;
  Order& to = said.copy_bytes > 0 ? living_ : deleted_;
  to.splice(to.end(), from, entry.order);
}

void LatestKeys::Say(uint32_t first_queue, absl::string_view key, const Kept& said) {
  HOLDS(!key.empty());
  HOLDS(said.place.value() % kRecordAlignment == 0);
  auto at = keys_.find(Before::View(first_queue, key));
  if (at == keys_.end()) {
    // Of what was not there nobody has to be told that it is deleted.
    if (said.copy_bytes > 0) Add(first_queue, key, said);
    return;
  }
  Say(at, said);
}

void LatestKeys::ForgetDeleted() {
  const LogPosition sealed_end = indexer_.sealed_end();
  while (!deleted_.empty()) {
    const Keys::iterator oldest = deleted_.front();
    if (!HOLDS(oldest->second.history.back().copy_bytes == 0)) return;
    if (oldest->second.history.back().place >= sealed_end) return;
    HOLDS(keys_.size() == living_.size() + deleted_.size());
    Erase(oldest);
  }
}

// --- What is asked

const LatestKeys::Kept* LatestKeys::NewestBelow(const History& history, LogPosition end) const {
  const auto found = std::find_if(history.rbegin(), history.rend(),
                                  [&](const Kept& kept) { return kept.place < end; });
  return found == history.rend() ? nullptr : &*found;
}

std::optional<LatestKeys::Kept> LatestKeys::Find(uint32_t first_queue,
                                                 absl::string_view key) const {
  MutexLock lock(mutex_);
  const auto at = keys_.find(Before::View(first_queue, key));
  if (at == keys_.end()) return std::nullopt;
  // Asked under the lock: what took the place of something older was visible before.
  const Kept* const kept = NewestBelow(at->second.history, log_.ContiguousVisibleEnd());
  return kept == nullptr || kept->copy_bytes == 0 ? std::nullopt : std::optional(*kept);
}

std::vector<LatestKeys::Named> LatestKeys::List(uint32_t first_queue, absl::string_view behind,
                                                size_t max) const {
  std::vector<Named> listed;
  MutexLock lock(mutex_);
  const LogPosition visible_end = log_.ContiguousVisibleEnd();
  for (auto at = keys_.upper_bound(Before::View(first_queue, behind));
       at != keys_.end() && at->first.first == first_queue && listed.size() < max; ++at) {
    const Kept* const kept = NewestBelow(at->second.history, visible_end);
    if (kept == nullptr || kept->copy_bytes == 0) continue;
    listed.push_back({first_queue, at->first.second, *kept});
  }
  return listed;
}

std::optional<LogPosition> LatestKeys::FindCopy(LogPosition first) const {
  MutexLock lock(mutex_);
  const auto found = copies_.find(first);
  if (found == copies_.end()) return std::nullopt;
  const LogPosition place = found->second->second.history.back().place;
  return place < log_.ContiguousVisibleEnd() ? std::optional(place) : std::nullopt;
}

std::optional<LatestKeys::Named> LatestKeys::FindOldest(LogPosition below) const {
  MutexLock lock(mutex_);
  if (living_.empty()) return std::nullopt;
  const auto& [id, entry] = *living_.front();
  if (entry.history.back().place >= below) return std::nullopt;
  return Named{id.first, id.second, entry.history.back()};
}

bool LatestKeys::IsNewest(const Named& named) const {
  MutexLock lock(mutex_);
  const auto at = keys_.find(Before::View(named.first_queue, named.key));
  return at != keys_.end() && at->second.history.back() == named.kept;
}

void LatestKeys::Forget(const Named& named) {
  MutexLock lock(mutex_);
  const auto at = keys_.find(Before::View(named.first_queue, named.key));
  if (at == keys_.end() || at->second.history.back() != named.kept) return;
  HOLDS(named.kept.copy_bytes > 0);
  const size_t before = keys_.size();
  Erase(at);
  HOLDS(keys_.size() + 1 == before);
}

void LatestKeys::ForgetBelow(LogPosition begin) {
  MutexLock lock(mutex_);
  HOLDS(begin <= log_.claimed_end());
  while (!living_.empty() && living_.front()->second.history.back().place < begin) {
    HOLDS(living_.front()->second.history.back().copy_bytes > 0);
    Erase(living_.front());
  }
}

uint64_t LatestKeys::keys() const {
  MutexLock lock(mutex_);
  return living_.size();
}

uint64_t LatestKeys::copy_bytes() const {
  MutexLock lock(mutex_);
  return copy_bytes_;
}

uint64_t LatestKeys::memory_bytes() const {
  MutexLock lock(mutex_);
  return keys_.size() * (sizeof(Keys::value_type) + kNodesBytes) + key_bytes_ +
         copies_.size() * kCopyNodeBytes;
}

absl::Status LatestKeys::Purge(absl::Span<const QueuePurge> purges, const ConsumeQueues& queues,
                               Deadline deadline) {
  ENSURE(appender_ != nullptr);
  const size_t batch_max = appender_->entries_bytes_max() / kPurgeBytes;
  while (!purges.empty()) {
    const auto batch = purges.subspan(0, batch_max);
    std::string entries;
    for (const QueuePurge& purge : batch) {
      AppendValue(entries, purge.number);
      // What is appended from now on is not meant.
      AppendValue(entries, std::min(purge.first, queues.queue(purge.number).end()));
    }
    ENSURE(entries.size() == batch.size() * kPurgeBytes);
    const absl::StatusOr<Reservation> place = appender_->TryAppend(entries);
    if (place.ok()) {
      RETURN_IF_ERROR(appender_->MakeDurable(*place));
      purges.remove_prefix(batch.size());
    } else if (absl::IsDeadlineExceeded(place.status())) {
      RETURN_IF_ERROR(appender_->MakeRoom(entries.size(), deadline));
    } else {
      return place.status();
    }
  }
  return absl::OkStatus();
}

// --- As an index

absl::Status LatestKeys::ApplyMessage(const ScannedRecord& record) {
  const RecordHeader& header = record.header;
  if ((header.flags & kHasKeys) == 0 || header.queue_number == kNoQueue) return absl::OkStatus();
  const bool has_further = (header.flags & kHasFurtherQueues) != 0;
  if (!has_further && Compacted(header.queue_number) == nullptr) return absl::OkStatus();
  const auto parts = DecodeParts(record.bytes);
  // What nobody can read, nobody keeps; the queues tell of it.
  if (!parts || FirstKey(*parts).empty()) return absl::OkStatus();
  const uint32_t copy_bytes = parts->body.empty() ? 0 : CopyRecordBytes(header.bytes());
  const auto say = [&](uint32_t number, uint64_t offset) ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const Topic::Entry* const topic = Compacted(number);
    if (topic == nullptr) return;
    Say(topic->first_queue, FirstKey(*parts),
        {.place = record.position,
         .first = record.position,
         .queue_offset = offset,
         .queue_number = number,
         .copy_bytes = copy_bytes});
  };
  // In each topic the first of its queues counts: of the same record the others say nothing new.
  say(header.queue_number, header.queue_offset);
  for (uint32_t i = 0; i < parts->further_queue_count; ++i) {
    const FurtherQueue further = parts->further_queue(i);
    say(further.number, further.offset);
  }
  return absl::OkStatus();
}

absl::Status LatestKeys::ApplyCopy(const ScannedRecord& record) {
  const std::optional<MessageCopy> copy = DecodeCopy(record.bytes);
  if (!copy || copy->first >= record.position) {
    return absl::DataLossError("copy: no message that stood further back");
  }
  // Also of a topic that is deleted by now: who made the copy waits until it counts.
  const Topic::Entry* const topic = EverCompacted(copy->queue_number);
  if (topic == nullptr) return absl::OkStatus();
  const RecordHeader header = LoadHeader(copy->message);
  const auto parts = DecodeParts(copy->message);
  if (FirstKey(*parts).empty() || parts->body.empty()) {
    return absl::DataLossError("copy: of a message that is kept under no key");
  }
  Say(topic->first_queue, FirstKey(*parts),
      {.place = record.position,
       .first = copy->first,
       .queue_offset = *OffsetIn(header, *parts, copy->queue_number),
       .queue_number = copy->queue_number,
       .copy_bytes = record.header.bytes()});
  return absl::OkStatus();
}

absl::Status LatestKeys::ApplyPurges(const ScannedRecord& record) {
  const std::optional<StateRecord> state = DecodeState(record.bytes);
  if (!state || state->name != kName) return absl::OkStatus();
  ByteReader reader(state->entries);
  while (reader.remaining() > 0) {
    const auto number = reader.Take<uint32_t>();
    const auto first = reader.Take<uint64_t>();
    if (!reader.ok()) return absl::DataLossError("state record of latest keys: impossible entry");
    const Topic::Entry* const topic = catalogue_.OfQueue(number);
    if (topic == nullptr) continue;
    for (auto at = keys_.lower_bound(Before::View(topic->first_queue, {}));
         at != keys_.end() && at->first.first == topic->first_queue; ++at) {
      const Kept& last = at->second.history.back();
      if (last.queue_number != number || last.queue_offset >= first || last.copy_bytes == 0)
        continue;
      Say(at, {.place = record.position, .first = record.position});
    }
  }
  return absl::OkStatus();
}

void LatestKeys::ApplyDeletion(const ScannedRecord& record) {
  const auto parts = DecodeParts(record.bytes);
  if (!parts) return;  // the catalogue tells of it
  ByteReader reader(parts->body);
  const TopicRecord topic = TakeTopic(reader);
  if (!reader.ok() || !topic.is_deleted) return;
  for (auto at = keys_.lower_bound(Before::View(topic.first_queue, {}));
       at != keys_.end() && at->first.first == topic.first_queue; ++at) {
    if (at->second.history.back().copy_bytes == 0) continue;
    Say(at, {.place = record.position, .first = record.position});
  }
}

absl::Status LatestKeys::Apply(const ScannedRecord& record) {
  MutexLock lock(mutex_);
  absl::Status status;
  switch (record.header.type) {
    case RecordType::kMessage:
      status = ApplyMessage(record);
      break;
    case RecordType::kCopy:
      status = ApplyCopy(record);
      break;
    case RecordType::kState:
      status = ApplyPurges(record);
      break;
    case RecordType::kCatalogue:
      ApplyDeletion(record);
      break;
    default:
      break;
  }
  ForgetDeleted();
  return status;
}

// An entry: u32 the topic's first queue, u8 length of the key, key, u64 place, u64 first position,
// u32 queue number, u64 queue offset, u32 bytes of a copy; 0: the key was deleted.
std::string LatestKeys::Save(LogPosition from, LogPosition to, bool with_deleted) const {
  MutexLock lock(mutex_);
  std::string bytes;
  for (const auto& [id, entry] : keys_) {
    const Kept* const kept = NewestBelow(entry.history, to);
    if (kept == nullptr || kept->place < from) continue;
    if (kept->copy_bytes == 0 && !with_deleted) continue;
    AppendValue(bytes, id.first);
    AppendValue(bytes, static_cast<uint8_t>(id.second.size()));
    bytes += id.second;
    AppendValue(bytes, kept->place.value());
    AppendValue(bytes, kept->first.value());
    AppendValue(bytes, kept->queue_number);
    AppendValue(bytes, kept->queue_offset);
    AppendValue(bytes, kept->copy_bytes);
  }
  return bytes;
}

std::string LatestKeys::SaveAll(LogPosition to) const {
  return Save(LogPosition(0), to, /*with_deleted=*/false);
}

std::string LatestKeys::SaveChanges(LogPosition from, LogPosition to) const {
  return Save(from, to, /*with_deleted=*/true);
}

absl::Status LatestKeys::Load(absl::string_view bytes) {
  ByteReader reader(bytes);
  MutexLock lock(mutex_);
  while (reader.remaining() > 0) {
    const auto first_queue = reader.Take<uint32_t>();
    const absl::string_view key = reader.TakeBytes(reader.Take<uint8_t>());
    Kept kept;
    kept.place = LogPosition(reader.Take<uint64_t>());
    kept.first = LogPosition(reader.Take<uint64_t>());
    kept.queue_number = reader.Take<uint32_t>();
    kept.queue_offset = reader.Take<uint64_t>();
    kept.copy_bytes = reader.Take<uint32_t>();
    const Topic::Entry* const topic = catalogue_.OfQueue(first_queue);
    if (!reader.ok() || key.empty() || kept.place.value() % kRecordAlignment != 0 ||
        kept.first > kept.place || topic == nullptr || topic->first_queue != first_queue ||
        (kept.copy_bytes > 0 && catalogue_.OfQueue(kept.queue_number) != topic)) {
      return absl::DataLossError("saved latest keys: impossible entry");
    }
    const auto known = keys_.find(Before::View(first_queue, key));
    // What was said before is in files: nobody asks for it any more.
    if (known != keys_.end()) Erase(known);
    if (kept.copy_bytes > 0) Say(first_queue, key, kept);
  }
  living_.sort([](Keys::iterator a, Keys::iterator b) {
    return a->second.history.back().place < b->second.history.back().place;
  });
  HOLDS(deleted_.empty());
  HOLDS(living_.size() == keys_.size());
  return absl::OkStatus();
}

void LatestKeys::Restart() {
  MutexLock lock(mutex_);
  HOLDS(copies_.size() <= living_.size());
  HOLDS(keys_.size() == living_.size() + deleted_.size());
  copies_.clear();
  living_.clear();
  deleted_.clear();
  keys_.clear();
  copy_bytes_ = 0;
  key_bytes_ = 0;
}

}  // namespace weir::internal
