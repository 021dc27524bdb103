#include "flip/sample_store.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "format/front_layout.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/random.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

constexpr absl::string_view kDirectory = "/store";
const std::vector<std::pair<std::string, uint32_t>> kTopics = {
    {"orders", 3}, {"trades", 2}, {"audit", 1}};

void Must(const absl::Status& status, absl::string_view what) {
  if (status.ok()) return;
  std::fprintf(stderr, "the sample store cannot be built: %s: %s\n", std::string(what).c_str(),
               status.ToString().c_str());
  std::exit(1);
}

template <typename T>
T Must(absl::StatusOr<T> result, absl::string_view what) {
  Must(result.status(), what);
  return *std::move(result);
}

// Fills a store; the same seed fills it with the same messages.
class Builder {
 public:
  Builder(SampleStore& sample, uint64_t seed) : sample_(sample), random_(seed), disk_(seed) {
    sample_.topics = kTopics;
  }
  ~Builder() {
    disk_.Kill();
    claim_.reset();
  }

  void Open() {
    store_ = Must(MessageStore::Open(SampleOptions(sample_, &disk_, &clock_)), "Open");
    for (const auto& [name, queues] : kTopics) Must(store_->CreateTopic(name, queues), "topic");
  }
  void Close() {
    Must(store_->Close(), "Close");
    store_.reset();
  }
  void RunUntilIdle() {
    clock_.Advance(absl::Seconds(2));
    while (store_->RunOnce() <= absl::ZeroDuration()) {
    }
  }
  CrashImage Freeze() const { return disk_.Freeze(); }
  MessageStore& store() { return *store_; }

  void AppendSome(int count) {
    for (int i = 0; i < count; ++i) AppendAnything();
  }

  // Waits for nothing.
  void AppendPlain(int count) {
    for (int i = 0; i < count; ++i) {
      const std::string body = AnyBody(120);
      Must(store_->Append(AnyMessage(body)), "Append");
    }
  }

  // Stays open until the process dies.
  void LeaveClaim() {
    claim_.emplace(Must(store_->Claim({.topic = "orders", .queue_id = 1}, 40), "Claim"));
    std::memset(claim_->body().data(), 'x', claim_->body().size());
    sample_.open_claim = claim_->position();
  }

 private:
  std::string AnyBody(size_t bytes_max) {
    std::string body = absl::StrCat("message ", ++count_, " ");
    const size_t bytes = random_.Below(bytes_max);
    while (body.size() < bytes) body.push_back(static_cast<char>('!' + random_.Below(90)));
    return body;
  }

  Message AnyMessage(const std::string& body) {
    const auto& [topic, queues] = kTopics[random_.Below(kTopics.size())];
    Message message{.topic = topic, .queue_id = static_cast<uint32_t>(random_.Below(queues))};
    if (random_.OneIn(2)) message.tag = random_.OneIn(2) ? "NEW" : "CANCEL";
    if (random_.OneIn(3)) message.keys = {"AAPL-1", "7"};
    if (random_.OneIn(4)) message.ordering_key = "AAPL";
    if (random_.OneIn(4)) message.properties = {{"venue", "XNAS"}, {"empty", ""}};
    message.body = body;
    return message;
  }

  void AppendAnything() {
    const std::string body = AnyBody(220);
    Message message = AnyMessage(body);
    switch (random_.Below(10)) {
      case 0: {
        const std::string bodies[] = {AnyBody(150), AnyBody(150), AnyBody(150)};
        std::vector<Message> batch;
        for (const std::string& each : bodies) batch.push_back(AnyMessage(each));
        Must(store_->Append(batch), "batch");
        break;
      }
      case 1: {
        const QueueRef further[] = {{"trades", 0}, {"trades", 1}, {"audit", 0}};
        message.topic = "orders";
        message.queue_id = static_cast<uint32_t>(random_.Below(3));
        message.further_queues = further;
        Must(store_->Append(message), "fan-out");
        break;
      }
      case 2: {
        MessageClaim claim = Must(store_->Claim(message, body.size() + 90), "Claim");
        std::memcpy(claim.body().data(), body.data(), body.size());
        if (random_.OneIn(2)) Must(claim.Commit(body.size()), "Commit");
        break;  // or a void
      }
      default:
        Must(store_->Append(message), "Append");
    }
    if (random_.OneIn(6)) Must(store_->Flush(), "Flush");
    if (random_.OneIn(2)) clock_.Advance(absl::Milliseconds(30));
    if (random_.OneIn(2)) store_->RunOnce();
  }

  SampleStore& sample_;
  Random random_;
  FaultFileSystem disk_;
  ManualClock clock_;
  uint64_t count_ = 0;
  // Destroyed from the last to the first.
  std::unique_ptr<MessageStore> store_;
  std::optional<MessageClaim> claim_;
};

