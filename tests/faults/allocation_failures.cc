// Fails every allocation that calls of the public API make, one at a time: the call says so, throws
// nothing, and everything that was acknowledged is there; nothing leaks.
//
//   allocation_failures [--count=N] [--seed=S] [--only=K]      only: fail the K-th alone
//
// A program of calls is run once to count; then once for each allocation. Memory that the fault
// file system and this program take is not counted. Rounds have programs of their own.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "faults/aftermath.h"
#include "faults/sandbox.h"
#include "faults/subject.h"
#include "support/fault_file_system.h"
#include "support/fault_world.h"
#include "support/manual_clock.h"
#include "support/random.h"
#include "torture/report.h"

namespace {

constexpr uint64_t kNever = ~uint64_t{0};

thread_local bool is_armed = false;  // inside a call of the library
uint64_t allocations = 0;            // made there
uint64_t failing = kNever;           // the one that fails
bool has_failed = false;
int64_t live = 0;  // allocations that were not given back, of anybody

}  // namespace

[[gnu::noinline]] void* operator new(size_t size) {
  if (is_armed && weir::testing::inside_fault_world == 0 && allocations++ == failing) {
    has_failed = true;
    throw std::bad_alloc();
  }
  void* const memory = std::malloc(size);
  if (memory == nullptr) throw std::bad_alloc();
  ++live;
  return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}
[[gnu::noinline]] void operator delete(void* memory, size_t) noexcept {
  if (memory != nullptr) --live;
  std::free(memory);
}

namespace weir::testing {
namespace {

constexpr uint64_t kPrintedMax = 2000;
constexpr absl::Duration kTimeout = absl::Milliseconds(2);

// A program of calls against a store, each of them a window in which an allocation may fail.
class Program {
 public:
  Program(uint64_t seed, SubjectShape shape) : shape_(std::move(shape)), random_(seed) {
    clock_.AdvanceAtEveryLook(absl::Microseconds(100));
  }

  std::vector<std::string> Run() {
    history_.DeclareTopic("orders", 2);
    history_.DeclareTopic("other", 2);
    Open();
    if (Within("CreateTopic", [&] { return store().CreateTopic("orders", 2).status(); }).ok()) {
      history_.AcknowledgeTopic("orders");
    }
    for (int i = 0; i < 3; ++i) {
      for (int n = 0; n < 6; ++n) Append(n == 3 ? Durability::kDisk : Durability::kProcess);
      AppendAsync(i == 0 ? Durability::kProcess : Durability::kDisk);
      AppendGroup();
      RunOnce(3);
      Read();
      if (Within("Flush", [&] { return store().Flush(kTimeout); }).ok()) {
        history_.ReachAll(Durability::kDisk);
      }
      RunOnce(6);
      if (i == 0) Kill();
      if (i == 1) Reopen();
    }
    Check();
    return std::move(told_);
  }

 private:
  MessageStore& store() { return *subject_.store; }

  template <typename Call>
  auto Within(const char* what, Call call) -> decltype(call()) {
    const bool had_failed = has_failed;
    try {
      is_armed = true;
      auto result = call();
      is_armed = false;
      if (!result.ok() && !has_failed) Tell(what, result.ToString());
      if (!result.ok() && had_failed) Tell(what, "fails behind the failure: ", result.ToString());
      return result;
    } catch (const std::bad_alloc&) {
      is_armed = false;
      Tell(what, "throws");
      return absl::UnavailableError("thrown");
    }
  }
  template <typename... Parts>
  void Tell(const Parts&... parts) {
    told_.push_back(absl::StrCat(parts...));
  }

  void Open() {
    for (int i = 0; i < 2 && !subject_.is_open(); ++i) {
      Within("Open", [&]() -> absl::Status {
        auto opened = MessageStore::Open(SubjectOptions(shape_, disk_.get(), &clock_));
        if (!opened.ok()) return opened.status();
        subject_.store = *std::move(opened);
        return absl::OkStatus();
      }).IgnoreError();
    }
    if (!subject_.is_open()) std::abort();
  }

