#include "victim/victim.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/time.h>

#include <memory>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "support/message_body.h"
#include "victim/description.h"
#include "victim/event.h"
#include "victim/reporter.h"
#include "weir/store.h"

namespace weir::victim {
namespace {

constexpr absl::Duration kPatience = absl::Milliseconds(200);  // of a patient victim's call
constexpr uint32_t kTriesPerStep = 20;

volatile sig_atomic_t is_told_to_end = 0;

void Check(absl::string_view what, const absl::Status& status) {
  if (!status.ok()) Fail(what, status);
}

class Listener final : public StateListener {
 public:
  explicit Listener(const Reporter* reporter) : reporter_(reporter) {}
  void OnState(StoreState state, const std::string& reason) override {
    // The number of a state in the place of that of a code.
    reporter_->Tell(EventKind::kStateChange, absl::Status(absl::StatusCode(state), reason));
  }

 private:
  const Reporter* const reporter_;
};

void SendOpened(const MessageStore& store, const Reporter& reporter) {
  const RecoveryReport& recovery = store.recovery();
  reporter.Send({.kind = EventKind::kOpened,
                 .flag = recovery.front_adopted ? 1u : 0u,
                 .nanos = static_cast<uint64_t>(absl::ToInt64Nanoseconds(recovery.duration))});
}

absl::Status MakeTopic(MessageStore& store, uint32_t queue, uint32_t queue_count,
                       const Reporter& reporter) {
  const absl::Status status = store.CreateTopic(TopicOf(queue), queue_count).status();
  if (status.ok()) reporter.Send({.kind = EventKind::kTopicMade, .number = queue});
  return status;
}

// Reads on in one queue; what it finds must be what somebody sent.
absl::Status ReadOn(MessageStore& store, uint64_t seed, uint32_t queue, const ReadOptions& options,
                    QueueOffset* offset) {
  const absl::StatusOr<ReadResult> result =
      store.Read(TopicOf(queue), QueueIdOf(queue), *offset, options);
  if (!result.ok()) return result.status();
  for (const MessageView& message : *result) {
    if (!testing::IsBody(seed, message.body()))
      Fail("read", absl::DataLossError("a body nobody sent"));
  }
  *offset = result->next_offset();
  if (result->outcome() != ReadOutcome::kDamaged) return absl::OkStatus();
  return absl::DataLossError(result->damage()->reason);
}

// Reads one queue while it grows: readers must not disturb producers, nor see what is not there.
[[noreturn]] void Consume(MessageStore& store, uint64_t seed, uint32_t queue) {
  QueueOffset offset;
  for (;;) Check("read", ReadOn(store, seed, queue, {.wait = absl::Milliseconds(5)}, &offset));
}

int RunRestless(const VictimOptions& options, const Reporter& reporter) {
  reporter.Send({.kind = EventKind::kOpening});
  const absl::StatusOr<std::unique_ptr<MessageStore>> store = MessageStore::Open(options.store);
  Check("open", store.status());
  Check("create alpha", MakeTopic(**store, 0, kAlphaQueues, reporter));
  Check("create beta", MakeTopic(**store, kAlphaQueues, kBetaQueues, reporter));
  SendOpened(**store, reporter);

  std::vector<std::thread> threads;
  for (uint32_t number = 0; number < kProducers; ++number) {
    threads.emplace_back([&, number] {
      Producer producer({.seed = options.seed,
                         .run = options.run,
                         .number = number,
                         .disk_one_in = options.disk_one_in},
                        &reporter);
      while (producer.Step(**store)) {
      }
    });
  }
  threads.emplace_back([&] { Consume(**store, options.seed, options.run % kQueues); });
  for (std::thread& thread : threads) thread.join();
  return kVictimFailed;
}

class Patient {
 public:
  Patient(const VictimOptions& options, const Reporter* reporter)
      : options_(options),
        reporter_(reporter),
        listener_(reporter),
        producer_({.seed = options.seed,
                   .run = options.run,
                   .number = 0,
                   .disk_one_in = options.disk_one_in,
                   .is_patient = true,
                   .timeout = kPatience},
                  reporter) {
    options_.store.state_listener = &listener_;
  }

