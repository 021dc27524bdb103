// A sample store of which some bytes were replaced by hostile ones: opened, read in every way,
// appended to, closed and opened again.

#ifndef WEIR_TESTS_FUZZ_HOSTILE_STORE_H_
#define WEIR_TESTS_FUZZ_HOSTILE_STORE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "flip/sample_store.h"
#include "fuzz/fuzz_input.h"
#include "support/crash_image.h"

namespace weir::testing {

// The sample stores; the same in every run.
const std::vector<SampleStore>& Samples();
const SampleStore& SampleNamed(absl::string_view name);

// A file of the store's directory, as it lies on the disk of the image and is to lie there.
std::string ReadFileOf(const CrashImage& image, const std::string& name);
void WriteFileOf(CrashImage& image, const std::string& name, absl::string_view bytes);

struct Examination {
  // No checksum was made good: every message that is delivered is one of the sample's, in its
  // place.
  bool is_content_known = true;
  // Also read by a reading process, in the order of the log, and verified: slow.
  bool is_thorough = false;
};

void OpenHostile(const SampleStore& sample, const CrashImage& image,
                 const Examination& examination);

}  // namespace weir::testing

#endif  // WEIR_TESTS_FUZZ_HOSTILE_STORE_H_