// Opens the whole image and writes down what is there.
void Learn(SampleStore& sample) {
  FaultFileSystem disk(sample.image);
  ManualClock clock;
  const auto store = Must(MessageStore::Open(SampleOptions(sample, &disk, &clock)), "Open");
  Must(store->recovery().damage.empty() ? absl::OkStatus() : absl::DataLossError("damage"),
       sample.name);
  const auto records = Must(store->Dump(LogPosition(0), 100'000), "Dump");
  for (const auto& [topic, queues] : sample.topics) {
    for (uint32_t id = 0; id < queues; ++id) {
      const auto read = Must(store->Read(topic, id, QueueOffset(0), {.max_messages = 10'000}), "");
      for (const MessageView& message : read) {
        sample.messages.push_back({.topic = topic,
                                   .queue_id = id,
                                   .offset = message.queue_offset(),
                                   .begin = message.position(),
                                   .end = message.position() + message.record_bytes(),
                                   .content = ContentOf(message)});
      }
    }
  }
  disk.Kill();
}

void ListFiles(SampleStore& sample) {
  const FaultFileSystem disk(sample.image);
  for (const std::string& name : disk.ListFiles(std::string(kDirectory))) {
    const std::string path = absl::StrCat(kDirectory, "/", name);
    sample.files.push_back({.name = name, .size = disk.ReadFile(path).size()});
  }
  for (const auto& [name, memory] : sample.image.shared) {
    if (memory.size.ring_bytes == 0) continue;  // doorbells hold nothing
    sample.files.push_back({.name = name.second, .size = memory.bytes->size(), .is_shared = true});
    const auto* const header = reinterpret_cast<const internal::FrontHeader*>(memory.bytes->data());
    sample.front_begin = LogPosition(header->front_begin.load());
    sample.front_end = LogPosition(header->claimed_end.load());
    sample.unwritten = LogPosition(header->written_end.load());
  }
}

SampleStore Make(const std::string& name, uint64_t seed) {
  SampleStore sample;
  sample.name = name;
  sample.front_directory = name == "private" || name == "power" ? "private" : "";
  if (name == "large") sample.segment_bytes = 16 * kSampleSegmentBytes;
  Builder builder(sample, seed);
  for (int life = 1; name == "large" && life < 3; ++life) {
    builder.Open();
    builder.AppendSome(20);
    builder.Close();
  }
  builder.Open();
  builder.AppendSome(55);
  builder.RunUntilIdle();
  builder.Close();
  builder.Open();
  builder.AppendSome(30);
  if (name == "killed") {
    builder.RunUntilIdle();
    builder.AppendSome(4);
    builder.LeaveClaim();
    builder.AppendPlain(5);
    sample.image = builder.Freeze().ProcessDeath();
  } else if (name == "closed" || name == "large") {
    builder.RunUntilIdle();
    builder.Close();
    sample.image = builder.Freeze().ProcessDeath();
  } else {
    Must(builder.store().Flush(), "Flush");
    builder.RunUntilIdle();
    sample.image = name == "private" ? builder.Freeze().ProcessDeath()
                                     : builder.Freeze().PowerLoss(LossPlan::LoseEverything());
  }
  ListFiles(sample);
  Learn(sample);
  return sample;
}

}  // namespace

std::string ContentOf(const MessageView& message) {
  std::string content;
  content.reserve(message.record_bytes());  // once: harnesses ask for millions
  const auto add = [&](absl::string_view part, char end) {
    content.append(part.data(), part.size());
    content.push_back(end);
  };
  add(message.tag(), '|');
  add(message.ordering_key(), '|');
  for (const absl::string_view key : message.keys()) add(key, ',');
  content.push_back('|');
  for (const Property& property : message.properties()) {
    add(property.name, '=');
    add(property.value, ',');
  }
  content.push_back('|');
  content.append(message.body().data(), message.body().size());
  return content;
}

StoreOptions SampleOptions(const SampleStore& sample, FileSystem* file_system, Clock* clock) {
  return {.directory = std::string(kDirectory),
          .background = Background::kManual,
          .segment_bytes = sample.segment_bytes,
          .front_bytes = kSampleFrontBytes,
          .front_directory = sample.front_directory,
          .read_cache_bytes = 64 << 10,
          .file_system = file_system,
          .clock = clock};
}

std::vector<SampleStore> MakeSampleStores(uint64_t seed) {
  std::vector<SampleStore> samples;
  for (const char* const name : {"closed", "killed", "private", "power"}) {
    samples.push_back(Make(name, seed));
  }
  return samples;
}

SampleStore MakeLargeStore(uint64_t seed) { return Make("large", seed); }

}  // namespace weir::testing
