// Reads single records by position: copies from the front, verified views of cached blocks below.

#ifndef WEIR_LOG_RECORD_READER_H_
#define WEIR_LOG_RECORD_READER_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "log/front.h"
#include "log/read_memory.h"
#include "log/segments.h"

namespace weir::internal {

enum class Found : uint8_t {
  kRecord,
  kUnpublished,  // claimed and not yet published, or not even claimed
  kNotHere,      // of the front: it is in the files
  kDropped,      // retention took it
  kDamaged,
};

// Where the newest records can be copied from.
class FrontReader {
 public:
  virtual ~FrontReader() = default;
  // kRecord: `record` is a copy in `memory`, not yet verified.
  virtual Found Copy(LogPosition position, ReadMemory& memory, const char** record) = 0;
  // What seeds the newest records, and, slower, what seeds the one at `position`.
  virtual uint64_t CurrentIncarnation() const = 0;
  virtual uint64_t IncarnationAt(LogPosition position) = 0;
  // Files are whole up to here.
  virtual LogPosition written_end() const = 0;
  // No copy is made until the next call of Copy().
  virtual void Rest() {}
};

// Of this process's own front. Holds a reader slot for at most kCopyBytesMax of copies.
class OwnFrontReader final : public FrontReader {
 public:
  OwnFrontReader(Front& front, Segments& segments) : front_(front), segments_(segments) {}
  Found Copy(LogPosition position, ReadMemory& memory, const char** record) override;
  uint64_t CurrentIncarnation() const override { return front_.incarnation(); }
  uint64_t IncarnationAt(LogPosition position) override;
  LogPosition written_end() const override { return front_.written_end(); }
  void Rest() override { guard_.reset(); }

 private:
  static constexpr size_t kCopyBytesMax = size_t{64} << 10;
  Front& front_;
  Segments& segments_;
  std::optional<ReaderSlots::Guard> guard_;
  LogPosition safe_begin_;  // front_begin when the slot was taken
  size_t copied_ = 0;
};

// For one read by one thread. `why` texts are only made when something is wrong.
class RecordReader {
 public:
  RecordReader(FrontReader& front, Segments& segments, ReadMemory& memory)
      : front_(front), segments_(segments), memory_(memory) {}

  // Reads and verifies the record that begins at `position`. An error is what the file system
  // said. After kDamaged, why() says what is wrong.
  absl::StatusOr<Found> Read(LogPosition position, const char** record) {
    if (ReadBlock(position, record)) return Found::kRecord;
    return ReadElsewhere(position, record);
  }
  // Files are looked up anew.
  void Forget() {
    file_ = nullptr;
    block_ = nullptr;
  }
  const std::string& why() const { return why_; }
  // Of the last kDamaged: the device did not give the bytes. Nothing that lasts may be concluded.
  bool is_unread() const { return is_unread_; }

 private:
  // Blocks are small enough that a single read does not cost much more than its record.
  static constexpr uint64_t kBlockBytes = uint64_t{32} << 10;

  // Most records are read behind one another out of one block. What does not verify there is looked
  // at anew, in the front too.
  bool ReadBlock(LogPosition position, const char** record) const {
    if (block_ == nullptr || position < block_begin_) return false;
    const uint64_t at = position - block_begin_;
    if (at + kRecordHeaderBytes > block_->size) return false;
    const char* const bytes = block_->bytes.get() + at;
    if (!Verify(bytes, block_->size - at, position, file_->IncarnationAt(position))) return false;
    *record = bytes;
    return true;
  }
  absl::StatusOr<Found> ReadElsewhere(LogPosition position, const char** record);
  absl::StatusOr<Found> ReadFile(LogPosition position, const char** record);
  absl::StatusOr<const char*> Bytes(LogPosition position, uint64_t bytes);
  absl::Status LoadBlock(uint64_t index);

  FrontReader& front_;
  Segments& segments_;
  ReadMemory& memory_;
  std::shared_ptr<SegmentFile> file_;
  std::shared_ptr<const Block> block_;
  uint64_t block_index_ = 0;
  LogPosition block_begin_;
  std::string why_;
  bool is_unread_ = false;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_RECORD_READER_H_
