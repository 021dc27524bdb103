// Opens what a crash left, and asks the oracle: once, or again and again in every way in which an
// image of a store can be opened.

#ifndef WEIR_TESTS_SUPPORT_IMAGE_ORACLE_H_
#define WEIR_TESTS_SUPPORT_IMAGE_ORACLE_H_

#include <optional>
#include <string>

#include "support/crash_image.h"
#include "support/fault_file_system.h"
#include "support/opened_image.h"
#include "support/oracle.h"
#include "support/send_history.h"
#include "support/service.h"
#include "support/subject.h"

namespace weir::testing {

// One open and one examination (oracle.h), and I10. If the expectation says so, further opens: I8,
// I12, I13, I14, and service.
Verdict ExamineImage(const CrashImage& image, const SubjectShape& shape, const SendHistory& history,
                     const Expectation& expectation);

// Its parts. The history must outlive them.
class ImageOracle {
 public:
  ImageOracle(const SubjectShape& shape, const SendHistory& history, const Expectation& expectation)
      : shape_(shape.WithoutWorkers()), history_(history), expectation_(expectation) {
    expectation_.is_just_opened = true;
  }

  Verdict Examine(const CrashImage& image) const;
  Verdict ExamineAll(const CrashImage& image) const;

  // I8 and I12: a store opened on `image` delivers what the verdict says, and what is derived from
  // it is the same too. What its recovery says, if it opened.
  std::optional<RecoveryReport> CheckAgain(const CrashImage& image, const std::string& when,
                                           Violation::Kind kind, const Service& service,
                                           Verdict& verdict) const;
  // I12: a recovery behind another one that found so much damage.
  static void CheckSettled(const RecoveryReport& report, const std::string& when, size_t damaged,
                           Verdict& verdict);
  // I12: an open of `image` leaves the same as the one that left `opened`.
  void CheckDeterministic(const CrashImage& image, const CrashImage& opened,
                          Verdict& verdict) const;
  // I12: an open that made so many calls and read so many bytes was bounded by what is there.
  static void CheckBounded(const CrashImage& image, uint64_t calls, uint64_t bytes_read,
                           Verdict& verdict);
  // I13: while a process has the store nobody else gets it.
  void CheckOneWriter(FaultFileSystem& disk, Verdict& verdict) const;
  // I14: there is nothing on the disk and in shared memory but what belongs to the store.
  void CheckFiles(const CrashImage& image, Verdict& verdict) const;
  // I10.
  static void CheckReleased(uint64_t handles, Verdict& verdict);

 private:
  const SubjectShape shape_;
  const SendHistory& history_;
  Expectation expectation_;
};

// The image without the files that can be computed from the log.
CrashImage WithoutIndexFiles(const CrashImage& image);

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_IMAGE_ORACLE_H_
