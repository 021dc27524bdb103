// Every public function, and which threads of a run called it.
//
//   WEIR_CALL(actor, *store, Flush, absl::Seconds(1))          // store->Flush(absl::Seconds(1))
//   WEIR_CALL_SECOND(actor, *store, Append, messages)          // its second overload
//   WEIR_CALL_OF(actor, MessageStore, Open, options)           // MessageStore::Open(options)
//   WEIR_CALL_FREE(actor, RepairStore, options)                // RepairStore(options)
//
// A call of what is not in the table does not compile; what the headers declare and the table does
// not have, and what nobody called, are found by tests.

#ifndef WEIR_TESTS_STRESS_CALL_TABLE_H_
#define WEIR_TESTS_STRESS_CALL_TABLE_H_

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "weir/commit_log.h"
#include "weir/filter.h"
#include "weir/find.h"
#include "weir/message.h"
#include "weir/property.h"
#include "weir/repair.h"
#include "weir/store.h"

namespace weir::testing {

inline constexpr std::array kPublicFunctions = std::to_array<std::string_view>({
    "BooleanOf",
    "CheckTopicName",
    "Clock::System",
    "CommitLog::Append",
    "CommitLog::Append#2",
    "CommitLog::Close",
    "CommitLog::Flush",
    "CommitLog::Open",
    "CommitLog::Read",
    "CommitLog::RunOnce",
    "CommitLog::Stats",
    "CommitLog::TrimTo",
    "CommitLog::WaitFor",
    "CommitLog::begin",
    "CommitLog::durable_end",
    "CommitLog::end",
    "CommitLog::recovery",
    "CommitLog::state",
    "DoubleOf",
    "DurabilityName",
    "FileSystem::Posix",
    "Filter::Compile",
    "Filter::Matches",
    "Filter::expression",
    "FindCursor::position",
    "FindResult::begin",
    "FindResult::damage",
    "FindResult::empty",
    "FindResult::end",
    "FindResult::is_done",
    "FindResult::messages",
    "FindResult::next",
    "FindResult::size",
    "IntegerOf",
    "JournalEntries::empty",
    "JournalEntries::size",
    "LatestCursor::key",
    "LatestResult::begin",
    "LatestResult::damage",
    "LatestResult::empty",
    "LatestResult::end",
    "LatestResult::is_done",
    "LatestResult::messages",
    "LatestResult::next",
    "LatestResult::size",
    "MessageClaim::Commit",
    "MessageClaim::body",
    "MessageClaim::position",
    "MessageClaim::queue_offset",
    "MessageId::Parse",
    "MessageId::ToString",
    "MessageStore::AlterTopic",
    "MessageStore::Append",
    "MessageStore::Append#2",
    "MessageStore::AppendAsync",
    "MessageStore::Bounds",
    "MessageStore::BoundsInTime",
    "MessageStore::BoundsInTime#2",
    "MessageStore::Claim",
    "MessageStore::Close",
    "MessageStore::CommitOffset",
    "MessageStore::CommittedOffset",
    "MessageStore::CreateTopic",
    "MessageStore::CreateTopic#2",
    "MessageStore::DeleteTopic",
    "MessageStore::Dump",
    "MessageStore::FindById",
    "MessageStore::FindByKey",
    "MessageStore::FindTopic",
    "MessageStore::Flush",
    "MessageStore::IdOf",
    "MessageStore::Info",
    "MessageStore::Latest",
    "MessageStore::OffsetForTime",
    "MessageStore::Open",
    "MessageStore::OpenTopic",
    "MessageStore::PositionForTime",
    "MessageStore::PurgeQueue",
    "MessageStore::PurgeTopic",
    "MessageStore::Read",
    "MessageStore::ReadAt",
    "MessageStore::ReadBackwards",
    "MessageStore::ReadLast",
    "MessageStore::ReadLatest",
    "MessageStore::ReadTopic",
    "MessageStore::Retain",
    "MessageStore::RunOnce",
    "MessageStore::Snapshot",
    "MessageStore::Stats",
    "MessageStore::Verify",
    "MessageStore::WaitFor",
    "MessageStore::recovery",
    "MessageStore::state",
    "MessageView::body",
    "MessageView::expires_at",
    "MessageView::keys",
    "MessageView::ordering_key",
    "MessageView::position",
    "MessageView::properties",
    "MessageView::property",
    "MessageView::queue_id",
    "MessageView::queue_offset",
    "MessageView::record_bytes",
    "MessageView::store_time",
    "MessageView::tag",
    "MessageView::topic",
    "Ordinal::value",
    "PropertyValue::text",
    "ReadOutcomeName",
    "ReadResult::begin",
    "ReadResult::damage",
    "ReadResult::empty",
    "ReadResult::end",
    "ReadResult::messages",
    "ReadResult::next_offset",
    "ReadResult::next_position",
    "ReadResult::outcome",
    "ReadResult::size",
    "RepairReport::is_whole",
    "RepairStore",
    "Retention::NeedsSpace",
    "StoreStateName",
    "Topic::name",
    "Topic::queue_count",
    "TopicRef::name",
    "TopicRef::topic",
});

template <typename Class>
inline constexpr std::string_view kClassName;
template <>
inline constexpr std::string_view kClassName<MessageStore> = "MessageStore";
template <>
inline constexpr std::string_view kClassName<MessageClaim> = "MessageClaim";
template <>
inline constexpr std::string_view kClassName<CommitLog> = "CommitLog";
template <>
inline constexpr std::string_view kClassName<JournalEntries> = "JournalEntries";
template <>
inline constexpr std::string_view kClassName<MessageView> = "MessageView";
template <>
inline constexpr std::string_view kClassName<ReadResult> = "ReadResult";
template <>
inline constexpr std::string_view kClassName<Filter> = "Filter";
template <>
inline constexpr std::string_view kClassName<FindCursor> = "FindCursor";
template <>
inline constexpr std::string_view kClassName<FindResult> = "FindResult";
template <>
inline constexpr std::string_view kClassName<LatestCursor> = "LatestCursor";
template <>
inline constexpr std::string_view kClassName<LatestResult> = "LatestResult";
template <>
inline constexpr std::string_view kClassName<MessageId> = "MessageId";
template <>
inline constexpr std::string_view kClassName<PropertyValue> = "PropertyValue";
template <>
inline constexpr std::string_view kClassName<Retention> = "Retention";
template <>
inline constexpr std::string_view kClassName<RepairReport> = "RepairReport";
template <>
inline constexpr std::string_view kClassName<Topic> = "Topic";
template <>
inline constexpr std::string_view kClassName<TopicRef> = "TopicRef";
template <typename Meaning>
inline constexpr std::string_view kClassName<Ordinal<Meaning>> = "Ordinal";

// The row of a function of a class, or of none. Not in the table: not a constant, an error.
consteval size_t RowOf(std::string_view class_name, std::string_view function) {
  for (size_t row = 0; row < kPublicFunctions.size(); ++row) {
    std::string_view name = kPublicFunctions[row];
    if (!class_name.empty()) {
      if (!name.starts_with(class_name)) continue;
      name.remove_prefix(class_name.size());
      if (!name.starts_with("::")) continue;
      name.remove_prefix(2);
    }
    if (name == function) return row;
  }
  throw "this function is not in the table";
}

// Of these the calls are counted: not of what looks at a value that the caller has, or is a load.
constexpr bool IsCounted(std::string_view name) {
  for (const std::string_view load :
       {"CommitLog::begin", "CommitLog::durable_end", "CommitLog::end", "CommitLog::recovery",
        "CommitLog::state", "CommitLog::Stats", "MessageClaim::body", "MessageClaim::position",
        "MessageClaim::queue_offset", "MessageStore::recovery", "MessageStore::state",
        "MessageStore::Stats"}) {
    if (name == load) return false;
  }
  return name.starts_with("MessageStore::") || name.starts_with("MessageClaim::") ||
         name.starts_with("CommitLog::") || name == "RepairStore";
}

class CallTable {
 public:
  static constexpr uint32_t kThreadsMax = 64;

