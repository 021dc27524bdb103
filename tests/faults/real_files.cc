#include "faults/real_files.h"

#include <filesystem>
#include <iterator>
#include <memory>
#include <new>
#include <utility>

#include "absl/strings/str_cat.h"
#include "support/manual_clock.h"
#include "support/oracle.h"
#include "support/random.h"
#include "support/send_history.h"
#include "support/subject.h"
#include "support/temporary_directory.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

constexpr absl::Duration kTimeout = absl::Milliseconds(2);

size_t CountIn(const std::string& directory) {
  std::error_code error;
  const std::filesystem::directory_iterator entries(directory, error);
  return error ? 0 : static_cast<size_t>(std::distance(begin(entries), end(entries)));
}

class Run {
 public:
  Run(uint64_t seed, MemoryFailure failure) : failure_(failure), random_(seed) {
    clock_.AdvanceAtEveryLook(absl::Microseconds(100));
    std::filesystem::create_directory(fronts_);
    options_ = SubjectOptions({.front_directory = fronts_}, FileSystem::Posix(), &clock_);
    options_.directory = directory_ / "store";
  }

  std::vector<std::string> Violations() {
    descriptors_ = CountIn("/proc/self/fd");
    mappings_ = FailingMemory::live_mappings();
    history_.DeclareTopic("orders", 2);
    FailingMemory::Fail(failure_);
    for (int life = 0; life < 2; ++life) {
      Open();
      Append(life == 0 ? 12 : 3);
      Read();
      RunUntilIdle();
      if (store_ != nullptr) Within("Close", [&] { return store_->Close(); }).IgnoreError();
      Drop();
    }
    FailingMemory::BringBack();
    LookBehind();
    return std::move(told_);
  }

 private:
  template <typename Call>
  absl::Status Within(const char* what, Call&& call) {
    try {
      const FailingMemory::Watch watch;
      return call();
    } catch (const std::bad_alloc&) {
      told_.push_back(absl::StrCat(what, " throws"));
      return absl::UnavailableError("thrown");
    }
  }

  absl::Status TryOpen() {
    return Within("Open", [&]() -> absl::Status {
      absl::StatusOr<std::unique_ptr<MessageStore>> opened = MessageStore::Open(options_);
      if (opened.ok()) store_ = *std::move(opened);
      return opened.status();
    });
  }
  void Open() {
    if (TryOpen().ok()) return;
    CheckGivenBack("behind a failed Open");
    if (failure_.is_for_ever) return;
    const absl::Status again = TryOpen();
    if (!again.ok()) told_.push_back(absl::StrCat("the second Open: ", again.ToString()));
  }

  void Append(int count) {
    for (int i = 0; i < count && store_ != nullptr; ++i) {
      const size_t sent = history_.Send({.queues = {{"orders", static_cast<uint32_t>(i % 2)}},
                                         .body_bytes = random_.Between(100, 800)});
      const Message message = history_[sent].message();
      absl::StatusOr<Receipt> receipt = absl::UnknownError("");
      Within("Append", [&] {
        receipt = store_->Append(
            message, {.durability = i % 4 == 3 ? Durability::kDisk : Durability::kProcess,
                      .timeout = kTimeout});
        return receipt.status();
      }).IgnoreError();
      history_.Settle(sent, receipt);
    }
  }

  // As another process would, and below the front.
  void Read() {
    if (store_ == nullptr) return;
    StoreOptions options = options_;
    options.read_only = true;
    std::unique_ptr<MessageStore> reader;
    Within("Open of a reader", [&]() -> absl::Status {
      absl::StatusOr<std::unique_ptr<MessageStore>> opened = MessageStore::Open(options);
      if (opened.ok()) reader = *std::move(opened);
      return opened.status();
    }).IgnoreError();
    for (MessageStore* const store : {store_.get(), reader.get()}) {
      for (uint32_t id = 0; store != nullptr && id < 2; ++id) {
        Within("Read", [&] {
          return store->Read("orders", id, QueueOffset(0), {.max_messages = 100}).status();
        }).IgnoreError();
      }
    }
    Within("a reader's destructor", [&] {
      reader.reset();
      return absl::OkStatus();
    }).IgnoreError();
  }

  void RunUntilIdle() {
    for (int i = 0; i < 12 && store_ != nullptr; ++i) {
      clock_.Advance(absl::Milliseconds(200));
      Within("RunOnce", [&] {
        store_->RunOnce();
        return absl::OkStatus();
      }).IgnoreError();
    }
  }

  void Drop() {
    Within("a destructor", [&] {
      store_.reset();
      return absl::OkStatus();
    }).IgnoreError();
    CheckGivenBack("behind a store");
  }

  void CheckGivenBack(const char* when) {
    const size_t descriptors = CountIn("/proc/self/fd");
    if (descriptors != descriptors_) {
      told_.push_back(absl::StrCat(descriptors - descriptors_, " descriptors are open ", when));
    }
    const int64_t mappings = FailingMemory::live_mappings();
    if (mappings != mappings_) {
      told_.push_back(absl::StrCat(mappings - mappings_, " mappings are left ", when));
    }
  }

  // With memory: everything is there, and nothing stays that is not closed.
  void LookBehind() {
    const absl::Status opened = TryOpen();
    if (!opened.ok()) {
      told_.push_back(absl::StrCat("Open with memory: ", opened.ToString()));
      return;
    }
    const Verdict verdict = Examine(*store_, history_, {.is_thorough = true});
    for (const Violation& violation : verdict.violations) told_.push_back(violation.text);
    Append(1);
    const absl::Status closed = store_->Close();
    if (!closed.ok()) told_.push_back(absl::StrCat("Close with memory: ", closed.ToString()));
    Drop();
    if (CountIn(fronts_) != 0) told_.push_back("a front is left behind");
  }

  const MemoryFailure failure_;
  Random random_;
  ManualClock clock_;
  SendHistory history_;
  std::vector<std::string> told_;
  size_t descriptors_ = 0;
  int64_t mappings_ = 0;
  // Where a sync takes no time.
  const TemporaryDirectory directory_{"/dev/shm"};
  const std::string fronts_ = directory_ / "fronts";
  StoreOptions options_;
  std::unique_ptr<MessageStore> store_;
};

}  // namespace

std::vector<std::string> RunOnRealFiles(uint64_t seed, MemoryFailure failure) {
  return Run(seed, failure).Violations();
}

}  // namespace weir::testing
