#include "index/index_file_writer.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/mutant.h"
#include "base/status_macros.h"
#include "format/file_names.h"

namespace weir::internal {
namespace {

constexpr uint64_t kPieceBytes = uint64_t{1} << 20;  // of one call to the file system

// Samples and keys in memory are those on the disk: bytes.h asserts the byte order.
template <typename T>
absl::string_view BytesOf(const std::vector<T>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T)};
}

absl::Status RemoveIfThere(Directory& directory, const std::string& name) {
  absl::Status removed = directory.Remove(name);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

}  // namespace

absl::Status IndexFileWriter::AddTimes(int64_t first, int64_t last,
                                       absl::Span<const TimeSample> samples) {
  ENSURE(first <= last);
  ENSURE(header_.sample_count == 0);
  header_.first_store_time = first;
  header_.last_store_time = last;
  for (size_t i = 0; i < samples.size(); ++i) {
    ENSURE(FaultOf(samples[i], i == 0 ? nullptr : &samples[i - 1], header_).empty());
  }
  samples_.assign(samples.begin(), samples.end());
  header_.sample_count = static_cast<uint32_t>(samples.size());
  return absl::OkStatus();
}

absl::Status IndexFileWriter::AddKeys(uint64_t hash_seed, std::vector<KeyEntry> keys) {
  ENSURE(keys.size() <= 0xFFFFFFFF);
  std::vector<uint32_t> hashes;
  hashes.reserve(keys.size());
  for (size_t i = 0; i < keys.size(); ++i) {
    ENSURE(FaultOf(keys[i], i == 0 ? nullptr : &keys[i - 1], header_).empty());
    if (hashes.empty() || hashes.back() != keys[i].hash()) hashes.push_back(keys[i].hash());
  }
  KeyFilter filter = BuildKeyFilter(hashes);
  header_.hash_seed = hash_seed;
  header_.key_count = static_cast<uint32_t>(keys.size());
  header_.filter = filter.shape;
  keys_ = std::move(keys);
  filter_ = std::move(filter.slots);
  return absl::OkStatus();
}

absl::Status IndexFileWriter::AddRun(uint32_t queue_number, QueueOffset first,
                                     const RunLinks& links, absl::Span<const IndexEntry> entries) {
  ENSURE(!entries.empty() && entries.size() <= 0xFFFFFFFF);
  ENSURE(header_.run_count == 0 || queue_number > header_.last_queue);
  const QueueRun run{.queue_number = queue_number,
                     .count = static_cast<uint32_t>(entries.size()),
                     .first = first,
                     .entries_begin = header_.entry_count,
                     .links = links};
  const size_t runs_bytes = runs_.size();
  AppendRun(runs_, run);
  AppendEntries(entries_, entries);
  if (header_.run_count == 0) header_.first_queue = queue_number;
  header_.last_queue = queue_number;
  header_.run_count += 1;
  header_.entry_count += entries.size();
  // Nobody would accept the file, and it would be written again and again.
  return DecodeRun(absl::string_view(runs_).substr(runs_bytes), header_).status();
}

absl::Status IndexFileWriter::AddSaved(absl::string_view name, SavedKind kind,
                                       absl::string_view bytes) {
  ENSURE(IsSavedName(name));
  ENSURE(header_.saved_count < kSavedSectionsMax);
  AppendSavedEntry(saved_directory_,
                   {.name = std::string(name), .kind = kind, .bytes = bytes.size()});
  absl::StrAppend(&saved_bytes_, bytes);
  header_.saved_count += 1;
  header_.saved_bytes += bytes.size();
  return DecodeSavedDirectory(saved_directory_, header_).status();
}

std::array<absl::string_view, 7> IndexFileWriter::Body() const {
  return {runs_,   BytesOf(samples_), entries_,    BytesOf(keys_),
          filter_, saved_directory_,  saved_bytes_};
}

IndexFileWriter::Pieces IndexFileWriter::Cut(absl::Span<const absl::string_view> sections,
                                             uint64_t begin, uint64_t size) {
  Pieces pieces;
  for (const absl::string_view section : sections) {
    if (begin >= section.size()) {
      begin -= section.size();
      continue;
    }
    const absl::string_view piece = section.substr(begin, size);
    if (!piece.empty()) pieces.push_back(piece);
    begin = 0;
    size -= piece.size();
  }
  return pieces;
}

std::string IndexFileWriter::Table() const {
  const auto body = Body();
  std::string table;
  std::string block;
  for (uint64_t at = 0; at < header_.body_bytes(); at += kIndexBlockBytes) {
    block.clear();
    for (const absl::string_view piece : Cut(body, at, kIndexBlockBytes)) {
      absl::StrAppend(&block, piece);
    }
    AppendValue(table, IndexChecksum(block));
  }
  return table;
}

absl::StatusOr<std::string> IndexFileWriter::Header(absl::string_view table) const {
  IndexHeader header = header_;
  header.table_checksum = IndexChecksum(table);
  std::string encoded = EncodeIndexHeader(header);
  RETURN_IF_ERROR(DecodeIndexHeader(encoded).status());
  return encoded;
}

absl::StatusOr<std::string> IndexFileWriter::Contents() const {
  const std::string table = Table();
  ASSIGN_OR_RETURN(std::string contents, Header(table));
  absl::StrAppend(&contents, table);
  for (const absl::string_view section : Body()) absl::StrAppend(&contents, section);
  return contents;
}

absl::Status IndexFileWriter::WriteFile(Directory& directory, const std::string& name) const {
  const std::string table = Table();
  ASSIGN_OR_RETURN(const std::string header, Header(table));
  Pieces sections = {header, table};
  const auto body = Body();
  uint64_t body_bytes = 0;
  for (const absl::string_view piece : body) body_bytes += piece.size();
  ENSURE(body_bytes == header_.body_bytes());
  ENSURE(table.size() == header_.table_bytes());
  sections.insert(sections.end(), body.begin(), body.end());
  ASSIGN_OR_RETURN(const std::unique_ptr<File> file, directory.Open(name, OpenMode::kCreate));
  for (uint64_t at = 0; at < header_.file_bytes(); at += kPieceBytes) {
    RETURN_IF_ERROR(file->Write(at, Cut(sections, at, kPieceBytes)));
  }
  return Without(Protection::kIndexFileSync) ? absl::OkStatus() : file->Sync();
}

absl::Status IndexFileWriter::WriteTo(Directory& directory, const std::string& name) const {
  const std::string temporary = TemporaryName(name);
  // Both are removed below if they are there.
  ENSURE(ParseIndexFileName(name) == header_.identity.segment_begin);
  ENSURE(IsTemporaryName(temporary));
  RETURN_IF_ERROR(RemoveIfThere(directory, temporary));
  if (Without(Protection::kIndexTemporary)) {
    RETURN_IF_ERROR(RemoveIfThere(directory, name));
    RETURN_IF_ERROR(WriteFile(directory, name));
    return directory.Sync();
  }
  absl::Status status = WriteFile(directory, temporary);
  if (status.ok()) status = RemoveIfThere(directory, name);
  if (status.ok()) status = directory.Rename(temporary, name);
  if (!status.ok()) {
    // The first error is the one to tell; a file that stays is removed by the next attempt.
    RemoveIfThere(directory, temporary).IgnoreError();
    return status;
  }
  // Without this the name may be lost although the bytes are not. If it fails the file stays: it is
  // whole, and there may be no other for its segment.
  return Without(Protection::kIndexFileName) ? absl::OkStatus() : directory.Sync();
}

}  // namespace weir::internal
