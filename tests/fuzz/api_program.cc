#include "fuzz/api_program.h"

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

// An input has to be done in milliseconds.
constexpr int kOperationsMax = 150;
constexpr int kRunsMax = 1000;
constexpr size_t kTopicsMax = 4;
constexpr size_t kClaimsMax = 3;

// A wait that nobody ends comes to its end after a thousand looks at the clock.
constexpr absl::Duration kStep = absl::Microseconds(100);
constexpr absl::Duration kTimeout = absl::Milliseconds(100);

// The first byte: what kind of store it is.
constexpr uint8_t kPrivateFront = 1;
constexpr uint8_t kOnDurable = 2;
constexpr uint8_t kLargerFront = 4;
constexpr uint8_t kLargerSegments = 8;

}  // namespace

ApiProgram::ApiProgram(FuzzInput input) : input_(input), shape_(input_.Byte()) {
  clock_.AdvanceAtEveryLook(kStep);
}

ApiProgram::~ApiProgram() { Abandon(); }

StoreOptions ApiProgram::Options() {
  return {.directory = "/store",
          .background = Background::kManual,
          .segment_bytes = (shape_ & kLargerSegments) ? 8192u : 4096u,
          .front_bytes = (shape_ & kLargerFront) ? 16384u : 8192u,
          .front_directory = (shape_ & kPrivateFront) ? "private" : "",
          .read_cache_bytes = 64 << 10,
          .visibility = (shape_ & kOnDurable) ? Visibility::kOnDurable : Visibility::kOnAppend,
          .default_queue_count = 2,
          .file_system = disk_.get(),
          .clock = &clock_};
}

void ApiProgram::Run() {
  Open(CrashImage());
  CreateTopic();
  for (int i = 0; i < kOperationsMax && !input_.empty(); ++i) Operate();
  while (!claims_.empty()) EndClaim();
  // What is on the disk is visible, whatever the store's visibility.
  const bool is_flushed = store_->Flush(kTimeout).ok();
  RunUntilIdle();
  if (is_flushed) history_.ReachAll(Durability::kDisk);
  if (is_flushed) Judge(*store_, {.survives = Durability::kDisk, .is_thorough = true});
  const absl::Status closed = store_->Close();
  if (!is_damaged_) RequireOk(closed, "Close");
  DieAndOpen();
}

void ApiProgram::Operate() {
  switch (input_.Below(20)) {
    case 0:
    case 1:
    case 2:
      return Append(AnyMessage());
    case 3:
      return AppendBatch();
    case 4:
      return AppendAsync();
    case 5:
      return MakeClaim();
    case 6:
      return EndClaim();
    case 7:
      return Flush();
    case 8:
      return Read();
    case 9:
      return ReadTopic();
    case 10:
      return ReadByAnotherProcess();
    case 11:
    case 12:
      return Tick();
    case 13:
      return RunUntilIdle();
    case 14:
      return CreateTopic();
    case 15:
      return CloseAndOpen();
    case 16:
      return DieAndOpen();
    case 17:
      return LosePowerAndOpen();
    case 18:
      return DamageAndOpen();
    default:
      // The wall clock may jump, in both directions.
      clock_.SetWallNanos(ManualClock::kDefaultWallNanos + input_.Take<int32_t>());
  }
}

// --- The store's life

void ApiProgram::Open(CrashImage image) {
  disk_ = std::make_unique<FaultFileSystem>(image);
  auto store = MessageStore::Open(Options());
  RequireOk(store.status(), "Open");
  store_ = *std::move(store);
  is_dead_ = false;
}

// The process ends without a word; what it leaves behind reaches nothing any more.
void ApiProgram::Abandon() {
  if (disk_ != nullptr) disk_->Kill();
  is_dead_ = true;
  // Death gives them up.
  for (const OpenClaim& claim : claims_) history_.GiveUp(claim.sent);
  claims_.clear();
  store_.reset();
}

void ApiProgram::CloseAndOpen() {
  while (!claims_.empty()) EndClaim();
  const absl::Status closed = store_->Close();
  if (!is_damaged_) RequireOk(closed, "Close");
  if (closed.ok()) history_.ReachAll(Durability::kDisk);
  DieAndOpen();
}

void ApiProgram::DieAndOpen() {
  const CrashImage image = disk_->ProcessDeath();
  Abandon();
  Open(image);
  Judge(*store_, {.survives = Durability::kProcess, .is_thorough = true});
}

void ApiProgram::LosePowerAndOpen() {
  const CrashImage moment = disk_->Freeze();
  const std::vector<LossPlan> plans = moment.LossPlans({.seed = input_.Byte()});
  const LossPlan& plan = plans[input_.Byte() % plans.size()];
  history_.LosePower();
  Abandon();
  Open(moment.PowerLoss(plan));
  Judge(*store_, {.survives = Durability::kDisk, .is_thorough = true});
}

