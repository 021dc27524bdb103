#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "differential/store_program.h"

namespace weir::testing {

StoreInfo StoreProgram::NoteEnds() {
  StoreInfo info = store_->Info();
  if (info.durable > info.written || info.written > info.end) {
    trace_.Mismatch("ends out of order: ", info.durable.value(), " ", info.written.value(), " ",
                    info.end.value());
  }
  if (info.durable < durable_ || info.written < written_) {
    trace_.Mismatch("an end goes back: ", info.durable.value(), " ", info.written.value());
  }
  durable_ = info.durable;
  written_ = info.written;
  if (places_.on_disk() != 0 && places_[places_.on_disk() - 1].end > info.durable) {
    trace_.Mismatch("record ", places_.on_disk() - 1, " was told durable, the durable end is ",
                    info.durable.value());
  }
  const Ordinal on_disk = places_.Below(info.durable);
  if (on_disk > FirstClaim()) trace_.Mismatch("a claim below the durable end");
  if (on_disk != 0) Acknowledge(on_disk - 1, Durability::kDisk);
  return info;
}

void StoreProgram::RefreshVisible() {
  answers_.set_may_end_early(has_trouble_);
  if (is_shared_ && visibility_ == Visibility::kOnAppend) {
    return model_.SetVisibleEnd(~Ordinal{0});
  }
  const StoreInfo info = NoteEnds();
  model_.SetVisibleEnd(
      places_.Below(visibility_ == Visibility::kOnDurable ? info.durable : info.written));
}

QueueName StoreProgram::RandomQueue() {
  const std::vector<std::string> topics = model_.Topics();
  if (topics.empty() || random_.OneIn(40)) return {drafts_.TopicName(), 0};
  const std::string& topic = topics[random_.Below(topics.size())];
  const uint32_t count = model_.QueueCount(topic);
  return {topic, static_cast<uint32_t>(random_.Below(random_.OneIn(40) ? count + 1 : count))};
}

uint64_t StoreProgram::RandomOffset(const QueueName& queue) {
  const uint64_t end = model_.Bounds(queue).second;
  switch (random_.Below(10)) {
    case 0:
      return 0;
    case 1:
      return end;
    case 2:
      return end + random_.Below(4);
    case 3:
      return random_.OneIn(4) ? ~uint64_t{0} - random_.Below(2) : end;
    case 4:
    case 5:
      return end - std::min<uint64_t>(end, random_.Below(6));
    default:
      return random_.Below(end + 1);
  }
}

// Never inside a record whose place is not known.
LogPosition StoreProgram::RandomPosition() {
  if (places_.size() == 0 || random_.OneIn(12)) return LogPosition(0);
  const size_t recent = std::min<size_t>(places_.size(), random_.OneIn(2) ? 10 : places_.size());
  const Place& place = places_[places_.size() - 1 - random_.Below(recent)];
  if (!place.knows_position || random_.OneIn(4)) return place.end;
  return place.position + (random_.OneIn(3) ? random_.Between(1, 16) : 0);
}

ReadOptions StoreProgram::RandomReadOptions(std::string& tags) {
  ReadOptions options;
  options.max_messages = static_cast<uint32_t>(random_.Between(1, random_.OneIn(8) ? 200 : 12));
  if (random_.OneIn(4)) options.max_bytes = random_.Below(3000);
  if (random_.OneIn(3)) {
    tags = drafts_.Tags();
    options.tags = tags;
  }
  return options;
}

bool StoreProgram::IsComparable(const absl::StatusOr<ReadResult>& result) {
  trace_.Count();
  if (result.ok() && !(has_trouble_ && result->outcome() == ReadOutcome::kDamaged)) return true;
  trace_.Note("read: ", result.ok() ? "damaged" : result.status().ToString());
  if (!has_trouble_) trace_.Mismatch("read: ", result.status().ToString());
  return false;
}

void StoreProgram::Judge(const std::string& what, const std::string& wrong) {
  if (!wrong.empty()) trace_.Mismatch(what, ": ", wrong);
}

void StoreProgram::Read() {
  RefreshVisible();
  const QueueName queue = RandomQueue();
  const uint64_t offset = RandomOffset(queue);
  std::string tags;
  const ReadOptions options = RandomReadOptions(tags);
  const auto result = store_->Read(queue.topic, queue.queue_id, QueueOffset(offset), options);
  if (!IsComparable(result)) return;
  trace_.Note("read ", queue.topic, "/", queue.queue_id, " at ", offset, " tags ", options.tags,
              " max ", options.max_messages, ", ", options.max_bytes, " bytes: ", result->size());
  Judge(absl::StrCat("read ", queue.topic, "/", queue.queue_id, " at ", offset),
        answers_.Read(*result, queue, offset, options));
}

void StoreProgram::ReadBackwards() {
  RefreshVisible();
  const QueueName queue = RandomQueue();
  const uint64_t offset = RandomOffset(queue);
  std::string tags;
  const ReadOptions options = RandomReadOptions(tags);
  const auto result =
      store_->ReadBackwards(queue.topic, queue.queue_id, QueueOffset(offset), options);
  if (!IsComparable(result)) return;
  trace_.Note("read backwards ", queue.topic, "/", queue.queue_id, " at ", offset, " tags ",
              options.tags, ": ", result->size());
  Judge(absl::StrCat("read backwards ", queue.topic, "/", queue.queue_id, " at ", offset),
        answers_.ReadBackwards(*result, queue, offset, options));
}

void StoreProgram::ReadLast() {
  RefreshVisible();
  const QueueName queue = RandomQueue();
  const auto count = static_cast<uint32_t>(random_.Between(1, 10));
  const auto result = store_->ReadLast(queue.topic, queue.queue_id, count);
  // With faults about it may begin later than it should.
  if (!IsComparable(result) || has_trouble_) return;
  trace_.Note("read last ", count, " of ", queue.topic, "/", queue.queue_id, ": ", result->size());
  Judge(absl::StrCat("read last ", count, " of ", queue.topic, "/", queue.queue_id),
        answers_.ReadLast(*result, queue, count));
}

void StoreProgram::ReadTopic() {
  RefreshVisible();
  const QueueName queue = RandomQueue();
  const LogPosition position = RandomPosition();
  std::string tags;
  const ReadOptions options = RandomReadOptions(tags);
  const auto result = store_->ReadTopic(queue.topic, position, options);
  if (!IsComparable(result)) return;
  trace_.Note("read topic ", queue.topic, " from ", position.value(), " tags ", options.tags, ": ",
              result->size());
  Judge(absl::StrCat("read topic ", queue.topic, " from ", position.value()),
        answers_.ReadTopic(*result, queue.topic, position, options));
}

void StoreProgram::ReadAt() {
  RefreshVisible();
  const LogPosition position = random_.OneIn(20) ? LogPosition(random_.Next()) : RandomPosition();
  trace_.Count();
  const auto result = store_->ReadAt(position);
  trace_.Note("read at ", position.value(), ": ", result.status().ToString());
  if (has_trouble_ && !result.ok()) return;
  Judge(absl::StrCat("read at ", position.value()), answers_.ReadAt(result, position));
}

void StoreProgram::Bounds() {
  RefreshVisible();
  const QueueName queue = RandomQueue();
  const auto bounds = store_->Bounds(queue.topic, queue.queue_id);
  trace_.Count();
  trace_.Note("bounds of ", queue.topic, "/", queue.queue_id);
  if (queue.queue_id >= model_.QueueCount(queue.topic)) {
    if (!absl::IsNotFound(bounds.status())) trace_.Mismatch("bounds of no queue");
    return;
  }
  const auto [first, end] = model_.Bounds(queue);
  if (!bounds.ok() || bounds->first.value() != first || bounds->end.value() != end) {
    trace_.Mismatch("bounds of ", queue.topic, "/", queue.queue_id, ": ",
                    bounds.status().ToString(), " ", bounds.ok() ? bounds->first.value() : 0, " ",
                    bounds.ok() ? bounds->end.value() : 0, ", expected ", first, " ", end);
  }
}

void StoreProgram::Describe() {
  trace_.Count();
  const StoreInfo info = NoteEnds();
  if (has_trouble_) return;
  const std::vector<std::string> topics = model_.Topics();
  if (info.topics.size() != topics.size()) {
    return trace_.Mismatch(info.topics.size(), " topics, expected ", topics.size());
  }
  for (const TopicInfo& topic : info.topics) {
    if (topic.queue_count != model_.QueueCount(topic.name)) {
      trace_.Mismatch("topic ", topic.name, " has ", topic.queue_count, " queues");
    }
  }
  trace_.Note("describe: begin ", info.begin.value(), ", end ", info.end.value(), ", written ",
              info.written.value(), ", durable ", info.durable.value());
}

void StoreProgram::VerifyAndDump() {
  if (has_trouble_) return;
  trace_.Count();
  RefreshVisible();
  const auto verified = store_->Verify();
  trace_.Note("verify: ", verified.status().ToString());
  if (!verified.ok() || !verified->findings.empty()) {
    return trace_.Mismatch(
        "verify: ", verified.ok() ? verified->findings[0].what : verified.status().ToString());
  }
  if (places_.size() == 0) return;
  trace_.Count();
  Ordinal ordinal = random_.Below(places_.size());
  if (!places_[ordinal].knows_position) return;
  const auto records = store_->Dump(places_[ordinal].position, 20);
  if (!records.ok()) return trace_.Mismatch("dump: ", records.status().ToString());
  for (const RecordInfo& info : *records) {
    if (info.type != "message" && info.type != "void") continue;
    if (ordinal >= model_.log_end() || ordinal >= model_.visible_end()) {
      return trace_.Mismatch("dump: a record too many at ", info.position.value());
    }
    const auto& record = model_.record(ordinal);
    const bool is_message = record.state == ReferenceModel::State::kPublished;
    if (is_message != (info.type == "message") ||
        (places_[ordinal].knows_position && places_[ordinal].position != info.position) ||
        info.queue_offset.value() != record.offsets[0]) {
      return trace_.Mismatch("dump: a ", std::string(info.type), " at ", info.position.value(),
                             ", offset ", info.queue_offset.value(), " is not record ", ordinal);
    }
    ++ordinal;
  }
}

void StoreProgram::ReadEverything() {
  RefreshVisible();
  for (const std::string& topic : model_.Topics()) {
    for (uint32_t id = 0; id < model_.QueueCount(topic) && !trace_.failed(); ++id) {
      const uint64_t end = model_.Bounds({topic, id}).second;
      for (uint64_t offset = 0; offset < end && !trace_.failed();) {
        const ReadOptions options{.max_messages = 64, .max_bytes = 1 << 20};
        const auto result = store_->Read(topic, id, QueueOffset(offset), options);
        if (!IsComparable(result)) return;
        Judge(absl::StrCat("read all of ", topic, "/", id, " at ", offset),
              answers_.Read(*result, {topic, id}, offset, options));
        if (result->next_offset().value() <= offset) break;  // voids at the end
        offset = result->next_offset().value();
      }
    }
    const ReadOptions options{.max_messages = 100, .max_bytes = 1 << 20};
    for (LogPosition position; !trace_.failed();) {
      const auto result = store_->ReadTopic(topic, position, options);
      if (!IsComparable(result)) return;
      Judge(absl::StrCat("read all of topic ", topic, " from ", position.value()),
            answers_.ReadTopic(*result, topic, position, options));
      if (result->empty()) break;
      // Every position is known by now: what the store says is as good as what the model knows.
      position = result->next_position();
    }
  }
  trace_.Note("read everything");
}

}  // namespace weir::testing
