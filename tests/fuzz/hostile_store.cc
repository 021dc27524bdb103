#include "fuzz/hostile_store.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

constexpr absl::string_view kDirectory = "/store";
// A hostile superblock may ask for segments of a gigabyte; the disk has no room for them.
constexpr uint64_t kDiskBytes = 4 << 20;
// Each read may step over thousands of holes, of which a hostile index file can count any number.
constexpr int kReadsMax = 60;
// A topic may have 65,536 queues.
constexpr uint32_t kQueuesLookedAt = 8;
constexpr size_t kTopicsLookedAt = 8;

using Place = std::tuple<std::string, uint32_t, uint64_t>;
using Contents = std::map<Place, std::string>;
using Delivery = std::set<Place>;

const Contents& ContentsOf(const SampleStore& sample) {
  static std::map<const SampleStore*, Contents> all;
  Contents& contents = all[&sample];
  if (contents.empty()) {
    for (const SampleMessage& message : sample.messages) {
      contents[{message.topic, message.queue_id, message.offset.value()}] = message.content;
    }
  }
  return contents;
}

// A store on an image, in a process of its own.
class HostileStore {
 public:
  HostileStore(const SampleStore& sample, const CrashImage& image, const Examination& examination)
      : sample_(sample), examination_(examination), disk_(image) {
    clock_.Advance(absl::Hours(1));
    clock_.AdvanceAtEveryLook(absl::Microseconds(100));
    disk_.SetCapacity(kDiskBytes);
  }
  ~HostileStore() { disk_.Kill(); }

  absl::Status Open(bool read_only) {
    StoreOptions options = SampleOptions(sample_, &disk_, &clock_);
    options.read_only = read_only;
    auto store = MessageStore::Open(options);
    Require(!absl::IsInternal(store.status()), "Open: ", store.status().ToString());
    if (store.ok()) store_ = *std::move(store);
    return store.status();
  }

  Delivery ReadEverything() {
    Delivery delivery;
    const StoreInfo info = store_->Info();
    for (size_t i = 0; i < std::min(info.topics.size(), kTopicsLookedAt); ++i) {
      const TopicInfo& topic = info.topics[i];
      for (uint32_t id = 0; id < std::min(topic.queue_count, kQueuesLookedAt); ++id) {
        ReadQueue(topic.name, id, delivery);
      }
      if (examination_.is_thorough) ReadLogOrder(topic.name);
    }
    if (!examination_.is_thorough) return delivery;
    store_->Dump(LogPosition(0), 1000).IgnoreError();
    CheckUsable(store_->Verify().status(), "Verify");
    return delivery;
  }

  // Answers whether it took the message and has it on the disk.
  std::optional<Receipt> AppendOne() {
    const auto receipt =
        store_->Append({.topic = "new", .body = "afterwards"},
                       {.durability = Durability::kDisk, .timeout = absl::Seconds(1)});
    CheckUsable(receipt.status(), "Append");
    if (!receipt.ok()) return std::nullopt;
    CheckAppended(*receipt);
    for (int i = 0; i < 20 && store_->RunOnce() <= absl::ZeroDuration(); ++i) {
    }
    if (receipt->reached < Durability::kDisk) return std::nullopt;
    return *receipt;
  }

  void CheckAppended(const Receipt& receipt) {
    const auto read = store_->Read("new", receipt.queue_id, receipt.queue_offset);
    RequireOk(read.status(), "Read what was appended");
    Require(!read->empty() && (*read)[0].body() == "afterwards" &&
                (*read)[0].position() == receipt.position,
            "what was appended is read: ", ReadOutcomeName(read->outcome()));
  }

  absl::Status Close() {
    const absl::Status status = store_->Close();
    CheckUsable(status, "Close");
    return status;
  }

  bool has_seen_damage() const {
    return has_seen_damage_ || !store_->recovery().damage.empty() ||
           store_->state() != StoreState::kHealthy;
  }

  CrashImage Leave() {
    CrashImage image = disk_.ProcessDeath();
    disk_.Kill();
    store_.reset();
    return image;
  }

 private:
  // Hostile bytes are the world's fault, never the library's own.
  void CheckUsable(const absl::Status& status, absl::string_view what) {
    Require(!absl::IsInternal(status), what, ": ", status.ToString());
    const std::string reason = store_->Info().reason;
    Require(reason.find("broken promise") == std::string::npos, reason);
  }

  void Take(const std::string& topic, uint32_t id, const MessageView& message, Delivery* delivery) {
    Place place{topic, id, message.queue_offset().value()};
    const std::string content = ContentOf(message);
    if (examination_.is_content_known && topic != "new") {
      const auto sent = contents_.find(place);
      Require(sent != contents_.end() && sent->second == content, topic, "/", id, "@",
              message.queue_offset().value(), ": was never sent");
    }
    if (delivery != nullptr) delivery->insert(std::move(place));
  }

