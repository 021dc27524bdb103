// One body in many queues: a shout is stored once and appears in the inbox of every player near by,
// and in the log of the moderators.

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "weir/store.h"

namespace {

constexpr uint32_t kPlayers = 1000;
constexpr uint32_t kNear = 300;  // players 0 to 299 hear the shout

absl::Status Shout(weir::MessageStore& store, absl::string_view text) {
  std::vector<weir::QueueRef> further = {{.topic = "moderation", .queue_id = 0}};
  for (uint32_t player = 1; player < kNear; ++player) further.push_back({"inbox", player});

  const uint64_t bytes_before = store.Stats().append_bytes;
  const auto receipt =
      store.Append({.topic = "inbox", .queue_id = 0, .further_queues = further, .body = text});
  if (!receipt.ok()) return receipt.status();
  const uint64_t bytes = store.Stats().append_bytes - bytes_before;
  std::cout << text.size() << " bytes of text for " << further.size() + 1 << " queues took "
            << bytes << " bytes\n";
  if (bytes > 2 * text.size()) return absl::InternalError("the body was stored more than once");
  return absl::OkStatus();
}

// The number of messages in a queue; an error if one of them is not `text`.
absl::StatusOr<size_t> Count(weir::MessageStore& store, absl::string_view topic, uint32_t queue_id,
                             absl::string_view text) {
  const auto result = store.Read(topic, queue_id, weir::QueueOffset(0));
  if (!result.ok()) return result.status();
  for (const weir::MessageView& message : *result) {
    if (message.body() != text) return absl::DataLossError("a wrong body");
  }
  return result->size();
}

absl::Status Run(const std::string& directory) {
  auto store = weir::MessageStore::Open({.directory = directory});
  if (!store.ok()) return store.status();
  absl::Status status = (*store)->CreateTopic("inbox", kPlayers).status();
  status.Update((*store)->CreateTopic("moderation", 1).status());
  if (!status.ok()) return status;

  const std::string text = "the dragon is awake! " + std::string(8000, '!');
  if (status = Shout(**store, text); !status.ok()) return status;

  for (uint32_t player = 0; player < kPlayers; ++player) {
    const auto count = Count(**store, "inbox", player, text);
    if (!count.ok()) return count.status();
    const size_t wanted = player < kNear ? 1 : 0;
    if (*count != wanted) return absl::DataLossError("a wrong inbox");
  }
  const auto moderated = Count(**store, "moderation", 0, text);
  if (!moderated.ok()) return moderated.status();
  if (*moderated != 1) return absl::DataLossError("the moderators heard nothing");
  return (*store)->Close();
}

}  // namespace

int main(int argc, char* argv[]) {
  std::string directory = "/tmp/weir_fan_out.XXXXXX";
  if (argc < 2 && mkdtemp(directory.data()) == nullptr) return 1;
  if (argc >= 2) directory = argv[1];

  const absl::Status status = Run(directory);

  if (argc < 2) std::filesystem::remove_all(directory);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
