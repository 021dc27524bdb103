// Appends messages to a topic, reads them back queue by queue, and finds everything again after
// the store was closed and opened.

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "weir/store.h"

namespace {

struct Order {
  std::string symbol;
  std::string text;
};

const std::vector<Order> kOrders = {
    {"AAPL", "buy 100 at 187.10"}, {"MSFT", "buy 20 at 411.00"}, {"AAPL", "sell 40 at 187.30"},
    {"NVDA", "buy 5 at 903.50"},   {"AAPL", "cancel the rest"},  {"MSFT", "sell 20 at 412.25"},
};

absl::Status AppendOrders(const std::string& directory) {
  auto store = weir::MessageStore::Open({.directory = directory});
  if (!store.ok()) return store.status();
  const auto orders = (*store)->CreateTopic("orders", 4);
  if (!orders.ok()) return orders.status();
  for (const Order& order : kOrders) {
    // One ordering key, one queue: the orders of a symbol stay in their order.
    const auto receipt = (*store)->Append({.topic = *orders,
                                           .tag = "NEW",
                                           .keys = {order.symbol},
                                           .ordering_key = order.symbol,
                                           .body = order.text});
    if (!receipt.ok()) return receipt.status();
    std::cout << order.symbol << " -> queue " << receipt->queue_id << ", offset "
              << receipt->queue_offset << ", position " << receipt->position << '\n';
  }
  return (*store)->Close();
}

absl::Status CheckOrders(const std::string& directory) {
  auto store = weir::MessageStore::Open({.directory = directory});
  if (!store.ok()) return store.status();
  const auto orders = (*store)->FindTopic("orders");
  if (!orders.ok()) return orders.status();

  std::map<std::string, std::vector<std::string>> found;
  for (uint32_t queue_id = 0; queue_id < orders->queue_count(); ++queue_id) {
    weir::QueueOffset offset;
    for (;;) {
      const auto result = (*store)->Read(*orders, queue_id, offset, {.max_messages = 2});
      if (!result.ok()) return result.status();
      if (result->empty()) break;
      for (const weir::MessageView& message : *result) {
        found[std::string(message.ordering_key())].emplace_back(message.body());
      }
      offset = result->next_offset();
    }
  }

  std::map<std::string, std::vector<std::string>> wanted;
  for (const Order& order : kOrders) wanted[order.symbol].push_back(order.text);
  if (found != wanted) return absl::DataLossError("what was read is not what was appended");
  return (*store)->Close();
}

}  // namespace

int main(int argc, char* argv[]) {
  std::string directory = "/tmp/weir_append_and_read.XXXXXX";
  if (argc < 2 && mkdtemp(directory.data()) == nullptr) return 1;
  if (argc >= 2) directory = argv[1];

  absl::Status status = AppendOrders(directory);
  if (status.ok()) status = CheckOrders(directory);

  if (argc < 2) std::filesystem::remove_all(directory);
  if (!status.ok()) std::cerr << status << '\n';
  return status.ok() ? 0 : 1;
}
