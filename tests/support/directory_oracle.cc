#include "support/directory_oracle.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "format/file_names.h"
#include "support/store_files.h"
#include "weir/store.h"

namespace weir::testing {
namespace {

namespace fs = std::filesystem;
using Kind = Violation::Kind;

// That a path is what the store makes, and for nobody else.
void CheckPath(const fs::path& path, bool is_file, Verdict& verdict) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return;  // gone meanwhile
  const mode_t type = is_file ? S_IFREG : S_IFDIR;
  const mode_t permissions = is_file ? 0600 : 0700;
  if ((status.st_mode & S_IFMT) != type || (status.st_mode & 07777) != permissions ||
      status.st_uid != geteuid()) {
    verdict.Add(Kind::kFiles, absl::StrCat(path.string(), " has mode ", absl::Hex(status.st_mode),
                                           " and owner ", status.st_uid));
  }
}

std::vector<std::string> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code ignored;  // there is none, so nothing is in it
  for (const auto& entry : fs::directory_iterator(directory, ignored)) {
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

// In the parent of the store's directory, without that.
std::vector<std::string> NamesBeside(const fs::path& directory) {
  std::vector<std::string> names = NamesIn(directory.parent_path());
  std::erase(names, directory.filename().string());
  return names;
}

}  // namespace

DirectoryOracle::DirectoryOracle(StoreOptions options, const SendHistory& history,
                                 const Expectation& expectation)
    : options_(std::move(options)), history_(history), expectation_(expectation) {
  options_.background = Background::kManual;
  expectation_.is_just_opened = true;
}

Verdict DirectoryOracle::ExamineAll() const {
  const std::vector<std::string> beside = NamesBeside(options_.directory);
  Service service;
  Verdict verdict;
  {
    auto store = MessageStore::Open(options_);
    if (!store.ok()) return Refused(store.status(), expectation_);
    verdict = Examine(**store, history_, expectation_);
    CheckOneWriter(verdict);
    CheckFiles(verdict);
    service.Ask(**store, verdict);
    const absl::Status closed = (*store)->Close();
    if (!closed.ok()) verdict.Add(Kind::kBroken, absl::StrCat("Close: ", closed.ToString()));
  }
  CheckAgain("opened again", Kind::kRecovery, service, verdict);
  RemoveIndexFiles();
  // What is made once for the process has been made.
  const ProcessResources before = ProcessResources::Now();
  CheckAgain("computed from the log", Kind::kDerived, service, verdict);
  CheckReleased(before, verdict);
  CheckFiles(verdict);
  if (NamesBeside(options_.directory) != beside) {
    verdict.Add(Kind::kFiles, absl::StrCat("something is new beside ", options_.directory));
  }
  return verdict;
}

void DirectoryOracle::CheckAgain(const std::string& when, Violation::Kind kind,
                                 const Service& service, Verdict& verdict) const {
  const auto store = MessageStore::Open(options_);
  if (!store.ok()) {
    return verdict.Add(kind, absl::StrCat(when, ": Open: ", store.status().ToString()));
  }
  Verdict again = Examine(**store, history_, expectation_);
  if (!(*store)->recovery().was_clean) again.Add(kind, "closed, and not clean");
  CheckSame(verdict, history_, kind, again);
  if (again.derived != verdict.derived) again.Add(kind, "other bounds or totals than before");
  service.LookFor(**store, again);
  const absl::Status closed = (*store)->Close();
  if (!closed.ok()) again.Add(Kind::kBroken, absl::StrCat("Close: ", closed.ToString()));
  verdict.Add(when, again.violations);
}

void DirectoryOracle::CheckOneWriter(Verdict& verdict) const {
  const auto second = MessageStore::Open(options_);
  if (absl::IsUnavailable(second.status())) return;
  verdict.Add(Kind::kWriter, absl::StrCat("a second writer is told: ", second.status().ToString()));
}

void DirectoryOracle::CheckFiles(Verdict& verdict) const {
  const fs::path directory = options_.directory;
  CheckPath(directory, /*is_file=*/false, verdict);
  for (const std::string& name : NamesIn(directory)) {
    const bool is_quarantine = name == internal::kQuarantineName;
    CheckPath(directory / name, !is_quarantine, verdict);
    if (!is_quarantine && !IsStoreFile(name)) {
      verdict.Add(Kind::kFiles, absl::StrCat(name, " is none of the store's files"));
    }
  }
  const fs::path quarantine = directory / std::string(internal::kQuarantineName);
  for (const std::string& name : NamesIn(quarantine)) {
    CheckPath(quarantine / name, /*is_file=*/true, verdict);
  }
  for (const std::string& name : NamesIn(options_.front_directory)) {
    CheckPath(fs::path(options_.front_directory) / name, /*is_file=*/true, verdict);
    if (!IsFrontName(name)) {
      verdict.Add(Kind::kFiles, absl::StrCat(name, " is no front of the store"));
    }
  }
}

void DirectoryOracle::CheckReleased(const ProcessResources& before, Verdict& verdict) {
  ProcessResources now = ProcessResources::Now();
  now.threads = ProcessResources::Threads(before.threads);
  const std::string excess = now.Excess(before);
  if (!excess.empty()) verdict.Add(Kind::kLeak, absl::StrCat("not given back: ", excess));
}

void DirectoryOracle::RemoveIndexFiles() const {
  for (const std::string& name : NamesIn(options_.directory)) {
    if (!internal::ParseIndexFileName(name)) continue;
    std::error_code ignored;  // then it is not computed again, and nothing is learnt from it
    fs::remove(fs::path(options_.directory) / name, ignored);
  }
}

}  // namespace weir::testing
