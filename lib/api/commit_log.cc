#include "weir/commit_log.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "api/background.h"
#include "api/store_check.h"
#include "api/store_parts.h"
#include "base/guarded.h"
#include "base/status_macros.h"
#include "io/fork_guard.h"
#include "log/commit_log.h"
#include "log/log_scanner.h"
#include "log/own_log_view.h"

namespace weir {

using internal::kNoQueue;
using internal::kRecordAlignment;
using internal::kRecordHeaderBytes;
using internal::LogScanner;
using internal::RecordBytes;
using internal::RecordType;
using internal::Reservation;
using internal::ScannedRecord;

struct CommitLog::Impl {
  std::unique_ptr<internal::CommitLog> log;
  std::unique_ptr<internal::OwnLogView> view;
  std::unique_ptr<internal::Background> background;
  internal::ForkGuard fork_guard;
  std::atomic<bool> is_closed{false};

  absl::Status Check() const {
    if (fork_guard.forked()) {
      return absl::FailedPreconditionError("this process was forked from the log's: open anew");
    }
    if (is_closed.load(std::memory_order_acquire)) return absl::FailedPreconditionError("closed");
    return absl::OkStatus();
  }

  // As Check(), for who gives no status.
  bool is_open() const {
    return !fork_guard.forked() && !is_closed.load(std::memory_order_acquire);
  }
  template <typename Call>
  auto Run(Call&& call) const {
    return internal::Answer([this] { return log->JudgePromises(); }, call);
  }

  // The stamp of a record without a queue.
  static void Stamp(char* memory, uint32_t bytes, int64_t time, uint32_t distance) {
    internal::WriteStamp(memory, {.bytes = bytes,
                                  .type = RecordType::kMessage,
                                  .queue_number = kNoQueue,
                                  .store_time = time,
                                  .group_distance = distance});
  }
  // Fills and seals what is claimed; `word` publishes it. False: a promise was broken.
  static bool Fill(const internal::CommitLog& log, const Reservation& place, absl::string_view body,
                   int32_t* word) {
    char* const to = internal::WriteParts(place.bytes, {}, 0, static_cast<uint32_t>(body.size()));
    if (!HOLDS(to != nullptr) || !HOLDS(to + body.size() <= place.bytes + place.size)) return false;
    if (!body.empty()) std::memcpy(to, body.data(), body.size());
    *word = internal::Seal(place.bytes, place.position, log.incarnation());
    return internal::CommitLog::MayPublish(place, *word);
  }
  absl::StatusOr<uint32_t> Measure(absl::string_view body) const {
    const uint64_t bytes = RecordBytes(0, body.size());
    if (body.size() > log->options().max_body_bytes || bytes > log->record_bytes_max()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the body has ", body.size(), " bytes; at most ",
                       std::min<uint64_t>(log->options().max_body_bytes,
                                          log->record_bytes_max() - kRecordHeaderBytes)));
    }
    return static_cast<uint32_t>(bytes);
  }
};

absl::StatusOr<std::unique_ptr<CommitLog>> CommitLog::Open(const StoreOptions& given) {
  return internal::Answer(
      internal::TakeBroken, [&]() -> absl::StatusOr<std::unique_ptr<CommitLog>> {
        internal::OutOfMemory();  // made while there is some
        auto impl = std::make_unique<Impl>();
        const StoreOptions options = internal::WithDefaults(given);
        if (options.read_only) {
          return absl::InvalidArgumentError(
              "a journal is opened for writing; read_only is for stores");
        }
        ASSIGN_OR_RETURN(impl->log, internal::CommitLog::Open(options));
        const bool has_workers = options.background == Background::kThreads;
        impl->view = std::make_unique<internal::OwnLogView>(impl->log.get(), has_workers);
        impl->background =
            std::make_unique<internal::Background>(impl->log.get(), std::vector<internal::Job>());
        if (has_workers) RETURN_IF_ERROR(impl->background->Start(options.worker_core));
        return std::make_unique<CommitLog>(std::move(impl));
      });
}

CommitLog::CommitLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

CommitLog::~CommitLog() {
  if (!impl_->is_closed.load(std::memory_order_acquire)) Close().IgnoreError();
}