  // Relaxed, as all that the threads of a stress share beside the store: what orders them hides
  // races from the thread sanitizer.
  void Note(size_t row, uint32_t thread) {
    const uint64_t bit = uint64_t{1} << thread % kThreadsMax;
    if ((threads_[row].load(std::memory_order_relaxed) & bit) != 0) return;
    threads_[row].fetch_or(bit, std::memory_order_relaxed);
  }
  // What fewer than `threads` threads of one stress called.
  std::vector<std::string> CalledByFewerThan(int threads) const {
    std::vector<std::string> names;
    for (size_t row = 0; row < threads_.size(); ++row) {
      const uint64_t called = threads_[row].load(std::memory_order_relaxed);
      if (std::popcount(called) < threads) names.emplace_back(kPublicFunctions[row]);
    }
    return names;
  }

 private:
  std::array<std::atomic<uint64_t>, kPublicFunctions.size()> threads_{};  // a bit for each
};

}  // namespace weir::testing

#define WEIR_CALL(actor, object, function, ...)                                               \
  ((actor)                                                                                    \
       .Note<::weir::testing::RowOf(                                                          \
           ::weir::testing::kClassName<std::remove_cvref_t<decltype(object)>>, #function)>(), \
   (object).function(__VA_ARGS__))
#define WEIR_CALL_SECOND(actor, object, function, ...)                                             \
  ((actor)                                                                                         \
       .Note<::weir::testing::RowOf(                                                               \
           ::weir::testing::kClassName<std::remove_cvref_t<decltype(object)>>, #function "#2")>(), \
   (object).function(__VA_ARGS__))
#define WEIR_CALL_OF(actor, type, function, ...) \
  ((actor).Note<::weir::testing::RowOf(#type, #function)>(), type::function(__VA_ARGS__))
#define WEIR_CALL_FREE(actor, function, ...) \
  ((actor).Note<::weir::testing::RowOf("", #function)>(), function(__VA_ARGS__))

#endif  // WEIR_TESTS_STRESS_CALL_TABLE_H_
