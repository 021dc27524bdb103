#include "format/state_record.h"

#include "base/bytes.h"
#include "format/record.h"

namespace weir::internal {
namespace {

size_t BodyBytes(absl::string_view name, size_t entries_bytes) {
  return 1 + name.size() + entries_bytes;
}

}  // namespace

uint32_t StateRecordBytes(absl::string_view name, size_t entries_bytes) {
  return static_cast<uint32_t>(RecordBytes(/*parts_bytes=*/0, BodyBytes(name, entries_bytes)));
}

void StampState(char* record, uint32_t bytes, int64_t time) {
  WriteStamp(record, {.bytes = bytes, .type = RecordType::kState, .store_time = time});
}

int32_t FillState(char* record, LogPosition position, uint64_t incarnation,
                  const StateRecord& state) {
  const size_t body_bytes = BodyBytes(state.name, state.entries.size());
  ByteWriter body(WriteParts(record, {}, /*filter=*/0, static_cast<uint32_t>(body_bytes)));
  body.Put(static_cast<uint8_t>(state.name.size()));
  body.PutBytes(state.name);
  body.PutBytes(state.entries);
  return Seal(record, position, incarnation);
}

std::optional<StateRecord> DecodeState(const char* record) {
  const std::optional<DecodedParts> parts = DecodeParts(record);
  if (!parts) return std::nullopt;
  ByteReader reader(parts->body);
  StateRecord state;
  state.name = reader.TakeBytes(reader.Take<uint8_t>());
  state.entries = reader.TakeBytes(reader.remaining());
  if (!reader.ok() || state.name.empty() || state.name.size() > kStateNameBytesMax) {
    return std::nullopt;
  }
  return state;
}

}  // namespace weir::internal
