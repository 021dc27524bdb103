// Makes a program of a filter's expression; weir/filter.h has the language.

#ifndef WEIR_STORE_FILTER_COMPILER_H_
#define WEIR_STORE_FILTER_COMPILER_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "store/filter_program.h"

namespace weir::internal {

absl::StatusOr<FilterProgram> CompileFilter(absl::string_view expression);

}  // namespace weir::internal

#endif  // WEIR_STORE_FILTER_COMPILER_H_
