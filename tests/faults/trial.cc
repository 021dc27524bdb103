#include "faults/trial.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

// A wait that the disk does not end ends after some looks at the clock.
constexpr absl::Duration kStep = absl::Microseconds(100);
constexpr absl::Duration kTimeout = absl::Milliseconds(2);

constexpr int kRunsMax = 300;
constexpr uint32_t kQueuesPerTopic = 2;
const char* const kJournalQueue = "journal";

}  // namespace

Trial::Trial(SubjectShape shape, uint64_t seed, std::optional<Injection> injection)
    : shape_(std::move(shape)), injection_(std::move(injection)), random_(Random::Mix(seed, 1)) {
  clock_.AdvanceAtEveryLook(kStep);
  CrashImage nothing;
  nothing.seed = seed;
  Enter(std::move(nothing));
}

Trial::~Trial() { Abandon(); }

void Trial::Enter(CrashImage image) {
  disk_ = std::make_unique<FaultFileSystem>(image);
  if (injection_.has_value()) {
    // The fault is counted over all processes; a part of it may be past.
    const uint64_t begin = injection_->call;
    const uint64_t times = injection_->fault.times;
    const uint64_t end = times == Fault::kForEver ? times : begin + times;
    const uint64_t made = calls_.size();
    if (end > made) {
      Fault fault = injection_->fault;
      fault.nth = std::max(begin, made) - made + 1;
      if (times != Fault::kForEver) fault.times = end - std::max(begin, made);
      disk_->Inject(fault);
    }
  }
  disk_->SetHook([this](const Operation& operation) {
    const uint64_t call = calls_.size();
    if (std::find(watched_.begin(), watched_.end(), call) != watched_.end()) {
      moments_.push_back({.image = disk_->Freeze(), .as_of = history_.now(), .call = call});
    }
    calls_.push_back(operation.kind);
  });
}

void Trial::Abandon() {
  failed_before_ += disk_->failures();
  disk_->SetHook(nullptr);
  disk_->Kill();
  claims_.clear();
  subject_.Destroy();
  if (disk_->open_handles() != 0) {
    Problem(absl::StrCat(disk_->open_handles(), " handles are left behind"));
  }
}

uint64_t Trial::failed_calls() const { return failed_before_ + disk_->failures(); }

void Trial::Judge(const char* what, const absl::Status& status) {
  if (is_open() && subject_.state() > StoreState::kClosed) Problem("no such state");
  if (status.ok()) return;
  if (failed_calls() == 0) Problem(absl::StrCat(what, ": ", status.ToString()));
  switch (status.code()) {
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDataLoss:
      break;
    case absl::StatusCode::kPermissionDenied:
      // What the file system says, where that is promised.
      break;
    default:
      Problem(absl::StrCat(what, " answers what it never should: ", status.ToString()));
  }
}

absl::Status Trial::Reopen() {
  absl::StatusOr<Subject> opened = Subject::Open(shape_, disk_.get(), &clock_);
  if (opened.ok()) subject_ = *std::move(opened);
  return opened.status();
}

void Trial::Open() {
  const absl::Status status = Reopen();
  Judge("Open", status);
  if (status.ok()) return LookAround();
  if (disk_->open_handles() != 0) Problem("a failed open keeps handles");
  // Who met a fault that passes opens again.
  const bool has_passed = injection_.has_value() && injection_->fault.times != Fault::kForEver &&
                          calls_.size() >= injection_->call + injection_->fault.times;
  if (!has_passed) return;
  const absl::Status again = Reopen();
  if (!again.ok()) return Problem(absl::StrCat("the second Open fails too: ", again.ToString()));
  LookAround();
}

