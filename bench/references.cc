#include "references.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <numeric>
#include <random>

#include "absl/status/status.h"
#include "base/checksum.h"
#include "workspace.h"

namespace weir::bench {

Bodies::Bodies(size_t bytes_min, size_t bytes_max) {
  std::mt19937_64 random(1);
  for (size_t i = 0; i < bytes_max; ++i) text_.push_back(static_cast<char>('a' + random() % 26));
  for (size_t i = 0; i < sizes_.size(); ++i) {
    sizes_[i] = bytes_min + (bytes_max - bytes_min) * i / (sizes_.size() - 1);
  }
  std::shuffle(sizes_.begin(), sizes_.end(), random);
}

double Bodies::MeanBytes() const {
  const size_t sum = std::accumulate(sizes_.begin(), sizes_.end(), size_t{0});
  return static_cast<double>(sum) / static_cast<double>(sizes_.size());
}

WarmMapping::WarmMapping(size_t bytes) : bytes_(bytes) {
  const int file = memfd_create("weir_bench", MFD_CLOEXEC);
  if (file < 0 || ftruncate(file, static_cast<off_t>(bytes)) != 0) {
    Fail("memfd", absl::ErrnoToStatus(errno, "creating"));
  }
  void* data = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, file, 0);
  if (data == MAP_FAILED) Fail("memfd", absl::ErrnoToStatus(errno, "mapping"));
  close(file);
  data_ = static_cast<char*>(data);
  memset(data_, 1, bytes);
}

WarmMapping::~WarmMapping() { munmap(data_, bytes_); }

RefSync::RefSync(const std::string& path)
    : file_(open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600)) {
  if (file_ < 0) Fail(path, absl::ErrnoToStatus(errno, "creating"));
  for (size_t written = 0; written < kFileBytes; written += kPageBytes) {
    if (pwrite(file_, page_.data(), kPageBytes, static_cast<off_t>(written)) != kPageBytes) {
      Fail(path, absl::ErrnoToStatus(errno, "writing"));
    }
  }
  if (fsync(file_) != 0) Fail(path, absl::ErrnoToStatus(errno, "syncing"));
}

RefSync::~RefSync() { close(file_); }

void RefSync::operator()() {
  if (pwrite(file_, page_.data(), kPageBytes, static_cast<off_t>(offset_)) != kPageBytes ||
      fdatasync(file_) != 0) {
    Fail("ref_sync", absl::ErrnoToStatus(errno, "writing"));
  }
  offset_ = (offset_ + kPageBytes) % kFileBytes;
}

void RefRead::Add(const char* record, size_t bytes) {
  const uint64_t length = bytes;
  const char* length_bytes = reinterpret_cast<const char*>(&length);
  records_.insert(records_.end(), length_bytes, length_bytes + sizeof(length));
  records_.insert(records_.end(), record, record + bytes);
  ++count_;
}

uint64_t RefRead::Walk() const {
  uint64_t sum = 0;
  for (size_t at = 0; at < records_.size();) {
    uint64_t length;
    memcpy(&length, records_.data() + at, sizeof(length));
    sum += internal::Checksum(records_.data() + at + sizeof(length), length, /*seed=*/at);
    at += sizeof(length) + length;
  }
  return sum;
}

RefMiss::RefMiss() : lines_((size_t{256} << 20) / sizeof(Line)) {
  // One cycle through all lines in random order (Sattolo): no load can be made before the last
  // one has answered, and no prefetcher guesses it.
  std::vector<uint64_t> order(lines_.size());
  std::iota(order.begin(), order.end(), uint64_t{0});
  std::mt19937_64 random(2);
  for (size_t i = order.size() - 1; i > 0; --i) std::swap(order[i], order[random() % i]);
  for (size_t i = 0; i < lines_.size(); ++i) lines_[i].next = order[i];
}

}  // namespace weir::bench
