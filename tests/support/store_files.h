// Which names a store gives to its files.

#ifndef WEIR_TESTS_SUPPORT_STORE_FILES_H_
#define WEIR_TESTS_SUPPORT_STORE_FILES_H_

#include "absl/strings/match.h"
#include "absl/strings/string_view.h"
#include "format/file_names.h"

namespace weir::testing {

// In its directory.
inline bool IsStoreFile(absl::string_view name) {
  return name == internal::kLockFileName || internal::ParseSuperblockFileName(name) ||
         internal::ParseSegmentFileName(name) || internal::ParseIndexFileName(name) ||
         internal::IsTemporaryName(name);
}

// In shared memory: of a front, or of the doorbells beside it.
inline bool IsFrontName(absl::string_view name) { return absl::StartsWith(name, "weir-"); }

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_STORE_FILES_H_