void Trial::LookAround() {
  if (!crashed_.has_value()) return;
  const Durability survives = *std::exchange(crashed_, std::nullopt);
  // In a world of its own, where nothing fails: what it delivers stays delivered.
  FaultFileSystem beside(disk_->ProcessDeath());
  ManualClock clock;
  clock.AdvanceAtEveryLook(kStep);
  absl::StatusOr<Subject> opened = Subject::Open(shape_, &beside, &clock);
  if (!opened.ok()) {
    return Problem(absl::StrCat("does not open twice: ", opened.status().ToString()));
  }
  const Verdict verdict = opened->Examine(history_, {.survives = survives});
  if (!verdict.ok()) Problem(absl::StrCat("inside the run: ", verdict.ToString()));
  // An open that met an error may owe the disk what only the front has.
  const bool is_on_disk = survives == Durability::kDisk || disk_->failures() == 0;
  history_.Reopen(verdict.delivered, is_on_disk ? Durability::kDisk : Durability::kProcess);
  beside.Kill();
}

void Trial::Close() {
  if (!is_open()) return;
  Judge("Close", Finish());
}

void Trial::Destroy() {
  claims_.clear();
  subject_.Destroy();
  if (disk_->open_handles() != 0) {
    Problem(absl::StrCat(disk_->open_handles(), " handles are open behind the store"));
  }
}

absl::Status Trial::Finish() {
  claims_.clear();
  const absl::Status status = subject_.Close();
  if (status.ok()) history_.ReachAll(Durability::kDisk);
  Destroy();
  return status;
}

void Trial::KillAndOpen() { GoOn(disk_->ProcessDeath(), survives_death_); }

void Trial::CutPowerAndOpen() {
  const CrashImage moment = disk_->Freeze();
  const std::vector<LossPlan> plans = moment.LossPlans({.seed = random_.Next()});
  const LossPlan& plan = plans[static_cast<size_t>(random_.Below(plans.size()))];
  history_.LosePower();
  GoOn(moment.PowerLoss(plan), Durability::kDisk);
}

void Trial::GoOn(CrashImage image, Durability survives) {
  Abandon();
  Enter(std::move(image));
  crashed_ = std::max(crashed_.value_or(survives), survives);
  Open();
}

void Trial::CreateTopic(const std::string& name) {
  if (!is_open()) return;
  history_.DeclareTopic(name, kQueuesPerTopic);
  if (std::find(topics_.begin(), topics_.end(), name) == topics_.end()) topics_.push_back(name);
  const absl::StatusOr<Topic> topic = subject_.store->CreateTopic(name, kQueuesPerTopic);
  Judge("CreateTopic", topic.status());
  if (topic.ok()) history_.AcknowledgeTopic(name);
}

size_t Trial::Send(size_t body_bytes_max, uint64_t group) {
  Outgoing message;
  message.group = group;
  message.body_bytes =
      static_cast<size_t>(random_.OneIn(3) ? random_.Between(8, 700) : random_.Between(8, 160));
  message.body_bytes = std::min(message.body_bytes, body_bytes_max);
  if (shape_.is_journal) {
    message.queues = {{kJournalQueue, 0}};
    return history_.Send(message);
  }
  const std::string& topic = topics_[static_cast<size_t>(random_.Below(topics_.size()))];
  message.queues = {{topic, static_cast<uint32_t>(random_.Below(kQueuesPerTopic))}};
  if (random_.OneIn(4)) message.tag = "NEW";
  if (random_.OneIn(4)) message.keys = {absl::StrCat("key-", random_.Below(5))};
  return history_.Send(message);
}

void Trial::Append(Durability durability) {
  if (!is_open()) return;
  const size_t sent = Send();
  const absl::StatusOr<Receipt> receipt =
      subject_.Append(history_[sent], {.durability = durability, .timeout = kTimeout});
  Judge("Append", receipt.status());
  if (failed_calls() == 0 && receipt.ok() && receipt->reached < durability) {
    Problem("an append does not reach its level on a good disk");
  }
  history_.Settle(sent, receipt);
}

void Trial::AppendMany(int count, Durability durability) {
  for (int i = 0; i < count; ++i) {
    Append(durability);
    if (random_.OneIn(3)) RunOnce();
  }
}

