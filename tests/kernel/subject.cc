#include "kernel/subject.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "kernel/harness.h"
#include "victim/event.h"

namespace weir::kernel {
namespace {

using victim::EventKind;

constexpr std::chrono::seconds kPatience{20};

std::chrono::steady_clock::time_point Soon() {
  return std::chrono::steady_clock::now() + kPatience;
}

absl::Status StatusIn(const victim::Event& event) {
  return absl::Status(static_cast<absl::StatusCode>(event.number), event.text);
}

}  // namespace

Subject::Subject(const victim::VictimOptions& options) : options_(options), ledger_(options.seed) {}

void Subject::Start(std::function<void()> prepare) {
  ++options_.run;
  ledger_.history().Die();
  heard_.not_opened = heard_.closed = std::nullopt;
  heard_.state = StoreState::kHealthy;
  process_ = std::make_unique<victim::VictimProcess>(
      options_, [this](const victim::Event& event) { Hear(event); },
      victim::VictimProcess::Start{.prepare = std::move(prepare)});
}

void Subject::Hear(const victim::Event& event) {
  ledger_.Record(event);
  switch (event.kind) {
    case EventKind::kOpening:
    case EventKind::kOpened:
    case EventKind::kTopicMade:
    case EventKind::kSent:
    case EventKind::kGivenUp:
      return;
    case EventKind::kAcknowledged:
      ++heard_.acknowledged;
      return;
    case EventKind::kUncertain:
      ++heard_.uncertain;
      return;
    case EventKind::kRefused:
      ++heard_.refused;
      heard_.refusal = StatusIn(event).ToString();
      return;
    case EventKind::kReadFailed:
      ++heard_.reads_failed;
      heard_.read_failure = StatusIn(event).ToString();
      return;
    case EventKind::kStateChange:
      heard_.state = static_cast<StoreState>(event.number);
      heard_.reason = event.text;
      heard_.was_degraded |= heard_.state == StoreState::kDegraded;
      return;
    case EventKind::kNotOpened:
      heard_.not_opened = StatusIn(event);
      return;
    case EventKind::kClosed:
      heard_.closed = StatusIn(event);
      return;
  }
}

absl::Status Subject::Await(const std::string& what,
                            const std::function<bool(const Heard&)>& is_enough) {
  const auto until = Soon();
  const bool is_alive = process_->ListenUntil(until, [&] { return is_enough(heard_); });
  if (is_enough(heard_)) return absl::OkStatus();
  const std::string said =
      absl::StrCat(what, "; acknowledged ", heard_.acknowledged, ", refused ", heard_.refused, " (",
                   heard_.refusal, "), state ", StoreStateName(heard_.state), " ", heard_.reason);
  if (is_alive) return absl::DeadlineExceededError(absl::StrCat("in vain waited for ", said));
  const absl::StatusOr<int> end = process_->Wait(Soon());
  if (heard_.not_opened) return *heard_.not_opened;
  if (absl::Status status = CheckEnd(end); !status.ok()) return status;
  return absl::InternalError(absl::StrCat("the victim ended before ", said));
}

absl::Status Subject::AwaitAcknowledged(uint64_t more) {
  const uint64_t wanted = heard_.acknowledged + more;
  return Await(absl::StrCat(wanted, " acknowledgements"),
               [&](const Heard& heard) { return heard.acknowledged >= wanted; });
}

void Subject::Listen(std::chrono::milliseconds time) {
  process_->Listen(std::chrono::steady_clock::now() + time);
}

absl::Status Subject::Kill() { return process_->Kill(); }

absl::Status Subject::End() {
  process_->AskToEnd();
  return CheckEnd(process_->Wait(Soon()));
}

}  // namespace weir::kernel
