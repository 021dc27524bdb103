#include "api/stress.h"

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "support/temporary_directory.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

constexpr int kProducers = 3;

struct Stress {
  explicit Stress(int rounds_of_each) : rounds(rounds_of_each) {}

  const int rounds;  // of each producer
  TemporaryDirectory directory;
  std::unique_ptr<MessageStore> store;
  std::atomic<bool> is_done{false};
  std::atomic<uint64_t> appended{0};
  std::atomic<uint64_t> called_back{0};
  std::atomic<uint64_t> failures{0};
  internal::Mutex mutex;
  std::string complaints ABSL_GUARDED_BY(mutex);
  std::atomic<uint64_t> calls{0};

  StoreOptions Options() const {
    return {.directory = directory / "store",
            .segment_bytes = 64 << 10,
            .front_bytes = 256 << 10,
            .front_directory = directory / ".",
            .read_cache_bytes = 256 << 10};
  }
  void Expect(bool holds, absl::string_view what) {
    ++calls;
    if (holds) return;
    ++failures;
    internal::MutexLock lock(mutex);
    absl::StrAppend(&complaints, what, "\n");
  }
  void ExpectOk(const absl::Status& status) { Expect(status.ok(), status.ToString()); }
};

void Produce(Stress& stress, int producer) {
  const Topic topic = stress.store->OpenTopic("orders").value_or(Topic());
  const std::vector<QueueRef> audit = {{"audit", 0}};
  for (int i = 0; i < stress.rounds; ++i) {
    const std::string body =
        absl::StrCat(producer, ".", i, std::string(static_cast<size_t>(i) % 300, 'x'));
    const Message message{.topic = topic,
                          .tag = i % 2 == 0 ? "even" : "odd",
                          .ordering_key = absl::string_view(body).substr(0, 3),
                          .further_queues = absl::MakeConstSpan(audit).first(i % 7 == 0 ? 1 : 0),
                          .body = body};
    switch (i % 5) {
      case 0:
        stress.ExpectOk(stress.store->Append(message).status());
        break;
      case 1: {
        const std::vector<Message> batch = {message, message};
        stress.ExpectOk(stress.store->Append(batch).status());
        ++stress.appended;
        break;
      }
      case 2:
        stress.ExpectOk(
            stress.store->AppendAsync(message, {.durability = Durability::kDisk},
                                      [&stress](const absl::Status& status, const Receipt&) {
                                        stress.ExpectOk(status);
                                        ++stress.called_back;
                                      }));
        break;
      case 3: {
        auto claim = stress.store->Claim(message, body.size());
        stress.ExpectOk(claim.status());
        if (!claim.ok()) break;
        body.copy(claim->body().data(), body.size());
        stress.ExpectOk(claim->Commit(body.size()).status());
        break;
      }
      default: {
        const Durability durability = i % 40 == 4 ? Durability::kDisk : Durability::kProcess;
        stress.ExpectOk(stress.store->Append(message, {.durability = durability}).status());
      }
    }
    ++stress.appended;
  }
}

// Follows one queue; offsets are dense.
void Follow(Stress& stress, MessageStore& store, uint32_t queue_id) {
  QueueOffset next;
  while (!stress.is_done.load()) {
    const auto result =
        store.Read("orders", queue_id, next, {.max_messages = 50, .wait = absl::Milliseconds(5)});
    if (!result.ok())
      return stress.Expect(absl::IsFailedPrecondition(result.status()), result.status().ToString());
    QueueOffset expected = next;
    for (const MessageView& message : *result) {
      stress.Expect(message.queue_offset() == expected,
                    absl::StrCat("queue ", queue_id, ": ", message.queue_offset().value(),
                                 " instead of ", expected.value()));
      ++expected;
    }
    next = result->next_offset();
  }
}

void Look(Stress& stress, MessageStore& store) {
  while (!stress.is_done.load()) {
    store.RunOnce();
    const StoreInfo info = store.Info();
    stress.Expect(info.durable <= info.end,
                  absl::StrCat("durable ", info.durable.value(), " of ", info.end.value()));
    stress.Expect(store.Stats().appends >= 1, "appends");
    stress.Expect(store.state() != StoreState::kReadOnly, info.reason);
    store.Bounds("orders", 0).status().IgnoreError();
    store.ReadLast("orders", 1, 5).status().IgnoreError();
    store.ReadBackwards("orders", 2, QueueOffset(3)).status().IgnoreError();
    store.Dump(info.begin, 10).status().IgnoreError();
    store.Flush(absl::ZeroDuration()).IgnoreError();
  }
}

// What the store holds after it was closed under load.
void CheckAgain(Stress& stress) {
  auto again = MessageStore::Open(stress.Options());
  stress.ExpectOk(again.status());
  if (!again.ok()) return;
  stress.Expect((*again)->recovery().was_clean, "it was not closed cleanly");
  uint64_t found = 0;
  for (uint32_t id = 0; id < 4; ++id) {
    const auto bounds = (*again)->Bounds("orders", id);
    stress.ExpectOk(bounds.status());
    if (bounds.ok()) found += bounds->end.value();
  }
  stress.Expect(found == stress.appended + 1,
                absl::StrCat(found, " found, ", stress.appended.load() + 1, " appended"));
}

}  // namespace

StressResult RunStress(int rounds) {
  Stress stress(rounds);
  auto opened = MessageStore::Open(stress.Options());
  if (!opened.ok()) return {.complaints = opened.status().ToString()};
  stress.store = *std::move(opened);
  stress.ExpectOk(stress.store->CreateTopic("orders", 4).status());
  stress.ExpectOk(stress.store->CreateTopic("audit", 1).status());
  stress.ExpectOk(
      stress.store->Append({.topic = "orders", .queue_id = 3, .body = "first"}).status());
  StoreOptions reading = stress.Options();
  reading.read_only = true;
  auto reader = MessageStore::Open(reading);
  if (!reader.ok()) return {.complaints = reader.status().ToString()};

  std::vector<std::thread> producers;
  std::vector<std::thread> others;
  for (int i = 0; i < kProducers; ++i) producers.emplace_back([&, i] { Produce(stress, i); });
  for (uint32_t id = 0; id < 2; ++id) {
    others.emplace_back([&, id] { Follow(stress, *stress.store, id); });
    others.emplace_back([&, id] { Follow(stress, **reader, id); });
  }
  others.emplace_back([&] { Look(stress, *stress.store); });
  others.emplace_back([&] {
    LogPosition next;
    while (!stress.is_done.load()) {
      const auto result = stress.store->ReadTopic("orders", next, {.wait = absl::Milliseconds(5)});
      if (!result.ok()) break;
      next = result->next_position();
    }
  });
  for (std::thread& producer : producers) producer.join();
  // Closed while the others read.
  stress.ExpectOk(stress.store->Close());
  stress.is_done = true;
  for (std::thread& other : others) other.join();

  stress.Expect(stress.called_back == static_cast<uint64_t>(kProducers * (rounds / 5)),
                absl::StrCat(stress.called_back.load(), " callbacks"));
  stress.store.reset();
  CheckAgain(stress);
  internal::MutexLock lock(stress.mutex);
  return {.calls = stress.calls, .complaints = stress.complaints};
}

}  // namespace weir::testing
