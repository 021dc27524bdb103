#include "store/latest_budget.h"

#include <algorithm>
#include <optional>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/message_copy.h"
#include "format/record.h"

namespace weir::internal {
namespace {

// That many are written to, made ready and kept back, whatever the budget is.
constexpr uint64_t kSegmentsAhead = 5;
// Where there are fewer, every index file has the places of all keys.
constexpr uint64_t kFewSegments = 2 * Snapshots::kFilesPerFull;

// The copy of a message has no more than so many times its bytes: 72 more, and a message with a key
// has 56.
constexpr uint64_t kCopyFactor = 3;
static_assert(kCopyPrefixBytes + kRecordHeaderBytes <= (kCopyFactor - 1) * kRecordHeaderBytes);

}  // namespace

uint64_t LatestBudget::Limit() const {
  const uint64_t segment_bytes = log_.segments().segment_bytes();
  const uint64_t segments = log_.options().retention.max_bytes / segment_bytes;
  const uint64_t sealed = segments - std::min(segments, kSegmentsAhead);
  return sealed * (segment_bytes - kSegmentHeaderBytes) / (segments < kFewSegments ? 4 : 2);
}

absl::Status LatestBudget::AdmitTo(const Topic::Entry& topic, const MessagePlan& plan,
                                   uint64_t* planned_bytes) const {
  const uint64_t limit = Limit();
  const uint64_t copy_bytes = CopyRecordBytes(plan.record_bytes);
  *planned_bytes += copy_bytes;
  // What was not looked at yet adds no more than this, and far from the limit need not be.
  const LogPosition end = log_.front().claimed_end();
  const uint64_t unseen = kCopyFactor * (end - std::min(end, indexer_.followed_end()));
  if (keys_.copy_bytes() + unseen + *planned_bytes <= limit) return absl::OkStatus();
  RETURN_IF_ERROR(indexer_.DigestVisible().status());
  const absl::string_view key = plan.message->keys.front();
  const std::optional<LatestKeys::Kept> known = keys_.Find(topic.first_queue, key);
  const uint64_t known_bytes = known ? known->copy_bytes : 0;
  *planned_bytes -= std::min(known_bytes, copy_bytes);
  if (copy_bytes <= known_bytes || keys_.copy_bytes() + *planned_bytes <= limit) {
    return absl::OkStatus();
  }
  return absl::ResourceExhaustedError(absl::StrCat(
      "the newest messages of all keys take ", keys_.copy_bytes(), " bytes to keep, and may take ",
      limit, " of the store's budget: no room for ", known ? "more of key " : "a new key ",
      absl::CHexEscape(key), " of topic ", topic.name));
}

absl::Status LatestBudget::Admit(const MessagePlan& plan, uint64_t* planned_bytes) const {
  if (log_.options().retention.max_bytes == 0 || plan.body_bytes == 0) return absl::OkStatus();
  const Topic::Entry* last = nullptr;  // queues of one topic follow one another
  if (plan.target.topic->is_compacted) {
    last = plan.target.topic;
    RETURN_IF_ERROR(AdmitTo(*last, plan, planned_bytes));
  }
  for (const MessagePlan::Target& target : plan.further) {
    if (!target.topic->is_compacted || target.topic == last || target.topic == plan.target.topic) {
      continue;
    }
    last = target.topic;
    RETURN_IF_ERROR(AdmitTo(*last, plan, planned_bytes));
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
