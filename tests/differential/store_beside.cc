// Other processes that read while the store is written, and after its writer's death.

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "differential/store_program.h"

namespace weir::testing {

bool StoreProgram::OpenReader() {
  Reader reader;
  reader.disk = world_.disk().AnotherProcess();
  StoreOptions options = settings_.options();
  options.read_only = true;
  reader.visibility = random_.OneIn(2) ? Visibility::kOnAppend : Visibility::kOnDurable;
  options.visibility = reader.visibility;
  options.file_system = reader.disk.get();
  options.clock = &world_.clock();
  trace_.Count();
  auto opened = MessageStore::Open(options);
  trace_.Note("open a reader: ", opened.status().ToString());
  if (!opened.ok()) {
    trace_.Mismatch("open a reader: ", opened.status().ToString());
    return false;
  }
  reader.store = *std::move(opened);
  readers_.push_back(std::move(reader));
  return true;
}

void StoreProgram::ReadBeside() {
  if (has_trouble_ || is_read_only_) return;
  if (readers_.size() < 2 && (readers_.empty() || random_.OneIn(10)) && !OpenReader()) return;
  if (readers_.size() > 1 && random_.OneIn(20)) readers_.erase(readers_.begin());
  answers_.set_may_end_early(false);
  Reader& reader = readers_[random_.Below(readers_.size())];
  // Readers look at the directory from time to time only; until then they may be behind.
  bool is_exact = random_.OneIn(2);
  if (is_exact) world_.clock().Advance(absl::Milliseconds(25));
  const Ordinal high = VisibleTo(reader, is_exact);
  const Ordinal low = is_exact ? high : std::min(reader.seen, high);
  for (uint64_t reads = random_.Between(1, 3); reads > 0 && !trace_.failed(); --reads) {
    random_.OneIn(4) ? BoundsAs(reader, low, high) : ReadAs(reader, low, high);
  }
  reader.seen = std::max(reader.seen, low);
  if (!trace_.failed()) return;
  const StoreInfo info = reader.store->Info();
  trace_.Note("the reader: ", info.reason, ", end ", info.end.value(), ", written ",
              info.written.value(), ", durable ", info.durable.value(), ", shared ",
              info.front_is_shared);
  for (const std::string& note : reader.store->recovery().notes) trace_.Note("  ", note);
}

// How many records this reader sees at most; `is_exact` stays true if it sees all of them.
StoreProgram::Ordinal StoreProgram::VisibleTo(const Reader& reader, bool& is_exact) {
  const bool is_durable = reader.visibility == Visibility::kOnDurable;
  if (store_ == nullptr) {
    // The writer is dead and nobody has come after it.
    if (is_durable) is_exact = false;
    return model_.log_end();
  }
  const StoreInfo info = NoteEnds();
  // Of a private front the reader knows what the superblock says, which may be late.
  if (is_durable && !is_shared_) is_exact = false;
  if (is_durable) return places_.Below(info.durable);
  if (!is_shared_) return places_.Below(info.written);
  return std::min(FirstClaim(), model_.log_end());
}

void StoreProgram::ReadAs(Reader& reader, Ordinal low, Ordinal high) {
  model_.SetVisibleEnd(high);
  const QueueName queue = RandomQueue();
  const uint64_t offset = RandomOffset(queue);
  std::string tags;
  const ReadOptions options = RandomReadOptions(tags);
  const bool by_topic = random_.OneIn(3);
  const LogPosition position = RandomPosition();
  trace_.Count();
  const auto result =
      by_topic ? reader.store->ReadTopic(queue.topic, position, options)
               : reader.store->Read(queue.topic, queue.queue_id, QueueOffset(offset), options);
  const std::string what =
      by_topic ? absl::StrCat("a reader reads topic ", queue.topic, " from ", position.value())
               : absl::StrCat("a reader reads ", queue.topic, "/", queue.queue_id, " at ", offset);
  trace_.Note(what, " tags ", options.tags, ", visible ", low, " to ", high, ": ",
              result.ok() ? absl::StrCat(result->size()) : result.status().ToString());
  if (!result.ok()) return trace_.Mismatch(what, ": ", result.status().ToString());
  // The record of a topic has no ordinal: at the border it may be seen or not.
  const bool may_be_unknown = model_.HasTopic(queue.topic) && model_.CreatedAt(queue.topic) >= low;
  if (may_be_unknown && result->outcome() == ReadOutcome::kNoSuchQueue) return;
  const auto judge = [&] {
    return by_topic ? answers_.ReadTopic(*result, queue.topic, position, options)
                    : answers_.Read(*result, queue, offset, options);
  };
  std::string wrong = judge();
  // Behind the newest, it must have ended somewhere in between.
  for (Ordinal end = high; !wrong.empty() && end > low;) {
    model_.SetVisibleEnd(--end);
    if (judge().empty()) wrong.clear();
  }
  Judge(absl::StrCat(what, ", visible ", low, " to ", high), wrong);
}

void StoreProgram::BoundsAs(Reader& reader, Ordinal low, Ordinal high) {
  const QueueName queue = RandomQueue();
  trace_.Count();
  const auto bounds = reader.store->Bounds(queue.topic, queue.queue_id);
  trace_.Note("a reader's bounds of ", queue.topic, "/", queue.queue_id, ": ",
              bounds.ok() ? absl::StrCat(bounds->end.value()) : bounds.status().ToString());
  model_.SetVisibleEnd(low);
  const uint64_t end_min = model_.Bounds(queue).second;
  model_.SetVisibleEnd(high);
  const uint64_t end_max = model_.Bounds(queue).second;
  if (!bounds.ok()) {
    const bool may_be_unknown =
        queue.queue_id >= model_.QueueCount(queue.topic) || model_.CreatedAt(queue.topic) >= low;
    if (absl::IsNotFound(bounds.status()) && may_be_unknown) return;
    return trace_.Mismatch("a reader's bounds: ", bounds.status().ToString());
  }
  if (bounds->end.value() < end_min || bounds->end.value() > end_max) {
    trace_.Mismatch("a reader's bounds of ", queue.topic, "/", queue.queue_id, " end at ",
                    bounds->end.value(), ", expected ", end_min, " to ", end_max);
  }
}

}  // namespace weir::testing
