#include "kernel/injection.h"

#include <algorithm>
#include <initializer_list>
#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir::kernel {
namespace {

bool IsAmong(const std::string& call, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), call) != names.end();
}

// What a call of this name can answer.
std::vector<std::string> ErrorsOf(const std::string& call) {
  if (call == "mmap") return {"ENOMEM", "ENFILE"};
  if (call == "madvise") return {"ENOMEM", "EINVAL"};
  if (call == "munmap") return {};
  std::vector<std::string> errors{"EIO", "ENOSPC"};
  const bool opens = absl::StartsWith(call, "open");
  const bool is_quick = IsAmong(call, {"fstat", "newfstatat", "getdents64", "fchmod", "unlinkat",
                                       "renameat2", "mkdir", "mkdirat", "linkat"});
  if (!is_quick) errors.push_back("EINTR");
  const bool changes =
      opens || IsAmong(call, {"mkdir", "mkdirat", "fchmod", "fsync", "fdatasync", "renameat2",
                              "linkat", "unlinkat", "pwritev", "fallocate", "ftruncate"});
  if (changes) errors.push_back("EROFS");
  if (changes && !IsAmong(call, {"fchmod", "unlinkat"})) errors.push_back("EDQUOT");
  if (opens) errors.insert(errors.end(), {"EMFILE", "ENFILE"});
  return errors;
}

}  // namespace

std::string Injection::text() const {
  switch (kind) {
    case Kind::kError:
      return absl::StrCat(call, ":error=", what, ":when=", index);
    case Kind::kKill:
      return absl::StrCat(call, ":signal=SIGKILL:when=", index);
    case Kind::kShort:
      return absl::StrCat(call, ": ", what, " of the bytes, call ", index, " on the store");
  }
  return "";
}

std::vector<Injection> InjectionsInto(const std::vector<TracedCall>& calls) {
  using Kind = Injection::Kind;
  const auto indices = IndicesOf(calls);
  std::vector<Injection> injections;
  for (size_t depth = 0; depth < calls.size(); ++depth) {
    for (const auto& [call, made] : indices) {
      if (depth >= made.size()) continue;
      for (const std::string& error : ErrorsOf(call)) {
        injections.push_back({Kind::kError, call, error, made[depth]});
      }
      injections.push_back({Kind::kKill, call, "", made[depth]});
      if (!IsAmong(call, {"pwritev", "pread64"})) continue;
      const auto ordinal = static_cast<uint32_t>(depth + 1);
      for (const char* const count : {"one", "half", "most"}) {
        injections.push_back({Kind::kShort, call, count, ordinal});
        // And each of them in one run, once.
        if (depth == 0) injections.push_back({Kind::kShort, call, count, 0});
      }
    }
  }
  return injections;
}

}  // namespace weir::kernel
