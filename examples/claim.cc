// Encodes messages in place: the body is written where it will lie, without a copy. A claim that is
// not committed is given up, and its offset stays empty.

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "weir/store.h"

namespace {

struct Tick {
  uint64_t sequence;
  int64_t price;
  uint32_t size;
  uint32_t flags;
};

constexpr uint64_t kTicks = 100;

bool IsTaken(uint64_t sequence) { return sequence % 10 != 3; }

absl::Status AppendTicks(weir::MessageStore& store, weir::Topic ticks) {
  for (uint64_t sequence = 0; sequence < kTicks; ++sequence) {
    // Room for the largest encoding; Commit() says how much was used.
    auto claim = store.Claim({.topic = ticks, .queue_id = 0, .tag = "T"}, 2 * sizeof(Tick));
    if (!claim.ok()) return claim.status();
    if (!IsTaken(sequence)) continue;  // the claim ends here, uncommitted
    const Tick tick{sequence, 18'710 + static_cast<int64_t>(sequence % 7), 100, 0};
    std::memcpy(claim->body().data(), &tick, sizeof(tick));
    const auto receipt = claim->Commit(sizeof(tick));
    if (!receipt.ok()) return receipt.status();
  }
  return absl::OkStatus();
}

absl::Status CheckTicks(weir::MessageStore& store, weir::Topic ticks) {
  uint64_t wanted = 0;
  weir::QueueOffset offset;
  for (;;) {
    const auto result = store.Read(ticks, 0, offset);
    if (!result.ok()) return result.status();
    if (result->empty()) break;
    for (const weir::MessageView& message : *result) {
      while (!IsTaken(wanted)) ++wanted;
      Tick tick;
      if (message.body().size() != sizeof(tick)) return absl::DataLossError("a wrong size");
      std::memcpy(&tick, message.body().data(), sizeof(tick));
      // Offsets count the ticks that were given up, so here they are the sequence.
      if (tick.sequence != wanted || message.queue_offset().value() != wanted) {
        return absl::DataLossError("a tick is not where it should be");
      }
      ++wanted;
    }
    offset = result->next_offset();
  }
  std::cout << "read up to tick " << wanted << '\n';
  return wanted == kTicks ? absl::OkStatus() : absl::DataLossError("ticks are missing");
}

absl::Status Run(const std::string& directory) {
  auto store = weir::MessageStore::Open({.directory = directory});
  if (!store.ok()) return store.status();
  const auto ticks = (*store)->CreateTopic("ticks", 1);
  if (!ticks.ok()) return ticks.status();
  absl::Status status = AppendTicks(**store, *ticks);
  if (status.ok()) status = CheckTicks(**store, *ticks);
  status.Update((*store)->Close());
  return status;
}

}  // namespace

int main(int argc, char* argv[]) {
  std::string directory = "/tmp/weir_claim.XXXXXX";
  if (argc < 2 && mkdtemp(directory.data()) == nullptr) return 1;
  if (argc >= 2) directory = argv[1];

  const absl::Status status = Run(directory);

  if (argc < 2) std::filesystem::remove_all(directory);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
