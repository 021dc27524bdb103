// A log that another process writes, or wrote, and what who only reads sees of it in plain words.

#ifndef WEIR_TESTS_LOG_FOLLOWED_H_
#define WEIR_TESTS_LOG_FOLLOWED_H_

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "log/followed_log.h"
#include "log/small_log.h"

namespace weir::testing {

// The same store as another process opens it.
inline StoreOptions In(FileSystem& process, StoreOptions options) {
  options.file_system = &process;
  return options;
}

inline std::unique_ptr<FollowedLog> Follow(const StoreOptions& options) {
  auto log = FollowedLog::Open(options);
  INFO(log.status());
  REQUIRE(log.ok());
  return *std::move(log);
}

// Everything that is visible now, marks and fillers left out.
inline Words Seen(FollowedLog& log) {
  LogScanner scanner(log, log.segments().begin(), log.ContiguousVisibleEnd());
  Words words;
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    const auto step = scanner.Next(&record, &damage);
    INFO(step.status());
    REQUIRE(step.ok());
    if (*step == LogScanner::Step::kEnd) return words;
    if (*step == LogScanner::Step::kDamage) {
      words.push_back("damage");
    } else if (record.header.type == RecordType::kMessage) {
      words.emplace_back(DecodeParts(record.bytes)->body);
    } else if (record.header.type == RecordType::kVoid) {
      words.push_back("void");
    }
  }
}

inline Words Refreshed(FollowedLog& log) {
  const absl::Status refreshed = log.Refresh();
  INFO(refreshed);
  REQUIRE(refreshed.ok());
  return Seen(log);
}

// A writer, and another process on the same machine.
class Machine {
 public:
  StoreOptions options() { return SmallLog(disk, clock); }
  StoreOptions following() { return In(*other, options()); }
  FaultFileSystem disk;
  ManualClock clock;
  std::unique_ptr<FaultFileSystem> other = disk.AnotherProcess();
};

// The front's header as the writer has it, and its readers too.
inline FrontHeader& HeaderOf(CommitLog& writer) {
  return *reinterpret_cast<FrontHeader*>(writer.front().memory().header());
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_LOG_FOLLOWED_H_
