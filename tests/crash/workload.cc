#include "crash/workload.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

// A wait that the disk does not end ends after a thousand looks at the clock.
constexpr absl::Duration kStep = absl::Microseconds(100);
constexpr absl::Duration kTimeout = absl::Milliseconds(100);

constexpr int kRunsMax = 1000;

}  // namespace

Workload::Workload(SubjectShape shape, uint64_t seed)
    : shape_(std::move(shape)), random_(Random::Mix(seed, 1)) {
  clock_.AdvanceAtEveryLook(kStep);
  CrashImage nothing;
  nothing.seed = seed;
  Enter(std::move(nothing));
}

Workload::~Workload() { Abandon(); }

void Workload::Enter(CrashImage image) {
  disk_ = std::make_unique<FaultFileSystem>(image);
  disk_->SetHook([this](const Operation& operation) {
    Moment moment{.image = disk_->Freeze(),
                  .as_of = history_.now(),
                  .what = absl::StrCat(OperationKindName(operation.kind), " ", operation.name),
                  .torn_deaths = {}};
    uint64_t bytes = 0;
    for (const absl::string_view piece : operation.pieces) bytes += piece.size();
    if (bytes > kSectorBytes) {
      for (const uint64_t kept : {kSectorBytes, random_.Below(bytes)}) {
        moment.torn_deaths.push_back(moment.image.ProcessDeathInWrite(operation, kept));
      }
    }
    moments_.push_back(std::move(moment));
  });
}

// The process ends without a word; the objects that it leaves behind reach nothing any more.
void Workload::Abandon() {
  failures_ += disk_->failures();
  disk_->SetHook(nullptr);
  disk_->Kill();
  claims_.clear();
  store_.reset();
}

void Workload::Open() {
  auto store = MessageStore::Open(SubjectOptions(shape_, disk_.get(), &clock_));
  if (!store.ok()) return Problem(absl::StrCat("Open: ", store.status().ToString()));
  store_ = *std::move(store);
  Remember("open");
}

void Workload::Close() {
  if (!is_open()) return;
  const absl::Status status = store_->Close();
  if (!status.ok()) Problem(absl::StrCat("Close: ", status.ToString()));
  if (status.ok()) history_.ReachAll(Durability::kDisk);
  store_.reset();
  Remember("closed");
}

void Workload::KillAndOpen() {
  Remember("kill");
  Reopen(disk_->ProcessDeath(), Durability::kProcess);
}

void Workload::CutPowerAndOpen() {
  Remember("power cut");
  const CrashImage moment = disk_->Freeze();
  const std::vector<LossPlan> plans = moment.LossPlans({.seed = random_.Next()});
  const LossPlan& plan = plans[static_cast<size_t>(random_.Below(plans.size()))];
  history_.LosePower();
  Reopen(moment.PowerLoss(plan), Durability::kDisk);
}

void Workload::Reopen(CrashImage image, Durability survives) {
  Abandon();
  Enter(std::move(image));
  Open();
  if (!is_open()) return;
  const Verdict verdict = Examine(*store_, history_, {.survives = survives});
  if (!verdict.ok()) Problem(absl::StrCat("after a crash inside the run: ", verdict.ToString()));
  history_.Reopen(verdict.delivered, Durability::kDisk, verdict.groups);
  Remember("examined");
}

void Workload::CreateTopic(const std::string& name, uint32_t queue_count) {
  if (!is_open()) return;
  history_.DeclareTopic(name, queue_count);
  const absl::StatusOr<Topic> topic = store_->CreateTopic(name, queue_count);
  if (topic.ok()) {
    history_.AcknowledgeTopic(name);
    topics_.emplace_back(name, queue_count);
  } else {
    Problem(absl::StrCat("CreateTopic: ", topic.status().ToString()));
  }
  Remember("topic");
}

bool Workload::Append(Durability durability) {
  if (!is_open()) return false;
  const size_t sent = history_.Send(AnyMessage());
  const absl::StatusOr<Receipt> receipt =
      store_->Append(history_[sent].message(), Options(durability));
  history_.Settle(sent, receipt);
  Remember("append");
  return receipt.ok() && receipt->reached >= durability;
}

void Workload::AppendMany(int count, Durability durability) {
  for (int i = 0; i < count; ++i) {
    Append(durability);
    if (random_.OneIn(4)) RunOnce();
  }
}

