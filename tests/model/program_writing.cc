// The half of a program that changes the store.

#include <algorithm>
#include <cstring>
#include <set>

#include "model/program.h"

namespace weir::testing {
namespace {

constexpr uint64_t kHeaderBytesMax = 48;
constexpr size_t kClaimsMax = 4;
constexpr int kStepsMax = 100'000;

}  // namespace

// --- The store's life

Program::Program(uint64_t seed) : random_(seed) {
  segment_bytes_ = uint64_t{4096} << Below(4);
  front_bytes_ = uint64_t{8192} << Below(4);
  is_private_ = OneIn(4);
  is_on_durable_ = OneIn(4);
  if (OneIn(2)) clock_.AdvanceAtEveryLook(absl::Microseconds(3));
  disk_ = std::make_unique<FaultFileSystem>(seed);
  Open(nullptr);
  const size_t topics = 1 + Below(4);
  for (size_t i = 0; i < topics && mismatch_.empty(); ++i) NewTopic();
}

Program::~Program() {
  disk_->Kill();
  claims_.clear();
  store_.reset();
}

StoreOptions Program::Options() {
  return {.directory = "/store",
          .background = Background::kManual,
          .segment_bytes = segment_bytes_,
          .front_bytes = front_bytes_,
          .front_directory = is_private_ ? "private" : "",
          .read_cache_bytes = uint64_t{16} << 10,
          .visibility = is_on_durable_ ? Visibility::kOnDurable : Visibility::kOnAppend,
          .default_queue_count = 5,
          .file_system = disk_.get(),
          .clock = &clock_};
}

void Program::Open(const CrashImage* image) {
  if (image != nullptr) {
    disk_->Kill();
    claims_.clear();
    store_.reset();
    disk_ = std::make_unique<FaultFileSystem>(*image);
  }
  pending_callbacks_ = 0;
  last_callback_ = LogPosition(0);
  auto opened = MessageStore::Open(Options());
  if (!Check(opened.status(), "Open")) return;
  store_ = *std::move(opened);
  for (const DamagedRange& range : store_->recovery().damage) Wrong("damage: ", range.reason);
}

void Program::SettleClaims() {
  while (!claims_.empty() && mismatch_.empty()) EndClaim();
}

void Program::Drive() {
  clock_.Advance(absl::Seconds(3));
  for (int i = 0; i < kStepsMax; ++i) {
    if (store_->RunOnce() > absl::ZeroDuration()) return;
  }
  Wrong("RunOnce() always wants to go on");
}

void Program::CloseAndOpen() {
  SettleClaims();
  if (!Check(store_->Close(), "Close")) return;
  if (pending_callbacks_ != 0) Wrong(pending_callbacks_, " callbacks were never called");
  if (!absl::IsFailedPrecondition(store_->Close())) Wrong("closed twice");
  if (!absl::IsFailedPrecondition(store_->Append({.topic = "any"}).status())) {
    Wrong("an append behind Close()");
  }
  store_.reset();
  Open(nullptr);
  if (mismatch_.empty() && !store_->recovery().was_clean) Wrong("not clean after a clean close");
}

// The claims hold the end of the log back; their places are void afterwards.
void Program::CloseWithClaims() {
  if (claims_.empty() || is_private_) return CloseAndOpen();
  if (store_->Close().ok()) Wrong("closed although a claim is held");
  claims_.clear();
  store_.reset();
  ledger_.VoidClaims();
  Open(nullptr);
}

void Program::DieAndOpen() {
  if (is_private_) {
    // What no receipt was given for may be lost: let nothing be open but claims.
    Drive();
  }
  const CrashImage image = disk_->ProcessDeath();
  if (is_private_) {
    ledger_.ForgetFromFirstClaim();
  } else {
    ledger_.VoidClaims();
  }
  Open(&image);
}

void Program::LosePowerAndOpen() {
  SettleClaims();
  if (!mismatch_.empty() || !Check(store_->Flush(), "Flush")) return;
  const std::vector<LossPlan> plans = disk_->Freeze().LossPlans({.seed = random_()});
  const CrashImage image = disk_->PowerLoss(plans[Below(plans.size())]);
  Open(&image);
}

// --- Writing

void Program::NewTopic() {
  static constexpr uint32_t kCounts[] = {1, 1, 2, 3, 8, 60, 300};
  const uint32_t count = kCounts[Below(std::size(kCounts))];
  const std::string name =
      absl::StrCat("topic ", ledger_.topic_count(), std::string(Below(40), 'x'));
  if (OneIn(4) && claims_.empty()) {
    // By the first append.
    ledger_.AddTopic(name, 5);
    const auto handle = store_->OpenTopic(name);
    if (Check(handle.status(), "OpenTopic") && handle->queue_count() != 5)
      Wrong("OpenTopic: queues");
    return;
  }
  if (!claims_.empty()) return;  // it would wait for its own claim
  const auto handle = store_->CreateTopic(name, count);
  if (!Check(handle.status(), "CreateTopic")) return;
  ledger_.AddTopic(name, count);
  if (handle->queue_count() != count || handle->name() != name) Wrong("CreateTopic: the handle");
  if (!store_->CreateTopic(name, count).ok()) Wrong("CreateTopic: not twice the same");
  if (!absl::IsAlreadyExists(store_->CreateTopic(name, count + 1).status())) {
    Wrong("CreateTopic: with another number of queues");
  }
}

size_t Program::AnyBodyBytes() {
  const uint64_t quarter = std::min(front_bytes_, segment_bytes_) / 4;
  switch (Below(12)) {
    case 0:
      return 0;
    case 1:
      return Below(9);
    case 2:
      return quarter - kHeaderBytesMax - 60 + Below(130);  // around the limit
    case 3:
      return Below(quarter);
    default:
      return Below(200);
  }
}

void Program::MakeDraft(Draft* draft, size_t topic, size_t body_bytes) {
  LedgerItem& item = draft->item;
  item.body = absl::StrCat(++messages_, ":");
  while (item.body.size() < body_bytes) item.body.push_back(static_cast<char>(random_()));
  item.body.resize(body_bytes);
  if (OneIn(2)) item.tag = absl::StrCat("T", Below(4));
  if (OneIn(40)) item.tag = std::string(kMaxTagBytes, 't');
  for (uint64_t keys = OneIn(3) ? Below(4) : 0; keys > 0; --keys) {
    item.keys.push_back(absl::StrCat("key", Below(100)));
  }
  if (OneIn(3)) item.ordering_key = absl::StrCat("o", Below(20));
  for (uint64_t count = OneIn(4) ? Below(3) : 0; count > 0; --count) {
    item.properties.emplace_back(absl::StrCat("p", count), std::string(Below(30), 'v'));
  }
  draft->names_queue = !OneIn(4);
  item.places = {{.topic = topic, .queue_id = AnyQueue(topic)}};
}

void Program::AddFurtherQueues(Draft* draft) {
  std::set<std::pair<size_t, uint32_t>> taken = {
      {draft->item.places[0].topic, draft->item.places[0].queue_id}};
  draft->names_queue = true;
  for (uint64_t i = 1 + Below(OneIn(5) ? 30 : 4); i > 0; --i) {
    const size_t topic = AnyTopic();
    const uint32_t id = AnyQueue(topic);
    if (!taken.emplace(topic, id).second) continue;
    draft->item.places.push_back({.topic = topic, .queue_id = id});
  }
}

void Program::Point(Draft* draft) {
  LedgerItem& item = draft->item;
  Message& message = draft->message;
  message.topic = ledger_.topic(item.places[0].topic).name;
  if (draft->names_queue) message.queue_id = item.places[0].queue_id;
  message.tag = item.tag;
  message.ordering_key = item.ordering_key;
  message.keys = {item.keys.begin(), item.keys.end()};
  for (const auto& [name, value] : item.properties) message.properties.push_back({name, value});
  draft->further.clear();
  for (size_t i = 1; i < item.places.size(); ++i) {
    draft->further.push_back({ledger_.topic(item.places[i].topic).name, item.places[i].queue_id});
  }
  message.further_queues = draft->further;
  message.body = item.body;
}

// `most` bytes with all parts; the headers do not say how long a record is to the byte.
Program::Fit Program::FitOf(const LedgerItem& item, uint64_t most) const {
  uint64_t parts = item.tag.size() + item.ordering_key.size();
  for (const std::string& key : item.keys) parts += key.size();
  for (const auto& [name, value] : item.properties) parts += name.size() + value.size();
  const uint64_t least = item.body.size() + parts;
  const uint64_t overhead = kHeaderBytesMax + 16 + 12 * item.places.size() + 2 * item.keys.size() +
                            3 * item.properties.size();
  if (least > most) return Fit::kMustNot;
  return least + overhead <= most ? Fit::kMust : Fit::kMay;
}

AppendOptions Program::AnyAppendOptions() {
  AppendOptions options;
  if (claims_.empty() && OneIn(8)) options.durability = Durability::kDisk;
  return options;
}

// True if an error is one that was to be expected.
bool Program::Refused(const absl::Status& status, Fit fit) {
  if (absl::IsInvalidArgument(status) && fit != Fit::kMust) return true;
  // There is no room, and the room is behind our own claim.
  if (absl::IsFailedPrecondition(status) && !claims_.empty()) return true;
  Wrong("append: ", status.ToString());
  return false;
}

bool Program::Accept(Draft* draft, const Receipt& receipt, bool has_own_end) {
  LedgerItem& item = draft->item;
  LedgerPlace& first = item.places[0];
  LedgerTopic& topic = ledger_.topic(first.topic);
  if (!draft->names_queue) {
    first.queue_id = receipt.queue_id;
    if (receipt.queue_id >= topic.queues.size()) Wrong("append: queue ", receipt.queue_id);
    if (!item.ordering_key.empty()) {
      const auto known = topic.key_queues.emplace(item.ordering_key, receipt.queue_id).first;
      if (known->second != receipt.queue_id) Wrong("an ordering key changed its queue");
    }
  }
  if (!mismatch_.empty()) return false;
  if (receipt.queue_id != first.queue_id) Wrong("append: another queue than was named");
  if (receipt.queue_offset.value() != topic.queues[first.queue_id].size()) {
    Wrong("append: offset ", receipt.queue_offset.value(), ", expected ",
          topic.queues[first.queue_id].size());
  }
  if (has_own_end && receipt.end < receipt.position + item.body.size()) Wrong("append: its end");
  item.position = receipt.position;
  ledger_.Put(std::move(item));
  return mismatch_.empty();
}

void Program::AppendOne() {
  if (is_private_ && !claims_.empty()) return;  // it would wait for its own claim
  Draft draft;
  MakeDraft(&draft, AnyTopic(), AnyBodyBytes());
  if (OneIn(6)) AddFurtherQueues(&draft);
  Point(&draft);
  const AppendOptions options = AnyAppendOptions();
  const Fit fit = FitOf(draft.item, std::min(front_bytes_, segment_bytes_) / 4);
  const auto receipt = store_->Append(draft.message, options);
  if (!receipt.ok()) {
    Refused(receipt.status(), fit);
    return;
  }
  if (fit == Fit::kMustNot) Wrong("append: it is too large");
  if (receipt->reached < options.durability) Wrong("append: a lower level than asked for");
  Accept(&draft, *receipt, /*has_own_end=*/true);
}

void Program::AppendBatch() {
  if (is_private_ && !claims_.empty()) return;
  std::vector<std::unique_ptr<Draft>> drafts;
  std::vector<Message> messages;
  Fit fit = Fit::kMust;
  uint64_t bytes = 2 * kHeaderBytesMax;
  uint64_t bodies = 0;
  const uint64_t half = std::min(front_bytes_, segment_bytes_) / 2;
  const uint64_t count = OneIn(8) ? 1 + Below(60) : 1 + Below(6);
  for (uint64_t i = 0; i < count; ++i) {
    drafts.push_back(std::make_unique<Draft>());
    Draft& draft = *drafts.back();
    MakeDraft(&draft, AnyTopic(), OneIn(6) ? AnyBodyBytes() : Below(100));
    if (OneIn(8)) AddFurtherQueues(&draft);
    Point(&draft);
    messages.push_back(draft.message);
    const Fit own = FitOf(draft.item, half / 2);
    if (own == Fit::kMustNot || fit == Fit::kMust) fit = own;
    bodies += draft.item.body.size();
    bytes += draft.item.body.size() + 400 + 12 * draft.item.places.size() + draft.item.tag.size();
  }
  if (bodies > half) fit = Fit::kMustNot;
  if (bytes > half && fit == Fit::kMust) fit = Fit::kMay;
  const AppendOptions options = AnyAppendOptions();
  const auto receipts = store_->Append(messages, options);
  if (!receipts.ok()) {
    Refused(receipts.status(), fit);
    return;
  }
  if (fit == Fit::kMustNot) Wrong("batch: it is too large");
  if (receipts->size() != count) return Wrong("batch: ", receipts->size(), " receipts");
  for (uint64_t i = 0; i < count; ++i) {
    if ((*receipts)[i].reached < options.durability) Wrong("batch: a lower level than asked for");
    if (!Accept(drafts[i].get(), (*receipts)[i], /*has_own_end=*/false)) return;
  }
}

void Program::AppendAsync() {
  const bool must_finish = is_private_ || is_on_durable_;
  if (must_finish && !claims_.empty()) return;
  Draft draft;
  MakeDraft(&draft, AnyTopic(), Below(150));
  draft.names_queue = true;  // the receipt comes later
  Point(&draft);
  const size_t index = ledger_.size();
  const AppendOptions options{.durability = OneIn(3) ? Durability::kDisk : Durability::kProcess};
  const FaultFileSystem* const process = disk_.get();
  const absl::Status status = store_->AppendAsync(
      draft.message, options,
      [this, index, options, process](const absl::Status& outcome, const Receipt& receipt) {
        if (process != disk_.get() || disk_ == nullptr) return;  // of a process that is dead
        --pending_callbacks_;
        if (!outcome.ok()) return;
        LedgerItem& item = ledger_.item(index);
        item.position = receipt.position;
        if (receipt.position <= last_callback_) Wrong("callbacks are not in the order of the log");
        last_callback_ = receipt.position;
        if (receipt.reached < options.durability) Wrong("callback: a lower level");
        if (receipt.queue_offset.value() != item.places[0].offset) Wrong("callback: the offset");
      });
  if (!status.ok()) {
    Refused(status, Fit::kMust);
    return;
  }
  ++pending_callbacks_;
  ledger_.Put(std::move(draft.item));
  if (must_finish || OneIn(2)) Drive();
  if (must_finish && pending_callbacks_ != 0) Wrong("a callback is not called");
}

void Program::MakeClaim() {
  if (claims_.size() >= (is_private_ ? 1 : kClaimsMax)) return EndClaim();
  Draft draft;
  MakeDraft(&draft, AnyTopic(), Below(250));
  draft.names_queue = true;
  if (OneIn(5)) AddFurtherQueues(&draft);
  Point(&draft);
  draft.message.body = "ignored";
  const size_t room = draft.item.body.size() + Below(120);
  auto claim = store_->Claim(draft.message, room);
  if (!claim.ok()) {
    Refused(claim.status(), Fit::kMay);
    return;
  }
  if (claim->body().size() != room) Wrong("claim: ", claim->body().size(), " bytes");
  draft.item.state = LedgerItem::State::kClaimed;
  draft.item.position = claim->position();
  const size_t index = ledger_.Put(std::move(draft.item));
  if (claim->queue_offset().value() != ledger_.item(index).places[0].offset) Wrong("claim: offset");
  if (claim->Commit(room + 1).ok()) Wrong("claim: more was committed than there is");
  claims_.push_back({*std::move(claim), index});
}

void Program::EndClaim() {
  if (claims_.empty()) return;
  const size_t which = Below(claims_.size());
  OpenClaim open = std::move(claims_[which]);
  claims_.erase(claims_.begin() + static_cast<ptrdiff_t>(which));
  LedgerItem& item = ledger_.item(open.item);
  if (OneIn(3)) {
    open.claim = MessageClaim();
    item.state = LedgerItem::State::kVoid;
    return;
  }
  std::copy(item.body.begin(), item.body.end(), open.claim.body().begin());
  const auto receipt = open.claim.Commit(item.body.size(), AnyAppendOptions());
  if (!Check(receipt.status(), "Commit")) return;
  item.state = LedgerItem::State::kThere;
  item.position = receipt->position;
  if (receipt->queue_offset.value() != item.places[0].offset) Wrong("Commit: the offset");
}

// What must be refused, whatever else is going on, and changes nothing.
void Program::AppendRefused() {
  const std::string name = ledger_.topic(AnyTopic()).name;
  const std::string long_word(256, 'k');
  Message message{.topic = name, .body = "refused"};
  absl::StatusCode code = absl::StatusCode::kInvalidArgument;
  const QueueRef twice[] = {{name, 0}, {name, 0}};
  switch (Below(8)) {
    case 0:
      message.topic = OneIn(2) ? "../x" : "";
      break;
    case 1:
      message.topic = long_word;
      break;
    case 2:
      message.tag = long_word;
      break;
    case 3:
      message.keys = {long_word};
      break;
    case 4:
      message.ordering_key = long_word;
      break;
    case 5:
      message.queue_id = 0;
      message.further_queues = twice;
      break;
    case 6:
      message.queue_id = 1'000'000;
      code = absl::StatusCode::kNotFound;
      break;
    default:
      message.keys.assign(kMaxKeys + 1, "key");
  }
  const absl::Status status =
      OneIn(2) ? store_->Append(message).status() : store_->Claim(message, 8).status();
  // Who holds a claim and would have to wait hears of that first.
  if (absl::IsFailedPrecondition(status) && !claims_.empty()) return;
  if (status.code() != code) Wrong("not refused as it must be: ", status.ToString());
}

}  // namespace weir::testing
