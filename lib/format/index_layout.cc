#include "format/index_layout.h"

#include <algorithm>
#include <bit>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/checksum.h"
#include "base/mutant.h"

namespace weir::internal {
namespace {

constexpr uint64_t kMagic = 0x31584449'52494557;          // "WEIRIDX1"
constexpr uint64_t kMagicReversed = 0x57454952'49445831;  // as a big-endian machine would write it
// Of the flags.
constexpr uint8_t kIsIncomplete = 1;
constexpr size_t kChecksumAt = kIndexHeaderBytes - sizeof(uint64_t);

// Where the fields of a run lie.
constexpr size_t kRunQueue = 0;      // u32
constexpr size_t kRunCount = 4;      // u32
constexpr size_t kRunFirst = 8;      // u64
constexpr size_t kRunEntries = 16;   // u64
constexpr size_t kRunDepth = 24;     // u32
constexpr size_t kRunReserved = 28;  // u32, zero
constexpr size_t kRunPrevious = 32;  // link: u64 segment begin, u64 first offset
constexpr size_t kRunJump = 48;      // link
static_assert(kRunJump + 16 == kQueueRunBytes);

void AppendLink(std::string& to, const RunLink& link) {
  AppendValue(to, link.segment_begin.value());
  AppendValue(to, link.first.value());
}

RunLink DecodeLink(const char* bytes) {
  return {LogPosition(Load<uint64_t>(bytes)), QueueOffset(Load<uint64_t>(bytes + 8))};
}

// Whether all bytes of `bytes` are zero.
bool IsZero(absl::string_view bytes) {
  return std::all_of(bytes.begin(), bytes.end(), [](char c) { return c == '\0'; });
}

absl::string_view FaultOf(const IndexIdentity& identity) {
  if (identity.segment_begin.value() % 8 != 0) return "segment begins at no multiple of 8";
  if (identity.segment_end <= identity.segment_begin) return "segment ends before it begins";
  if (identity.segment_end - identity.segment_begin > kIndexedSegmentBytesMax) {
    return "segment too large";
  }
  if (identity.records_end < identity.segment_begin ||
      identity.records_end > identity.segment_end || identity.records_end.value() % 8 != 0) {
    return "records end outside the segment";
  }
  return {};
}

absl::string_view FaultOf(const IndexHeader& header) {
  if (const auto fault = FaultOf(header.identity); !fault.empty()) return fault;
  if (header.first_store_time > header.last_store_time) return "store times go backwards";
  const uint64_t stretches =
      (header.identity.segment_end - header.identity.segment_begin) / kSampledBytes + 1;
  if (header.sample_count > stretches) return "more time samples than stretches of the segment";
  if (header.sample_count == 0 && (header.first_store_time != 0 || header.last_store_time != 0)) {
    return "store times without a sample";
  }
  if (header.sample_count == 0 && header.key_count != 0) return "keys without a message";
  if (const auto fault = FaultOf(header.filter, header.key_count); !fault.empty()) return fault;
  if (header.entry_count < header.run_count) return "fewer entries than runs";
  if (header.run_count == 0 && header.entry_count != 0) return "entries without a run";
  if (header.run_count == 0 ? header.first_queue != 0 || header.last_queue != 0
                            : header.last_queue < header.first_queue ||
                                  header.last_queue - header.first_queue < header.run_count - 1) {
    return "more runs than queues";
  }
  if (header.saved_count > kSavedSectionsMax) return "too many saved sections";
  if (header.saved_count == 0 && header.saved_bytes != 0) return "saved bytes without a section";
  // One by one first: their sum could overflow.
  if (header.entry_count > kIndexFileBytesMax || header.saved_bytes > kIndexFileBytesMax ||
      header.file_bytes() > kIndexFileBytesMax) {
    return "larger than any index file";
  }
  return {};
}

absl::string_view FaultOf(const QueueRun& run, const IndexHeader& header) {
  const RunLink& previous = run.links.previous;
  const RunLink& jump = run.links.jump;
  if (run.queue_number < header.first_queue || run.queue_number > header.last_queue) {
    return "queue outside the header's bounds";
  }
  if (run.count == 0) return "no entries";
  if (run.first.value() > ~uint64_t{0} - run.count) return "queue offsets overflow";
  if (run.entries_begin > header.entry_count ||
      run.count > header.entry_count - run.entries_begin) {
    return "reaches behind the entries";
  }
  if (previous.exists() != (run.links.depth > 0)) return "link and depth disagree";
  if (previous.exists() &&
      (previous.segment_begin >= header.identity.segment_begin || previous.first >= run.first)) {
    return "link to the previous run leads forward";
  }
  if (!jump.exists() || jump == previous) return {};
  if (!previous.exists() || jump.segment_begin >= previous.segment_begin ||
      jump.first >= previous.first) {
    return "jump leads forward";
  }
  return {};
}

}  // namespace

uint64_t IndexChecksum(absl::string_view bytes) { return Checksum(bytes, kMagic); }

std::string EncodeIndexHeader(const IndexHeader& header) {
  const IndexIdentity& identity = header.identity;
  std::string bytes;
  AppendValue(bytes, kMagic);
  AppendValue(bytes, kIndexFormatVersion);
  AppendValue(bytes, kIndexBlockBytes);
  bytes.append(reinterpret_cast<const char*>(identity.store.data()), identity.store.size());
  AppendValue(bytes, identity.segment_begin.value());
  AppendValue(bytes, identity.segment_end.value());
  AppendValue(bytes, identity.records_end.value());
  AppendValue(bytes, identity.incarnation);
  AppendValue(bytes, identity.incarnations_digest);
  AppendValue(bytes, header.first_store_time);
  AppendValue(bytes, header.last_store_time);
  AppendValue(bytes, header.run_count);
  AppendValue(bytes, header.saved_count);
  AppendValue(bytes, header.entry_count);
  AppendValue(bytes, header.saved_bytes);
  AppendValue(bytes, header.first_queue);
  AppendValue(bytes, header.last_queue);
  AppendValue(bytes, header.table_checksum);
  AppendValue(bytes, header.hash_seed);
  AppendValue(bytes, header.key_count);
  AppendValue(bytes, header.sample_count);
  AppendValue(bytes, header.filter.begins);
  AppendValue(bytes, header.filter.seed);
  AppendValue(bytes, header.filter.shift);
  AppendValue(bytes, header.is_incomplete ? kIsIncomplete : uint8_t{0});
  AppendValue(bytes, IndexChecksum(bytes));
  return bytes;
}

absl::StatusOr<IndexHeader> DecodeIndexHeader(absl::string_view bytes) {
  if (bytes.size() < kIndexHeaderBytes) return absl::DataLossError("header at +0: cut short");
  ByteReader reader(bytes.substr(0, kIndexHeaderBytes));
  const auto magic = reader.Take<uint64_t>();
  if (magic == kMagicReversed) return absl::InvalidArgumentError("index of another byte order");
  if (magic != kMagic) return absl::DataLossError("header at +0: not an index file");
  const auto stored = Load<uint64_t>(bytes.data() + kChecksumAt);
  const uint64_t computed = IndexChecksum(bytes.substr(0, kChecksumAt));
  if (stored != computed && !Without(Protection::kIndexHeaderChecksum)) {
    return absl::DataLossError(absl::StrCat("header at +0: checksum ", absl::Hex(computed),
                                            ", stored ", absl::Hex(stored)));
  }
  if (const auto version = reader.Take<uint32_t>(); version != kIndexFormatVersion) {
    return absl::InvalidArgumentError(
        absl::StrCat("index of format ", version, "; this library knows ", kIndexFormatVersion));
  }
  const auto block_bytes = reader.Take<uint32_t>();
  IndexHeader header;
  IndexIdentity& identity = header.identity;
  const absl::string_view store = reader.TakeBytes(identity.store.size());
  std::copy(store.begin(), store.end(), identity.store.begin());
  identity.segment_begin = LogPosition(reader.Take<uint64_t>());
  identity.segment_end = LogPosition(reader.Take<uint64_t>());
  identity.records_end = LogPosition(reader.Take<uint64_t>());
  identity.incarnation = reader.Take<uint64_t>();
  identity.incarnations_digest = reader.Take<uint64_t>();
  header.first_store_time = reader.Take<int64_t>();
  header.last_store_time = reader.Take<int64_t>();
  header.run_count = reader.Take<uint32_t>();
  header.saved_count = reader.Take<uint32_t>();
  header.entry_count = reader.Take<uint64_t>();
  header.saved_bytes = reader.Take<uint64_t>();
  header.first_queue = reader.Take<uint32_t>();
  header.last_queue = reader.Take<uint32_t>();
  header.table_checksum = reader.Take<uint64_t>();
  header.hash_seed = reader.Take<uint64_t>();
  header.key_count = reader.Take<uint32_t>();
  header.sample_count = reader.Take<uint32_t>();
  header.filter.begins = reader.Take<uint32_t>();
  header.filter.seed = reader.Take<uint16_t>();
  header.filter.shift = reader.Take<uint8_t>();
  const auto flags = reader.Take<uint8_t>();
  header.is_incomplete = (flags & kIsIncomplete) != 0;
  const absl::string_view fault = (flags & ~kIsIncomplete) != 0     ? "unknown flags"
                                  : block_bytes != kIndexBlockBytes ? "unknown size of blocks"
                                                                    : FaultOf(header);
  if (!fault.empty()) return absl::DataLossError(absl::StrCat("header at +0: ", fault));
  return header;
}

void AppendEntries(std::string& to, absl::Span<const IndexEntry> entries) {
  // IndexEntry in memory is the entry on disk: bytes.h asserts the byte order.
  to.append(reinterpret_cast<const char*>(entries.data()), entries.size() * kIndexEntryBytes);
}

void DecodeEntries(absl::string_view bytes, absl::Span<IndexEntry> out) {
  std::memcpy(out.data(), bytes.data(), out.size() * kIndexEntryBytes);
}

absl::string_view FaultOf(const IndexEntry& entry, const IndexIdentity& identity) {
  if (entry.is_hole()) return {};
  if (uint64_t{entry.position_word} * 8 >= identity.records_end - identity.segment_begin) {
    return "entry leads behind the records of the segment";
  }
  return {};
}

absl::string_view FaultOf(const TimeSample& sample, const TimeSample* before,
                          const IndexHeader& header) {
  const IndexIdentity& identity = header.identity;
  if (sample.position(identity.segment_begin) >= identity.records_end) {
    return "time sample leads behind the records of the segment";
  }
  if (sample.reserved != 0) return "reserved bytes are used";
  if (sample.store_time < header.first_store_time || sample.store_time > header.last_store_time) {
    return "time sample outside the header's bounds";
  }
  if (before != nullptr &&
      (sample.position_word <= before->position_word || sample.store_time < before->store_time)) {
    return "time samples are not in the log's order";
  }
  return {};
}

absl::string_view FaultOf(KeyEntry entry, const KeyEntry* before, const IndexHeader& header) {
  const IndexIdentity& identity = header.identity;
  if (uint64_t{entry.position_word()} * 8 >= identity.records_end - identity.segment_begin) {
    return "key leads behind the records of the segment";
  }
  if (before != nullptr && entry <= *before) return "keys are not in order";
  return {};
}

uint32_t JumpDepth(uint32_t depth) {
  uint32_t rest = depth;
  uint32_t digit = 0;  // of weight 2^k - 1
  while (rest > 0) {
    digit = static_cast<uint32_t>(std::bit_floor(uint64_t{rest} + 1) - 1);
    rest -= digit;
  }
  return depth - digit;
}

void AppendRun(std::string& to, const QueueRun& run) {
  AppendValue(to, run.queue_number);
  AppendValue(to, run.count);
  AppendValue(to, run.first.value());
  AppendValue(to, run.entries_begin);
  AppendValue(to, run.links.depth);
  AppendValue(to, uint32_t{0});
  AppendLink(to, run.links.previous);
  AppendLink(to, run.links.jump);
}

absl::StatusOr<QueueRun> DecodeRun(absl::string_view bytes, const IndexHeader& header) {
  const char* at = bytes.data();
  QueueRun run;
  run.queue_number = Load<uint32_t>(at + kRunQueue);
  run.count = Load<uint32_t>(at + kRunCount);
  run.first = QueueOffset(Load<uint64_t>(at + kRunFirst));
  run.entries_begin = Load<uint64_t>(at + kRunEntries);
  run.links.depth = Load<uint32_t>(at + kRunDepth);
  run.links.previous = DecodeLink(at + kRunPrevious);
  run.links.jump = DecodeLink(at + kRunJump);
  const absl::string_view fault =
      Load<uint32_t>(at + kRunReserved) != 0 ? "reserved bytes are used" : FaultOf(run, header);
  if (!fault.empty()) {
    return absl::DataLossError(absl::StrCat("run of queue ", run.queue_number, ": ", fault));
  }
  return run;
}

uint32_t DecodeRunQueue(const char* bytes) { return Load<uint32_t>(bytes + kRunQueue); }

bool IsSavedName(absl::string_view name) {
  return !name.empty() && name.size() <= kSavedNameBytesMax &&
         name.find('\0') == absl::string_view::npos;
}

void AppendSavedEntry(std::string& to, const SavedEntry& entry) {
  to.append(entry.name);
  to.append(kSavedNameBytesMax - entry.name.size(), '\0');
  AppendValue(to, entry.bytes);
  AppendValue(to, static_cast<uint32_t>(entry.kind));
  AppendValue(to, uint32_t{0});
}

absl::StatusOr<std::vector<SavedEntry>> DecodeSavedDirectory(absl::string_view bytes,
                                                             const IndexHeader& header) {
  ByteReader reader(bytes);
  std::vector<SavedEntry> entries;
  uint64_t begin = 0;
  for (uint32_t i = 0; i < header.saved_count; ++i) {
    const absl::string_view padded = reader.TakeBytes(kSavedNameBytesMax);
    SavedEntry entry{.name = std::string(padded.substr(0, padded.find('\0'))), .begin = begin};
    entry.bytes = reader.Take<uint64_t>();
    const auto kind = reader.Take<uint32_t>();
    const auto reserved = reader.Take<uint32_t>();
    entry.kind = static_cast<SavedKind>(kind);
    const bool is_new = std::none_of(entries.begin(), entries.end(), [&](const SavedEntry& other) {
      return other.name == entry.name;
    });
    if (!reader.ok() || !IsSavedName(entry.name) || !is_new ||
        !IsZero(padded.substr(entry.name.size())) || reserved != 0 ||
        (entry.kind != SavedKind::kFull && entry.kind != SavedKind::kChange) ||
        entry.bytes > header.saved_bytes - begin) {
      return absl::DataLossError(absl::StrCat("saved section ", i, ": not a sane entry"));
    }
    begin += entry.bytes;
    entries.push_back(std::move(entry));
  }
  if (begin != header.saved_bytes) {
    return absl::DataLossError(absl::StrCat("saved sections hold ", begin, " bytes, the header ",
                                            "names ", header.saved_bytes));
  }
  return entries;
}

}  // namespace weir::internal