void Workload::AppendAsync(Durability durability) {
  if (!is_open()) return;
  const size_t sent = history_.Send(AnyMessage());
  const absl::Status status =
      store_->AppendAsync(history_[sent].message(), Options(durability),
                          [this, sent](const absl::Status& outcome, const Receipt& receipt) {
                            if (outcome.ok()) {
                              history_.Settle(sent, receipt);
                            } else {
                              history_.Settle(sent, outcome);
                            }
                          });
  if (!status.ok()) history_.Settle(sent, status);
  Remember("append async");
}

void Workload::AppendGroup(size_t count, Durability durability) {
  if (!is_open()) return;
  const uint64_t group = history_.NewGroup();
  std::vector<size_t> sent;
  std::vector<Message> messages;
  for (size_t i = 0; i < count; ++i) {
    Outgoing message = AnyMessage();
    // At most half a segment in all.
    message.body_bytes = std::min<size_t>(message.body_bytes, 1200 / count);
    message.group = group;
    sent.push_back(history_.Send(message));
    messages.push_back(history_[sent.back()].message());
  }
  history_.SettleGroup(sent, store_->Append(messages, Options(durability)));
  Remember("group");
}

void Workload::FanOut(Durability durability) {
  if (!is_open()) return;
  Outgoing message = AnyMessage();
  message.queues.clear();
  for (const auto& [name, queue_count] : topics_) {
    for (uint32_t id = 0; id < queue_count; ++id) message.queues.push_back({name, id});
  }
  const size_t sent = history_.Send(message);
  history_.Settle(sent, store_->Append(history_[sent].message(), Options(durability)));
  Remember("fan-out");
}

void Workload::CommitClaim(Durability durability) {
  if (!is_open()) return;
  const size_t sent = history_.Send(AnyMessage());
  const std::string& body = history_[sent].body;
  // More is asked for than is used.
  absl::StatusOr<MessageClaim> claim =
      store_->Claim(history_[sent].message(), body.size() + random_.Below(100), kTimeout);
  if (!claim.ok()) return history_.Settle(sent, claim.status());
  Remember("claimed");
  std::memcpy(claim->body().data(), body.data(), body.size() / 2);
  Remember("half filled");
  std::memcpy(claim->body().data(), body.data(), body.size());
  history_.Settle(sent, claim->Commit(body.size(), Options(durability)));
  Remember("committed");
}

void Workload::GiveUpClaim() {
  if (!is_open()) return;
  const size_t sent = history_.Send(AnyMessage());
  absl::StatusOr<MessageClaim> claim =
      store_->Claim(history_[sent].message(), history_[sent].body.size(), kTimeout);
  if (!claim.ok()) return history_.Settle(sent, claim.status());
  const std::string& body = history_[sent].body;
  std::memcpy(claim->body().data(), body.data(), body.size());
  Remember("claim to be given up");
  *claim = MessageClaim();
  history_.GiveUp(sent);
  Remember("given up");
}

void Workload::LeaveClaimOpen() {
  if (!is_open()) return;
  const size_t sent = history_.Send(AnyMessage());
  absl::StatusOr<MessageClaim> claim =
      store_->Claim(history_[sent].message(), history_[sent].body.size(), kTimeout);
  if (!claim.ok()) return history_.Settle(sent, claim.status());
  const std::string& body = history_[sent].body;
  std::memcpy(claim->body().data(), body.data(), random_.Below(body.size() + 1));
  claims_.push_back(*std::move(claim));
  // Nobody ever commits it: it must never be seen.
  history_.GiveUp(sent);
  Remember("claim left open");
}

void Workload::AppendToNewTopic(const std::string& name) {
  if (!is_open()) return;
  history_.DeclareTopic(name, 2);
  Outgoing message = AnyMessage();
  message.queues = {{name, static_cast<uint32_t>(random_.Below(2))}};
  const size_t sent = history_.Send(message);
  const absl::StatusOr<Receipt> receipt =
      store_->Append(history_[sent].message(), Options(Durability::kProcess));
  history_.Settle(sent, receipt);
  if (receipt.ok()) topics_.emplace_back(name, 2);
  Remember("append to a new topic");
}

