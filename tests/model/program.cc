#include "model/program.h"

#include <algorithm>
#include <set>

namespace weir::testing {

bool Program::Run(uint64_t operations) {
  const uint64_t until = operations_ + operations;
  while (operations_ < until && mismatch_.empty()) {
    ++operations_;
    Operate();
    if (mismatch_.empty() && OneIn(400)) CheckEverything();
  }
  if (mismatch_.empty()) CheckEverything();
  return mismatch_.empty();
}

void Program::Operate() {
  const uint64_t lot = Below(1000);
  if (lot < 260) return AppendOne();
  if (lot < 310) return AppendBatch();
  if (lot < 350) return AppendAsync();
  if (lot < 420) return MakeClaim();
  if (lot < 480) return EndClaim();
  if (lot < 490) return AppendRefused();
  if (lot < 680) return ReadQueue();
  if (lot < 740) return ReadBackwards();
  if (lot < 780) return ReadLast();
  if (lot < 830) return ReadTopic();
  if (lot < 870) return ReadAt();
  if (lot < 890) return ReadUnknown();
  if (lot < 915) return CheckBounds();
  if (lot < 975) {
    clock_.Advance(absl::Milliseconds(static_cast<int64_t>(Below(80))));
    store_->RunOnce();
    return;
  }
  if (lot < 980)
    return clock_.SetWallNanos(clock_.WallNanos() - static_cast<int64_t>(Below(1u << 30)));
  if (lot < 983) return Drive();
  if (lot < 988) {
    const absl::Status status = store_->Flush(absl::ZeroDuration());
    // In a zero time nothing needs to be done.
    if (!status.ok() && !absl::IsDeadlineExceeded(status) && claims_.empty()) {
      Check(status, "Flush");
    }
    if (claims_.empty()) Check(store_->Flush(), "Flush");
    return;
  }
  if (lot < 990 && ledger_.topic_count() < 8) return NewTopic();
  if (lot < 993) return CloseAndOpen();
  if (lot < 995) return CloseWithClaims();
  if (lot < 998) return DieAndOpen();
  LosePowerAndOpen();
}

std::string Program::AnyTags() {
  switch (Below(5)) {
    case 0:
      return absl::StrCat("T", Below(4));
    case 1:
      return absl::StrCat("T", Below(4), " || T", Below(4));
    case 2:
      return "no such tag";
    default:
      return "*";
  }
}

// --- Reading

Ledger::Limit Program::VisibleLimit() const {
  const StoreInfo info = store_->Info();
  if (is_on_durable_) return info.durable;
  if (is_private_) return info.written;
  return std::nullopt;
}

// One behind the newest visible number.
uint64_t Program::NewestVisible(size_t topic, uint32_t id, Ledger::Limit limit) const {
  const std::vector<size_t>& queue = ledger_.queue(topic, id);
  uint64_t end = queue.size();
  if (limit) {
    uint64_t stop = 0;
    ledger_.Forward(topic, id, 0, "*", limit, &stop);
    return stop;
  }
  while (end > 0 && !ledger_.IsVisible(queue[end - 1], limit)) --end;
  return end;
}

void Program::CompareMessages(const ReadResult& result, const std::vector<uint64_t>& offsets,
                              size_t topic, uint32_t id) {
  if (result.size() > offsets.size()) {
    return Wrong("read: ", result.size(), " messages, not ", offsets.size());
  }
  for (size_t i = 0; i < result.size(); ++i) {
    if (result[i].queue_offset().value() != offsets[i]) {
      return Wrong("read: offset ", result[i].queue_offset().value(), " instead of ", offsets[i]);
    }
    const std::string difference =
        ledger_.Difference(result[i], ledger_.queue(topic, id)[offsets[i]]);
    if (!difference.empty()) {
      return Wrong("read: ", ledger_.topic(topic).name, "/", id, "@", offsets[i], ": ", difference);
    }
  }
}

void Program::ReadQueue() {
  const size_t topic = AnyTopic();
  const uint32_t id = AnyQueue(topic);
  const uint64_t size = ledger_.queue(topic, id).size();
  const uint64_t offset = OneIn(3) ? Below(size + 3) : size - std::min<uint64_t>(size, Below(20));
  const std::string tags = AnyTags();
  ReadOptions options{.max_messages = static_cast<uint32_t>(1 + Below(20)), .tags = tags};
  if (OneIn(3)) options.max_bytes = Below(3000);
  const Ledger::Limit limit = VisibleLimit();
  const auto result = store_->Read(ledger_.topic(topic).name, id, QueueOffset(offset), options);
  if (!Check(result.status(), "Read")) return;
  const uint64_t end = NewestVisible(topic, id, limit);
  if (offset > end) {
    if (result->outcome() != ReadOutcome::kBeyondEnd || result->next_offset().value() != end) {
      Wrong("read at ", offset, " beyond the end ", end, ": ", ReadOutcomeName(result->outcome()),
            ", next ", result->next_offset().value());
    }
    return;
  }
  uint64_t stop = 0;
  const std::vector<uint64_t> all = ledger_.Forward(topic, id, offset, tags, limit, &stop);
  CompareMessages(*result, all, topic, id);
  if (!mismatch_.empty()) return;
  const ReadOutcome outcome = !all.empty()    ? ReadOutcome::kFound
                              : stop > offset ? ReadOutcome::kNoMatch
                                              : ReadOutcome::kAtEnd;
  if (result->outcome() != outcome) {
    return Wrong("read at ", offset, ": ", ReadOutcomeName(result->outcome()), " instead of ",
                 ReadOutcomeName(outcome));
  }
  const size_t got = result->size();
  const uint64_t next = result->next_offset().value();
  const uint64_t next_min = got == 0 ? offset : all[got - 1] + 1;
  const uint64_t next_max = got == all.size() ? stop : all[got];
  if (next < next_min || next > next_max) Wrong("read at ", offset, ": next ", next);
  uint64_t bytes = 0;
  for (const MessageView& message : *result) bytes += message.record_bytes();
  if (got > 1 && bytes > options.max_bytes) Wrong("read: more bytes than asked for");
  if (got < std::min<size_t>(all.size(), options.max_messages)) {
    const auto more =
        store_->Read(ledger_.topic(topic).name, id, QueueOffset(all[got]), {.max_messages = 1});
    if (!more.ok() || more->size() != 1) return Wrong("read: the next one is not there");
    if (bytes + (*more)[0].record_bytes() <= options.max_bytes) Wrong("read: it ended too early");
  }
}

void Program::ReadBackwards() {
  const size_t topic = AnyTopic();
  const uint32_t id = AnyQueue(topic);
  const uint64_t offset = Below(ledger_.queue(topic, id).size() + 2);
  const std::string tags = AnyTags();
  const ReadOptions options{.max_messages = static_cast<uint32_t>(1 + Below(10)), .tags = tags};
  const Ledger::Limit limit = VisibleLimit();
  const auto result =
      store_->ReadBackwards(ledger_.topic(topic).name, id, QueueOffset(offset), options);
  if (!Check(result.status(), "ReadBackwards")) return;
  if (offset > NewestVisible(topic, id, limit)) {
    if (result->outcome() != ReadOutcome::kBeyondEnd) Wrong("ReadBackwards beyond the end");
    return;
  }
  const std::vector<uint64_t> all = ledger_.Backward(topic, id, offset, tags, limit);
  CompareMessages(*result, all, topic, id);
  if (!mismatch_.empty()) return;
  if (result->size() != std::min<size_t>(all.size(), options.max_messages)) {
    return Wrong("ReadBackwards: ", result->size(), " messages of ", all.size());
  }
  const uint64_t next = result->next_offset().value();
  const uint64_t next_max = result->empty() ? offset : all[result->size() - 1];
  const uint64_t next_min = result->size() < all.size() ? all[result->size()] + 1 : 0;
  if (next > next_max || next < next_min) Wrong("ReadBackwards: next ", next);
}

void Program::ReadLast() {
  const size_t topic = AnyTopic();
  const uint32_t id = AnyQueue(topic);
  const auto count = static_cast<uint32_t>(1 + Below(12));
  const Ledger::Limit limit = VisibleLimit();
  const auto result = store_->ReadLast(ledger_.topic(topic).name, id, count);
  if (!Check(result.status(), "ReadLast")) return;
  std::vector<uint64_t> all =
      ledger_.Backward(topic, id, ledger_.queue(topic, id).size(), "*", limit);
  if (all.size() > count) all.resize(count);
  std::reverse(all.begin(), all.end());
  if (result->size() != all.size()) return Wrong("ReadLast: ", result->size(), " of ", all.size());
  CompareMessages(*result, all, topic, id);
}

void Program::ReadTopic() {
  const size_t topic = AnyTopic();
  const std::string tags = AnyTags();
  const Ledger::Limit limit = VisibleLimit();
  bool is_whole = false;
  std::vector<size_t> all = ledger_.InLogOrder(topic, tags, limit, &is_whole);
  const bool all_placed = std::all_of(all.begin(), all.end(), [&](size_t index) {
    return ledger_.item(index).position.has_value();
  });
  LogPosition from(0);
  // Who begins behind an open claim does not meet it.
  if (all_placed && is_whole && !OneIn(4)) {
    from = LogPosition(Below(store_->Info().end.value() + 100));
    std::erase_if(all, [&](size_t index) { return *ledger_.item(index).position < from; });
  }
  const auto max = static_cast<uint32_t>(1 + Below(30));
  const auto result =
      store_->ReadTopic(ledger_.topic(topic).name, from, {.max_messages = max, .tags = tags});
  if (!Check(result.status(), "ReadTopic")) return;
  if (result->size() != std::min<size_t>(max, all.size())) {
    return Wrong("ReadTopic from ", from.value(), ": ", result->size(), " messages of ",
                 all.size());
  }
  for (size_t i = 0; i < result->size(); ++i) {
    const std::string difference = ledger_.Difference((*result)[i], all[i]);
    if (!difference.empty()) return Wrong("ReadTopic: ", difference);
  }
  const bool is_found = result->outcome() == ReadOutcome::kFound;
  if (is_found == result->empty()) Wrong("ReadTopic: ", ReadOutcomeName(result->outcome()));
  if (result->empty()) return;
  const LogPosition last = (*result)[result->size() - 1].position();
  if (result->next_position() <= last) Wrong("ReadTopic: next is not behind the last");
  if (result->size() < all.size() && all_placed &&
      result->next_position() > *ledger_.item(all[result->size()]).position) {
    Wrong("ReadTopic: next is behind a message that was not read");
  }
}

void Program::ReadAt() {
  if (!claims_.empty() || ledger_.size() == 0) return;
  const Ledger::Limit limit = VisibleLimit();
  const size_t index = Below(ledger_.size());
  const LedgerItem& item = ledger_.item(index);
  if (!item.position) return;
  const auto result = store_->ReadAt(*item.position);
  if (!ledger_.IsVisible(index, limit)) {
    if (!absl::IsOutOfRange(result.status())) Wrong("ReadAt: not visible: ", result.ok());
    return;
  }
  if (item.state == LedgerItem::State::kVoid) {
    if (!absl::IsNotFound(result.status())) Wrong("ReadAt: a void: ", result.ok());
    return;
  }
  if (!Check(result.status(), "ReadAt")) return;
  if (result->size() != 1) return Wrong("ReadAt: ", result->size(), " messages");
  const std::string difference = ledger_.Difference((*result)[0], index);
  if (!difference.empty()) Wrong("ReadAt: ", difference);
  if (store_->ReadAt(*item.position + 8).ok()) Wrong("ReadAt: inside a record");
  if (store_->ReadAt(*item.position + 1 + Below(7)).ok()) Wrong("ReadAt: an odd position");
  if (!absl::IsOutOfRange(store_->ReadAt(store_->Info().end + 8 * Below(1000)).status())) {
    Wrong("ReadAt: beyond the end");
  }
}

void Program::ReadUnknown() {
  const auto topic = store_->Read("nobody", 0, QueueOffset(Below(3)));
  if (!topic.ok() || topic->outcome() != ReadOutcome::kNoSuchQueue) Wrong("Read: no such topic");
  const size_t known = AnyTopic();
  const auto id = static_cast<uint32_t>(ledger_.topic(known).queues.size() + Below(5));
  const auto queue = store_->Read(ledger_.topic(known).name, id, QueueOffset(0));
  if (!queue.ok() || queue->outcome() != ReadOutcome::kNoSuchQueue) Wrong("Read: no such queue");
  if (!absl::IsNotFound(store_->FindTopic("nobody").status())) Wrong("FindTopic: it was created");
  if (!absl::IsNotFound(store_->Bounds(ledger_.topic(known).name, id).status())) Wrong("Bounds");
  if (!absl::IsInvalidArgument(
          store_->Read(ledger_.topic(known).name, 0, QueueOffset(0), {.tags = "A ||"}).status())) {
    Wrong("Read: an empty tag");
  }
}

void Program::CheckBounds() {
  const size_t topic = AnyTopic();
  const uint32_t id = AnyQueue(topic);
  const Ledger::Limit limit = VisibleLimit();
  const auto bounds = store_->Bounds(ledger_.topic(topic).name, id);
  if (!Check(bounds.status(), "Bounds")) return;
  const uint64_t end = NewestVisible(topic, id, limit);
  if (bounds->first.value() != 0 || bounds->end.value() != end) {
    Wrong("Bounds: ", bounds->first.value(), "..", bounds->end.value(), " instead of 0..", end);
  }
}

void Program::CheckEverything() {
  const Ledger::Limit limit = VisibleLimit();
  for (size_t topic = 0; topic < ledger_.topic_count(); ++topic) {
    for (uint32_t id = 0; id < ledger_.topic(topic).queues.size() && mismatch_.empty(); ++id) {
      uint64_t stop = 0;
      const std::vector<uint64_t> all = ledger_.Forward(topic, id, 0, "*", limit, &stop);
      const auto result = store_->Read(ledger_.topic(topic).name, id, QueueOffset(0),
                                       {.max_messages = 1 << 30, .max_bytes = ~uint64_t{0}});
      if (!Check(result.status(), "Read")) return;
      CompareMessages(*result, all, topic, id);
      if (result->size() != all.size()) {
        Wrong(ledger_.topic(topic).name, "/", id, ": ", result->size(), " messages of ",
              all.size());
      }
      absl::Time last = absl::InfinitePast();
      for (const MessageView& message : *result) {
        if (message.store_time() < last) Wrong("the store time goes back");
        last = message.store_time();
      }
    }
  }
  const auto report = store_->Verify();
  if (!Check(report.status(), "Verify")) return;
  for (const VerifyFinding& finding : report->findings) {
    Wrong("Verify: ", finding.file, " at ", finding.position.value(), ": ", finding.what);
  }
  const StoreInfo info = store_->Info();
  if (info.state == StoreState::kReadOnly || info.state == StoreState::kClosed ||
      (info.state == StoreState::kDegraded && claims_.empty() &&
       info.reason.find("claim") == std::string::npos)) {
    Wrong("state: ", info.reason);
  }
}

}  // namespace weir::testing
