// The oracle of journals: what oracle.h says, without queues.

#include <algorithm>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "support/oracle.h"

namespace weir::testing {
namespace {

using Kind = Violation::Kind;

constexpr size_t kRecordsPerRead = 1024;

class Examination {
 public:
  Examination(CommitLog& journal, const SendHistory& history, const Expectation& expectation)
      : journal_(journal), history_(history), expectation_(expectation) {
    verdict_.delivered.resize(history.size());
  }

  Verdict Run() {
    CheckState();
    ReadAll();
    CheckSent();
    CheckGroups();
    return std::move(verdict_);
  }

 private:
  template <typename... Parts>
  void Report(Kind kind, const Parts&... parts) {
    verdict_.violations.push_back({.kind = kind, .text = absl::StrCat(parts...)});
  }

  void CheckState() {
    const StoreState state = journal_.state();
    const bool is_good = state == StoreState::kHealthy || state == StoreState::kDegraded ||
                         (expectation_.allows_read_only && state == StoreState::kReadOnly);
    if (!is_good) Report(Kind::kBroken, "the journal is ", StoreStateName(state));
    if (journal_.begin() > journal_.durable_end() || journal_.durable_end() > journal_.end()) {
      Report(Kind::kBroken, "ends out of order");
    }
    if (journal_.begin() < history_.must_begin_at(expectation_.as_of)) {
      Report(Kind::kBroken, "begins at ", journal_.begin().value(), "; trimmed to ",
             history_.must_begin_at(expectation_.as_of).value());
    }
    for (const DamagedRange& range : journal_.recovery().damage) ReportDamage(range);
  }

  void ReportDamage(const DamagedRange& range) {
    is_damaged_ = true;
    if (!expectation_.allows_damage) {
      Report(Kind::kBroken, "damage at ", range.begin.value(), ": ", range.reason);
    }
  }

  void ReadAll() {
    for (LogPosition next;;) {
      const absl::StatusOr<JournalEntries> read = journal_.Read(next, kRecordsPerRead);
      if (!read.ok()) return Report(Kind::kBroken, "Read: ", read.status().ToString());
      for (const DamagedRange& range : read->damage) ReportDamage(range);
      for (const JournalEntry& entry : read->entries) CheckDelivered(entry);
      if (read->empty() && read->damage.empty()) return;
      next = read->next;
    }
  }

  void CheckDelivered(const JournalEntry& entry) {
    if (entry.position <= last_delivered_ && any_delivered_) {
      Report(Kind::kBroken, entry.position.value(), " behind ", last_delivered_.value());
    }
    any_delivered_ = true;
    last_delivered_ = entry.position;
    const std::optional<size_t> sent = history_.Identify(entry.body);
    if (!sent.has_value()) {
      return Report(Kind::kPhantom, "at ", entry.position.value(), ": was never sent");
    }
    const SendHistory::Sent& original = history_[*sent];
    const std::string name = absl::StrCat("record ", original.sequence);
    if (original.sent_at > expectation_.as_of) Report(Kind::kPhantom, name, " comes too early");
    if (original.is_void) Report(Kind::kPhantom, name, " was refused");
    if (original.IsRevoked(expectation_.as_of)) Report(Kind::kPhantom, name, " is back");
    if (original.body != entry.body) Report(Kind::kPhantom, name, " is not as it was sent");
    if (verdict_.delivered[*sent]) Report(Kind::kPhantom, name, " is there twice");
    verdict_.delivered[*sent] = true;
    if (original.HasReceipt(expectation_.as_of) && original.receipt->position != entry.position) {
      Report(Kind::kPhantom, name, " is not where its receipt says");
    }
  }

  void CheckSent() {
    const LogPosition may_begin_at = history_.may_begin_at(expectation_.as_of);
    for (size_t i = 0; i < history_.size(); ++i) {
      const SendHistory::Sent& sent = history_[i];
      if (sent.IsRevoked(expectation_.as_of) || !sent.HasReceipt(expectation_.as_of)) continue;
      if (sent.receipt->position < may_begin_at) continue;
      if (sent.IsAcknowledged(expectation_.survives, expectation_.as_of)) {
        ++verdict_.acknowledged_checked;
        if (!verdict_.delivered[i] && !is_damaged_) {
          Report(Kind::kLost, "record ", sent.sequence, " was acknowledged as ",
                 DurabilityName(expectation_.survives), " and is not there");
        }
      } else if (!verdict_.delivered[i] && !is_damaged_ &&
                 sent.receipt->position < last_delivered_) {
        Report(Kind::kBroken, "record ", sent.sequence, " is missing below what was delivered");
      }
    }
  }

  void CheckGroups() {
    std::map<uint64_t, std::pair<uint64_t, uint64_t>> groups;  // members, delivered ones
    for (size_t i = 0; i < history_.size(); ++i) {
      if (history_[i].what.group == 0) continue;
      auto& [members, delivered] = groups[history_[i].what.group];
      ++members;
      delivered += verdict_.delivered[i] ? 1 : 0;
    }
    for (const auto& [group, counts] : groups) {
      if (counts.second != 0 && counts.second != counts.first && !is_damaged_) {
        Report(Kind::kBroken, "group ", group, ": ", counts.second, " of ", counts.first);
      }
    }
  }

  CommitLog& journal_;
  const SendHistory& history_;
  const Expectation& expectation_;
  Verdict verdict_;
  LogPosition last_delivered_;
  bool any_delivered_ = false;
  bool is_damaged_ = false;
};

}  // namespace

Verdict Examine(CommitLog& journal, const SendHistory& history, const Expectation& expectation) {
  return Examination(journal, history, expectation).Run();
}

}  // namespace weir::testing
