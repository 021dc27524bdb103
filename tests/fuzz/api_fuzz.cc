// The bytes are a program of calls; see ApiProgram.

#include "fuzz/api_program.h"
#include "fuzz/fuzz_input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // Longer programs find what shorter ones find, later.
  constexpr size_t kProgramBytesMax = 1024;
  weir::testing::ApiProgram({data, std::min(size, kProgramBytesMax)}).Run();
  weir::testing::RequirePromisesKept();
  return 0;
}
