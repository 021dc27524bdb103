// A file that lies in memory and only there: the index file that a reading process computes for
// itself, because it must not write.

#ifndef WEIR_INDEX_BYTES_FILE_H_
#define WEIR_INDEX_BYTES_FILE_H_

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "weir/file_system.h"

namespace weir::internal {

class BytesFile final : public File {
 public:
  explicit BytesFile(std::string bytes) : bytes_(std::move(bytes)) {}

  absl::StatusOr<size_t> Read(uint64_t offset, absl::Span<char> out) override {
    const absl::string_view rest =
        absl::string_view(bytes_).substr(std::min<uint64_t>(offset, bytes_.size()), out.size());
    if (!rest.empty()) std::memcpy(out.data(), rest.data(), rest.size());
    return rest.size();
  }
  absl::StatusOr<FileStatus> Stat() override {
    FileStatus status;
    status.size = bytes_.size();
    return status;
  }
  absl::Status Write(uint64_t, absl::Span<const absl::string_view>) override { return ReadOnly(); }
  absl::Status Sync() override { return ReadOnly(); }
  absl::Status Allocate(uint64_t) override { return ReadOnly(); }
  absl::Status Truncate(uint64_t) override { return ReadOnly(); }
  absl::Status TryLock() override { return ReadOnly(); }
  absl::Status ProbeLock() override { return ReadOnly(); }

 private:
  static absl::Status ReadOnly() {
    return absl::FailedPreconditionError("a file in memory is only read");
  }

  const std::string bytes_;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_BYTES_FILE_H_
