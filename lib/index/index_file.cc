#include "index/index_file.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "index/bytes_file.h"
#include "log/segment_file.h"

namespace weir::internal {
namespace {

constexpr uint64_t kRunsPerBlock = kIndexBlockBytes / kQueueRunBytes;

const char* RunAt(const Block& block, uint64_t index) {
  return block.bytes.get() + index * kQueueRunBytes;
}

// Which block of [begin, end) to look at for `queue`, if the first queue of the blocks is `low`
// and the last one `high`. Numbers are dense where many queues are in use, so a guess by
// proportion mostly hits at once; every second look halves what is left, whatever the numbers.
uint64_t Guess(uint64_t look, uint64_t begin, uint64_t end, uint32_t queue, uint32_t low,
               uint32_t high) {
  if (look % 2 == 1 || low >= high) return begin + (end - begin) / 2;
  const uint64_t last = end - begin - 1;
  return begin + last * (std::clamp(queue, low, high) - low) / (high - low);
}

}  // namespace

absl::Status IndexFile::InFile(const absl::Status& status) const {
  return absl::Status(status.code(), absl::StrCat(name_, ": ", status.message()));
}

absl::StatusOr<std::shared_ptr<IndexFile>> IndexFile::Open(Directory& directory,
                                                           const std::string& name,
                                                           const IndexIdentity& expected,
                                                           BlockCache* cache) {
  absl::StatusOr<std::unique_ptr<File>> opened = directory.Open(name, OpenMode::kRead);
  if (!opened.ok()) return FromDevice(std::move(opened).status());
  std::shared_ptr<IndexFile> index(new IndexFile(name, *std::move(opened), cache));
  RETURN_IF_ERROR(index->Enter(expected, /*is_orphan=*/false));
  return index;
}

absl::StatusOr<std::shared_ptr<IndexFile>> IndexFile::OpenOrphan(Directory& directory,
                                                                 const std::string& name,
                                                                 const IndexIdentity& expected) {
  ASSIGN_OR_RETURN(std::unique_ptr<File> opened, directory.Open(name, OpenMode::kRead));
  std::shared_ptr<IndexFile> index(new IndexFile(name, std::move(opened), /*cache=*/nullptr));
  RETURN_IF_ERROR(index->Enter(expected, /*is_orphan=*/true));
  return index;
}

absl::StatusOr<std::shared_ptr<IndexFile>> IndexFile::FromBytes(const std::string& name,
                                                                std::string bytes,
                                                                const IndexIdentity& expected) {
  std::shared_ptr<IndexFile> index(
      new IndexFile(name, std::make_unique<BytesFile>(std::move(bytes)), /*cache=*/nullptr));
  RETURN_IF_ERROR(index->Enter(expected, /*is_orphan=*/false));
  return index;
}

absl::Status IndexFile::Enter(const IndexIdentity& expected, bool is_orphan) {
  ASSIGN_OR_RETURN(const std::string start, ReadStart());
  ASSIGN_OR_RETURN(header_, HeaderIn(start));
  IndexIdentity known = expected;
  if (is_orphan) {
    known.records_end = header_.identity.records_end;
    known.incarnation = header_.identity.incarnation;
    known.incarnations_digest = header_.identity.incarnations_digest;
  }
  if (header_.identity != known && !Without(Protection::kIndexIdentity)) {
    return absl::FailedPreconditionError(absl::StrCat(
        name_, ": header at +0: stale: it indexes another content than that of segment ",
        expected.segment_begin.value()));
  }
  const absl::StatusOr<FileStatus> status = file_->Stat();
  if (!status.ok()) return FromDevice(status.status());
  if (status->size != header_.file_bytes()) {
    return absl::DataLossError(absl::StrCat(name_, ": the file has ", status->size,
                                            " bytes, its header counts ", header_.file_bytes()));
  }
  ASSIGN_OR_RETURN(table_, ReadTable(start));
  return absl::OkStatus();
}

absl::Status IndexFile::ReadFile(uint64_t offset, absl::Span<char> out) const {
  const absl::StatusOr<size_t> read = file_->Read(offset, out);
  if (!read.ok()) return FromDevice(read.status());
  const size_t got = *read;
  if (got == out.size()) return absl::OkStatus();
  return absl::DataLossError(absl::StrCat(name_, ": at +", offset, ": the file ends after ", got,
                                          " of ", out.size(), " bytes"));
}

absl::StatusOr<std::string> IndexFile::ReadStart() const {
  std::string bytes(kIndexBlockBytes, '\0');
  const absl::StatusOr<size_t> read = file_->Read(0, absl::MakeSpan(bytes.data(), bytes.size()));
  if (!read.ok()) return FromDevice(read.status());
  if (*read < kIndexHeaderBytes) {
    return absl::DataLossError(absl::StrCat(name_, ": at +0: the file ends after ", *read, " of ",
                                            kIndexHeaderBytes, " bytes"));
  }
  bytes.resize(*read);
  return bytes;
}

absl::StatusOr<IndexHeader> IndexFile::HeaderIn(absl::string_view start) const {
  auto header = DecodeIndexHeader(start.substr(0, kIndexHeaderBytes));
  if (!header.ok()) return InFile(header.status());
  return header;
}

absl::StatusOr<std::vector<uint64_t>> IndexFile::ReadTable(absl::string_view start) const {
  std::string bytes(start.substr(kIndexHeaderBytes, header_.table_bytes()));
  if (const size_t known = bytes.size(); known < header_.table_bytes()) {
    bytes.resize(header_.table_bytes());
    RETURN_IF_ERROR(ReadFile(kIndexHeaderBytes + known,
                             absl::MakeSpan(bytes.data() + known, bytes.size() - known)));
  }
  const uint64_t computed = IndexChecksum(bytes);
  if (computed != header_.table_checksum && !Without(Protection::kIndexTableChecksum)) {
    return absl::DataLossError(absl::StrCat(name_, ": table of blocks at +", kIndexHeaderBytes,
                                            ": checksum ", absl::Hex(computed), ", stored ",
                                            absl::Hex(header_.table_checksum)));
  }
  std::vector<uint64_t> table(header_.block_count());
  if (!table.empty()) std::memcpy(table.data(), bytes.data(), bytes.size());
  return table;
}

absl::StatusOr<Block> IndexFile::ReadBlock(uint64_t number) const {
  ENSURE(number < table_.size());
  const uint64_t begin = number * kIndexBlockBytes;
  const uint64_t rest = header_.body_bytes() - begin;
  const size_t size = std::min<uint64_t>(rest, kIndexBlockBytes);
  Block block{.bytes = std::make_unique_for_overwrite<char[]>(size), .size = size};
  RETURN_IF_ERROR(ReadFile(header_.body_at() + begin, absl::MakeSpan(block.bytes.get(), size)));
  const uint64_t computed = IndexChecksum(absl::string_view(block.bytes.get(), size));
  if (computed != table_[number] && !Without(Protection::kIndexBlockChecksum)) {
    return absl::DataLossError(
        absl::StrCat(name_, ": block ", number, " at +", header_.body_at() + begin, ": checksum ",
                     absl::Hex(computed), ", stored ", absl::Hex(table_[number])));
  }
  return block;
}

absl::StatusOr<std::shared_ptr<const Block>> IndexFile::GetBlock(uint64_t number) const {
  const BlockKey key{.file = cache_number_, .index = number};
  if (cache_ != nullptr) {
    if (auto found = cache_->Find(key)) return found;
  }
  ASSIGN_OR_RETURN(Block block, ReadBlock(number));
  if (cache_ == nullptr) return std::make_shared<const Block>(std::move(block));
  return cache_->Insert(key, std::move(block));
}

absl::StatusOr<std::string> IndexFile::ReadBody(uint64_t offset, uint64_t size) const {
  std::string bytes;
  while (bytes.size() < size) {
    const uint64_t at = offset + bytes.size();
    ASSIGN_OR_RETURN(const Block block, ReadBlock(at / kIndexBlockBytes));
    const absl::string_view content(block.bytes.get(), block.size);
    const absl::string_view piece = content.substr(at % kIndexBlockBytes, size - bytes.size());
    ENSURE(!piece.empty());
    absl::StrAppend(&bytes, piece);
  }
  return bytes;
}

absl::StatusOr<std::optional<QueueRun>> IndexFile::FindRun(uint32_t queue_number) const {
  uint32_t low = header_.first_queue;
  uint32_t high = header_.last_queue;
  if (queue_number < low || queue_number > high) return std::nullopt;

  uint64_t begin = 0;  // blocks
  uint64_t end = (header_.run_count + kRunsPerBlock - 1) / kRunsPerBlock;
  for (uint64_t look = 0; begin < end; ++look) {
    const uint64_t middle = Guess(look, begin, end, queue_number, low, high);
    ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block, GetBlock(middle));
    const uint64_t runs = std::min(kRunsPerBlock, header_.run_count - middle * kRunsPerBlock);
    const uint32_t first = DecodeRunQueue(RunAt(*block, 0));
    const uint32_t last = DecodeRunQueue(RunAt(*block, runs - 1));
    if (queue_number < first) {
      end = middle;
      high = first;
    } else if (queue_number > last) {
      begin = middle + 1;
      low = last;
    } else {
      return FindRunIn(*block, queue_number, runs);
    }
  }
  return std::nullopt;
}

