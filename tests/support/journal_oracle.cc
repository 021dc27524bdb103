// The oracle of journals: what oracle.h says, without queues.

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "support/judgement.h"
#include "support/oracle.h"

namespace weir::testing {
namespace {

using Kind = Violation::Kind;

constexpr size_t kRecordsPerRead = 1024;

class JournalExamination {
 public:
  JournalExamination(CommitLog& journal, const SendHistory& history, const Expectation& expectation)
      : journal_(journal),
        history_(history),
        expectation_(expectation),
        judgement_(history, expectation) {}

  Verdict Run() {
    judgement_.CheckState(journal_.state(), "a journal does not say why");
    if (journal_.begin() > journal_.durable_end() || journal_.durable_end() > journal_.end()) {
      judgement_.Report(Kind::kBroken, "ends out of order");
    }
    const LogPosition must_begin_at = history_.must_begin_at(expectation_.as_of);
    if (journal_.begin() < must_begin_at) {
      judgement_.Report(Kind::kBroken, "begins at ", journal_.begin().value(), "; trimmed to ",
                        must_begin_at.value());
    }
    judgement_.CheckRecovery(journal_.recovery());
    ReadAll();
    judgement_.CheckSent(history_.may_begin_at(expectation_.as_of));
    return std::move(judgement_.verdict());
  }

 private:
  void ReadAll() {
    for (LogPosition next;;) {
      const absl::StatusOr<JournalEntries> read = journal_.Read(next, kRecordsPerRead);
      if (!read.ok()) return judgement_.ReportError("Read", read.status());
      for (const DamagedRange& range : read->damage) judgement_.NoteDamage(range);
      for (const JournalEntry& entry : read->entries) CheckEntry(entry);
      if (read->empty() && read->damage.empty()) return;
      next = read->next;
    }
  }

  void CheckEntry(const JournalEntry& entry) {
    if (any_delivered_ && entry.position <= last_delivered_) {
      judgement_.Report(Kind::kOrder, entry.position.value(), " behind ", last_delivered_.value());
    }
    any_delivered_ = true;
    last_delivered_ = entry.position;
    judgement_.CheckDelivered(
        {.position = entry.position, .place = std::nullopt, .body = entry.body});
  }

  CommitLog& journal_;
  const SendHistory& history_;
  const Expectation& expectation_;
  Judgement judgement_;
  LogPosition last_delivered_;
  bool any_delivered_ = false;
};

}  // namespace

Verdict Examine(CommitLog& journal, const SendHistory& history, const Expectation& expectation) {
  return JournalExamination(journal, history, expectation).Run();
}

}  // namespace weir::testing
