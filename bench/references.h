// The reference loops: the least that each kind of work costs on this machine at this moment. Every
// row of the table is a ratio to one of them, measured in turns with it.
//
// They know nothing of the store, except that the record checksum is the same XXH3.

#ifndef WEIR_BENCH_REFERENCES_H_
#define WEIR_BENCH_REFERENCES_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"

namespace weir::bench {

// Message bodies, one after the other: the same sequence for reference and store.
class Bodies final {
 public:
  // Sizes between the two, both included; 64 of them in mixed order, repeated.
  Bodies(size_t bytes_min, size_t bytes_max);

  absl::string_view Next() {
    const size_t bytes = sizes_[next_++ % sizes_.size()];
    return absl::string_view(text_.data(), bytes);
  }
  double MeanBytes() const;

 private:
  std::string text_;
  std::array<size_t, 64> sizes_;
  size_t next_ = 0;
};

// Bytes of a file, mapped, every page touched: warm. The file is a memfd: a file on disk would
// fault again after each writeback of its pages, and flatter everybody who is compared with it.
class WarmMapping final {
 public:
  explicit WarmMapping(size_t bytes);
  ~WarmMapping();
  WarmMapping(const WarmMapping&) = delete;
  WarmMapping& operator=(const WarmMapping&) = delete;

  char* data() const { return data_; }

 private:
  const size_t bytes_;
  char* data_;
};

// ref_append: memcpy and one release store into a warm, file-backed mapping, no checksum. As large
// as the store's default front, so that caches and TLB see the same.
class RefAppend final {
 public:
  explicit RefAppend(Bodies bodies) : bodies_(std::move(bodies)) {}

  void operator()() {
    const absl::string_view body = bodies_.Next();
    char* at = ring_.data() + (position_ & (kRingBytes - 1));
    const size_t bytes = (sizeof(uint64_t) + body.size() + 7) & ~size_t{7};
    memcpy(at + sizeof(uint64_t), body.data(), body.size());
    std::atomic_ref(*reinterpret_cast<uint64_t*>(at)).store(bytes, std::memory_order_release);
    position_ += bytes;
  }

 private:
  static constexpr size_t kRingBytes = size_t{32} << 20;
  static constexpr size_t kSlackBytes = size_t{1} << 20;  // the last one may stand over the end

  WarmMapping ring_{kRingBytes + kSlackBytes};
  Bodies bodies_;
  uint64_t position_ = 0;
};

// memcpy bandwidth: the same bodies copied back to back into the same kind of memory.
class RefCopy final {
 public:
  explicit RefCopy(Bodies bodies) : bodies_(std::move(bodies)) {}

  void operator()() {
    const absl::string_view body = bodies_.Next();
    memcpy(ring_.data() + (position_ & (kRingBytes - 1)), body.data(), body.size());
    position_ += body.size();
  }

 private:
  static constexpr size_t kRingBytes = size_t{32} << 20;
  static constexpr size_t kSlackBytes = size_t{1} << 20;

  WarmMapping ring_{kRingBytes + kSlackBytes};
  Bodies bodies_;
  uint64_t position_ = 0;
};

// ref_sync: pwrite of 4 KiB and fdatasync, on a file that was written before from end to end.
class RefSync final {
 public:
  explicit RefSync(const std::string& path);
  ~RefSync();
  RefSync(const RefSync&) = delete;
  RefSync& operator=(const RefSync&) = delete;

  void operator()();

 private:
  static constexpr size_t kPageBytes = 4096;
  static constexpr size_t kFileBytes = size_t{16} << 20;

  int file_;
  size_t offset_ = 0;
  const std::string page_ = std::string(kPageBytes, 'p');
};

// ref_read: walks records in memory from one to the next and checksums each.
class RefRead final {
 public:
  // Appends a copy of one record.
  void Add(const char* record, size_t bytes);
  // Visits all records; returns something that depends on every byte.
  uint64_t Walk() const;
  size_t count() const { return count_; }

 private:
  std::vector<char> records_;  // each: 8 bytes of length, then the record
  size_t count_ = 0;
};

// ref_miss: one dependent load from 256 MiB.
class RefMiss final {
 public:
  RefMiss();

  void operator()() { at_ = lines_[at_].next; }
  // Depends on every load made, so that none can be left out.
  uint64_t at() const { return at_; }

 private:
  struct alignas(64) Line {
    uint64_t next;
  };
  std::vector<Line> lines_;
  uint64_t at_ = 0;
};

}  // namespace weir::bench

#endif  // WEIR_BENCH_REFERENCES_H_