absl::StatusOr<std::optional<QueueRun>> IndexFile::FindRunIn(const Block& block,
                                                             uint32_t queue_number,
                                                             uint64_t run_count) const {
  uint64_t begin = 0;
  uint64_t end = run_count - 1;  // the queue of that run is not below
  while (begin < end) {
    const uint64_t middle = begin + (end - begin) / 2;
    if (DecodeRunQueue(RunAt(block, middle)) < queue_number) {
      begin = middle + 1;
    } else {
      end = middle;
    }
  }
  if (DecodeRunQueue(RunAt(block, begin)) != queue_number) return std::nullopt;
  const auto run = DecodeRun({RunAt(block, begin), kQueueRunBytes}, header_);
  if (!run.ok()) return InFile(run.status());
  return *run;
}

absl::Status IndexFile::ReadEntries(const QueueRun& run, uint32_t index,
                                    absl::Span<IndexEntry> out) const {
  ENSURE(index <= run.count && out.size() <= run.count - index);
  ENSURE(run.entries_begin <= header_.entry_count &&
         run.count <= header_.entry_count - run.entries_begin);
  uint64_t at = header_.entries_at() + (run.entries_begin + index) * kIndexEntryBytes;
  while (!out.empty()) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block, GetBlock(at / kIndexBlockBytes));
    const uint64_t skipped = at % kIndexBlockBytes;
    const size_t count =
        std::min<uint64_t>(out.size(), (kIndexBlockBytes - skipped) / kIndexEntryBytes);
    const absl::Span<IndexEntry> part = out.subspan(0, count);
    DecodeEntries({block->bytes.get() + skipped, count * kIndexEntryBytes}, part);
    for (size_t i = 0; i < count; ++i) {
      const absl::string_view fault = FaultOf(part[i], header_.identity);
      if (fault.empty()) continue;
      return absl::DataLossError(absl::StrCat(
          name_, ": entry at +", header_.body_at() + at + i * kIndexEntryBytes, ": ", fault));
    }
    out.remove_prefix(count);
    at += count * kIndexEntryBytes;
  }
  return absl::OkStatus();
}

