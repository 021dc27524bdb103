// One random program of calls on a journal (weir/commit_log.h), and of deaths; the model is a
// vector of entries and the position up to which they were trimmed.

#ifndef WEIR_TESTS_DIFFERENTIAL_JOURNAL_PROGRAM_H_
#define WEIR_TESTS_DIFFERENTIAL_JOURNAL_PROGRAM_H_

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "differential/draft.h"
#include "differential/settings.h"
#include "differential/trace.h"
#include "differential/world.h"
#include "weir/commit_log.h"

namespace weir::testing {

class JournalProgram {
 public:
  JournalProgram(uint64_t seed, Trace& trace);
  void Run();

 private:
  struct Entry {
    LogPosition position;
    LogPosition end;
    uint64_t group = 0;
    std::string body;
  };

  void Step();
  void Append();
  void AppendBatch();
  void AppendInvalid();
  void Read();
  void ReadEverything();
  void TrimTo();
  void WaitFor();
  void Flush();
  void Work();
  void CheckEnds();
  void Close();
  void Die(Death death, bool within_a_call);
  void Open(size_t floor, bool expects_clean);
  void ResolveSurvivors(size_t floor);

  AppendOptions RandomOptions();
  std::string RandomBody(uint64_t bytes_max);
  void Add(const Receipt& receipt, LogPosition end, const std::string& body, uint64_t group);
  void Acknowledge(size_t entries, Durability reached);
  void ForgetTrimmed();
  size_t VisibleEnd() const;
  size_t Below(LogPosition end) const;
  std::string Compare(const JournalEntries& read, LogPosition from, size_t max);

  Trace& trace_;
  Random random_;
  DraftSource drafts_;
  World world_;
  Settings settings_;
  uint64_t front_bytes_ = 0;  // of the front that is in use, or less
  bool knows_front_ = false;
  bool is_private_ = false;

  std::deque<Entry> entries_;  // that are not trimmed
  // Of these, counted from the begin of entries_.
  size_t in_process_ = 0;
  size_t on_disk_ = 0;
  LogPosition begin_;
  LogPosition floor_position_;
  LogPosition highest_;
  LogPosition durable_;
  uint64_t groups_ = 0;

  std::unique_ptr<CommitLog> log_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_JOURNAL_PROGRAM_H_