void Trial::AppendAsync(Durability durability) {
  if (!is_open()) return;
  const size_t sent = Send();
  const auto called = std::make_shared<int>(0);
  const absl::Status status = subject_.store->AppendAsync(
      history_[sent].message(), {.durability = durability, .timeout = kTimeout},
      [this, sent, called, durability](const absl::Status& outcome, const Receipt& receipt) {
        if (++*called != 1) Problem("a callback is called again");
        Judge("callback", outcome);
        if (outcome.ok() && receipt.reached < durability) Problem("OK below what was asked");
        // What failed may be in the log.
        history_.Settle(sent, outcome.ok() ? absl::StatusOr<Receipt>(receipt)
                                           : absl::StatusOr<Receipt>(absl::DataLossError("")));
      });
  Judge("AppendAsync", status);
  if (status.ok()) return;
  if (*called != 0) Problem("a callback of a refused append");
  *called = 1;
  history_.Settle(sent, status);
}

void Trial::AppendGroup(size_t count, Durability durability) {
  if (!is_open()) return;
  const uint64_t group = history_.NewGroup();
  std::vector<size_t> sent;
  for (size_t i = 0; i < count; ++i) sent.push_back(Send(1200 / count, group));
  const AppendOptions options{.durability = durability, .timeout = kTimeout};
  absl::StatusOr<std::vector<Receipt>> receipts = std::vector<Receipt>();
  if (shape_.is_journal) {
    std::vector<absl::string_view> bodies;
    for (const size_t i : sent) bodies.push_back(history_[i].body);
    receipts = subject_.journal->Append(bodies, options);
  } else {
    std::vector<Message> messages;
    for (const size_t i : sent) messages.push_back(history_[i].message());
    receipts = subject_.store->Append(messages, options);
  }
  Judge("a group", receipts.status());
  history_.SettleGroup(sent, receipts);
}

void Trial::FanOut(Durability durability) {
  if (!is_open()) return;
  Outgoing message;
  message.body_bytes = static_cast<size_t>(random_.Between(8, 200));
  for (const std::string& topic : topics_) {
    for (uint32_t id = 0; id < kQueuesPerTopic; ++id) message.queues.push_back({topic, id});
  }
  const size_t sent = history_.Send(message);
  const absl::StatusOr<Receipt> receipt =
      subject_.Append(history_[sent], {.durability = durability, .timeout = kTimeout});
  Judge("a fan-out", receipt.status());
  history_.Settle(sent, receipt);
}

void Trial::CommitClaim(Durability durability) {
  if (!is_open()) return;
  const size_t sent = Send();
  const std::string& body = history_[sent].body;
  absl::StatusOr<MessageClaim> claim =
      subject_.store->Claim(history_[sent].message(), body.size() + random_.Below(100), kTimeout);
  Judge("Claim", claim.status());
  if (!claim.ok()) return history_.Settle(sent, claim.status());
  std::memcpy(claim->body().data(), body.data(), body.size());
  const absl::StatusOr<Receipt> receipt =
      claim->Commit(body.size(), {.durability = durability, .timeout = kTimeout});
  Judge("Commit", receipt.status());
  history_.Settle(sent, receipt);
}

void Trial::GiveUpClaim() {
  if (!is_open()) return;
  const size_t sent = Send();
  const absl::StatusOr<MessageClaim> claim =
      subject_.store->Claim(history_[sent].message(), history_[sent].body.size(), kTimeout);
  Judge("Claim", claim.status());
  history_.GiveUp(sent);
}

void Trial::LeaveClaimOpen() {
  if (!is_open()) return;
  const size_t sent = Send();
  absl::StatusOr<MessageClaim> claim =
      subject_.store->Claim(history_[sent].message(), history_[sent].body.size(), kTimeout);
  Judge("Claim", claim.status());
  if (claim.ok()) claims_.push_back(*std::move(claim));
  history_.GiveUp(sent);
}

void Trial::AppendToNewTopic(const std::string& name) {
  if (!is_open()) return;
  history_.DeclareTopic(name, kQueuesPerTopic);
  topics_.push_back(name);
  std::swap(topics_.front(), topics_.back());
  Append(Durability::kProcess);
}

