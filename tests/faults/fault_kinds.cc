#include "faults/fault_kinds.h"

#include <array>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "io/posix_status.h"

namespace weir::testing {
namespace {

struct Error {
  const char* name;
  int number;
};

constexpr Error kErrors[] = {{"EIO", EIO},      {"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT},
                             {"EINTR", EINTR},  {"EMFILE", EMFILE}, {"EROFS", EROFS},
                             {"ESTALE", ESTALE}};
constexpr Error kNoMemory = {"ENOMEM", ENOMEM};

class Kinds {
 public:
  explicit Kinds(OperationKind kind) {
    for (const Error& error : kErrors) Add(error, "", {});
    const bool maps = kind == OperationKind::kCreateShared || kind == OperationKind::kOpenShared ||
                      kind == OperationKind::kCreatePrivate;
    if (maps) Add(kNoMemory, "", {});
    const bool transfers = kind == OperationKind::kRead || kind == OperationKind::kWrite;
    if (transfers) {
      // All but nothing, and nothing but all.
      Add(kErrors[0], " after a sector", {.sectors_written = 1});
      Add(kErrors[0], " at the end", {.sectors_written = 1 << 20});
    }
    if (kind == OperationKind::kWrite) {
      Add(kErrors[1], " after a sector", {.sectors_written = 1});
    }
    if (kind == OperationKind::kSync || kind == OperationKind::kSyncDirectory) {
      for (const Error& error : {kErrors[0], kErrors[1], kErrors[2]}) {
        Add(error, ", pages dropped", {.pages = PagesAfterFailure::kDropped});
        if (kind == OperationKind::kSync) {
          Add(error, ", pages reverted", {.pages = PagesAfterFailure::kReverted});
        }
      }
    }
  }

  std::vector<FaultKind> Take() { return std::move(kinds_); }

 private:
  void Add(const Error& error, const char* how, Fault fault) {
    const absl::Status status = internal::PosixStatus("injected", "call", error.number);
    fault.code = status.code();
    fault.reason = std::string(status.message());
    kinds_.push_back({absl::StrCat(error.name, how, ", once"), fault});
    fault.times = Fault::kForEver;
    kinds_.push_back({absl::StrCat(error.name, how, ", for ever"), fault});
  }

  std::vector<FaultKind> kinds_;
};

}  // namespace

const std::vector<FaultKind>& FaultKindsOf(OperationKind kind) {
  static const auto* const all = [] {
    auto* const kinds = new std::array<std::vector<FaultKind>, kOperationKinds>;
    for (int i = 0; i < kOperationKinds; ++i) {
      (*kinds)[static_cast<size_t>(i)] = Kinds(static_cast<OperationKind>(i)).Take();
    }
    return kinds;
  }();
  return (*all)[static_cast<size_t>(kind)];
}

bool MayEndWriting(OperationKind kind, const Fault& fault) {
  const bool heals = fault.code == absl::StatusCode::kResourceExhausted ||
                     fault.code == absl::StatusCode::kUnavailable;
  if (heals) return false;
  return fault.times == Fault::kForEver || kind == OperationKind::kSyncDirectory;
}

bool MayTakeFromDead(bool front_is_private, const Fault& fault) {
  return front_is_private && fault.pages == PagesAfterFailure::kReverted;
}

}  // namespace weir::testing
