#include "workspace.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace weir::bench {
namespace {

std::string MakeFreshDirectory(const std::string& parent) {
  std::error_code error;
  std::filesystem::create_directories(parent, error);
  if (error) Fail(absl::StrCat("mkdir ", parent), absl::UnavailableError(error.message()));
  std::string path = absl::StrCat(parent, "/weir-bench-XXXXXX");
  if (mkdtemp(path.data()) == nullptr) {
    Fail(absl::StrCat("mkdtemp ", path), absl::ErrnoToStatus(errno, ""));
  }
  return path;
}

}  // namespace

void Fail(absl::string_view what, const absl::Status& status) {
  fprintf(stderr, "weir_bench: %.*s: %s\n", static_cast<int>(what.size()), what.data(),
          status.ToString().c_str());
  exit(1);
}

Workspace::Workspace(const std::string& parent)
    : directory_(MakeFreshDirectory(parent)), owner_(getpid()) {}

Workspace::~Workspace() {
  std::error_code ignored;  // what cannot be removed stays, and its name says whose it was
  if (getpid() == owner_) std::filesystem::remove_all(directory_, ignored);
}

std::string Workspace::NewPath() { return absl::StrCat(directory_, "/", ++paths_); }

StoreOptions OptionsFor(const std::string& directory) {
  StoreOptions options{.directory = directory};
  if (std::filesystem::is_directory("/dev/shm")) options.front_directory = "/dev/shm";
  return options;
}

BenchStore::BenchStore(const StoreOptions& options)
    : directory_(options.directory), store_(Must("open", MessageStore::Open(options))) {}

BenchStore::~BenchStore() {
  Must("close", store_->Close());
  store_.reset();
  std::error_code ignored;  // the workspace removes the rest
  std::filesystem::remove_all(directory_, ignored);
}

void BenchStore::WaitUntilSealed() {
  Settle();
  const int64_t give_up = NowNanos() + 30'000'000'000;
  for (;;) {
    const StoreInfo info = store_->Info();
    size_t unsealed = 0;
    for (const SegmentInfo& segment : info.segments) {
      const bool is_used = segment.begin < info.end;  // not one prepared ahead
      if (is_used && (!segment.is_sealed || !segment.has_index)) ++unsealed;
    }
    if (unsealed <= 1) return;
    if (NowNanos() > give_up) {
      Fail("sealing", absl::DeadlineExceededError(absl::StrCat(unsealed, " segments unsealed")));
    }
    absl::SleepFor(absl::Milliseconds(10));
  }
}

uint64_t DiskBytes(const std::string& directory) {
  uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    struct stat status;
    if (entry.is_regular_file() && stat(entry.path().c_str(), &status) == 0) {
      bytes += static_cast<uint64_t>(status.st_blocks) * 512;
    }
  }
  return bytes;
}

}  // namespace weir::bench
