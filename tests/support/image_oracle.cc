#include "support/image_oracle.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "format/file_names.h"
#include "support/store_files.h"

namespace weir::testing {
namespace {

using Kind = Violation::Kind;

constexpr absl::string_view kDirectory = "/store";

// Bytes and calls of an open, at most so many for each byte and each file that is there.
constexpr uint64_t kReadsOfByteMax = 2;
constexpr uint64_t kCallsMax = 100;
constexpr uint64_t kCallsOfFileMax = 10;

}  // namespace

Verdict ExamineImage(const CrashImage& image, const SubjectShape& shape, const SendHistory& history,
                     const Expectation& expectation) {
  const ImageOracle oracle(shape, history, expectation);
  return expectation.opens_again ? oracle.ExamineAll(image) : oracle.Examine(image);
}

Verdict ImageOracle::Examine(const CrashImage& image) const {
  OpenedImage opened(image, shape_);
  const absl::Status status = opened.Open();
  Verdict verdict = status.ok() ? opened.subject().Examine(history_, expectation_)
                                : Refused(status, expectation_);
  CheckReleased(opened.End(), verdict);
  return verdict;
}

Verdict ImageOracle::ExamineAll(const CrashImage& image) const {
  OpenedImage first(image, shape_);
  const absl::Status status = first.Open();
  if (!status.ok()) {
    Verdict verdict = Refused(status, expectation_);
    CheckReleased(first.End(), verdict);
    return verdict;
  }
  const CrashImage opened = first.disk().Freeze();
  const uint64_t calls = first.disk().operations();
  Verdict verdict = first.subject().Examine(history_, expectation_);
  if (expectation_.allows_damage && first.subject().store != nullptr &&
      first.subject().store->Stats().index_files_rebuilt != 0) {
    verdict.tells_anything = true;
  }
  CheckBounded(image, calls, first.subject().recovery().bytes_read, verdict);
  CheckOneWriter(first.disk(), verdict);
  Service service;
  const bool serves =
      first.subject().store != nullptr && first.subject().state() != StoreState::kReadOnly;
  if (serves) service.Ask(*first.subject().store, verdict);
  const CrashImage served = first.disk().Freeze();
  CheckFiles(served, verdict);
  const size_t damaged = first.subject().recovery().damage.size();
  CheckReleased(first.End(), verdict);

  const Service nobody;
  const CrashImage died = opened.ProcessDeath();
  const CrashImage dark = opened.PowerLoss(LossPlan::LoseEverything());
  const auto check_again = [&](const CrashImage& left, const char* when) {
    const auto report = CheckAgain(left, when, Kind::kRecovery, nobody, verdict);
    if (report && expectation_.is_faultless) CheckSettled(*report, when, damaged, verdict);
  };
  check_again(died, "opened twice");
  check_again(dark, "power loss behind Open()");
  // Of a damaged log index files may know more than is left.
  if (serves && verdict.tells_loss) {
    CheckAgain(served.ProcessDeath(), "died behind an append", Kind::kRecovery, service, verdict);
  } else if (serves) {
    CheckAgain(WithoutIndexFiles(served.ProcessDeath()), "computed from the log", Kind::kDerived,
               service, verdict);
  }
  // Where damage may be, both. Else one of the two: how many calls the open made is as good as a
  // lot.
  if (!serves || expectation_.allows_damage || calls % 2 != 0) {
    CheckDeterministic(image, opened, verdict);
  }
  if (serves && (expectation_.allows_damage || calls % 2 == 0)) {
    CheckAgain(served.PowerLoss(LossPlan::LoseEverything()), "power loss behind an append",
               Kind::kRecovery, service, verdict);
  }
  return verdict;
}

std::optional<RecoveryReport> ImageOracle::CheckAgain(const CrashImage& image,
                                                      const std::string& when, Violation::Kind kind,
                                                      const Service& service,
                                                      Verdict& verdict) const {
  OpenedImage opened(image, shape_);
  if (absl::Status status = opened.Open(); !status.ok()) {
    verdict.Add(kind, absl::StrCat(when, ": Open: ", status.ToString()));
    return std::nullopt;
  }
  RecoveryReport report = opened.subject().recovery();
  // What is gone was told of by the first open, and is the same.
  Expectation expectation = expectation_;
  expectation.may_be_silent = true;
  Verdict again = opened.subject().Examine(history_, expectation);
  CheckSame(verdict, history_, kind, again);
  if (again.derived != verdict.derived) again.Add(kind, "other bounds or totals than before");
  if (opened.subject().store != nullptr) service.LookFor(*opened.subject().store, again);
  CheckReleased(opened.End(), again);
  verdict.Add(when, again.violations);
  return report;
}

// What the first recovery found it settled: the second has nothing to cut and nothing to void.
void ImageOracle::CheckSettled(const RecoveryReport& report, const std::string& when,
                               size_t damaged, Verdict& verdict) {
  if (report.dropped_bytes != 0 || report.voided_claims != 0 || report.damage.size() > damaged) {
    verdict.Add(Kind::kRecovery, absl::StrCat(when, ": recovers what was recovered"));
  }
}

void ImageOracle::CheckDeterministic(const CrashImage& image, const CrashImage& opened,
                                     Verdict& verdict) const {
  OpenedImage again(image, shape_);
  if (absl::Status status = again.Open(); !status.ok()) {
    return verdict.Add(Kind::kRecovery, absl::StrCat("opens or not: ", status.ToString()));
  }
  if (again.disk().Freeze().Hash() != opened.Hash()) {
    verdict.Add(Kind::kRecovery, "two opens of one image leave different bytes");
  }
}

void ImageOracle::CheckBounded(const CrashImage& image, uint64_t calls, uint64_t bytes_read,
                               Verdict& verdict) {
  uint64_t files = 0;
  uint64_t bytes = 0;
  image.disk.Visit([&](const std::string&, const DiskFile* file) {
    if (file == nullptr) return;
    ++files;
    bytes += file->size();
  });
  if (bytes_read > kReadsOfByteMax * bytes) {
    verdict.Add(Kind::kRecovery,
                absl::StrCat("the open read ", bytes_read, " of ", bytes, " bytes"));
  }
  if (calls > kCallsMax + kCallsOfFileMax * files) {
    verdict.Add(Kind::kRecovery,
                absl::StrCat("the open made ", calls, " calls with ", files, " files"));
  }
}

void ImageOracle::CheckOneWriter(FaultFileSystem& disk, Verdict& verdict) const {
  const std::unique_ptr<FaultFileSystem> neighbour = disk.AnotherProcess();
  for (FaultFileSystem* const process : {&disk, neighbour.get()}) {
    ManualClock clock;
    const absl::StatusOr<Subject> second = Subject::Open(shape_, process, &clock);
    if (absl::IsUnavailable(second.status())) continue;
    verdict.Add(Kind::kWriter,
                absl::StrCat("a second writer is told: ", second.status().ToString()));
  }
  neighbour->Kill();
}

void ImageOracle::CheckFiles(const CrashImage& image, Verdict& verdict) const {
  image.disk.Visit([&](absl::string_view path, const DiskFile*) {
    absl::string_view name = path;
    if (path == kDirectory) return;
    const std::string& beside = expectation_.beside;
    if (!beside.empty() && (path == beside || absl::StartsWith(path, absl::StrCat(beside, "/")))) {
      return;
    }
    const bool is_inside = absl::ConsumePrefix(&name, absl::StrCat(kDirectory, "/"));
    const bool is_set_aside = name == internal::kQuarantineName ||
                              absl::StartsWith(name, absl::StrCat(internal::kQuarantineName, "/"));
    if (!is_inside || (!is_set_aside && !IsStoreFile(name))) {
      verdict.Add(Kind::kFiles, absl::StrCat(path, " is none of the store's files"));
    }
  });
  for (const auto& [name, memory] : image.shared) {
    if (name.first == shape_.front_directory && IsFrontName(name.second)) continue;
    verdict.Add(Kind::kFiles,
                absl::StrCat(name.first, "/", name.second, " is no front of the store"));
  }
}

void ImageOracle::CheckReleased(uint64_t handles, Verdict& verdict) {
  if (handles != 0) verdict.Add(Kind::kLeak, absl::StrCat(handles, " handles are left behind"));
}

CrashImage WithoutIndexFiles(const CrashImage& image) {
  CrashImage without = image;
  const absl::StatusOr<uint64_t> directory = without.disk.FindDirectory(kDirectory);
  if (!directory.ok()) return without;
  for (const std::string& name : without.disk.List(*directory)) {
    if (!internal::ParseIndexFileName(name)) continue;
    without.disk.Remove(*directory, name).IgnoreError();  // it is there
  }
  without.disk.SyncDirectory(*directory);
  return without;
}

}  // namespace weir::testing