absl::Status IndexFile::ForEachRun(absl::FunctionRef<absl::Status(const QueueRun&)> visit) const {
  std::optional<QueueRun> before;
  for (uint64_t i = 0; i < header_.run_count; ++i) {
    ASSIGN_OR_RETURN(const std::shared_ptr<const Block> block, GetBlock(i / kRunsPerBlock));
    const auto run = DecodeRun({RunAt(*block, i % kRunsPerBlock), kQueueRunBytes}, header_);
    if (!run.ok()) return InFile(run.status());
    const uint64_t entries_begin = before ? before->entries_begin + before->count : 0;
    if ((before && run->queue_number <= before->queue_number) ||
        run->entries_begin != entries_begin) {
      return absl::DataLossError(absl::StrCat(name_, ": run ", i, " at +",
                                              header_.body_at() + i * kQueueRunBytes,
                                              ": does not follow the run before"));
    }
    RETURN_IF_ERROR(visit(*run));
    before = *run;
  }
  const uint64_t entries = before ? before->entries_begin + before->count : 0;
  const bool bounds_hold = !before || before->queue_number == header_.last_queue;
  if (entries == header_.entry_count && bounds_hold) return absl::OkStatus();
  return absl::DataLossError(
      absl::StrCat(name_, ": the runs are not those that its header counts"));
}