absl::Status CommitLog::Close() {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->Check());
    if (impl_->is_closed.exchange(true, std::memory_order_acq_rel)) {
      return absl::FailedPreconditionError("closed");
    }
    impl_->log->Stop();
    impl_->background->Stop();
    return impl_->log->Close();
  });
}

absl::StatusOr<Receipt> CommitLog::Append(absl::string_view body, const AppendOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<Receipt> {
    RETURN_IF_ERROR(impl_->Check());
    internal::CommitLog& log = *impl_->log;
    ASSIGN_OR_RETURN(const uint32_t bytes, impl_->Measure(body));
    const internal::Deadline deadline = log.DeadlineIn(options.timeout);
    Reservation place;
    const auto stamp = [&](LogPosition, char* memory, int64_t time) {
      Impl::Stamp(memory, bytes, time, 0);
    };
    RETURN_IF_ERROR(log.Claim(bytes, log.clock().WallNanos(), deadline, stamp, &place));
    int32_t word = 0;
    if (!Impl::Fill(log, place, body, &word)) return log.GiveUp(place);
    log.Publish(place, word);
    log.doorbell().RingLog();
    Receipt receipt{.position = place.position, .end = place.end()};
    ASSIGN_OR_RETURN(receipt.reached,
                     log.WaitFor(place.position, place.end(), options.durability, deadline));
    return receipt;
  });
}

absl::StatusOr<std::vector<Receipt>> CommitLog::Append(absl::Span<const absl::string_view> bodies,
                                                       const AppendOptions& options) {
  return impl_->Run([&]() -> absl::StatusOr<std::vector<Receipt>> {
    RETURN_IF_ERROR(impl_->Check());
    if (bodies.empty()) return absl::InvalidArgumentError("a batch without records");
    internal::CommitLog& log = *impl_->log;
    std::vector<uint32_t> sizes;
    uint64_t total = kRecordHeaderBytes;
    for (const absl::string_view body : bodies) {
      ASSIGN_OR_RETURN(const uint32_t bytes, impl_->Measure(body));
      sizes.push_back(bytes);
      total += bytes;
    }
    if (total > log.group_bytes_max()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the batch has ", total, " bytes; at most ", log.group_bytes_max()));
    }
    const auto group_bytes = static_cast<uint32_t>(total);
    // Behind the claim nothing may fail for want of memory.
    std::vector<Receipt> receipts;
    receipts.reserve(bodies.size());
    const internal::Deadline deadline = log.DeadlineIn(options.timeout);
    Reservation place;
    const internal::CountedStamp stamp{
        bodies.size(), [&](LogPosition, char* memory, int64_t time) {
          internal::WriteStamp(
              memory, {.bytes = group_bytes, .type = RecordType::kGroup, .store_time = time});
          uint32_t at = kRecordHeaderBytes;
          for (const uint32_t bytes : sizes) {
            Impl::Stamp(memory + at, bytes, time, at / kRecordAlignment);
            at += bytes;
          }
        }};
    RETURN_IF_ERROR(log.Claim(group_bytes, log.clock().WallNanos(), deadline, stamp, &place));
    uint32_t at = kRecordHeaderBytes;
    for (size_t i = 0; i < bodies.size(); ++i) {
      const Reservation member{place.position + at, place.bytes + at, sizes[i]};
      int32_t word = 0;
      if (!Impl::Fill(log, member, bodies[i], &word)) return log.GiveUp(place);
      internal::Publish(member.bytes, word);
      receipts.push_back({.position = place.position + at, .end = place.end()});
      at += sizes[i];
    }
    const int32_t word = internal::Seal(place.bytes, place.position, log.incarnation());
    if (!log.MayPublish(place, word)) return log.GiveUp(place);
    log.Publish(place, word);
    log.doorbell().RingLog();
    ASSIGN_OR_RETURN(const Durability reached,
                     log.WaitFor(place.position, place.end(), options.durability, deadline));
    for (Receipt& receipt : receipts) receipt.reached = reached;
    return receipts;
  });
}