  void Append(Durability durability) {
    const std::string topic = random_.OneIn(8) ? "other" : "orders";
    const size_t sent = history_.Send({.queues = {{topic, static_cast<uint32_t>(random_.Below(2))}},
                                       .body_bytes = random_.Between(8, 500)});
    const Message message = history_[sent].message();
    absl::StatusOr<Receipt> receipt = absl::UnknownError("");
    Within("Append", [&] {
      receipt = store().Append(message, {.durability = durability, .timeout = kTimeout});
      return receipt.status();
    }).IgnoreError();
    history_.Settle(sent, receipt);
  }

  void AppendAsync(Durability durability) {
    const size_t sent = history_.Send({.queues = {{"orders", 0}}, .body_bytes = 100});
    const Message message = history_[sent].message();
    const absl::Status status = Within("AppendAsync", [&] {
      return store().AppendAsync(
          message, {.durability = durability, .timeout = kTimeout},
          [this, sent](const absl::Status& outcome, const Receipt& receipt) {
            const bool was_armed = std::exchange(is_armed, false);
            history_.Settle(sent, outcome.ok() ? absl::StatusOr<Receipt>(receipt)
                                               : absl::StatusOr<Receipt>(absl::DataLossError("")));
            ++called_;
            is_armed = was_armed;
          });
    });
    if (status.ok()) ++expected_;
    if (!status.ok()) history_.Settle(sent, status);
  }

  void AppendGroup() {
    const uint64_t group = history_.NewGroup();
    std::vector<size_t> sent;
    std::vector<Message> messages;
    for (int i = 0; i < 3; ++i) {
      sent.push_back(history_.Send({.queues = {{"orders", static_cast<uint32_t>(i % 2)}},
                                    .body_bytes = 80,
                                    .group = group}));
      messages.push_back(history_[sent.back()].message());
    }
    absl::StatusOr<std::vector<Receipt>> receipts = absl::UnknownError("");
    Within("a group", [&] {
      receipts = store().Append(messages, {.timeout = kTimeout});
      return receipts.status();
    }).IgnoreError();
    history_.SettleGroup(sent, receipts);
  }

  void Read() {
    for (uint32_t id = 0; id < 2; ++id) {
      Within("Read", [&] {
        return store().Read("orders", id, QueueOffset(0), {.max_messages = 100}).status();
      }).IgnoreError();
    }
  }

  void RunOnce(int times) {
    for (int i = 0; i < times; ++i) {
      clock_.Advance(absl::Milliseconds(200));
      Within("RunOnce", [&] {
        store().RunOnce();
        return absl::OkStatus();
      }).IgnoreError();
    }
  }

  void Kill() {
    auto next = std::make_unique<FaultFileSystem>(disk_->ProcessDeath());
    disk_->Kill();
    expected_ = called_;
    subject_.Destroy();
    called_ = expected_;
    disk_ = std::move(next);
    Open();
  }

  void Reopen() {
    const absl::Status closed = Within("Close", [&] { return store().Close(); });
    if (closed.ok()) history_.ReachAll(Durability::kDisk);
    if (closed.ok() && called_ != expected_) Tell("callbacks are missing");
    subject_.Destroy();
    Open();
  }

  void Check() {
    Tell(ExamineImage(disk_->ProcessDeath(), shape_, history_, {}), "killed: ");
    Tell(ExamineImage(disk_->PowerLoss(LossPlan::LoseEverything()), shape_, history_,
                      {.survives = Durability::kDisk}),
         "power lost: ");
    if (subject_.state() == StoreState::kReadOnly) Tell("read-only: ", subject_.reason());
    RunOnce(3);
    const size_t sent = history_.Send({.queues = {{"orders", 0}}, .body_bytes = 100});
    const absl::StatusOr<Receipt> receipt =
        store().Append(history_[sent].message(), {.durability = Durability::kDisk});
    history_.Settle(sent, receipt);
    if (!receipt.ok()) Tell("no append behind it: ", receipt.status().ToString());
    Tell(subject_.Examine(history_, {}), "going on: ");
    const absl::Status closed = store().Close();
    if (!closed.ok()) Tell("Close: ", closed.ToString());
    if (called_ != expected_) Tell("callbacks are missing");
    subject_.Destroy();
    if (disk_->open_handles() != 0) Tell("handles are left behind");
    Tell(ExamineImage(disk_->ProcessDeath(), shape_, history_, {.is_thorough = true}),
         "closed and opened: ");
  }

