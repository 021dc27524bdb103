#include "stress/custodian.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir::testing {

void Custodian::ExpectOfTopic(const absl::Status& status) {
  if (!absl::IsNotFound(status)) stage_.ExpectOfCall(me_, status);
}

void Custodian::ChangeTopic(const std::string& name) {
  const bool has_limits = stage_.scenario().retains;
  const TopicOptions options{.queue_count = 2,
                             .max_bytes = has_limits ? 1 + me_.random().Below(50'000) : 0};
  const auto topic = WEIR_CALL_SECOND(me_, store_, CreateTopic, name, options);
  ExpectOfTopic(topic.status());
  if (!topic.ok()) return;
  const Identity identity = me_.NextIdentity();
  const std::string body = BodyOf(identity);
  const auto receipt =
      WEIR_CALL(me_, store_, Append, {.topic = *topic, .queue_id = 0, .body = body});
  ExpectOfTopic(receipt.status());
  // Whatever it was told: the next one may be about to delete it.
  me_.Tell(identity, Fate::kUncertain);
  ExpectOfTopic(WEIR_CALL(me_, store_, AlterTopic, *topic,
                          {.max_age = absl::Hours(1), .max_bytes = has_limits ? 10'000u : 0u}));
  ExpectOfTopic(WEIR_CALL(me_, store_, PurgeQueue, *topic, 0,
                          receipt.ok() ? receipt->queue_offset : QueueOffset(0)));
  ExpectOfTopic(WEIR_CALL(me_, store_, PurgeTopic, *topic));
  ExpectOfTopic(WEIR_CALL(me_, store_, DeleteTopic, *topic));
}

void Custodian::CommitOffsets() {
  const auto bounds = WEIR_CALL(me_, store_, Bounds, "orders", 0);
  stage_.ExpectOfCall(me_, bounds.status());
  if (!bounds.ok()) return;
  const QueueOffset offset(me_.random().Below(bounds->end.value() + 1));
  const absl::Duration timeout =
      me_.random().OneIn(2) ? absl::InfiniteDuration() : absl::Milliseconds(1);
  const auto reached =
      WEIR_CALL(me_, store_, CommitOffset, state_.group, "orders", 0, offset,
                {.durability = me_.random().OneIn(4) ? Durability::kDisk : Durability::kProcess,
                 .timeout = timeout,
                 .may_go_back = true});
  stage_.ExpectOfAppend(me_, reached.status(), timeout);
  if (reached.ok()) {
    state_ = {state_.group, offset, *reached >= Durability::kProcess};
  } else if (!absl::IsDeadlineExceeded(reached.status())) {
    state_.is_certain = false;
  }
  const auto committed = WEIR_CALL(me_, store_, CommittedOffset, state_.group, "orders", 0);
  me_.Expect(!reached.ok() || !committed.ok() || *committed == offset,
             "a group is elsewhere than it has said");
  if (!absl::IsNotFound(committed.status())) stage_.ExpectOfCall(me_, committed.status());
}

void Custodian::KeepLatest() {
  const auto topic = WEIR_CALL_SECOND(me_, store_, CreateTopic, "latest",
                                      {.queue_count = 2, .is_compacted = true});
  stage_.ExpectOfCall(me_, topic.status());
  if (!topic.ok()) return;
  const Identity identity = me_.NextIdentity();
  kept_.push_back(BodyOf(identity));
  const auto receipt = WEIR_CALL(me_, store_, Append,
                                 {.topic = *topic, .keys = {state_.group}, .body = kept_.back()});
  stage_.ExpectOfCall(me_, receipt.status());
  me_.Tell(identity, Fate::kUncertain);
  const auto latest = WEIR_CALL(me_, store_, Latest, *topic, state_.group);
  // What it appended may stand behind an append that is unfinished.
  if (seen_ == 0 && absl::IsNotFound(latest.status())) return;
  stage_.ExpectOfCall(me_, latest.status());
  if (!latest.ok()) return;
  const auto found = std::find(kept_.rbegin(), kept_.rend(), (*latest)[0].body());
  const auto seen = static_cast<size_t>(kept_.rend() - found);
  me_.Expect(seen > 0 && seen >= seen_, "the newest of a key is older than it was");
  seen_ = seen;
}

void Custodian::LookAtAllLatest() {
  LatestCursor cursor;
  std::string last;
  for (bool is_done = false; !is_done;) {
    const auto page = WEIR_CALL(me_, store_, ReadLatest, "latest", cursor, {.limit = 2});
    stage_.ExpectOfCall(me_, page.status());
    if (!page.ok()) return;
    me_.Expect(WEIR_CALL(me_, *page, damage).empty() || stage_.scenario().fails,
               "a newest message is damaged");
    me_.Expect(WEIR_CALL(me_, *page, size) == WEIR_CALL(me_, *page, messages).size() &&
                   WEIR_CALL(me_, *page, empty) == page->messages().empty(),
               "a size");
    for (auto at = WEIR_CALL(me_, *page, begin); at != WEIR_CALL(me_, *page, end); ++at) {
      const std::string key(at->keys().front());
      me_.Expect(key > last, "a key comes twice, or in another order");
      last = key;
    }
    is_done = WEIR_CALL(me_, *page, is_done);
    cursor = WEIR_CALL(me_, *page, next);
    me_.Expect(is_done || WEIR_CALL(me_, cursor, key).has_value(), "a cursor that leads nowhere");
  }
}

void Custodian::TakeSnapshot() {
  constexpr int kSnapshotsMax = 2;
  if (snapshots_ == kSnapshotsMax) return;
  StoreOptions options = stage_.OptionsOfOthers();
  absl::StrAppend(&options.directory, ".", state_.group, ".", snapshots_++);
  const auto report = WEIR_CALL(me_, store_, Snapshot, options.directory);
  // Segments may go faster than they are linked.
  if (stage_.scenario().drops && absl::IsUnavailable(report.status())) return;
  stage_.ExpectOfCall(me_, report.status());
  if (!report.ok()) return;
  const auto copy = MessageStore::Open(options);
  if (stage_.scenario().fails) return;
  me_.Expect(copy.ok(), absl::StrCat("a snapshot does not open: ", copy.status().ToString()));
  if (!copy.ok()) return;
  const RecoveryReport& recovery = (*copy)->recovery();
  for (const DamagedRange& range : recovery.damage) {
    me_.Expect(false, absl::StrCat("a snapshot is damaged: ", range.reason));
  }
  me_.Expect(recovery.end == report->end, absl::StrCat("a snapshot ends at ", recovery.end.value(),
                                                       " and not at ", report->end.value()));
}

absl::Status Custodian::Retain() {
  const uint64_t segment = stage_.scenario().segment_bytes;
  const Retention policy{.max_bytes = 8 * segment};
  me_.Expect(WEIR_CALL(me_, policy, NeedsSpace), "a policy that needs no space");
  const auto report =
      WEIR_CALL(me_, store_, Retain, policy, /*dry_run=*/!stage_.scenario().retains);
  stage_.ExpectOfCall(me_, report.status());
  return report.status();
}

absl::Status Custodian::Look() {
  ChangeTopic(absl::StrCat("kept.", me_.random().Below(3)));
  CommitOffsets();
  KeepLatest();
  LookAtAllLatest();
  TakeSnapshot();
  return Retain();
}

}  // namespace weir::testing