// A byte of one of the files has another value when the store is opened again.
void ApiProgram::DamageAndOpen() {
  CrashImage image = disk_->ProcessDeath();
  Abandon();
  std::vector<std::string> names;
  const uint64_t directory = *image.disk.FindDirectory("/store");
  for (const std::string& name : image.disk.List(directory)) {
    const DiskFile& file = image.disk.file(image.disk.Find(directory, name));
    if (file.content().size() != 0) names.push_back(name);
  }
  DiskFile& file =
      image.disk.MutableFile(image.disk.Find(directory, names[input_.Byte() % names.size()]));
  const uint64_t at = input_.Take<uint16_t>() % file.content().size();
  char byte = 0;
  file.content().Read(at, absl::MakeSpan(&byte, 1));
  byte = static_cast<char>(byte ^ (input_.Byte() | 1));
  file.Write(at, absl::string_view(&byte, 1));
  file.Sync();
  is_damaged_ = true;
  Open(std::move(image));
  Judge(*store_, {.survives = Durability::kProcess, .allows_damage = true});
}

void ApiProgram::Judge(MessageStore& store, const Expectation& expectation) {
  const Verdict verdict = Examine(store, history_, expectation);
  if (is_damaged_) {
    // A tail that damage made look torn is cut without a word, and numbers that only it had are
    // given again: neither can be known. That nothing wrong is delivered can.
    Require(verdict.Count(Violation::Kind::kPhantom) == 0, verdict.ToString());
    return;
  }
  Require(verdict.ok(), verdict.ToString());
  history_.Reopen(verdict.delivered);
}

// --- Calls

void ApiProgram::CreateTopic() {
  // A thread that holds a claim must not wait.
  if (topics_.size() == kTopicsMax || !claims_.empty()) return;
  const std::string name = absl::StrCat("topic ", topics_.size());
  const uint32_t queue_count = 1 + input_.Below(3);
  history_.DeclareTopic(name, queue_count);
  const auto topic = store_->CreateTopic(name, queue_count);
  if (!topic.ok() && is_damaged_) return;
  RequireOk(topic.status(), "CreateTopic");
  history_.AcknowledgeTopic(name);
  topics_.emplace_back(name, queue_count);
}

Outgoing ApiProgram::AnyMessage() {
  const uint8_t what = input_.Byte();
  const auto& [topic, queue_count] = topics_[what % topics_.size()];
  Outgoing message{.queues = {{topic, (what / 4) % queue_count}},
                   .body_bytes = kBodyBytesMin + input_.Byte()};
  if (what & 16) {
    message.tag = input_.Byte() % 2 == 0 ? "NEW" : "CANCEL";
    message.keys = {"key", ""};
    message.ordering_key = "order";
    message.properties = {{"name", std::string(input_.Byte(), 'v')}};
  }
  if (what & 32) {
    for (const auto& [name, count] : topics_) {
      const QueueName further{name, input_.Byte() % count};
      if (further != message.queues.front()) message.queues.push_back(further);
    }
  }
  if (what & 64) message.body_bytes *= 3;
  return message;
}

AppendOptions ApiProgram::AnyAppendOptions() {
  const uint8_t what = input_.Byte();
  return {.durability = (what & 1) ? Durability::kDisk : Durability::kProcess,
          .timeout = (what & 2) ? absl::ZeroDuration() : kTimeout};
}

// A thread that holds a claim must not wait for its store: who is told so for a message that was to
// be waited for knows nothing of it.
absl::Status ApiProgram::Meaning(const absl::Status& status) const {
  const bool is_open = absl::IsFailedPrecondition(status) && !claims_.empty();
  return is_open ? absl::DataLossError(status.message()) : status;
}

void ApiProgram::Settle(size_t sent, const absl::StatusOr<Receipt>& result) {
  if (result.ok()) return history_.Settle(sent, result);
  history_.Settle(sent, Meaning(result.status()));
}

void ApiProgram::Append(const Outgoing& message) {
  const size_t sent = history_.Send(message);
  Settle(sent, store_->Append(history_[sent].message(), AnyAppendOptions()));
}

void ApiProgram::AppendBatch() {
  const uint64_t group = history_.NewGroup();
  std::vector<size_t> sent;
  std::vector<Message> messages;
  for (int i = 1 + input_.Below(4); i > 0; --i) {
    Outgoing message = AnyMessage();
    message.group = group;
    sent.push_back(history_.Send(message));
    messages.push_back(history_[sent.back()].message());
  }
  auto receipts = store_->Append(messages, AnyAppendOptions());
  if (!receipts.ok()) receipts = Meaning(receipts.status());
  history_.SettleGroup(sent, receipts);
}