  void ReadQueue(const std::string& topic, uint32_t id, Delivery& delivery) {
    const auto bounds = store_->Bounds(topic, id);
    RequireOk(bounds.status(), "Bounds");
    Require(bounds->first <= bounds->end, "bounds");
    QueueOffset offset = bounds->first;
    for (int reads = 0; reads < kReadsMax; ++reads) {
      const auto result = store_->Read(topic, id, offset, {.max_messages = 1000});
      if (!result.ok()) return CheckUsable(result.status(), "Read");
      QueueOffset least = offset;
      for (const MessageView& message : *result) {
        Require(message.queue_offset() >= least, "offsets ascend");
        least = message.queue_offset() + 1;
        Take(topic, id, message, &delivery);
      }
      const bool goes_on = result->outcome() == ReadOutcome::kFound ||
                           result->outcome() == ReadOutcome::kNoMatch ||
                           result->outcome() == ReadOutcome::kOffsetTooSmall ||
                           result->outcome() == ReadOutcome::kDamaged;
      if (!goes_on) break;
      has_seen_damage_ |= result->outcome() == ReadOutcome::kDamaged;
      Require(result->next_offset() > offset, topic, "/", id, ": reading stands still");
      offset = result->next_offset();
    }
    if (!examination_.is_thorough) return;
    const auto back = store_->ReadBackwards(topic, id, bounds->end, {.max_messages = 100});
    if (!back.ok()) return CheckUsable(back.status(), "ReadBackwards");
    for (const MessageView& message : *back) Take(topic, id, message, nullptr);
  }

  void ReadLogOrder(const std::string& topic) {
    LogPosition position;
    for (int reads = 0; reads < kReadsMax; ++reads) {
      const auto result = store_->ReadTopic(topic, position, {.max_messages = 1000});
      if (!result.ok()) return CheckUsable(result.status(), "ReadTopic");
      for (const MessageView& message : *result) {
        Require(message.position() >= position, "the order of the log");
        Take(topic, message.queue_id(), message, nullptr);
      }
      const bool goes_on = result->outcome() == ReadOutcome::kFound ||
                           result->outcome() == ReadOutcome::kNoMatch ||
                           result->outcome() == ReadOutcome::kDamaged;
      if (!goes_on || result->next_position() <= position) break;
      position = result->next_position();
    }
  }

  const SampleStore& sample_;
  const Contents& contents_ = ContentsOf(sample_);
  const Examination& examination_;
  ManualClock clock_;
  FaultFileSystem disk_;
  std::unique_ptr<MessageStore> store_;
  bool has_seen_damage_ = false;
};

}  // namespace

const std::vector<SampleStore>& Samples() {
  static const auto* const samples = new std::vector<SampleStore>(MakeSampleStores(/*seed=*/7));
  return *samples;
}

const SampleStore& SampleNamed(absl::string_view name) {
  const auto found = std::find_if(Samples().begin(), Samples().end(),
                                  [&](const SampleStore& sample) { return sample.name == name; });
  Require(found != Samples().end(), "no sample ", name);
  return *found;
}

std::string ReadFileOf(const CrashImage& image, const std::string& name) {
  const auto directory = image.disk.FindDirectory(kDirectory);
  RequireOk(directory.status(), "the store's directory");
  const uint64_t inode = image.disk.Find(*directory, name);
  Require(inode != 0, "no file ", name);
  const PagedBytes& content = image.disk.file(inode).content();
  std::string bytes(content.size(), '\0');
  content.Read(0, absl::MakeSpan(bytes));
  return bytes;
}

void WriteFileOf(CrashImage& image, const std::string& name, absl::string_view bytes) {
  const auto directory = image.disk.FindDirectory(kDirectory);
  RequireOk(directory.status(), "the store's directory");
  uint64_t inode = image.disk.Find(*directory, name);
  if (inode == 0) {
    const auto created = image.disk.CreateFile(*directory, name);
    RequireOk(created.status(), name);
    inode = *created;
    image.disk.SyncDirectory(*directory);
  }
  DiskFile& file = image.disk.MutableFile(inode);
  file.Resize(bytes.size());
  file.Write(0, bytes);
  file.Sync();
}

void OpenHostile(const SampleStore& sample, const CrashImage& image,
                 const Examination& examination) {
  if (examination.is_thorough) {
    HostileStore reader(sample, image, examination);
    if (reader.Open(/*read_only=*/true).ok()) reader.ReadEverything();
  }
  HostileStore first(sample, image, examination);
  if (!first.Open(/*read_only=*/false).ok()) return;
  const Delivery before = first.ReadEverything();
  const std::optional<Receipt> appended = first.AppendOne();
  const bool is_closed = first.Close().ok();

  HostileStore second(sample, first.Leave(), examination);
  const absl::Status reopened = second.Open(/*read_only=*/false);
  // Without room for a segment or a front there is nothing to serve with.
  if (absl::IsResourceExhausted(reopened)) return;
  RequireOk(reopened, "opened again, ", is_closed ? "closed" : "not closed");
  if (appended) second.CheckAppended(*appended);
  if (!examination.is_thorough) return;
  const Delivery after = second.ReadEverything();
  // A front that says something else than the files is believed as long as it is there.
  for (const Place& place : before) {
    if (!examination.is_content_known || second.has_seen_damage()) break;
    Require(after.count(place) != 0, std::get<0>(place), "/", std::get<1>(place), "@",
            std::get<2>(place), ": was delivered once and is gone, and nothing is damaged");
  }
}

}  // namespace weir::testing