absl::StatusOr<std::vector<SavedEntry>> IndexFile::SavedDirectory() const {
  ASSIGN_OR_RETURN(
      const std::string bytes,
      ReadBody(header_.saved_directory_at(), uint64_t{header_.saved_count} * kSavedEntryBytes));
  auto entries = DecodeSavedDirectory(bytes, header_);
  if (!entries.ok()) return InFile(entries.status());
  return entries;
}

absl::StatusOr<std::optional<SavedSection>> IndexFile::Saved(absl::string_view name) const {
  ASSIGN_OR_RETURN(const std::vector<SavedEntry> entries, SavedDirectory());
  for (const SavedEntry& entry : entries) {
    if (entry.name != name) continue;
    ASSIGN_OR_RETURN(std::string bytes,
                     ReadBody(header_.saved_bytes_at() + entry.begin, entry.bytes));
    return SavedSection{.kind = entry.kind, .bytes = std::move(bytes)};
  }
  return std::nullopt;
}

absl::Status IndexFile::VerifyEntries(const QueueRun& run) const {
  std::array<IndexEntry, kIndexBlockBytes / kIndexEntryBytes> buffer;
  std::optional<uint32_t> before;
  for (uint32_t index = 0; index < run.count;) {
    const size_t count = std::min<size_t>(buffer.size(), run.count - index);
    const auto entries = absl::MakeSpan(buffer).first(count);
    RETURN_IF_ERROR(ReadEntries(run, index, entries));
    for (const IndexEntry& entry : entries) {
      if (entry.is_hole()) continue;
      if (before && entry.position_word <= *before) {
        return absl::DataLossError(absl::StrCat(name_, ": run of queue ", run.queue_number,
                                                ": its entries are not in the log's order"));
      }
      before = entry.position_word;
    }
    index += static_cast<uint32_t>(count);
  }
  return absl::OkStatus();
}

std::vector<absl::Status> IndexFile::FindDamage() const {
  std::vector<absl::Status> found;
  for (uint64_t i = 0; i < table_.size(); ++i) {
    if (absl::Status status = ReadBlock(i).status(); !status.ok()) found.push_back(status);
  }
  if (!found.empty()) return found;
  if (absl::Status status = VerifyAll(); !status.ok()) found.push_back(status);
  return found;
}

absl::Status IndexFile::VerifyAll() const {
  ASSIGN_OR_RETURN(const std::string start, ReadStart());
  ASSIGN_OR_RETURN(const IndexHeader header, HeaderIn(start));
  RETURN_IF_ERROR(ReadTable(start).status());
  ASSIGN_OR_RETURN(const FileStatus status, file_->Stat());
  if (header != header_ || status.size != header_.file_bytes()) {
    return absl::DataLossError(absl::StrCat(name_, ": it has changed since it was opened"));
  }
  // What is in the cache has the checksums of the table too, so that the second look may use it.
  for (uint64_t i = 0; i < table_.size(); ++i) RETURN_IF_ERROR(ReadBlock(i).status());
  std::optional<uint32_t> first_queue;
  RETURN_IF_ERROR(ForEachRun([&](const QueueRun& run) {
    if (!first_queue) first_queue = run.queue_number;
    return VerifyEntries(run);
  }));
  if (first_queue && *first_queue != header_.first_queue) {
    return absl::DataLossError(absl::StrCat(name_, ": the first queue is ", *first_queue,
                                            ", its header names ", header_.first_queue));
  }
  RETURN_IF_ERROR(VerifySamples());
  RETURN_IF_ERROR(VerifyKeys());
  return SavedDirectory().status();
}

}  // namespace weir::internal
