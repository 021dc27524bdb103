// A game server with one thread: the store has none of its own and works inside the server's tick,
// in what is left of the tick's time.

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "weir/store.h"

namespace {

constexpr int kTicks = 60;
constexpr int kEventsPerTick = 200;
constexpr std::chrono::milliseconds kTick{2};

class Server {
 public:
  explicit Server(weir::MessageStore* store) : store_(store) {}

  absl::Status Tick() {
    const auto end_of_tick = std::chrono::steady_clock::now() + kTick;
    absl::Status status = Simulate();
    status.Update(Deliver());
    // The rest of the tick belongs to the store. If there is none nothing is lost: appends go on.
    while (std::chrono::steady_clock::now() < end_of_tick &&
           store_->RunOnce() == absl::ZeroDuration()) {
    }
    return status;
  }

  // Asks for what must survive a power loss without waiting for it; RunOnce() brings the answer.
  absl::Status Save() {
    ++saves_;
    return store_->AppendAsync({.topic = "saves", .body = absl::StrCat("at event ", events_)},
                               {.durability = weir::Durability::kDisk},
                               [this](const absl::Status& status, const weir::Receipt&) {
                                 if (status.ok()) --saves_;
                               });
  }

  bool is_complete() const { return delivered_ == events_ && saves_ == 0; }

 private:
  absl::Status Simulate() {
    for (int i = 0; i < kEventsPerTick; ++i) {
      const std::string event = absl::StrCat("event ", events_++);
      const auto receipt = store_->Append({.topic = "world", .queue_id = 0, .body = event});
      if (!receipt.ok()) return receipt.status();
    }
    return absl::OkStatus();
  }

  absl::Status Deliver() {
    const auto result = store_->Read("world", 0, next_, {.max_messages = 2 * kEventsPerTick});
    if (!result.ok()) return result.status();
    for (const weir::MessageView& message : *result) {
      if (message.body() != absl::StrCat("event ", delivered_)) return absl::DataLossError("order");
      ++delivered_;
    }
    next_ = result->next_offset();
    return absl::OkStatus();
  }

  weir::MessageStore* const store_;
  weir::QueueOffset next_;
  uint64_t events_ = 0, delivered_ = 0, saves_ = 0;
};

absl::Status Run(const std::string& directory) {
  auto store =
      weir::MessageStore::Open({.directory = directory, .background = weir::Background::kManual});
  if (!store.ok()) return store.status();
  Server server(store->get());
  absl::Status status;
  for (int tick = 0; tick < kTicks && status.ok(); ++tick) {
    if (tick % 20 == 10) status = server.Save();
    status.Update(server.Tick());
  }
  status.Update((*store)->Close());  // callbacks that are still due come now
  if (status.ok() && !server.is_complete()) status = absl::DataLossError("something is missing");
  return status;
}

}  // namespace

int main(int argc, char* argv[]) {
  std::string directory = "/tmp/weir_host_loop.XXXXXX";
  if (argc < 2 && mkdtemp(directory.data()) == nullptr) return 1;
  if (argc >= 2) directory = argv[1];
  const absl::Status status = Run(directory);
  if (argc < 2) std::filesystem::remove_all(directory);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
