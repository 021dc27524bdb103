#include "differential/draft.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::testing {
namespace {

constexpr size_t kPoolBytes = 64 << 10;

// Bodies are cut from here: making each byte anew would cost more than the store does.
const std::string& Pool() {
  static const std::string* const pool = [] {
    auto* const bytes = new std::string(2 * kPoolBytes, '\0');
    Random random(42);
    for (char& byte : *bytes) byte = static_cast<char>(random.Next());
    return bytes;
  }();
  return *pool;
}

const std::array<std::string, 7>& TopicNames() {
  static const auto* const names = new std::array<std::string, 7>{
      "orders", "trades", "a", "b", "Straße 7 %RETRY% ..", std::string(255, 'x'), "q:\"quotes\""};
  return *names;
}

}  // namespace

Message Draft::message() {
  Message message{.topic = content.queues[0].topic,
                  .tag = content.tag,
                  .ordering_key = content.ordering_key,
                  .body = content.body};
  if (names_queue) message.queue_id = content.queues[0].queue_id;
  for (const std::string& key : content.keys) message.keys.push_back(key);
  for (const auto& [name, value] : content.properties) message.properties.push_back({name, value});
  further_queues.clear();
  for (size_t i = 1; i < content.queues.size(); ++i) {
    further_queues.push_back({content.queues[i].topic, content.queues[i].queue_id});
  }
  message.further_queues = further_queues;
  return message;
}

uint64_t Draft::bytes_min() const {
  uint64_t bytes = content.body.size() + content.tag.size() + content.ordering_key.size();
  for (const std::string& key : content.keys) bytes += key.size();
  for (const auto& [name, value] : content.properties) bytes += name.size() + value.size();
  return bytes;
}

uint64_t Draft::bytes_max() const {
  constexpr uint64_t kHeaderAndPadding = 48 + 8;
  constexpr uint64_t kEachPart = 8;
  return kHeaderAndPadding + bytes_min() + 4 * kEachPart + content.keys.size() * kEachPart +
         content.properties.size() * kEachPart + content.queues.size() * 2 * kEachPart;
}

DraftSource::DraftSource(uint64_t seed) : random_(seed) {}

std::string DraftSource::TopicName() {
  // The first ones most of the time: deep queues and new topics are both wanted.
  const auto& names = TopicNames();
  return names[random_.Below(random_.OneIn(4) ? names.size() : 3)];
}

std::string DraftSource::Tag() {
  static const auto* const tags =
      new std::array<std::string, 5>{"A", "B", "CANCEL", "a longer tag", std::string(255, 't')};
  return (*tags)[random_.Below(random_.OneIn(10) ? tags->size() : 3)];
}

std::string DraftSource::Tags() {
  std::string tags = Tag();
  while (random_.OneIn(3)) tags += (random_.OneIn(2) ? " || " : "||") + Tag();
  return tags;
}

std::string DraftSource::Body(size_t bytes) {
  std::string body = Pool().substr(random_.Below(kPoolBytes), std::min(bytes, kPoolBytes));
  // Tells bodies apart where there is room for it.
  const uint64_t identity = ++bodies_;
  std::memcpy(body.data(), &identity, std::min(body.size(), sizeof identity));
  return body;
}

void DraftSource::Decorate(uint64_t bytes_max, Draft& draft) {
  ReferenceModel::Content& content = draft.content;
  if (random_.OneIn(2)) content.tag = Tag();
  if (random_.OneIn(4)) {
    draft.names_queue = false;
    if (random_.OneIn(2))
      content.ordering_key = std::string(1, static_cast<char>(random_.Below(7)));
  } else if (random_.OneIn(6)) {
    content.ordering_key = "ignored";  // the queue is named
  }
  if (random_.OneIn(6)) {
    for (uint64_t i = random_.Between(1, random_.OneIn(8) ? 16 : 3); i > 0; --i) {
      content.keys.push_back(Body(random_.Between(1, 12)));
    }
  }
  if (random_.OneIn(6)) {
    for (uint64_t i = random_.Between(1, 3); i > 0; --i) {
      content.properties.emplace_back(Body(random_.Between(1, 5)), Body(random_.Below(20)));
    }
  }
  if (draft.bytes_max() + 64 > bytes_max) {
    content.tag.clear();
    content.keys.clear();
    content.properties.clear();
  }
}

void DraftSource::FanOut(const ReferenceModel& model, Draft& draft) {
  std::vector<QueueName> all;
  for (const std::string& topic : model.Topics()) {
    for (uint32_t id = 0; id < model.QueueCount(topic); ++id) all.push_back({topic, id});
  }
  // The queue that the store chooses must not be named as well.
  draft.names_queue = true;
  for (const QueueName& queue : all) {
    if (draft.content.queues.size() < 6 && random_.OneIn(3) && queue != draft.content.queues[0]) {
      draft.content.queues.push_back(queue);
    }
  }
}

void DraftSource::Fill(uint64_t bytes_max, Draft& draft) {
  const uint64_t parts = draft.bytes_max();
  const uint64_t room = bytes_max > parts ? bytes_max - parts : 0;
  const uint64_t wanted = random_.OneIn(5)    ? random_.Between(0, room)
                          : random_.OneIn(30) ? room
                                              : random_.Below(150);
  draft.content.body = Body(std::min(room, wanted));
}

}  // namespace weir::testing
