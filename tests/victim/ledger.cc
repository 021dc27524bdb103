#include "victim/ledger.h"

#include <cstddef>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "weir/message.h"

namespace weir::victim {

Ledger::Ledger(uint64_t seed) : history_(seed) {
  history_.DeclareTopic("alpha", kAlphaQueues);
  history_.DeclareTopic("beta", kBetaQueues);
}

void Ledger::Record(const Event& event) {
  if (event.kind == EventKind::kTopicMade) {
    history_.AcknowledgeTopic(std::string(TopicOf(event.number)));
  }
  if (event.kind == EventKind::kStateChange) {
    history_.HearState(static_cast<StoreState>(event.number));
  }
  if (event.kind == EventKind::kSent) history_.Send(OutgoingOf(event.what));
  if (event.kind == EventKind::kAcknowledged) ++acknowledged_;
  for (uint32_t i = 0; event.kind != EventKind::kSent && i < event.count; ++i) {
    testing::BodyIdentity identity = BodyIdentityOf(event.what);
    identity.sequence += i;
    const std::optional<size_t> sent = history_.Find(identity);
    if (!sent.has_value()) continue;  // then what it is about comes as a phantom, if it comes
    if (event.kind == EventKind::kGivenUp) {
      history_.GiveUp(*sent);
    } else if (event.number != 0) {
      history_.Settle(*sent, absl::Status(static_cast<absl::StatusCode>(event.number), event.text));
    } else {
      history_.Settle(*sent, Receipt{.position = LogPosition(event.position),
                                     .end = LogPosition(event.end),
                                     .queue_id = event.queue_id,
                                     .queue_offset = QueueOffset(event.queue_offset),
                                     .reached = static_cast<Durability>(event.reached)});
    }
  }
}

}  // namespace weir::victim
