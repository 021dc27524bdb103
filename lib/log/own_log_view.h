// The log as it is read in the process that writes it.

#ifndef WEIR_LOG_OWN_LOG_VIEW_H_
#define WEIR_LOG_OWN_LOG_VIEW_H_

#include <memory>

#include "log/commit_log.h"
#include "log/log_view.h"

namespace weir::internal {

class OwnLogView final : public LogView {
 public:
  explicit OwnLogView(CommitLog* log, bool has_workers) : log_(*log), has_workers_(has_workers) {}

  Segments& segments() override { return log_.segments(); }
  std::unique_ptr<FrontReader> NewFrontReader() override {
    return std::make_unique<OwnFrontReader>(log_.front(), log_.segments());
  }
  LogPosition ContiguousVisibleEnd() override { return log_.ContiguousVisibleEnd(); }
  bool sees_only_contiguous() const override {
    return log_.visible_only_durable() || !log_.front().is_shared();
  }
  bool IsPublished(LogPosition position) override {
    // A queue knows it before it is claimed, and until then the word is that of an earlier lap.
    if (position >= log_.front().claimed_end()) return false;
    const ReaderSlots::Guard guard(log_.front().reader_slots());
    if (position < log_.front().written_end()) return true;
    const char* const record = log_.front().At(position);
    if (LoadWord(record) < 0) return false;
    const uint64_t distance =
        uint64_t{Load<uint32_t>(record + record_field::kGroupDistance)} * kRecordAlignment;
    return distance == 0 || LoadWord(log_.front().At(position - distance)) > 0;
  }
  LogPosition claimed_end() const override { return log_.front().claimed_end(); }
  LogPosition written_end() const override { return log_.front().written_end(); }
  absl::Status ReadBytes(LogPosition position, absl::Span<char> out) override {
    return log_.ReadBytes(position, out);
  }
  Doorbell& doorbell() override { return log_.doorbell(); }
  Clock& clock() const override { return log_.clock(); }
  void HelpReader() override {
    if (has_workers_) return;
    log_.WriteStep();
    if (log_.visible_only_durable()) log_.SyncStep();
  }
  uint64_t CurrentIncarnation() const override { return log_.incarnation(); }
  absl::StatusOr<bool> LookAgain() override { return false; }
  absl::Status WhyNoRead() const override {
    return log_.is_stopped() ? absl::FailedPreconditionError("closed") : absl::OkStatus();
  }

 private:
  CommitLog& log_;
  const bool has_workers_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_OWN_LOG_VIEW_H_