absl::StatusOr<Durability> CommitLog::WaitFor(const Receipt& receipt, Durability durability,
                                              absl::Duration timeout) {
  return impl_->Run([&]() -> absl::StatusOr<Durability> {
    RETURN_IF_ERROR(impl_->Check());
    return impl_->log->WaitFor(receipt.position, receipt.end, durability,
                               impl_->log->DeadlineIn(timeout));
  });
}

absl::Status CommitLog::Flush(absl::Duration timeout) {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->Check());
    return impl_->log->Flush(impl_->log->DeadlineIn(timeout));
  });
}

absl::StatusOr<JournalEntries> CommitLog::Read(LogPosition position, size_t max) {
  return impl_->Run([&]() -> absl::StatusOr<JournalEntries> {
    RETURN_IF_ERROR(impl_->Check());
    internal::OwnLogView& view = *impl_->view;
    // Of one begin, whoever trims.
    LogPosition begin;
    std::optional<LogScanner> scan;
    do {
      begin = view.segments().begin();
      scan.emplace(view, std::max(position, begin), view.ContiguousVisibleEnd());
    } while (view.segments().begin() != begin);
    const auto dropped = [&] {
      return absl::OutOfRangeError(absl::StrCat("position ", position.value(),
                                                " was dropped; the log begins at ",
                                                view.segments().begin().value()));
    };
    const bool is_from_begin = position == LogPosition(0);
    if (position < begin && !is_from_begin) return dropped();
    LogScanner& scanner = *scan;
    JournalEntries result;
    internal::ReadMemory memory;
    result.next = scanner.position();
    while (result.entries.size() < max) {
      ScannedRecord record;
      DamagedRange damage;
      ASSIGN_OR_RETURN(const LogScanner::Step step, scanner.Next(&record, &damage));
      if (scanner.TakePassedDropped() && !(result.empty() && is_from_begin)) {
        // Who goes on hears of the gap, and not in the middle of what he was given.
        if (result.empty() && result.damage.empty()) return dropped();
        break;
      }
      result.next = scanner.position();
      if (step == LogScanner::Step::kEnd) break;
      if (step == LogScanner::Step::kDamage) {
        result.damage.push_back(std::move(damage));
        continue;
      }
      if (internal::IsLostRange(record.header)) {
        result.damage.push_back(
            {record.position, record.end(),
             absl::StrCat(scanner.Describe(record.position), ": a lost range")});
      }
      if (record.header.type != RecordType::kMessage) continue;
      const auto parts = internal::DecodeParts(record.bytes);
      if (!parts) {
        result.damage.push_back({record.position, record.end(), "impossible parts"});
        continue;
      }
      char* const body = memory.Allocate(parts->body.size());
      if (!parts->body.empty()) std::memcpy(body, parts->body.data(), parts->body.size());
      result.entries.push_back({.position = record.position,
                                .store_time = absl::FromUnixNanos(record.header.store_time),
                                .body = {body, parts->body.size()}});
    }
    result.memory = memory.Take();
    return result;
  });
}

absl::Status CommitLog::TrimTo(LogPosition position) {
  return impl_->Run([&]() -> absl::Status {
    RETURN_IF_ERROR(impl_->Check());
    return impl_->log->TrimTo(position);
  });
}

LogPosition CommitLog::begin() const {
  return impl_->fork_guard.forked() ? LogPosition(0) : impl_->log->segments().begin();
}
LogPosition CommitLog::end() const {
  return impl_->fork_guard.forked() ? LogPosition(0) : impl_->log->front().claimed_end();
}
LogPosition CommitLog::durable_end() const {
  return impl_->fork_guard.forked() ? LogPosition(0) : impl_->log->front().durable_end();
}

absl::Duration CommitLog::RunOnce() {
  if (!impl_->is_open()) return absl::InfiniteDuration();
  return impl_->background->RunOnce();
}

StoreState CommitLog::state() const {
  return impl_->is_open() ? impl_->log->health().state() : StoreState::kClosed;
}
StoreStats CommitLog::Stats() const {
  return impl_->fork_guard.forked() ? StoreStats{} : internal::StatsOf(*impl_->log);
}
const RecoveryReport& CommitLog::recovery() const { return impl_->log->report(); }

}  // namespace weir
