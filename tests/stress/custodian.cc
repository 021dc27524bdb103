#include "stress/custodian.h"

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
  TakeSnapshot();
  return Retain();
}

}  // namespace weir::testing
