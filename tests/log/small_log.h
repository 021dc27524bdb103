// A log with the smallest files there are, on a disk in memory, and its records in plain words.
//
//   FaultFileSystem disk;
//   ManualClock clock;
//   auto log = OpenLog(SmallLog(disk, clock));
//   const Reservation first = Append(*log, "one");
//   CHECK(Bodies(*log) == Words{"one"});

#ifndef WEIR_TESTS_LOG_SMALL_LOG_H_
#define WEIR_TESTS_LOG_SMALL_LOG_H_

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "format/file_names.h"
#include "format/record.h"
#include "log/commit_log.h"
#include "log/log_scanner.h"
#include "log/own_log_view.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"

namespace weir::testing {

using namespace weir::internal;

using Words = std::vector<std::string>;

inline constexpr uint64_t kSegment = 4096;

inline StoreOptions SmallLog(FaultFileSystem& disk, ManualClock& clock) {
  return {.directory = "/store",
          .background = weir::Background::kManual,
          .segment_bytes = kSegment,
          .front_bytes = 16384,
          .read_cache_bytes = 64 << 10,
          .file_system = &disk,
          .clock = &clock};
}

inline std::unique_ptr<CommitLog> OpenLog(const StoreOptions& options) {
  auto log = CommitLog::Open(options);
  INFO(log.status());
  REQUIRE(log.ok());
  return *std::move(log);
}

inline uint32_t SizeOf(size_t body_bytes) {
  return static_cast<uint32_t>(RecordBytes(0, body_bytes));
}

inline void StampPlain(char* memory, uint32_t bytes, int64_t time, uint32_t distance) {
  WriteStamp(memory, {.bytes = bytes,
                      .type = RecordType::kMessage,
                      .queue_number = kNoQueue,
                      .store_time = time,
                      .group_distance = distance});
}

inline absl::StatusOr<Reservation> TryClaim(CommitLog& log, size_t body_bytes,
                                            Deadline deadline = kNever) {
  const uint32_t bytes = SizeOf(body_bytes);
  Reservation place;
  const auto stamp = [&](LogPosition, char* memory, int64_t time) {
    StampPlain(memory, bytes, time, 0);
  };
  const absl::Status status = log.Claim(bytes, log.clock().WallNanos(), deadline, stamp, &place);
  if (!status.ok()) return status;
  return place;
}

inline Reservation Claim(CommitLog& log, size_t body_bytes) {
  const auto claimed = TryClaim(log, body_bytes);
  INFO(claimed.status());
  REQUIRE(claimed.ok());
  return *claimed;
}

inline int32_t Fill(CommitLog& log, char* record, LogPosition position, absl::string_view body) {
  char* const to = WriteParts(record, {}, 0, static_cast<uint32_t>(body.size()));
  std::memcpy(to, body.data(), body.size());
  return Seal(record, position, log.incarnation());
}

// `body` must be as long as was claimed.
inline void PublishBody(CommitLog& log, const Reservation& place, absl::string_view body) {
  log.Publish(place, Fill(log, place.bytes, place.position, body));
}

inline Reservation Append(CommitLog& log, absl::string_view body) {
  const Reservation place = Claim(log, body.size());
  PublishBody(log, place, body);
  return place;
}

// Claims the group and fills its members, but leaves it unpublished.
inline Reservation ClaimGroup(CommitLog& log, const Words& bodies) {
  uint32_t bytes = kRecordHeaderBytes;
  for (const std::string& body : bodies) bytes += SizeOf(body.size());
  const auto stamp = [&](LogPosition, char* memory, int64_t time) {
    WriteStamp(memory, {.bytes = bytes, .type = RecordType::kGroup, .store_time = time});
    uint32_t at = kRecordHeaderBytes;
    for (const std::string& body : bodies) {
      StampPlain(memory + at, SizeOf(body.size()), time, at / kRecordAlignment);
      at += SizeOf(body.size());
    }
  };
  Reservation group;
  const absl::Status claimed = log.Claim(bytes, log.clock().WallNanos(), kNever, stamp, &group);
  INFO(claimed);
  REQUIRE(claimed.ok());
  uint32_t at = kRecordHeaderBytes;
  for (const std::string& body : bodies) {
    char* const member = group.bytes + at;
    internal::Publish(member, Fill(log, member, group.position + at, body));
    at += SizeOf(body.size());
  }
  return group;
}

inline Reservation AppendGroup(CommitLog& log, const Words& bodies) {
  const Reservation group = ClaimGroup(log, bodies);
  log.Publish(group, Seal(group.bytes, group.position, log.incarnation()));
  return group;
}

struct Seen {
  LogPosition position;
  std::string what;  // "message one", "void", "open", "damage", ...
};

// Everything that can be seen, marks left out: a sync may place one or not.
inline std::vector<Seen> Walk(CommitLog& log) {
  OwnLogView view(&log, /*has_workers=*/false);
  LogScanner scanner(view, log.segments().begin(), log.ContiguousVisibleEnd());
  std::vector<Seen> seen;
  for (;;) {
    ScannedRecord record;
    DamagedRange damage;
    const auto step = scanner.Next(&record, &damage);
    INFO(step.status());
    REQUIRE(step.ok());
    if (*step == LogScanner::Step::kEnd) return seen;
    if (*step == LogScanner::Step::kDamage) {
      seen.push_back({damage.begin, "damage"});
      continue;
    }
    if (record.header.type == RecordType::kMark) continue;
    std::string what(RecordTypeName(record.header.type));
    if (record.header.type == RecordType::kMessage) {
      absl::StrAppend(&what, " ", DecodeParts(record.bytes)->body);
    }
    seen.push_back({record.position, what});
  }
}

inline Words What(CommitLog& log) {
  Words words;
  for (Seen& seen : Walk(log)) words.push_back(std::move(seen.what));
  return words;
}

// Only the messages.
inline Words Bodies(CommitLog& log) {
  Words bodies;
  for (const Seen& seen : Walk(log)) {
    if (absl::string_view(seen.what).substr(0, 8) == "message ") {
      bodies.push_back(seen.what.substr(8));
    }
  }
  return bodies;
}

// Numbered bodies of `bytes` bytes each.
inline std::string Numbered(size_t number, size_t bytes) {
  std::string body = absl::StrCat(number, " ");
  body.resize(std::max(bytes, body.size()), 'x');
  return body;
}

inline void SyncNow(CommitLog& log) {
  const absl::Status flushed = log.Flush(kNever);
  INFO(flushed);
  REQUIRE(flushed.ok());
}

// The file and the offset in it of a byte of the log.
inline std::string FileOf(LogPosition position, const std::string& store = "/store") {
  return absl::StrCat(store, "/",
                      SegmentFileName({LogPosition(position.value() & ~(kSegment - 1))}));
}

// Overwrites bytes of the log behind everybody's back.
inline void Scribble(FaultFileSystem& disk, LogPosition position, absl::string_view bytes) {
  std::string content = disk.ReadFile(FileOf(position));
  const size_t at = position.value() % kSegment;
  REQUIRE(at + bytes.size() <= content.size());
  content.replace(at, bytes.size(), bytes.data(), bytes.size());
  disk.WriteFile(FileOf(position), content);
}

// Flips a bit of the record's checksum.
inline void Damage(FaultFileSystem& disk, LogPosition position) {
  const std::string content = disk.ReadFile(FileOf(position));
  const size_t at = position.value() % kSegment + record_field::kChecksum;
  REQUIRE(at < content.size());
  Scribble(disk, position + record_field::kChecksum,
           std::string(1, static_cast<char>(content[at] ^ 1)));
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_LOG_SMALL_LOG_H_
