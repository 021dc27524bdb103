#include "support/service.h"

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"

namespace weir::testing {
namespace {

using Kind = Violation::Kind;

constexpr absl::string_view kBody = "service goes on";

}  // namespace

void Service::Ask(MessageStore& store, Verdict& verdict) {
  const auto receipt =
      store.Append({.topic = kServiceTopic, .body = kBody},
                   {.durability = Durability::kDisk, .timeout = absl::Seconds(10)});
  if (!receipt.ok()) {
    return verdict.Add(Kind::kBroken, absl::StrCat("no service: ", receipt.status().ToString()));
  }
  if (receipt->reached != Durability::kDisk) {
    return verdict.Add(Kind::kBroken, "no service: an append does not get to the disk");
  }
  receipt_ = *receipt;
  LookFor(store, verdict);
}

void Service::LookFor(MessageStore& store, Verdict& verdict) const {
  if (!receipt_.has_value()) return;
  const auto read = store.Read(kServiceTopic, receipt_->queue_id, receipt_->queue_offset);
  if (!read.ok() || read->empty() || (*read)[0].body() != kBody) {
    verdict.Add(Kind::kLost, "what was appended afterwards cannot be read");
  }
}

}  // namespace weir::testing
