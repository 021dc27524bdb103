#include "log/header_guess.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "format/index_layout.h"
#include "format/record.h"
#include "log/segment_scanner.h"

namespace weir::internal {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;

// The segment's index file names its incarnation. That it may be damaged too costs nothing: a
// checksum decides about every record.
void AddFromIndexFile(Directory& directory, LogPosition begin, std::vector<uint64_t>* known) {
  const auto file = directory.Open(IndexFileName(begin), OpenMode::kRead);
  if (!file.ok()) return;
  std::string bytes(kIndexHeaderBytes, '\0');
  const absl::StatusOr<size_t> got = (*file)->Read(0, absl::MakeSpan(bytes));
  if (!got.ok() || *got != bytes.size()) return;
  const absl::StatusOr<IndexHeader> header = DecodeIndexHeader(bytes);
  if (header.ok()) known->push_back(header->identity.incarnation);
}

// An open record names both writers and is seeded with the first, so it can be believed where
// nobody knows who wrote.
void AddFromOpenRecords(SegmentFile& file, std::vector<uint64_t>* known) {
  std::string bytes(std::min(file.header().segment_bytes, kPieceBytes) + 2 * kTwinBlockBytesMax,
                    '\0');
  for (LogPosition begin = file.begin(); begin < file.limit(); begin = begin + kPieceBytes) {
    const uint64_t available = std::min<uint64_t>(bytes.size(), file.limit() - begin);
    if (!file.ReadZeroFilled(begin, absl::MakeSpan(bytes).first(available)).ok()) continue;
    for (uint64_t at = 0; at + kRecordHeaderBytes + kOpenBodyBytes <= available;
         at += kRecordAlignment) {
      const char* const record = bytes.data() + at;
      if (Load<RecordType>(record + record_field::kType) != RecordType::kOpen) continue;
      const ScannedRecord scanned{begin + at, record, LoadHeader(record)};
      if (!HeaderIsPlausible(scanned.header, available - at)) continue;
      const auto open = DecodeOpen(scanned);
      if (!open || !Verify(record, available - at, begin + at, open->previous)) continue;
      known->push_back(open->previous);
      known->push_back(open->incarnation);
    }
  }
}

SegmentHeader HeaderFor(const Segments& segments, const SegmentEntry& entry, uint64_t incarnation) {
  return {.store = segments.store(),
          .segment_bytes = segments.segment_bytes(),
          .begin = entry.begin(),
          .generation = entry.name.generation,
          .incarnation = incarnation,
          .predecessor_end = entry.begin()};
}

absl::StatusOr<std::shared_ptr<SegmentFile>> OpenWith(Segments& segments, const SegmentEntry& entry,
                                                      uint64_t incarnation) {
  const std::string name = SegmentFileName(entry.name);
  ASSIGN_OR_RETURN(std::unique_ptr<File> file, segments.directory().Open(name, OpenMode::kRead));
  return std::make_shared<SegmentFile>(name, HeaderFor(segments, entry, incarnation),
                                       std::move(file), segments.cache().NewFile());
}

// Who wrote the first record that verifies; nullopt: none does.
absl::StatusOr<std::optional<uint64_t>> FirstIncarnation(SegmentFile& file,
                                                         const std::vector<uint64_t>& known) {
  SegmentScanner scanner(
      file, [&](LogPosition at, absl::Span<char> out) { return file.ReadZeroFilled(at, out); },
      file.begin(), file.limit(), Groups::kMembers);
  for (const uint64_t incarnation : known) scanner.AddIncarnation(incarnation);
  ASSIGN_OR_RETURN(const bool found, scanner.Resync(file.begin() + kSegmentHeaderBytes));
  if (!found) return std::nullopt;
  return file.IncarnationAt(scanner.position());
}

}  // namespace

absl::StatusOr<std::vector<uint64_t>> KnownIncarnations(Segments& segments,
                                                        const Superblock& superblock) {
  std::vector<uint64_t> known = {superblock.durable_incarnation, superblock.incarnation};
  for (const SegmentEntry& entry : segments.entries()) {
    AddFromIndexFile(segments.directory(), entry.begin(), &known);
    absl::StatusOr<std::shared_ptr<SegmentFile>> file = segments.Find(entry.begin());
    if (file.ok()) known.push_back((*file)->header().incarnation);
    if (IsUnreadable(file.status())) file = OpenWith(segments, entry, /*incarnation=*/0);
    if (!file.ok() && !IsUnreadable(file.status())) return file.status();
    if (file.ok()) AddFromOpenRecords(**file, &known);
  }
  std::sort(known.begin(), known.end());
  known.erase(std::unique(known.begin(), known.end()), known.end());
  return known;
}

absl::Status GuessHeaders(Segments& segments, const Superblock& superblock, LogPosition front_begin,
                          LogPosition front_end) {
  std::vector<SegmentEntry> without;
  for (const SegmentEntry& entry : segments.entries()) {
    const absl::Status found = segments.Find(entry.begin()).status();
    if (found.ok()) continue;
    if (!IsUnreadable(found) || absl::IsInvalidArgument(found)) return found;
    without.push_back(entry);
  }
  if (without.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::vector<uint64_t> known, KnownIncarnations(segments, superblock));
  for (const SegmentEntry& entry : without) {
    const auto file = OpenWith(segments, entry, known.front());
    if (!file.ok() && !IsUnreadable(file.status())) return file.status();
    if (!file.ok()) continue;  // not a file: it is reported where it is missed
    ASSIGN_OR_RETURN(const std::optional<uint64_t> first, FirstIncarnation(**file, known));
    const bool is_in_front = entry.limit > front_begin && entry.begin() < front_end;
    if (!first && !is_in_front) continue;
    const uint64_t incarnation = first.value_or(superblock.incarnation);
    ASSIGN_OR_RETURN(const auto guessed, OpenWith(segments, entry, incarnation));
    // As if it were still to be synced: then it is never closed, and nobody could open it again.
    guessed->written_end.store(guessed->limit().value(), std::memory_order_release);
    segments.TakeOver(guessed);
  }
  return absl::OkStatus();
}

}  // namespace weir::internal
