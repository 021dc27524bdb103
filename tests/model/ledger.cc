#include "model/ledger.h"

#include <algorithm>
#include <set>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"

namespace weir::testing {

size_t Ledger::AddTopic(const std::string& name, uint32_t queue_count) {
  topics_.push_back({.name = name, .queues = {}, .key_queues = {}});
  topics_.back().queues.resize(queue_count);
  return topics_.size() - 1;
}

size_t Ledger::Put(LedgerItem item) {
  for (LedgerPlace& place : item.places) {
    std::vector<size_t>& queue = topics_[place.topic].queues[place.queue_id];
    place.offset = queue.size();
    queue.push_back(items_.size());
  }
  items_.push_back(std::move(item));
  return items_.size() - 1;
}

void Ledger::VoidClaims() {
  for (LedgerItem& item : items_) {
    if (item.state == LedgerItem::State::kClaimed) item.state = LedgerItem::State::kVoid;
  }
}

void Ledger::ForgetFromFirstClaim() {
  const auto first = std::find_if(items_.begin(), items_.end(), [](const LedgerItem& item) {
    return item.state == LedgerItem::State::kClaimed;
  });
  const auto kept = static_cast<size_t>(first - items_.begin());
  for (LedgerTopic& topic : topics_) {
    for (std::vector<size_t>& queue : topic.queues) {
      while (!queue.empty() && queue.back() >= kept) queue.pop_back();
    }
  }
  items_.resize(kept);
}

bool Ledger::IsVisible(size_t index, Limit limit) const {
  const LedgerItem& item = items_[index];
  if (item.state == LedgerItem::State::kClaimed) return false;
  // The position of a void may never have been told; it shows nothing.
  return !limit || !item.position || *item.position < *limit;
}

bool Ledger::Matches(const LedgerItem& item, absl::string_view tags) {
  if (item.state == LedgerItem::State::kVoid) return false;
  if (tags == "*") return true;
  for (const absl::string_view tag : absl::StrSplit(tags, "||")) {
    if (absl::StripAsciiWhitespace(tag) == item.tag) return true;
  }
  return false;
}

std::vector<uint64_t> Ledger::Forward(size_t topic, uint32_t id, uint64_t offset,
                                      absl::string_view tags, Limit limit, uint64_t* stop) const {
  const std::vector<size_t>& items = queue(topic, id);
  std::vector<uint64_t> found;
  for (; offset < items.size() && IsVisible(items[offset], limit); ++offset) {
    if (Matches(items_[items[offset]], tags)) found.push_back(offset);
  }
  *stop = offset;
  return found;
}

std::vector<uint64_t> Ledger::Backward(size_t topic, uint32_t id, uint64_t offset,
                                       absl::string_view tags, Limit limit) const {
  const std::vector<size_t>& items = queue(topic, id);
  std::vector<uint64_t> found;
  for (uint64_t at = std::min<uint64_t>(offset, items.size()); at-- > 0;) {
    if (IsVisible(items[at], limit) && Matches(items_[items[at]], tags)) found.push_back(at);
  }
  return found;
}

std::vector<size_t> Ledger::InLogOrder(size_t topic, absl::string_view tags, Limit limit,
                                       bool* is_whole) const {
  std::set<size_t> all;
  for (const std::vector<size_t>& queue : topics_[topic].queues) {
    all.insert(queue.begin(), queue.end());
  }
  std::vector<size_t> found;
  *is_whole = true;
  for (const size_t index : all) {
    *is_whole = IsVisible(index, limit);
    if (!*is_whole) break;
    if (Matches(items_[index], tags)) found.push_back(index);
  }
  return found;
}

std::string Ledger::Difference(const MessageView& message, size_t index) const {
  const LedgerItem& item = items_[index];
  if (message.body() != item.body) {
    return absl::StrCat("its body has ", message.body().size(), " bytes, not those ",
                        item.body.size(), " that were sent");
  }
  if (message.tag() != item.tag) return absl::StrCat("tag ", message.tag());
  if (message.ordering_key() != item.ordering_key) return "another ordering key";
  const auto keys = message.keys();
  if (!std::equal(keys.begin(), keys.end(), item.keys.begin(), item.keys.end())) {
    return "other keys";
  }
  const auto properties = message.properties();
  const bool same_properties = std::equal(
      properties.begin(), properties.end(), item.properties.begin(), item.properties.end(),
      [](const Property& a, const std::pair<std::string, std::string>& b) {
        return a.name == b.first && a.value == b.second;
      });
  if (!same_properties) return "other properties";
  for (const Property& property : properties) {
    if (!message.property(property.name).has_value()) return "a property is not found by name";
  }
  if (item.position && message.position() != *item.position) return "another position";
  const bool is_in_place =
      std::any_of(item.places.begin(), item.places.end(), [&](const LedgerPlace& place) {
        return topics_[place.topic].name == message.topic() &&
               place.queue_id == message.queue_id() &&
               place.offset == message.queue_offset().value();
      });
  return is_in_place ? "" : "another place";
}

}  // namespace weir::testing
