#include "support/opened_image.h"

#include <utility>

#include "absl/time/time.h"

namespace weir::testing {

OpenedImage::OpenedImage(const CrashImage& image, const SubjectShape& shape)
    : shape_(shape.WithoutWorkers()), disk_(image) {
  // An hour later.
  clock_.Advance(absl::Hours(1));
  // A wait that nothing ends ends all the same.
  clock_.AdvanceAtEveryLook(absl::Microseconds(100));
}

absl::Status OpenedImage::Open() {
  absl::StatusOr<Subject> subject = Subject::Open(shape_, &disk_, &clock_);
  if (subject.ok()) subject_ = *std::move(subject);
  return subject.status();
}

uint64_t OpenedImage::End() {
  disk_.SetHook(nullptr);
  disk_.Kill();
  subject_.Destroy();
  return disk_.open_handles();
}

}  // namespace weir::testing
