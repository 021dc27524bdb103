#include "store/engine.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/guarded.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "store/dropped_offsets.h"
#include "store/message_stamp.h"

namespace weir::internal {
namespace {

// Of a stamp that is written later: what the walks need.
struct LengthOnly {
  const SingleStamp& stamp;
  int64_t* store_time;
  void Prepare() const { stamp.Prepare(); }
  bool Ready() const { return stamp.Ready(); }
  void operator()(LogPosition, char* memory, int64_t time) const {
    WriteStamp(memory, {.bytes = stamp.plan.record_bytes, .type = RecordType::kMessage});
    *store_time = time;
  }
};

// Writes at `place` what comes behind the stamp, and seals it; `word` publishes it. False: a
// promise was broken. That is no status, because behind the reservation nothing takes memory.
// Called, it would cost a small append some of its time.
[[gnu::always_inline]] inline bool Fill(CommitLog& log, const MessagePlan& plan,
                                        const Message& message, const Reservation& place,
                                        int32_t* word) {
  char* const body = plan.flags == 0 ? WriteNoParts(place.bytes, plan.record_bytes)
                                     : WriteParts(place.bytes, PartsOf(message));
  if (!HOLDS(body != nullptr)) return false;
  if (!HOLDS(body + plan.body_bytes <= place.bytes + place.size)) return false;
  if (Without(Protection::kPublishedLast)) {
    log.Publish(place, static_cast<int32_t>(plan.record_bytes));
    Linger();
  }
  if (plan.body_bytes > 0) std::memcpy(body, message.body.data(), plan.body_bytes);
  *word = Seal(place.bytes, place.position, log.incarnation());
  return CommitLog::MayPublish(place, *word);
}

}  // namespace

Engine::Engine(std::unique_ptr<CommitLog> log)
    : log_(std::move(log)),
      view_(log_.get(), log_->options().background == Background::kThreads),
      queues_(&log_->front().reader_slots(), &log_->front().append_lock()),
      catalogue_(&queues_),
      topics_(log_.get(), &queues_, &catalogue_),
      latest_budget_(log_.get(), &indexer_, &latest_keys_),
      planner_(log_.get(), &queues_, &catalogue_, &topics_, &latest_budget_),
      totals_(&catalogue_),
      ends_appender_(log_.get(), QueueEnds::kName),
      ends_(&queues_, &catalogue_, &ends_appender_),
      groups_appender_(log_.get(), GroupOffsets::kName),
      groups_(&log_->segments(), &indexer_, &groups_appender_),
      time_appender_(log_.get(), RetentionClock::kName),
      retention_clock_(&log_->clock(), &time_appender_),
      latest_appender_(log_.get(), LatestKeys::kName),
      latest_keys_(&view_, &indexer_, &catalogue_, &latest_appender_),
      digests_(log_->superblock().current().hash_seed, catalogue_.Queues()),
      files_(&log_->directory(), &log_->cache()),
      seal_observer_(&totals_),
      indexer_(&view_, &queues_, &digests_, &files_,
               {&catalogue_, &totals_, &ends_, &groups_, &retention_clock_, &latest_keys_},
               &seal_observer_, &log_->health()),
      reader_({.log = &view_, .queues = &queues_, .files = &files_, .indexer = &indexer_},
              &catalogue_),
      latest_carrier_({.log = log_.get(),
                       .view = &view_,
                       .indexer = &indexer_,
                       .keys = &latest_keys_,
                       .clock = &retention_clock_}),
      retainer_({.log = log_.get(),
                 .topics = &topics_,
                 .view = &view_,
                 .queues = &queues_,
                 .files = &files_,
                 .indexer = &indexer_,
                 .catalogue = &catalogue_,
                 .ends = &ends_,
                 .groups = &groups_,
                 .clock = &retention_clock_,
                 .latest = &latest_carrier_,
                 .carried = {&topics_, &ends_, &groups_, &retention_clock_, &latest_carrier_}}),
      finder_({.log = &view_, .queues = &queues_, .files = &files_, .indexer = &indexer_},
              &digests_, &reader_),
      latest_finder_(&view_, &indexer_, &latest_keys_, &catalogue_) {}

absl::StatusOr<std::unique_ptr<Engine>> Engine::Open(const StoreOptions& options) {
  const int64_t started = options.clock->MonotonicNanos();
  ASSIGN_OR_RETURN(std::unique_ptr<CommitLog> log, CommitLog::Open(options));
  std::unique_ptr<Engine> engine(new Engine(std::move(log)));
  RETURN_IF_ERROR(engine->Start());
  engine->log_->report().duration = absl::Nanoseconds(options.clock->MonotonicNanos() - started);
  return engine;
}

absl::Status Engine::Start() {
  RemoveOrphans();
  files_.SetResolver([this](LogPosition begin) { return indexer_.IdentityOf(begin); });
  Indexer::Report report;
  const LogPosition end = Without(Protection::kOffsetsAfterDeath)
                              ? log_->superblock().current().durable_end
                              : log_->front().PublishedEnd();
  RETURN_IF_ERROR(indexer_.Restore(end, log_->report(), &report));
  // Nothing that may be wrong is served.
  RETURN_IF_ERROR(Broken());
  ENSURE(indexer_.fed_end() >= end);
  ENSURE(indexer_.fed_end() <= log_->front().claimed_end());
  RecoveryReport& recovery = log_->report();
  recovery.bytes_read += report.bytes_read;
  for (std::string& note : report.notes) recovery.notes.push_back(std::move(note));
  for (DamagedRange& range : report.damage) {
    if (log_->options().strict_recovery) return absl::DataLossError(range.reason);
    log_->health().Raise(Condition::kDamage, range.reason);
    recovery.damage.push_back(std::move(range));
  }
  recovery.dropped_offsets = NameDropped(log_->left_out(), catalogue_);
  // They had expired when their segments went.
  latest_keys_.ForgetBelow(log_->segments().begin());
  retainer_.Begin();
  log_->SetSpaceMaker([this] { return retainer_.MakeSpace(); });
  if (!indexer_.unread().ok()) {
    log_->health().Raise(
        Condition::kFailed,
        absl::StrCat("the log could not be read as a whole when it was opened, and takes no "
                     "appends until it is: ",
                     indexer_.unread().message()));
  }
  return absl::OkStatus();
}

// --- Append

void Engine::RingFor(const MessagePlan& plan) {
  log_->doorbell().RingQueue(plan.target.number);
  for (const MessagePlan::Target& target : plan.further) {
    log_->doorbell().RingQueue(target.number);
  }
}

absl::Status Engine::Finish(const MessagePlan& plan, const Reservation& reservation,
                            const AppendOptions& options, Deadline deadline, Receipt* receipt) {
  receipt->position = reservation.position;
  receipt->end = reservation.end();
  receipt->queue_id = plan.queue_id;
  receipt->queue_offset = QueueOffset(plan.queue_offset);
  receipt->reached = log_->ReachedAtOnce();
  if (receipt->reached >= options.durability) return absl::OkStatus();
  ASSIGN_OR_RETURN(receipt->reached, log_->WaitFor(reservation.position, reservation.end(),
                                                   options.durability, deadline));
  return absl::OkStatus();
}

absl::StatusOr<Receipt> Engine::Append(const Message& message, const AppendOptions& options) {
  // Filled in where the caller will find it: copied, it would be loaded in wider pieces than it was
  // stored in, and such a load waits until the stores have left the processor.
  absl::StatusOr<Receipt> receipt{Receipt{}};
  if (absl::Status status = AppendTo(message, options, &*receipt); !status.ok()) {
    receipt = std::move(status);
  }
  return receipt;
}

absl::Status Engine::GiveUp(absl::Span<const MessagePlan> plans, LogPosition first,
                            const Reservation& place) {
  // As in Abandon(), but the tickets are made now: what there is no memory for is counted wrong.
  Guarded([&] {
    LogPosition at = first;
    for (const MessagePlan& plan : plans) {
      indexer_.CountVoid({}, at);
      at += plan.record_bytes;
    }
    return absl::OkStatus();
  }).IgnoreError();
  {
    MutexLock lock(log_->front().append_lock());
    for (const MessagePlan& plan : plans) CountVoid(plan);
  }
  return log_->GiveUp(place);
}

absl::Status Engine::AppendTo(const Message& message, const AppendOptions& options,
                              Receipt* receipt) {
  RETURN_IF_ERROR(log_->CheckMayReach(options.durability, options.timeout));
  MessagePlan plan;
  const Deadline deadline = log_->DeadlineIn(options.timeout);
  RETURN_IF_ERROR(planner_.Plan(message, message.body.size(), deadline, &plan));
  Reservation reservation;
  if (Without(Protection::kStampedUnderLock)) {
    const SingleStamp stamp{plan, queues_, *log_};
    int64_t time = 0;
    RETURN_IF_ERROR(log_->Claim(plan.record_bytes, log_->clock().WallNanos(), deadline,
                                LengthOnly{stamp, &time}, &reservation));
    Linger();
    stamp(reservation.position, reservation.bytes, time);
  } else {
    RETURN_IF_ERROR(log_->Claim(plan.record_bytes, log_->clock().WallNanos(), deadline,
                                SingleStamp{plan, queues_, *log_}, &reservation));
  }
  int32_t word = 0;
  if (!Fill(*log_, plan, message, reservation, &word)) {
    return GiveUp({&plan, 1}, reservation.position, reservation);
  }
  log_->Publish(reservation, word);
  RingFor(plan);
  log_->doorbell().RingLog();
  return Finish(plan, reservation, options, deadline, receipt);
}

absl::Status Engine::AppendAsync(const Message& message, const AppendOptions& options,
                                 AppendCallback callback) {
  MessagePlan plan;
  const Deadline deadline = log_->DeadlineIn(options.timeout);
  RETURN_IF_ERROR(planner_.Plan(message, message.body.size(), deadline, &plan));
  auto completion = std::make_unique<Completion>();
  completion->durability = options.durability;
  completion->done = std::move(callback);
  // Under the append lock it is filled in and linked, and from then on it is not ours.
  Reservation reservation;
  RETURN_IF_ERROR(log_->Claim(plan.record_bytes, log_->clock().WallNanos(), deadline,
                              SingleStamp{plan, queues_, *log_, completion.get()}, &reservation));
  static_cast<void>(completion.release());
  int32_t word = 0;
  if (!Fill(*log_, plan, message, reservation, &word)) {
    // It has a place: the callback is told.
    GiveUp({&plan, 1}, reservation.position, reservation).IgnoreError();
    return absl::OkStatus();
  }
  log_->Publish(reservation, word);
  RingFor(plan);
  log_->doorbell().RingLog();
  if (options.durability == Durability::kDisk) {
    log_->RequestSync();
  } else if (log_->Reached(reservation.end()) >= options.durability) {
    log_->WakeCallbacks();
  } else {
    log_->RequestWrite();
  }
  log_->JudgePromises().IgnoreError();  // an error would say that nobody is told
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Receipt>> Engine::AppendAll(absl::Span<const Message> messages,
                                                       const AppendOptions& options) {
  if (messages.empty()) return absl::InvalidArgumentError("a batch without messages");
  RETURN_IF_ERROR(log_->CheckMayReach(options.durability, options.timeout));
  const Deadline deadline = log_->DeadlineIn(options.timeout);
  std::vector<MessagePlan> plans(messages.size());
  uint32_t bytes = 0;
  RETURN_IF_ERROR(planner_.PlanAll(messages, deadline, absl::MakeSpan(plans), &bytes));
  std::vector<std::pair<uint32_t, uint32_t>> demand;
  for (const MessagePlan& plan : plans) {
    demand.emplace_back(plan.target.number, 1);
    for (const MessagePlan::Target& target : plan.further) demand.emplace_back(target.number, 1);
  }
  std::sort(demand.begin(), demand.end());
  size_t distinct = 0;
  for (const auto& [number, entries] : demand) {
    if (distinct > 0 && demand[distinct - 1].first == number) {
      ++demand[distinct - 1].second;
    } else {
      demand[distinct++] = {number, 1};
    }
  }
  demand.resize(distinct);
  // Behind the claim nothing may fail, and a receipt that there is no memory for is a failure.
  std::vector<Receipt> receipts;
  receipts.reserve(plans.size());
  Reservation reservation;
  RETURN_IF_ERROR(log_->Claim(bytes, log_->clock().WallNanos(), deadline,
                              GroupStamp{plans, demand, queues_, bytes}, &reservation));
  if (Without(Protection::kGroupPublishedLast)) {
    Publish(reservation.bytes, Seal(reservation.bytes, reservation.position, log_->incarnation()));
  }
  uint32_t at = kRecordHeaderBytes;
  for (const MessagePlan& plan : plans) {
    if (Without(Protection::kGroupPublishedLast)) Linger();
    const Reservation member{.position = reservation.position + at,
                             .bytes = reservation.bytes + at,
                             .size = plan.record_bytes};
    int32_t word = 0;
    if (!Fill(*log_, plan, *plan.message, member, &word)) {
      return GiveUp(plans, reservation.position + kRecordHeaderBytes, reservation);
    }
    Publish(member.bytes, word);
    at += plan.record_bytes;
  }
  HOLDS(at == bytes);
  HOLDS(receipts.capacity() >= plans.size());
  const int32_t word = Seal(reservation.bytes, reservation.position, log_->incarnation());
  if (!log_->MayPublish(reservation, word)) {
    return GiveUp(plans, reservation.position + kRecordHeaderBytes, reservation);
  }
  log_->Publish(reservation, word);
  for (const MessagePlan& plan : plans) RingFor(plan);
  log_->doorbell().RingLog();

  Durability reached = log_->Reached(reservation.end());
  if (reached < options.durability) {
    ASSIGN_OR_RETURN(reached, log_->WaitFor(reservation.position, reservation.end(),
                                            options.durability, deadline));
  }
  LogPosition position = reservation.position + kRecordHeaderBytes;
  for (const MessagePlan& plan : plans) {
    // Who waits for one waits for all: the group has one end.
    receipts.push_back({.position = position,
                        .end = reservation.end(),
                        .queue_id = plan.queue_id,
                        .queue_offset = QueueOffset(plan.queue_offset),
                        .reached = reached});
    position += plan.record_bytes;
  }
  return receipts;
}

absl::StatusOr<Engine::Claimed> Engine::Claim(const Message& message, size_t body_bytes,
                                              absl::Duration timeout) {
  Claimed claimed;
  HeldClaims::Ticket ticket;
  const Deadline deadline = log_->DeadlineIn(timeout);
  RETURN_IF_ERROR(planner_.Plan(message, body_bytes, deadline, &claimed.plan));
  RETURN_IF_ERROR(log_->Claim(claimed.plan.record_bytes, log_->clock().WallNanos(), deadline,
                              SingleStamp{claimed.plan, queues_, *log_}, &claimed.reservation));
  const Reservation& place = claimed.reservation;
  claimed.body = WriteParts(place.bytes, PartsOf(message));
  HOLDS(claimed.body != nullptr);
  HOLDS(claimed.body + body_bytes <= place.bytes + place.size);
  if (AnyBroken()) return GiveUp({&claimed.plan, 1}, place.position, place);
  // The message's parts are in the log now; what they pointed to may go.
  claimed.plan.message = nullptr;
  log_->held_claims().Add(std::move(ticket), place.position, log_->clock().MonotonicNanos());
  return claimed;
}

absl::StatusOr<Receipt> Engine::Commit(Claimed& claimed, size_t bytes,
                                       const AppendOptions& options) {
  char* const record = claimed.reservation.bytes;
  Reservation& reservation = claimed.reservation;
  const auto prefix = static_cast<uint32_t>(claimed.body - record);
  const auto used = static_cast<uint32_t>(RecordBytes(prefix - kRecordHeaderBytes, bytes));
  HOLDS(bytes <= claimed.plan.body_bytes);
  if (!HOLDS(used <= reservation.size)) return GiveUpClaim(claimed);
  Store<uint32_t>(record + record_field::kBodyBytes, static_cast<uint32_t>(bytes));
  const LogPosition whole_end = reservation.end();
  if (const uint32_t left = reservation.size - used; left >= kRecordHeaderBytes) {
    // The filler stands before the word shows it: whoever dies between the two leaves a void that
    // is followed by a filler.
    WriteFiller(record + used, reservation.position + used, left, 0,
                Load<int64_t>(record + record_field::kStoreTime), log_->incarnation());
    StoreWord(record, -static_cast<int32_t>(used));
    reservation.size = used;
    CountShorter(claimed, used);
  }
  std::memset(claimed.body + bytes, 0, reservation.size - prefix - bytes);
  const int32_t word = Seal(record, reservation.position, log_->incarnation());
  if (!log_->MayPublish(reservation, word)) return GiveUpClaim(claimed);
  log_->Publish(reservation, word);
  log_->held_claims().Remove(reservation.position);
  RingFor(claimed.plan);
  log_->doorbell().RingLog();
  reservation.size = static_cast<uint32_t>(whole_end - reservation.position);
  absl::StatusOr<Receipt> receipt{Receipt{}};
  if (absl::Status status =
          Finish(claimed.plan, reservation, options, log_->DeadlineIn(options.timeout), &*receipt);
      !status.ok()) {
    receipt = std::move(status);
  }
  return receipt;
}

absl::Status Engine::GiveUpClaim(Claimed& claimed) {
  log_->held_claims().Remove(claimed.reservation.position);
  return GiveUp({&claimed.plan, 1}, claimed.reservation.position, claimed.reservation);
}

void Engine::Abandon(Claimed& claimed) {
  // Before the record is published: then nobody seals it without knowing.
  indexer_.CountVoid(std::move(claimed.void_ticket), claimed.reservation.position);
  {
    MutexLock lock(log_->front().append_lock());
    CountVoid(claimed.plan);
  }
  log_->Abandon(claimed.reservation);
  log_->held_claims().Remove(claimed.reservation.position);
  RingFor(claimed.plan);
  log_->doorbell().RingLog();
}

void Engine::CountVoid(const MessagePlan& plan) {
  plan.target.topic->CountVoid(plan.record_bytes);
  for (const MessagePlan::Target& target : plan.further) {
    target.topic->CountVoid(plan.record_bytes);
  }
}

void Engine::CountShorter(const Claimed& claimed, uint32_t record_bytes) {
  const MessagePlan& plan = claimed.plan;
  if (!HOLDS(record_bytes <= plan.record_bytes)) return;
  HOLDS(plan.queue_offset < plan.target.queue->end());
  const uint32_t unused = plan.record_bytes - record_bytes;
  // Before the record is published: then nobody seals it without knowing.
  MutexLock lock(log_->front().append_lock());
  plan.target.topic->CountUnused(unused);
  plan.target.queue->Shorten(plan.queue_offset, record_bytes);
  for (const MessagePlan::Target& target : plan.further) {
    target.topic->CountUnused(unused);
    target.queue->Shorten(target.offset, record_bytes);
  }
}

}  // namespace weir::internal