void ApiProgram::AppendAsync() {
  const size_t sent = history_.Send(AnyMessage());
  const absl::Status status =
      store_->AppendAsync(history_[sent].message(), AnyAppendOptions(),
                          [this, sent](const absl::Status& outcome, const Receipt& receipt) {
                            if (is_dead_) return;  // nobody is there to hear it
                            if (outcome.ok()) {
                              history_.Settle(sent, receipt);
                            } else {
                              history_.Settle(sent, outcome);
                            }
                          });
  if (!status.ok()) history_.Settle(sent, status);
}

void ApiProgram::MakeClaim() {
  if (claims_.size() == kClaimsMax) return EndClaim();
  const size_t sent = history_.Send(AnyMessage());
  const std::string& body = history_[sent].body;
  auto claim = store_->Claim(history_[sent].message(), body.size() + input_.Byte(), kTimeout);
  if (!claim.ok()) return history_.Settle(sent, claim.status());
  std::memcpy(claim->body().data(), body.data(), body.size());
  claims_.push_back({*std::move(claim), sent});
}

void ApiProgram::EndClaim() {
  if (claims_.empty()) return;
  const uint8_t what = input_.Byte();
  const auto which = claims_.begin() + static_cast<ptrdiff_t>((what / 2) % claims_.size());
  OpenClaim ended = std::move(*which);
  claims_.erase(which);
  if (what % 2 == 0) {
    history_.GiveUp(ended.sent);
    return;  // the destructor gives it up
  }
  const auto receipt = ended.claim.Commit(history_[ended.sent].body.size(), AnyAppendOptions());
  Require(receipt.ok() || is_damaged_ || !claims_.empty(), "Commit");
  Settle(ended.sent, receipt);
}

void ApiProgram::Flush() {
  if (store_->Flush(kTimeout).ok()) history_.ReachAll(Durability::kDisk);
}

void ApiProgram::CheckRead(const absl::StatusOr<ReadResult>& result) {
  if (is_damaged_ && !result.ok()) return;
  RequireOk(result.status(), "read");
  Require(is_damaged_ || result->outcome() != ReadOutcome::kDamaged, "nothing is damaged");
  for (const MessageView& message : *result) {
    const auto sent = history_.Identify(message.body());
    Require(sent && history_[*sent].body == message.body(), "what is read was sent");
  }
}

void ApiProgram::Read() {
  const uint8_t what = input_.Byte();
  const auto& [topic, queue_count] = topics_[what % topics_.size()];
  const uint32_t id = (what / 4) % (queue_count + 1);  // or one that is not there
  const QueueOffset offset(input_.Byte());
  const ReadOptions options{.max_messages = 1u + input_.Byte() % 40,
                            .max_bytes = 50 * uint64_t{input_.Byte()},
                            .tags = (what & 128) ? "NEW" : "*"};
  if (what & 64) return CheckRead(store_->ReadLast(topic, id, options.max_messages));
  CheckRead((what & 32) ? store_->ReadBackwards(topic, id, offset, options)
                        : store_->Read(topic, id, offset, options));
}

void ApiProgram::ReadTopic() {
  const LogPosition from(input_.Take<uint16_t>());
  const std::string& topic = topics_[input_.Byte() % topics_.size()].first;
  const auto result = store_->ReadTopic(topic, from, {.max_messages = 1u + input_.Byte() % 40});
  CheckRead(result);
  if (!result.ok() || result->empty()) return;
  const LogPosition position = (*result)[result->size() - 1].position();
  const auto same = store_->ReadAt(position);
  // Queues are read past an open claim, the log is not.
  const bool is_behind_claim =
      std::any_of(claims_.begin(), claims_.end(),
                  [&](const OpenClaim& open) { return open.claim.position() < position; });
  if (is_behind_claim) {
    return Require(absl::IsOutOfRange(same.status()), "ReadAt behind a claim");
  }
  RequireOk(same.status(), "ReadAt what was read");
  Require(same->size() == 1 && (*same)[0].position() == position, "and it is there");
}

void ApiProgram::ReadByAnotherProcess() {
  const std::unique_ptr<FaultFileSystem> process = disk_->AnotherProcess();
  StoreOptions options = Options();
  options.read_only = true;
  options.file_system = process.get();
  {
    const auto reader = MessageStore::Open(options);
    if (!is_damaged_) RequireOk(reader.status(), "Open for reading");
    if (reader.ok()) {
      // It is read-only and may be behind; what it delivers must be right.
      const Verdict verdict = Examine(**reader, history_, {.allows_damage = is_damaged_});
      Require(verdict.Count(Violation::Kind::kPhantom) == 0, verdict.ToString());
    }
  }
  process->Kill();
}

void ApiProgram::Tick() {
  clock_.Advance(absl::Milliseconds(input_.Byte()));
  store_->RunOnce();
}

void ApiProgram::RunUntilIdle() {
  clock_.Advance(absl::Seconds(1));
  for (int i = 0; i < kRunsMax; ++i) {
    if (store_->RunOnce() > absl::ZeroDuration()) return;
  }
  Require(false, "RunOnce() never comes to an end");
}

}  // namespace weir::testing
