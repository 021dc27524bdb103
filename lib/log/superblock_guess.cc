#include "log/superblock_guess.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "format/front_layout.h"
#include "log/segment_file.h"
#include "log/segment_scanner.h"

namespace weir::internal {
namespace {

// Whether a front of this writer is there, and of this store.
bool HasFront(FileSystem& file_system, const std::string& front_directory, const Uuid& store,
              uint64_t incarnation) {
  const auto front = file_system.OpenShared(front_directory, FrontName(incarnation),
                                            kFrontHeaderBytes, OpenMode::kRead);
  if (!front.ok()) return false;
  const auto& header = *reinterpret_cast<const FrontHeader*>((*front)->header());
  return header.identity.store == store;
}

// Who wrote last, and therefore the name of the front, if there was one: the file furthest on names
// him, or an open record in it. A front that is there decides; without one there is no answer.
std::optional<uint64_t> WriterWithFront(FileSystem& file_system, Directory& directory,
                                        const std::string& front_directory,
                                        const std::vector<SegmentHeader>& newest_first) {
  for (const SegmentHeader& header : newest_first) {
    const auto file =
        SegmentFile::Open(directory, SegmentFileName({header.begin, header.generation}),
                          OpenMode::kRead, /*cache_file=*/0);
    if (!file.ok()) continue;
    // What cannot be read names nobody.
    CompleteIncarnations(**file).IgnoreError();
    std::vector<std::pair<LogPosition, uint64_t>> incarnations = (*file)->incarnations();
    std::reverse(incarnations.begin(), incarnations.end());
    for (const auto& [from, incarnation] : incarnations) {
      if (HasFront(file_system, front_directory, header.store, incarnation)) return incarnation;
    }
  }
  return std::nullopt;
}

// The furthest file in which a record verifies; the oldest if there is none.
const SegmentHeader& LastWithRecords(Directory& directory,
                                     const std::vector<SegmentHeader>& newest_first) {
  for (const SegmentHeader& header : newest_first) {
    const auto file =
        SegmentFile::Open(directory, SegmentFileName({header.begin, header.generation}),
                          OpenMode::kRead, /*cache_file=*/0);
    if (!file.ok()) continue;
    SegmentScanner scanner(
        **file,
        [&](LogPosition at, absl::Span<char> out) { return (*file)->ReadZeroFilled(at, out); },
        header.begin, (*file)->limit(), Groups::kMembers);
    for (const SegmentHeader& other : newest_first) scanner.AddIncarnation(other.incarnation);
    if (scanner.Resync(header.begin + kSegmentHeaderBytes).value_or(false)) return header;
  }
  return newest_first.back();
}

bool IsFurtherOn(const SegmentHeader& one, const SegmentHeader& other) {
  return one.begin > other.begin;
}

void SetBoot(FileSystem& file_system, Superblock* superblock) {
  const std::string boot = file_system.BootId();
  std::copy_n(boot.begin(), std::min(boot.size(), superblock->boot.size()),
              superblock->boot.begin());
}

}  // namespace

absl::StatusOr<Superblock> GuessSuperblock(FileSystem& file_system, Directory& directory) {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, directory.List());
  std::map<Uuid, std::vector<SegmentHeader>> stores;
  std::vector<LogPosition> begins;
  for (const std::string& name : names) {
    // An index file tells of its segment although it may be gone.
    if (const auto of_index = ParseIndexFileName(name)) begins.push_back(*of_index);
    const auto segment = ParseSegmentFileName(name);
    if (!segment) continue;
    begins.push_back(segment->begin);
    const auto file = SegmentFile::Open(directory, name, OpenMode::kRead, /*cache_file=*/0);
    if (absl::IsInvalidArgument(file.status())) return file.status();
    if (!file.ok() && !IsUnreadable(file.status())) return file.status();
    if (!file.ok()) continue;
    SegmentHeader header = (*file)->header();
    header.generation = segment->generation;
    stores[header.store].push_back(header);
  }
  // A file of another store may have got in: the most decide.
  const auto most = std::max_element(
      stores.begin(), stores.end(),
      [](const auto& one, const auto& other) { return one.second.size() < other.second.size(); });
  if (most == stores.end()) {
    return absl::DataLossError(
        "no superblock and no segment header is whole: nothing says what this store was");
  }
  std::vector<SegmentHeader>& headers = most->second;
  std::sort(headers.begin(), headers.end(), IsFurtherOn);
  const uint64_t segment_bytes = headers.front().segment_bytes;
  Superblock guess;
  guess.store = most->first;
  guess.segment_bytes = segment_bytes;
  guess.hash_seed = file_system.RandomBits();
  guess.sequence = 1;
  guess.log_begin =
      LogPosition(std::min_element(begins.begin(), begins.end())->value() & ~(segment_bytes - 1));
  // Before a file with records the log was durable. How far it goes in it, the walk finds out.
  const SegmentHeader& last = LastWithRecords(directory, headers);
  guess.durable_end = std::max(guess.log_begin, last.begin);
  guess.durable_incarnation = last.incarnation;
  guess.prepared_end = headers.front().begin + segment_bytes;
  guess.incarnation = WriterWithFront(file_system, directory, guess.front_directory, headers)
                          .value_or(headers.front().incarnation);
  guess.next_incarnation = file_system.RandomBits();
  SetBoot(file_system, &guess);
  guess.front = FrontKind::kShared;
  return guess;
}

void GuessFront(FileSystem& file_system, Directory& directory, Superblock* superblock) {
  const absl::StatusOr<std::vector<std::string>> names = directory.List();
  std::vector<SegmentHeader> headers;
  for (const std::string& name : names.ok() ? *names : std::vector<std::string>()) {
    const auto segment = ParseSegmentFileName(name);
    if (!segment) continue;
    const auto file = SegmentFile::Open(directory, name, OpenMode::kRead, /*cache_file=*/0);
    if (!file.ok() || (*file)->header().store != superblock->store) continue;
    headers.push_back((*file)->header());
    headers.back().generation = segment->generation;
  }
  std::sort(headers.begin(), headers.end(), IsFurtherOn);
  const std::optional<uint64_t> writer =
      WriterWithFront(file_system, directory, superblock->front_directory, headers);
  if (!writer) return;
  superblock->incarnation = *writer;
  superblock->is_clean = false;
  superblock->front = FrontKind::kShared;
  SetBoot(file_system, superblock);
}

}  // namespace weir::internal