  // One life of a store object, from open to close.
  void Live() {
    reporter_->Send({.kind = EventKind::kOpening});
    absl::StatusOr<std::unique_ptr<MessageStore>> store = MessageStore::Open(options_.store);
    if (!store.ok()) return reporter_->Tell(EventKind::kNotOpened, store.status());
    SendOpened(**store, *reporter_);
    has_topics_ = false;
    MakeTopics(**store);
    for (uint32_t step = 0; step < options_.steps || options_.steps == 0; ++step) {
      if (is_told_to_end || !TakeStep(**store, step)) break;
    }
    reporter_->Tell(EventKind::kClosed, (*store)->Close());
  }

 private:
  // What is refused is tried again: no append shall make a topic with other queues.
  bool MakeTopics(MessageStore& store) {
    if (has_topics_) return true;
    for (const auto& [queue, count] : {std::pair(0u, kAlphaQueues), {kAlphaQueues, kBetaQueues}}) {
      const absl::Status status = MakeTopic(store, queue, count, *reporter_);
      if (status.ok()) continue;
      reporter_->Tell(EventKind::kRefused, status);
      return false;
    }
    return has_topics_ = true;
  }

  bool TakeStep(MessageStore& store, uint32_t step) {
    const bool is_manual = options_.store.background == Background::kManual;
    for (uint32_t tries = 0; !is_told_to_end && !(MakeTopics(store) && producer_.Step(store));
         ++tries) {
      if (store.state() == StoreState::kReadOnly || tries == kTriesPerStep) {
        if (options_.steps > 0) return false;
        // What refuses now is asked again when the disk has taken something, or in a moment.
        store.Flush(absl::Milliseconds(1)).IgnoreError();
        break;
      }
      store.RunOnce();
    }
    if (is_manual && step % 4 == 0) store.RunOnce();
    if (step % 8 == 0) {
      const uint32_t queue = step / 8 % kQueues;
      const absl::Status status =
          ReadOn(store, options_.seed, queue, {.max_messages = 50}, &offsets_[queue]);
      if (!status.ok()) reporter_->Tell(EventKind::kReadFailed, status);
    }
    return true;
  }

  VictimOptions options_;
  const Reporter* const reporter_;
  Listener listener_;
  Producer producer_;
  QueueOffset offsets_[kQueues];
  bool has_topics_ = false;
};

void StartAlarms(uint32_t micros) {
  struct sigaction action {};
  action.sa_handler = [](int) {};
  sigaction(SIGALRM, &action, nullptr);
  const itimerval timer{{0, static_cast<suseconds_t>(micros)},
                        {0, static_cast<suseconds_t>(micros)}};
  setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

std::vector<std::string> ArgumentsOf(const VictimOptions& options) {
  return {absl::StrCat("--directory=", options.store.directory),
          absl::StrCat("--front_directory=", options.store.front_directory),
          absl::StrCat("--segment_bytes=", options.store.segment_bytes),
          absl::StrCat("--front_bytes=", options.store.front_bytes),
          absl::StrCat("--manual=", options.store.background == Background::kManual ? 1 : 0),
          absl::StrCat("--seed=", options.seed),
          absl::StrCat("--run=", options.run),
          absl::StrCat("--disk_one_in=", options.disk_one_in),
          absl::StrCat("--patient=", options.is_patient ? 1 : 0),
          absl::StrCat("--steps=", options.steps),
          absl::StrCat("--lives=", options.lives),
          absl::StrCat("--alarm_micros=", options.alarm_micros)};
}

int RunVictim(const VictimOptions& options) {
  // Of a victim under another program that one is the parent; see VictimProcess.
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  const Reporter reporter(options.report_descriptor);
  if (options.alarm_micros > 0) StartAlarms(options.alarm_micros);
  if (!options.is_patient) return RunRestless(options, reporter);
  signal(SIGTERM, [](int) { is_told_to_end = 1; });
  Patient patient(options, &reporter);
  for (uint32_t life = 0; life < options.lives; ++life) patient.Live();
  return 0;
}

}  // namespace weir::victim