  void Tell(const Verdict& verdict, const char* when) {
    for (const Violation& violation : verdict.violations) Tell(when, violation.text);
  }

  const SubjectShape shape_;
  Random random_;
  ManualClock clock_;
  SendHistory history_;
  std::vector<std::string> told_;
  uint64_t called_ = 0;
  uint64_t expected_ = 0;
  std::unique_ptr<FaultFileSystem> disk_ = std::make_unique<FaultFileSystem>();
  Subject subject_;
};

std::vector<std::string> RunProgram(uint64_t seed, uint64_t which) {
  allocations = 0;
  failing = which;
  has_failed = false;
  const SubjectShape shape{.front_directory = seed % 2 == 0 ? "private" : ""};
  const int64_t before = live;
  std::vector<std::string> told;
  {
    Program program(seed, shape);
    told = program.Run();
  }
  failing = kNever;
  int64_t held = live - before;
  if (!told.empty()) return told;
  if (held != 0) told.push_back(absl::StrCat(held, " allocations are not given back"));
  return told;
}

int Main(int argc, char** argv) {
  uint64_t count = 5000;
  uint64_t seed = 1;
  std::optional<uint64_t> only;
  for (int i = 1; i < argc; ++i) {
    const std::pair<absl::string_view, absl::string_view> flag =
        absl::StrSplit(argv[i], absl::MaxSplits('=', 1));
    uint64_t number = 0;
    if (!absl::SimpleAtoi(flag.second, &number)) return 2;
    if (flag.first == "--count") count = number;
    if (flag.first == "--seed") seed = number;
    if (flag.first == "--only") only = number;
  }
  SandboxCounts* const counts = Sandbox::Share();
  if (counts == nullptr) return ReportSkipped("no memory to share");
  for (uint64_t round = 0; counts->injected < count && round < 1000; ++round) {
    const uint64_t now = seed + round;
    // What is made once for the process is made now.
    RunProgram(now, kNever);
    const std::vector<std::string> sound = RunProgram(now, kNever);
    for (const std::string& text : sound)
      std::printf("VIOLATION without a failure: %s\n", text.c_str());
    counts->violations += sound.size();
    const uint64_t all = allocations;
    const uint64_t first = only.value_or(0);
    const auto print = [&](uint64_t which, const std::vector<std::string>& told) {
      if (counts->violations++ >= kPrintedMax) return;
      for (const std::string& text : told) {
        std::printf("VIOLATION allocation %llu: %s\n", static_cast<unsigned long long>(which),
                    text.c_str());
      }
      std::printf("reproduce: allocation_failures --seed=%llu --only=%llu --count=1\n",
                  static_cast<unsigned long long>(now), static_cast<unsigned long long>(which));
      std::fflush(stdout);
    };
    Sandbox::Run(
        *counts, only.has_value() ? 1 : all,
        [&](uint64_t i) {
          const std::vector<std::string> told = RunProgram(now, first + i);
          if (has_failed) ++counts->injected;
          if (!told.empty()) print(first + i, told);
        },
        [&](uint64_t i, const std::string& why) { print(first + i, {why}); });
    if (only.has_value()) break;
  }
  return ReportTorture("failed allocations", counts->injected, count, counts->violations);
}

}  // namespace
}  // namespace weir::testing

int main(int argc, char** argv) { return weir::testing::Main(argc, argv); }