void Trial::CheckRead(const char* what, const absl::StatusOr<ReadResult>& result) {
  Judge(what, result.status());
  if (!result.ok()) return;
  for (const MessageView& message : *result) {
    const std::optional<size_t> sent = history_.Identify(message.body());
    if (!sent.has_value() || history_[*sent].body != message.body()) {
      Problem(absl::StrCat(what, " gives what was never sent"));
    }
  }
}

void Trial::ReadEverything() {
  if (!is_open()) return;
  if (shape_.is_journal) {
    const absl::StatusOr<JournalEntries> read = subject_.journal->Read(LogPosition(0), 1000);
    Judge("Read", read.status());
    if (!read.ok()) return;
    for (const JournalEntry& entry : read->entries) {
      const std::optional<size_t> sent = history_.Identify(entry.body);
      if (!sent.has_value() || history_[*sent].body != entry.body) {
        Problem("Read gives what was never sent");
      }
    }
    return;
  }
  MessageStore& store = *subject_.store;
  for (const std::string& topic : topics_) {
    for (uint32_t id = 0; id < kQueuesPerTopic; ++id) {
      CheckRead("Read", store.Read(topic, id, QueueOffset(0), {.max_messages = 1000}));
      CheckRead("ReadLast", store.ReadLast(topic, id, 5));
    }
    CheckRead("ReadTopic", store.ReadTopic(topic, LogPosition(0), {.max_messages = 1000}));
  }
}

void Trial::Trim() {
  if (!is_open()) return;
  CommitLog& journal = *subject_.journal;
  const LogPosition before = journal.begin();
  const LogPosition half = before + (journal.end() - before) / 2;
  history_.AskTrim(half);
  const absl::Status status = journal.TrimTo(half);
  Judge("TrimTo", status);
  if (status.ok()) {
    history_.SettleTrim(journal.begin());
  } else if (journal.begin() != before) {
    Problem("TrimTo fails and drops");
  }
}

void Trial::RunOnce() {
  if (!is_open()) return;
  clock_.Advance(absl::Milliseconds(static_cast<int64_t>(random_.Below(150))));
  subject_.RunOnce();
}

void Trial::RunUntilIdle() {
  if (!is_open()) return;
  clock_.Advance(absl::Seconds(2));
  for (int i = 0; i < kRunsMax; ++i) {
    if (subject_.RunOnce() > absl::ZeroDuration()) return;
  }
  Problem("RunOnce() never comes to an end");
}

void Trial::Flush() {
  if (!is_open()) return;
  const absl::Status status = subject_.Flush(kTimeout);
  Judge("Flush", status);
  if (status.ok()) history_.ReachAll(Durability::kDisk);
}

void Trial::Heal() { disk_->ClearFaults(); }

void Trial::Resume(bool may_be_read_only) {
  if (!is_open()) {
    const absl::Status status = Reopen();
    if (!status.ok()) return Problem(absl::StrCat("does not open again: ", status.ToString()));
    LookAround();
  }
  // Whatever rests before it tries again has rested.
  for (int i = 0; i < 4; ++i) RunUntilIdle();
  if (subject_.state() == StoreState::kReadOnly) {
    if (!may_be_read_only) Problem(absl::StrCat("read-only for good: ", subject_.reason()));
    return;
  }
  if (!shape_.is_journal && topics_.empty()) CreateTopic("after");
  const size_t sent = Send();
  const absl::StatusOr<Receipt> receipt = subject_.Append(
      history_[sent], {.durability = Durability::kDisk, .timeout = absl::Seconds(10)});
  history_.Settle(sent, receipt);
  if (!receipt.ok()) {
    Problem(absl::StrCat("no append behind the fault: ", receipt.status().ToString()));
  } else if (receipt->reached != Durability::kDisk) {
    Problem("an append behind the fault is not durable");
  }
}

}  // namespace weir::testing
