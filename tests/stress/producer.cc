#include "stress/producer.h"

#include <utility>
#include <vector>

#include "absl/strings/match.h"

namespace weir::testing {

void CalledBack::Hear(MessageStore& store, const Identity& identity, const absl::Status& status,
                      const Receipt& receipt) {
  stage_.ExpectOfCall(me_, status);
  me_.Expect(!is_nested_, "a callback inside a callback");
  is_nested_ = true;
  me_.Expect(receipt.position > last_, "callbacks are not in the order of the log");
  last_ = receipt.position;
  me_.Tell(identity, status.ok() ? Fate::kAcknowledged : Fate::kUncertain, receipt);
  if (me_.random().OneIn(4)) AppendMore(store);
  count_.fetch_add(1, std::memory_order_relaxed);
  is_nested_ = false;
}

void CalledBack::AppendMore(MessageStore& store) {
  const Identity identity = me_.NextIdentity();
  const std::string body = BodyOf(identity);
  const auto receipt = WEIR_CALL(me_, store, Append, {.topic = "echo", .body = body},
                                 {.durability = Durability::kProcess});
  // It never waits: for room, which there may be none, nor for the write.
  stage_.ExpectOfAppend(me_, receipt.status(), absl::ZeroDuration());
  me_.Tell(identity, Stage::FateOf(receipt.status()), receipt.value_or(Receipt()));
  if (!receipt.ok()) return;
  const auto reached =
      WEIR_CALL(me_, store, WaitFor, *receipt, Durability::kDisk, absl::InfiniteDuration());
  stage_.ExpectOfCall(me_, reached.status());
}

void Producer::Run() {
  const auto orders = WEIR_CALL(me_, store_, OpenTopic, "orders");
  stage_.ExpectOfCall(me_, orders.status());
  orders_ = orders.value_or(Topic());
  for (int round = 0; round < stage_.rounds(); ++round) {
    TakeRound();
    stage_.EndRound(me_, round);
    if (WEIR_CALL(me_, store_, state) == StoreState::kClosed) return;
  }
}

void Producer::TakeRound() {
  constexpr void (Producer::*kWays[])() = {
      &Producer::AppendOne, &Producer::AppendOne,  &Producer::AppendBatch, &Producer::AppendAsync,
      &Producer::FanOut,    &Producer::ToNewTopic, &Producer::Encode,      &Producer::Encode,
      &Producer::GiveUp,    &Producer::HoldTwo,    &Producer::WaitForLast};
  (this->*kWays[me_.random().Below(std::size(kWays))])();
}

AppendOptions Producer::AnyOptions() {
  constexpr absl::Duration kTimeouts[] = {absl::InfiniteDuration(), absl::Milliseconds(1),
                                          absl::ZeroDuration()};
  return {.durability = me_.random().OneIn(8) ? Durability::kDisk : Durability::kProcess,
          .timeout = kTimeouts[me_.random().Below(3)]};
}

Message Producer::AnyMessage(const std::string& body) {
  Message message{.topic = orders_, .body = body};
  if (me_.random().OneIn(2)) message.topic = "orders";
  if (me_.random().OneIn(2)) message.tag = me_.random().OneIn(2) ? "even" : "odd";
  if (me_.random().OneIn(3)) message.ordering_key = absl::string_view(body).substr(0, 3);
  if (me_.random().OneIn(3)) message.keys = {absl::string_view(body).substr(0, 4)};
  if (me_.random().OneIn(3)) message.properties = {{"from", "stress"}};
  return message;
}

void Producer::AppendOne() {
  const Identity identity = me_.NextIdentity();
  const std::string body = BodyOf(identity);
  const AppendOptions options = AnyOptions();
  const auto receipt = WEIR_CALL(me_, store_, Append, AnyMessage(body), options);
  stage_.ExpectOfAppend(me_, receipt.status(), options.timeout);
  me_.Tell(identity, Stage::FateOf(receipt.status()), receipt.value_or(Receipt()));
  if (receipt.ok()) last_ = *receipt;
}

void Producer::AppendBatch() {
  std::vector<Identity> identities;
  std::vector<std::string> bodies;
  std::vector<Message> messages;
  const size_t count = 1 + me_.random().Below(3);
  for (size_t i = 0; i < count; ++i) {
    identities.push_back(me_.NextIdentity());
    bodies.push_back(BodyOf(identities.back()));
  }
  for (const std::string& body : bodies) messages.push_back(AnyMessage(body));
  const AppendOptions options = AnyOptions();
  const auto receipts = WEIR_CALL_SECOND(me_, store_, Append, messages, options);
  stage_.ExpectOfAppend(me_, receipts.status(), options.timeout);
  for (size_t i = 0; i < count; ++i) {
    me_.Tell(identities[i], Stage::FateOf(receipts.status()),
             receipts.ok() ? (*receipts)[i] : Receipt());
  }
}

void Producer::AppendAsync() {
  const Identity identity = me_.NextIdentity();
  const std::string body = BodyOf(identity);
  const AppendOptions options = AnyOptions();
  const absl::Status status = WEIR_CALL(me_, store_, AppendAsync, AnyMessage(body), options,
                                        [&store = store_, &called_back = called_back_, identity](
                                            const absl::Status& decided, const Receipt& receipt) {
                                          called_back.Hear(store, identity, decided, receipt);
                                        });
  stage_.ExpectOfAppend(me_, status, options.timeout);
  me_.Tell(identity, status.ok() ? Fate::kUncertain : Fate::kNeverThere);
  async_ += status.ok() ? 1 : 0;
}

void Producer::FanOut() {
  const Identity identity = me_.NextIdentity();
  const std::string body = BodyOf(identity);
  const AppendOptions options = AnyOptions();
  const std::vector<QueueRef> further = {{"audit", 0}, {"audit", 1}};
  Message message = AnyMessage(body);
  message.further_queues = further;
  const auto receipt = WEIR_CALL(me_, store_, Append, message, options);
  stage_.ExpectOfAppend(me_, receipt.status(), options.timeout);
  me_.Tell(identity, Stage::FateOf(receipt.status()), receipt.value_or(Receipt()));
}

void Producer::ToNewTopic() {
  const Identity identity = me_.NextIdentity();
  const std::string body = BodyOf(identity);
  const std::string topic = absl::StrCat("new.", me_.random().Below(6));
  const AppendOptions options = AnyOptions();
  const auto receipt = WEIR_CALL(me_, store_, Append, {.topic = topic, .body = body}, options);
  stage_.ExpectOfAppend(me_, receipt.status(), options.timeout);
  me_.Tell(identity, Stage::FateOf(receipt.status()), receipt.value_or(Receipt()));
}

void Producer::Encode() {
  const Identity identity = me_.NextIdentity();
  const std::string body = BodyOf(identity);
  const AppendOptions options = AnyOptions();
  auto claim = WEIR_CALL(me_, store_, Claim, AnyMessage(body), body.size() + 16, options.timeout);
  stage_.ExpectOfAppend(me_, claim.status(), options.timeout);
  me_.Tell(identity, claim.ok() ? Fate::kUncertain : Fate::kNeverThere);
  if (!claim.ok()) return;
  const absl::Span<char> to = WEIR_CALL(me_, *claim, body);
  if (to.size() < body.size()) return me_.Expect(stage_.may_be_closed(), "a claim without a body");
  body.copy(to.data(), body.size());
  const LogPosition position = WEIR_CALL(me_, *claim, position);
  const QueueOffset offset = WEIR_CALL(me_, *claim, queue_offset);
  const auto receipt = WEIR_CALL(me_, *claim, Commit, body.size(), options);
  stage_.ExpectOfAppend(me_, receipt.status(), options.timeout);
  if (!receipt.ok()) return;
  me_.Tell(identity, Fate::kAcknowledged, *receipt);
  me_.Expect(receipt->position == position && receipt->queue_offset == offset,
             "a claim was committed elsewhere");
}

void Producer::GiveUp() {
  const AppendOptions options = AnyOptions();
  const auto claim = WEIR_CALL(me_, store_, Claim, {.topic = "audit"}, 40, options.timeout);
  stage_.ExpectOfAppend(me_, claim.status(), options.timeout);
}

void Producer::HoldTwo() {
  auto first = WEIR_CALL(me_, store_, Claim, {.topic = "orders"}, 8, absl::ZeroDuration());
  stage_.ExpectOfAppend(me_, first.status(), absl::ZeroDuration());
  if (!first.ok()) return;
  // Where they would have to wait these are refused: this thread would wait for itself.
  auto second = WEIR_CALL(me_, store_, Claim, {.topic = "audit"}, 8);
  me_.ExpectAmong(second.status(),
                  {absl::StatusCode::kFailedPrecondition, absl::StatusCode::kResourceExhausted});
  const absl::Status flushed = WEIR_CALL(me_, store_, Flush);
  me_.Expect(absl::IsFailedPrecondition(flushed) || stage_.scenario().fails, flushed.ToString());
  if (second.ok()) *first = *std::move(second);  // gives the first one up
}

void Producer::WaitForLast() {
  if (last_.end == LogPosition(0)) return;
  const absl::Duration timeout =
      me_.random().OneIn(2) ? absl::InfiniteDuration() : absl::Milliseconds(1);
  const auto reached = WEIR_CALL(me_, store_, WaitFor, last_, Durability::kDisk, timeout);
  stage_.ExpectOfCall(me_, reached.status());
  if (!reached.ok()) return;
  me_.Expect(!WEIR_CALL_FREE(me_, DurabilityName, *reached).empty(), "a level without a name");
  me_.Expect(*reached == Durability::kDisk || timeout < absl::InfiniteDuration() ||
                 stage_.scenario().fails,
             "a wait without an end ended");
}

}  // namespace weir::testing
