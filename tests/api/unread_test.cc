// A device that does not give its bytes today: whatever was opened, read, sealed and closed
// meanwhile, everything is there when it does.

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "api/small_store.h"

namespace weir::testing {
namespace {

// A store of some segments, as a process leaves it.
class Sample {
 public:
  explicit Sample(bool is_closed, const std::string& front_directory) {
    options_.front_directory = front_directory;
    FaultFileSystem disk;
    options_.file_system = &disk;
    auto store = OpenStore(options_);
    for (size_t i = 0; i < 40; ++i) {
      const std::string body = Numbered(i, 300);
      const std::string topic = absl::StrCat("t", i % 4);
      Append(*store, {.topic = topic, .queue_id = 0, .body = body});
      expected_[i % 4].push_back(body);
      if (i % 8 == 7) RunAll(*store);
    }
    if (is_closed) REQUIRE(store->Close().ok());
    image_ = disk.ProcessDeath();
    disk.Kill();
  }

  // Opens in trouble and does what a host does. Whether the fault was met.
  bool GoThrough(const Fault& fault, bool without_an_index) {
    FaultFileSystem disk(image_);
    options_.file_system = &disk;
    if (without_an_index) {
      for (const std::string& name : disk.ListFiles("/store")) {
        if (name.find("04096.index") != std::string::npos) disk.RemoveFile("/store/" + name);
      }
    }
    disk.Inject(fault);
    if (auto store = MessageStore::Open(options_); store.ok()) {
      RunAll(**store);
      for (size_t topic = 0; topic < 4; ++topic) {
        const std::string name = absl::StrCat("t", topic);
        (*store)->Read(name, 0, QueueOffset(0), {.max_messages = 100}).status().IgnoreError();
        (*store)->ReadTopic(name, LogPosition(0), {.max_messages = 100}).status().IgnoreError();
      }
      if ((*store)->state() == StoreState::kReadOnly) {
        CHECK_FALSE((*store)->Append({.topic = "new", .body = "x"}).ok());
      }
      RunAll(**store);
      (*store)->Close().IgnoreError();
    }
    const bool is_met = disk.failures() > 0;
    FaultFileSystem after(disk.ProcessDeath());
    disk.Kill();
    options_.file_system = &after;
    auto store = OpenStore(options_);
    CHECK(store->recovery().damage.empty());
    CHECK(store->state() == StoreState::kHealthy);
    for (size_t topic = 0; topic < 4; ++topic) {
      CHECK(AllOf(*store, absl::StrCat("t", topic), 0) == expected_[topic]);
    }
    const auto verified = store->Verify();
    REQUIRE(verified.ok());
    CHECK(verified->findings.empty());
    return is_met;
  }

 private:
  static void RunAll(MessageStore& store) {
    for (int i = 0; i < 50 && store.RunOnce() <= absl::ZeroDuration(); ++i) {
    }
  }

  ManualClock clock_;
  StoreOptions options_ = [this] {
    FaultFileSystem none;
    return SmallOptions(none, clock_);
  }();
  CrashImage image_;
  std::vector<Words> expected_ = std::vector<Words>(4);
};

TEST_CASE("what a device did not give at any of its calls is there when it does") {
  const auto is_closed = GENERATE(true, false);
  const auto* const front_directory = GENERATE("", "private");
  const auto without_an_index = GENERATE(false, true);
  Sample sample(is_closed, front_directory);
  uint64_t met = 0;
  for (const OperationKind kind :
       {OperationKind::kRead, OperationKind::kOpen, OperationKind::kStat}) {
    for (const uint64_t times : {uint64_t{1}, uint64_t{2}, Fault::kForEver}) {
      for (uint64_t nth = 1;; ++nth) {
        INFO("kind " << OperationKindName(kind) << ", number " << nth << ", times " << times);
        if (!sample.GoThrough(InputOutputError({.kind = kind, .nth = nth, .times = times}),
                              without_an_index)) {
          break;
        }
        ++met;
      }
    }
  }
  CHECK(met > 100);
}

}  // namespace
}  // namespace weir::testing