void Workload::CommitOffset(const std::string& group, Durability durability) {
  if (!is_open()) return;
  const auto& [topic, queue_count] = topics_[static_cast<size_t>(random_.Below(topics_.size()))];
  const QueueName queue{topic, static_cast<uint32_t>(random_.Below(queue_count))};
  const absl::StatusOr<QueueBounds> bounds = store_->Bounds(queue.topic, queue.queue_id);
  if (!bounds.ok()) return Problem(absl::StrCat("Bounds: ", bounds.status().ToString()));
  const QueueOffset offset = bounds->first + random_.Below(bounds->end - bounds->first + 1);
  const bool may_go_back = random_.OneIn(3);
  const size_t commit = history_.AskCommit(group, queue, offset);
  const absl::StatusOr<Durability> result = store_->CommitOffset(
      group, queue.topic, queue.queue_id, offset,
      {.durability = durability, .timeout = kTimeout, .may_go_back = may_go_back});
  history_.SettleCommit(commit, result);
  Remember("commit of an offset");
}

void Workload::Retain(uint64_t max_bytes) {
  if (!is_open()) return;
  const Retention policy{.max_bytes = max_bytes};
  const absl::StatusOr<RetentionReport> plan = store_->Retain(policy, /*dry_run=*/true);
  if (!plan.ok()) return Problem(absl::StrCat("Retain: ", plan.status().ToString()));
  history_.AskTrim(plan->begin);
  const absl::StatusOr<RetentionReport> done = store_->Retain(policy);
  if (!done.ok()) return Problem(absl::StrCat("Retain: ", done.status().ToString()));
  history_.SettleTrim(done->begin);
  Remember("retain");
}

void Workload::Purge() {
  if (!is_open()) return;
  const auto& [topic, queue_count] = topics_[static_cast<size_t>(random_.Below(topics_.size()))];
  const QueueName queue{topic, static_cast<uint32_t>(random_.Below(queue_count))};
  const absl::StatusOr<QueueBounds> bounds = store_->Bounds(queue.topic, queue.queue_id);
  if (!bounds.ok()) return Problem(absl::StrCat("Bounds: ", bounds.status().ToString()));
  const QueueOffset first = bounds->first + random_.Below(bounds->end - bounds->first + 1);
  history_.AskPurge(queue, first);
  const absl::Status status = store_->PurgeQueue(queue.topic, queue.queue_id, first);
  if (!status.ok()) return Problem(absl::StrCat("PurgeQueue: ", status.ToString()));
  history_.SettlePurge(queue, first);
  Remember("purge");
}

void Workload::DeleteTopic(const std::string& name) {
  if (!is_open()) return;
  std::erase_if(topics_, [&](const auto& topic) { return topic.first == name; });
  history_.AskDeletion(name);
  const absl::Status status = store_->DeleteTopic(name);
  if (!status.ok()) return Problem(absl::StrCat("DeleteTopic: ", status.ToString()));
  history_.SettleDeletion(name);
  Remember("topic deleted");
}

void Workload::RunOnce() {
  if (!is_open()) return;
  clock_.Advance(absl::Milliseconds(static_cast<int64_t>(random_.Below(150))));
  store_->RunOnce();
  Remember("run once");
}

void Workload::RunUntilIdle() {
  if (!is_open()) return;
  clock_.Advance(absl::Seconds(1));
  for (int i = 0; i < kRunsMax; ++i) {
    if (store_->RunOnce() > absl::ZeroDuration()) return Remember("idle");
  }
  Problem("RunOnce() never comes to an end");
}

void Workload::Flush() {
  if (!is_open()) return;
  const absl::Status status = store_->Flush(kTimeout);
  if (status.ok()) history_.ReachAll(Durability::kDisk);
  Remember("flush");
}

void Workload::Remember(const std::string& what) {
  moments_.push_back(
      {.image = disk_->Freeze(), .as_of = history_.now(), .what = what, .torn_deaths = {}});
}

Outgoing Workload::AnyMessage() {
  Outgoing message;
  const auto& [topic, queue_count] = topics_[static_cast<size_t>(random_.Below(topics_.size()))];
  message.queues = {{topic, static_cast<uint32_t>(random_.Below(queue_count))}};
  message.body_bytes =
      static_cast<size_t>(random_.OneIn(4) ? random_.Between(8, 700) : random_.Between(8, 160));
  if (random_.OneIn(4)) message.tag = random_.OneIn(2) ? "NEW" : "CANCEL";
  if (random_.OneIn(4)) message.keys = {absl::StrCat("key-", random_.Below(5))};
  if (random_.OneIn(8)) message.properties = {{"name", "value"}};
  if (random_.OneIn(8)) message.ordering_key = "order";
  return message;
}

AppendOptions Workload::Options(Durability durability) const {
  return {.durability = durability, .timeout = kTimeout};
}

}  // namespace weir::testing
