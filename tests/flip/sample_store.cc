#include "flip/sample_store.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <optional>

#include "absl/strings/str_cat.h"
#include "format/front_layout.h"
#include "support/fault_file_system.h"
#include "support/image_oracle.h"
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
  Builder(SampleStore& sample, uint64_t seed) : sample_(sample), random_(seed), disk_(seed) {}
  ~Builder() {
    disk_.Kill();
    claim_.reset();
  }

  void Open() {
    store_ = Must(MessageStore::Open(SampleOptions(sample_, &disk_, &clock_)), "Open");
    for (const auto& [name, queues] : kTopics) {
      history().DeclareTopic(name, queues);
      Must(store_->CreateTopic(name, queues), "topic");
      history().AcknowledgeTopic(name);
    }
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
      Append(history().Send(AnyMessage(), body));
    }
  }

  // Stays open until the process dies.
  void LeaveClaim() {
    const size_t sent = history().Send({.queues = {{"orders", 1}}}, std::string(40, 'x'));
    claim_.emplace(Must(store_->Claim(history()[sent].message(), 40), "Claim"));
    std::memset(claim_->body().data(), 'x', claim_->body().size());
    sample_.open_claim = claim_->position();
    history().GiveUp(sent);  // nobody ever commits it
  }

 private:
  SendHistory& history() { return sample_.history; }

  std::string AnyBody(size_t bytes_max) {
    std::string body = absl::StrCat("message ", ++count_, " ");
    const size_t bytes = random_.Below(bytes_max);
    while (body.size() < bytes) body.push_back(static_cast<char>('!' + random_.Below(90)));
    return body;
  }

  Outgoing AnyMessage() {
    const auto& [topic, queues] = kTopics[random_.Below(kTopics.size())];
    Outgoing message{.queues = {{topic, static_cast<uint32_t>(random_.Below(queues))}}};
    if (random_.OneIn(2)) message.tag = random_.OneIn(2) ? "NEW" : "CANCEL";
    if (random_.OneIn(3)) message.keys = {"AAPL-1", "7"};
    if (random_.OneIn(4)) message.ordering_key = "AAPL";
    if (random_.OneIn(4)) message.properties = {{"venue", "XNAS"}, {"empty", ""}};
    return message;
  }

  void Append(size_t sent) {
    history().Settle(sent, Must(store_->Append(history()[sent].message()), "Append"));
  }

  void AppendBatch() {
    const std::string bodies[] = {AnyBody(150), AnyBody(150), AnyBody(150)};
    const uint64_t group = history().NewGroup();
    std::vector<size_t> sent;
    std::vector<Message> batch;
    for (const std::string& body : bodies) {
      Outgoing message = AnyMessage();
      message.group = group;
      sent.push_back(history().Send(message, body));
      batch.push_back(history()[sent.back()].message());
    }
    history().SettleGroup(sent, Must(store_->Append(batch), "batch"));
  }

  // A message, or a void.
  void EndClaim(size_t sent) {
    const std::string& body = history()[sent].body;
    MessageClaim claim = Must(store_->Claim(history()[sent].message(), body.size() + 90), "Claim");
    std::memcpy(claim.body().data(), body.data(), body.size());
    if (random_.OneIn(2)) return history().Settle(sent, Must(claim.Commit(body.size()), "Commit"));
    history().GiveUp(sent);
  }

  void AppendAnything() {
    const std::string body = AnyBody(220);
    Outgoing message = AnyMessage();
    switch (random_.Below(10)) {
      case 0:
        AppendBatch();
        break;
      case 1:
        message.queues = {{"orders", static_cast<uint32_t>(random_.Below(3))},
                          {"trades", 0},
                          {"trades", 1},
                          {"audit", 0}};
        Append(history().Send(message, body));
        break;
      case 2:
        EndClaim(history().Send(message, body));
        break;
      default:
        Append(history().Send(message, body));
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

// Writes down what the whole image delivers. Nothing of it may be missing later.
void Learn(SampleStore& sample) {
  sample.whole = ExamineImage(sample.image, sample.shape, sample.history,
                              {.is_faultless = true, .is_thorough = true, .opens_again = true});
  Must(sample.whole.ok() ? absl::OkStatus() : absl::DataLossError(sample.whole.ToString()),
       sample.name);
  sample.history.Reopen(sample.whole.delivered);
  FaultFileSystem disk(sample.image);
  ManualClock clock;
  const auto store = Must(MessageStore::Open(SampleOptions(sample, &disk, &clock)), "Open");
  for (const auto& [topic, queues] : kTopics) {
    for (uint32_t id = 0; id < queues; ++id) {
      const auto read = Must(store->Read(topic, id, QueueOffset(0), {.max_messages = 10'000}), "");
      for (const MessageView& message : read) {
        sample.messages.push_back({.topic = topic,
                                   .queue_id = id,
                                   .offset = message.queue_offset(),
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
  sample.shape = {.front_directory = name == "private" || name == "power" ? "private" : "",
                  .front_bytes = kSampleFrontBytes};
  if (name == "large") sample.shape.segment_bytes = 16 * kSampleSegmentBytes;
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
  return SubjectOptions(sample.shape, file_system, clock);
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
