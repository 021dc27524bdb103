// Segments made record by record, for the parts of the log that know nothing of a whole log.
//
//   SegmentBytes segment(/*number=*/2);
//   const LogPosition one = segment.Message("one");
//   segment.Fill();
//   StoreDirectory store;
//   store.Put(segment);

#ifndef WEIR_TESTS_LOG_SAMPLE_SEGMENT_H_
#define WEIR_TESTS_LOG_SAMPLE_SEGMENT_H_

#include <catch2/catch.hpp>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "format/file_names.h"
#include "format/record.h"
#include "format/segment_header.h"
#include "log/segment_file.h"
#include "log/segment_scanner.h"
#include "support/fault_file_system.h"

namespace weir::testing {

using namespace weir::internal;

using Words = std::vector<std::string>;

inline constexpr uint64_t kSegment = 4096;
inline constexpr uint64_t kIncarnation = 0x1111;
inline constexpr int64_t kStoreTime = 1'700'000'000'000'000'000;

inline Uuid SampleStore() {
  Uuid store;
  store.fill(0xA5);
  return store;
}

inline SegmentHeader SampleHeader(uint64_t number, uint64_t segment_bytes = kSegment) {
  const LogPosition begin(number * segment_bytes);
  return {.store = SampleStore(),
          .segment_bytes = segment_bytes,
          .begin = begin,
          .incarnation = kIncarnation,
          .predecessor_end = begin};
}

// What a file of the log holds, as far as it was written.
class SegmentBytes {
 public:
  explicit SegmentBytes(uint64_t number) : SegmentBytes(SampleHeader(number)) {}
  explicit SegmentBytes(const SegmentHeader& header)
      : header_(header), incarnation_(header.incarnation), bytes_(EncodeSegmentHeader(header)) {}

  const SegmentHeader& header() const { return header_; }
  const std::string& bytes() const { return bytes_; }
  std::string name() const { return SegmentFileName({header_.begin, header_.generation}); }
  LogPosition end() const { return header_.begin + bytes_.size(); }
  LogPosition limit() const { return header_.begin + header_.segment_bytes; }

  // Each of these returns where the record begins.
  LogPosition Message(absl::string_view body) { return Add(RecordType::kMessage, body, 0); }
  LogPosition Record(RecordType type, absl::string_view body) { return Add(type, body, 0); }
  LogPosition Group(const Words& bodies) {
    const LogPosition group = end();
    bytes_.resize(bytes_.size() + kRecordHeaderBytes);
    for (const std::string& body : bodies) {
      Add(RecordType::kMessage, body, static_cast<uint32_t>((end() - group) / kRecordAlignment));
    }
    char* const header = At(group);
    WriteStamp(header, {.bytes = static_cast<uint32_t>(end() - group),
                        .type = RecordType::kGroup,
                        .store_time = kStoreTime});
    Publish(header, Seal(header, group, incarnation_));
    return group;
  }
  // A filler whose bytes are not zero: nobody promises that.
  LogPosition Filler(uint64_t bytes) {
    const LogPosition filler = end();
    bytes_.resize(bytes_.size() + bytes, '\xEE');
    WriteFiller(At(filler), filler, static_cast<uint32_t>(bytes), 0, kStoreTime, incarnation_);
    return filler;
  }
  LogPosition Fill() { return Filler(limit() - end()); }
  // One copy of an open record.
  LogPosition Open(uint64_t next, LogPosition from, uint32_t padding = 0) {
    std::string body;
    for (const uint64_t field : {incarnation_, next, from.value()}) {
      body.append(reinterpret_cast<const char*>(&field), sizeof field);
    }
    return Add(RecordType::kOpen, body, 0, padding);
  }
  // Both copies, as a log writes them; what follows is of incarnation `next`.
  LogPosition OpenTwice(uint64_t next) {
    const LogPosition second = SecondOpenCopy(end(), header_.segment_bytes);
    const LogPosition from = second + kOpenCopyBytes;
    const auto padding = static_cast<uint32_t>(second - end() - kOpenCopyBytes);
    const LogPosition first = Open(next, from, padding);
    Open(next, from);
    incarnation_ = next;
    return first;
  }
  void SetIncarnation(uint64_t incarnation) { incarnation_ = incarnation; }
  // Something that is no record.
  void Rubbish(uint64_t bytes, char byte = '\0') { bytes_.append(bytes, byte); }
  // Flips a bit of the record's checksum.
  void Damage(LogPosition record) { At(record)[record_field::kChecksum] ^= 1; }

  char* At(LogPosition position) { return bytes_.data() + (position - header_.begin); }

 private:
  LogPosition Add(RecordType type, absl::string_view body, uint32_t group_distance,
                  uint32_t padding = 0) {
    const LogPosition position = end();
    const auto bytes = static_cast<uint32_t>(RecordBytes(0, body.size())) + padding;
    bytes_.resize(bytes_.size() + bytes);
    char* const record = At(position);
    WriteStamp(
        record,
        {.bytes = bytes, .type = type, .store_time = kStoreTime, .group_distance = group_distance});
    std::memcpy(WriteParts(record, {}, 0, static_cast<uint32_t>(body.size())), body.data(),
                body.size());
    Publish(record, Seal(record, position, incarnation_));
    return position;
  }

  const SegmentHeader header_;
  uint64_t incarnation_;
  std::string bytes_;
};

// The directory of a store, and nothing in it.
struct StoreDirectory {
  StoreDirectory() {
    auto opened = disk.OpenDirectory("/store", /*create=*/true);
    REQUIRE(opened.ok());
    directory = *std::move(opened);
  }
  void Put(const SegmentBytes& segment) {
    disk.WriteFile("/store/" + segment.name(), segment.bytes());
  }
  std::shared_ptr<SegmentFile> Open(const SegmentBytes& segment) {
    Put(segment);
    auto file = SegmentFile::Open(*directory, segment.name(), OpenMode::kReadWrite, 1);
    INFO(file.status());
    REQUIRE(file.ok());
    return *file;
  }

  FaultFileSystem disk;
  std::unique_ptr<Directory> directory;
};

// A scanner of the file's bytes from its begin.
inline SegmentScanner ScannerOf(SegmentFile& file, LogPosition to, Groups groups) {
  return SegmentScanner(
      file, [&file](LogPosition at, absl::Span<char> out) { return file.ReadZeroFilled(at, out); },
      file.begin(), to, groups);
}

// A record in plain words: "message one", "group", "filler", ...
inline std::string WhatIs(const ScannedRecord& record) {
  std::string what(RecordTypeName(record.header.type));
  if (record.header.type == RecordType::kMessage) {
    absl::StrAppend(&what, " ", DecodeParts(record.bytes)->body);
  }
  return what;
}

// All that a scanner finds, with "invalid" where it had to look for the next record.
inline Words ScanAll(SegmentScanner& scanner) {
  Words found;
  for (;;) {
    ScannedRecord record;
    const auto step = scanner.Next(&record);
    INFO(step.status());
    REQUIRE(step.ok());
    if (*step == SegmentScanner::Step::kEnd) return found;
    if (*step == SegmentScanner::Step::kRecord) {
      found.push_back(WhatIs(record));
      continue;
    }
    found.emplace_back("invalid");
    const auto goes_on = scanner.Resync(scanner.resync_from());
    REQUIRE(goes_on.ok());
    if (!*goes_on) return found;
  }
}

inline Words ScanAll(SegmentFile& file, LogPosition to, Groups groups = Groups::kMembers) {
  SegmentScanner scanner = ScannerOf(file, to, groups);
  return ScanAll(scanner);
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_LOG_SAMPLE_SEGMENT_H_
