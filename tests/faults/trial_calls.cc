// What the programs of trials do with a store.

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/match.h"
#include "faults/trial.h"

namespace weir::testing {
namespace {

constexpr int kRunsMax = 300;
constexpr uint32_t kReadMax = 1000;
constexpr uint32_t kQueuesPerTopic = 2;
const char* const kJournalQueue = "journal";

}  // namespace

void Trial::CreateTopic(const std::string& name) {
  if (!is_open()) return;
  history_.DeclareTopic(name, kQueuesPerTopic);
  if (std::find(topics_.begin(), topics_.end(), name) == topics_.end()) topics_.push_back(name);
  const auto topic =
      Within("CreateTopic", [&] { return subject_.store->CreateTopic(name, kQueuesPerTopic); });
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
  const auto receipt = Within("Append", [&] {
    return subject_.Append(history_[sent], {.durability = durability, .timeout = kTimeout});
  });
  // With workers it is a matter of time.
  if (failures() == 0 && !shape_.has_workers && receipt.ok() && receipt->reached < durability) {
    Problem("an append does not reach its level on a good disk");
  }
  if (receipt.ok()) last_receipt_ = *receipt;
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
  AppendCallback callback = outcomes_.Expect(sent, durability);
  const absl::Status status = Within("AppendAsync", [&] {
    return subject_.store->AppendAsync(history_[sent].message(),
                                       {.durability = durability, .timeout = kTimeout},
                                       std::move(callback));
  });
  if (status.ok()) return;
  if (!outcomes_.Withdraw(sent)) return Problem("a callback of a refused append");
  history_.Settle(sent, status);
}

void Trial::AppendGroup(size_t count, Durability durability) {
  if (!is_open()) return;
  const uint64_t group = history_.NewGroup();
  std::vector<size_t> sent;
  for (size_t i = 0; i < count; ++i) sent.push_back(Send(1200 / count, group));
  const AppendOptions options{.durability = durability, .timeout = kTimeout};
  std::vector<absl::string_view> bodies;
  std::vector<Message> messages;
  for (const size_t i : sent) bodies.push_back(history_[i].body);
  for (const size_t i : sent) messages.push_back(history_[i].message());
  const auto receipts = Within("a group", [&] {
    return shape_.is_journal ? subject_.journal->Append(bodies, options)
                             : subject_.store->Append(messages, options);
  });
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
  const auto receipt = Within("a fan-out", [&] {
    return subject_.Append(history_[sent], {.durability = durability, .timeout = kTimeout});
  });
  history_.Settle(sent, receipt);
}

absl::StatusOr<MessageClaim> Trial::Claim(size_t sent, size_t body_bytes) {
  return Within("Claim", [&] {
    return subject_.store->Claim(history_[sent].message(), body_bytes, kTimeout);
  });
}

void Trial::CommitClaim(Durability durability) {
  if (!is_open()) return;
  const size_t sent = Send();
  const std::string& body = history_[sent].body;
  absl::StatusOr<MessageClaim> claim =
      Claim(sent, body.size() + static_cast<size_t>(random_.Below(100)));
  if (!claim.ok()) return history_.Settle(sent, claim.status());
  WithinSound("body", [&] { std::memcpy(claim->body().data(), body.data(), body.size()); });
  const auto receipt = Within("Commit", [&] {
    return claim->Commit(body.size(), {.durability = durability, .timeout = kTimeout});
  });
  history_.Settle(sent, receipt);
  WithinSound("a claim's destructor", [&] { *claim = MessageClaim(); });
}

void Trial::GiveUpClaim() {
  if (!is_open()) return;
  const size_t sent = Send();
  absl::StatusOr<MessageClaim> claim = Claim(sent, history_[sent].body.size());
  if (claim.ok()) WithinSound("a claim's destructor", [&] { *claim = MessageClaim(); });
  history_.GiveUp(sent);
}

void Trial::LeaveClaimOpen() {
  if (!is_open()) return;
  const size_t sent = Send();
  absl::StatusOr<MessageClaim> claim = Claim(sent, history_[sent].body.size());
  if (claim.ok()) claims_.push_back(*std::move(claim));
  history_.GiveUp(sent);
}

void Trial::CommitOffset(const std::string& group, Durability durability) {
  if (!is_open()) return;
  const QueueName queue{topics_[static_cast<size_t>(random_.Below(topics_.size()))],
                        static_cast<uint32_t>(random_.Below(kQueuesPerTopic))};
  const absl::StatusOr<QueueBounds> bounds = subject_.store->Bounds(queue.topic, queue.queue_id);
  if (!bounds.ok()) return;  // the topic's creation may have failed
  const QueueOffset offset = bounds->first + random_.Below(bounds->end - bounds->first + 1);
  const size_t commit = history_.AskCommit(group, queue, offset);
  const absl::StatusOr<Durability> result = Within("CommitOffset", [&] {
    return subject_.store->CommitOffset(
        group, queue.topic, queue.queue_id, offset,
        {.durability = durability, .timeout = kTimeout, .may_go_back = true});
  });
  history_.SettleCommit(commit, result);
}

void Trial::AppendToNewTopic(const std::string& name) {
  if (!is_open()) return;
  history_.DeclareTopic(name, kQueuesPerTopic);
  topics_.push_back(name);
  std::swap(topics_.front(), topics_.back());
  Append(Durability::kProcess);
}

void Trial::WaitForLast(Durability durability) {
  if (!is_open() || !last_receipt_.has_value()) return;
  Within("WaitFor", [&] {
    return subject_.WaitFor(*last_receipt_, durability, kTimeout);
  }).IgnoreError();
}

void Trial::CheckRead(const char* what, const absl::StatusOr<ReadResult>& result) {
  if (result.ok()) CheckMessages(what, *result);
}

void Trial::ReadJournal() {
  const auto read =
      Within("Read", [&] { return subject_.journal->Read(LogPosition(0), kReadMax); });
  if (!read.ok()) return;
  for (const JournalEntry& entry : read->entries) {
    const std::optional<size_t> sent = history_.Identify(entry.body);
    if (!sent.has_value() || history_[*sent].body != entry.body) {
      Problem("Read gives what was never sent");
    }
  }
}

void Trial::ReadAllOf(MessageStore& store) {
  const auto read = [&](const char* what, auto&& call) { CheckRead(what, Within(what, call)); };
  const ReadOptions options{.max_messages = kReadMax};
  for (const std::string& topic : topics_) {
    for (uint32_t id = 0; id < kQueuesPerTopic; ++id) {
      read("Read", [&] { return store.Read(topic, id, QueueOffset(0), options); });
      read("ReadLast", [&] { return store.ReadLast(topic, id, 5); });
      read("ReadBackwards",
           [&] { return store.ReadBackwards(topic, id, QueueOffset(3), options); });
    }
    read("ReadTopic", [&] { return store.ReadTopic(topic, LogPosition(0), options); });
  }
}

void Trial::ReadEverything() {
  if (!is_open()) return;
  if (shape_.is_journal) return ReadJournal();
  ReadAllOf(*subject_.store);
  if (!last_receipt_.has_value()) return;
  const LogPosition position = last_receipt_->position;
  CheckRead("ReadAt", Within("ReadAt", [&] { return subject_.store->ReadAt(position); }));
}

void Trial::ReadWaiting() {
  if (!is_open()) return;
  MessageStore& store = *subject_.store;
  const std::string& topic = topics_.front();
  const auto bounds = store.Bounds(topic, 0);
  if (!bounds.ok()) return;
  const auto result = Within("Read", [&] {
    return store.Read(topic, 0, bounds->end,
                      {.wait = absl::Microseconds(300), .spin = absl::Microseconds(200)});
  });
  CheckRead("Read", result);
}

void Trial::LookAtEverything() {
  if (!is_open()) return;
  WithinSound("Stats", [&] { subject_.Stats(); });
  WithinSound("state", [&] { subject_.state(); });
  if (shape_.is_journal) {
    WithinSound("begin", [&] { subject_.journal->begin(); });
    WithinSound("durable_end", [&] { subject_.journal->durable_end(); });
    return;
  }
  MessageStore& store = *subject_.store;
  std::optional<StoreInfo> info;
  WithinSound("Info", [&] { info = store.Info(); });
  if (info.has_value() && info->state != store.state()) Problem("Info() and state() differ");
  WithinSound("recovery", [&] { store.recovery(); });
  for (const std::string& topic : topics_) {
    Within("FindTopic", [&] { return IfThere(store.FindTopic(topic).status()); }).IgnoreError();
    Within("Bounds", [&] { return IfThere(store.Bounds(topic, 1).status()); }).IgnoreError();
  }
  Within("Dump", [&] { return store.Dump(LogPosition(0), kReadMax); }).IgnoreError();
}

void Trial::Verify() {
  if (!is_open()) return;
  const auto report = Within("Verify", [&] { return subject_.store->Verify(); });
  if (!report.ok() || failed_calls() > 0) return;
  for (const VerifyFinding& finding : report->findings) {
    Problem(absl::StrCat("Verify: ", finding.file, ": ", finding.what));
  }
}

void Trial::Trim() {
  if (!is_open()) return;
  CommitLog& journal = *subject_.journal;
  const LogPosition before = journal.begin();
  const LogPosition half = before + (journal.end() - before) / 2;
  history_.AskTrim(half);
  const absl::Status status = Within("TrimTo", [&] { return journal.TrimTo(half); });
  if (status.ok()) {
    history_.SettleTrim(journal.begin());
  } else if (journal.begin() != before) {
    Problem("TrimTo fails and drops");
  }
}

void Trial::RunOnce() {
  if (!is_open()) return;
  clock_.Advance(absl::Milliseconds(static_cast<int64_t>(random_.Below(150))));
  WithinSound("RunOnce", [&] { subject_.RunOnce(); });
}

void Trial::RunUntilIdle() {
  if (!is_open()) return;
  clock_.Advance(absl::Seconds(2));
  for (int i = 0; i < kRunsMax; ++i) {
    absl::Duration rest;
    WithinSound("RunOnce", [&] { rest = subject_.RunOnce(); });
    if (rest > absl::ZeroDuration()) return;
  }
  Problem("RunOnce() never comes to an end");
}

void Trial::Flush() {
  if (!is_open()) return;
  const absl::Status status = Within("Flush", [&] { return subject_.Flush(kTimeout); });
  if (status.ok()) history_.ReachAll(Durability::kDisk);
}

// --- Other processes

void Trial::OpenReader() {
  if (!disk_->DirectoryExists("/store") || !disk_->FileExists("/store/superblock")) return;
  if (reader_disk_ == nullptr) reader_disk_ = disk_->AnotherProcess();
  StoreOptions options = SubjectOptions(shape_, reader_disk_.get(), &clock_);
  options.read_only = true;
  const auto open = [&]() -> absl::Status {
    absl::StatusOr<std::unique_ptr<MessageStore>> opened = MessageStore::Open(options);
    if (opened.ok()) reader_ = *std::move(opened);
    return opened.status();
  };
  if (!Within("Open of a reader", open).ok() && HasPassed()) {
    Within("Open of a reader", open).IgnoreError();
  }
}

void Trial::ReadAsReader() {
  if (reader_ == nullptr) return;
  ReadAllOf(*reader_);
  WithinSound("RunOnce of a reader", [&] { reader_->RunOnce(); });
  WithinSound("Info of a reader", [&] { reader_->Info(); });
  WithinSound("Stats of a reader", [&] { reader_->Stats(); });
}

void Trial::CloseReader() {
  if (reader_ == nullptr) return;
  Within("Close of a reader", [&] { return reader_->Close(); }).IgnoreError();
  WithinSound("a reader's destructor", [&] { reader_.reset(); });
}

// --- Repair

// Calls `damage`, repairs, and puts the file back whatever came of it.
absl::StatusOr<RepairReport> Trial::RepairBehind(const std::string& file,
                                                 const std::string& content,
                                                 const RepairOptions& options) {
  const std::string path = absl::StrCat("/store/", file);
  const std::string sound = disk_->ReadFile(path);
  disk_->WriteFile(path, content);
  is_wounded_ = true;
  const auto repair = [&] { return RepairStore(options); };
  absl::StatusOr<RepairReport> report = Within("RepairStore", repair);
  if (!report.ok()) CheckUnrepaired(options);
  if (!report.ok() && HasPassed()) {
    disk_->WriteFile(path, content);
    report = Within("RepairStore", repair);
  }
  disk_->WriteFile(path, sound);
  is_wounded_ = false;
  return report;
}

// After an error that did not stand in the way of removing it there is no copy.
void Trial::CheckUnrepaired(const RepairOptions& options) {
  FaultFileSystem beside(disk_->ProcessDeath());
  ManualClock clock;
  StoreOptions copy = SubjectOptions(shape_.WithoutWorkers(), &beside, &clock);
  copy.directory = options.new_directory;
  copy.create_if_missing = false;
  if (copy.directory.empty() || !HasPassed()) return;
  if (MessageStore::Open(copy).ok()) {
    Problem("a repair that failed leaves a store");
  }
  beside.Kill();
}

void Trial::RepairIndexFile() {
  if (is_open() || !is_closed_well_) return;
  for (const std::string& file : disk_->ListFiles("/store")) {
    if (!absl::EndsWith(file, ".index")) continue;
    std::string content = disk_->ReadFile("/store/" + file);
    content[content.size() / 2] ^= 1;
    const auto report = RepairBehind(
        file, content, {.directory = "/store", .file_system = disk_.get(), .clock = &clock_});
    // What a device did not give is repaired too.
    if (!report.ok() || failed_calls() > 0) return;
    if (report->needs_copy || report->rebuilt != std::vector<std::string>{file}) {
      Problem("a damaged index file is not what is repaired");
    }
    return;
  }
}

void Trial::RepairIntoCopy() {
  if (is_open() || !is_closed_well_) return;
  const RepairOptions options{.directory = "/store",
                              .new_directory = kMendedDirectory,
                              .file_system = disk_.get(),
                              .clock = &clock_};
  for (const std::string& file : disk_->ListFiles("/store")) {
    if (!absl::StartsWith(file, "superblock")) continue;
    const std::string sound = disk_->ReadFile("/store/" + file);
    const auto report = RepairBehind(file, std::string(sound.size(), '\0'), options);
    if (report.ok() && report->needs_copy) CheckCopy(options.new_directory);
    if (failures() == 0 && !report->needs_copy) Problem("a lost superblock needs no copy");
    if (!disk_->DirectoryExists(options.new_directory)) return;
    for (const std::string& made : disk_->ListFiles(options.new_directory)) {
      disk_->RemoveFile(absl::StrCat(options.new_directory, "/", made));
    }
    return;
  }
}

void Trial::CheckCopy(const std::string& directory) {
  FaultFileSystem beside(disk_->ProcessDeath());
  ManualClock clock;
  clock.AdvanceAtEveryLook(absl::Microseconds(100));
  StoreOptions options = SubjectOptions(shape_.WithoutWorkers(), &beside, &clock);
  options.directory = directory;
  options.create_if_missing = false;
  const absl::StatusOr<Subject> copy = Subject::Open(shape_, options);
  if (!copy.ok()) return Problem(absl::StrCat("the copy: ", copy.status().ToString()));
  const Verdict verdict =
      copy->Examine(history_, {.allows_damage = failed_calls() > 0, .is_thorough = true});
  if (!verdict.ok()) Problem(absl::StrCat("the copy: ", verdict.ToString()));
}

}  // namespace weir::testing
