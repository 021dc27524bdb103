#include "base/promise.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"

namespace weir::internal {
namespace {

// Wherever the host has our sources.
absl::string_view PlaceInLibrary(absl::string_view file) {
  const size_t library = file.rfind("lib/");
  return library == absl::string_view::npos ? file : file.substr(library);
}

}  // namespace

constinit thread_local const Promise* broken_promise = nullptr;

void Break(const Promise& promise) {
  if (broken_promise == nullptr) broken_promise = &promise;
}

absl::Status Broken() {
  if (broken_promise == nullptr) return absl::OkStatus();
  const Promise& promise = *broken_promise;
  return absl::InternalError(absl::StrCat(PlaceInLibrary(promise.file), ":", promise.line,
                                          ": broken promise: ", promise.condition));
}

absl::Status TakeBroken() {
  absl::Status broken = Broken();
  ForgetBroken();
  return broken;
}

}  // namespace weir::internal
