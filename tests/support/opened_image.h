// A store or a journal on an image, in a process of its own without threads, which ends without
// closing it.

#ifndef WEIR_TESTS_SUPPORT_OPENED_IMAGE_H_
#define WEIR_TESTS_SUPPORT_OPENED_IMAGE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "support/crash_image.h"
#include "support/fault_file_system.h"
#include "support/manual_clock.h"
#include "support/subject.h"

namespace weir::testing {

class OpenedImage {
 public:
  OpenedImage(const CrashImage& image, const SubjectShape& shape);
  ~OpenedImage() { End(); }
  OpenedImage(const OpenedImage&) = delete;
  OpenedImage& operator=(const OpenedImage&) = delete;

  // Whatever is done to the disk before is met by Open().
  absl::Status Open();
  // The process dies. Returns how many handles it leaves behind.
  uint64_t End();

  FaultFileSystem& disk() { return disk_; }
  ManualClock& clock() { return clock_; }
  Subject& subject() { return subject_; }

 private:
  const SubjectShape shape_;
  FaultFileSystem disk_;
  ManualClock clock_;
  Subject subject_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_OPENED_IMAGE_H_
