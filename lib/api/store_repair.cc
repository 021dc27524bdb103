#include <algorithm>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "api/new_directory.h"
#include "api/store_parts.h"
#include "api/verification.h"
#include "base/bytes.h"
#include "base/guarded.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/directory_lock.h"
#include "log/header_faults.h"
#include "log/header_guess.h"
#include "log/log_salvage.h"
#include "log/superblock_file.h"
#include "log/superblock_guess.h"
#include "store/follower.h"
#include "store/salvaged_queues.h"
#include "weir/repair.h"

namespace weir {

using internal::Follower;
using internal::LogSalvage;
using internal::SalvagedQueues;
using internal::ScannedRecord;
using internal::StandIn;
using internal::Superblock;
using internal::SuperblockFile;

namespace {

bool IsOfIndex(const VerifyFinding& finding) {
  return internal::ParseIndexFileName(finding.file).has_value();
}

class Repair {
 public:
  explicit Repair(RepairOptions options) : options_(std::move(options)) {
    if (options_.new_directory.empty()) {
      absl::string_view plain = options_.directory;
      while (plain.size() > 1 && absl::EndsWith(plain, "/")) plain.remove_suffix(1);
      options_.new_directory = absl::StrCat(plain, ".repaired");
    }
  }

  absl::StatusOr<RepairReport> Run();

 private:
  StoreOptions OptionsFor(const std::string& directory) const;
  absl::Status CheckIsStore();
  absl::Status Hold();
  absl::StatusOr<Superblock> FindSuperblock();
  absl::StatusOr<std::unique_ptr<Follower>> OpenAtRest(bool may_write);
  absl::Status RebuildIndexFiles();
  absl::Status Salvage();
  absl::Status MakeCopy(LogSalvage& salvage, std::list<StandIn> stand_ins);
  absl::Status WriteCopy(Directory& target, LogSalvage& salvage, std::list<StandIn>* stand_ins);
  absl::Status CheckCopy();
  void TellQueues(const SalvagedQueues& queues);

  RepairOptions options_;
  std::unique_ptr<Directory> directory_;
  std::unique_ptr<internal::DirectoryLock> lock_;
  Superblock superblock_;
  bool is_guessed_ = false;  // the superblock is
  std::unique_ptr<Follower> store_;
  RepairReport report_;
};

StoreOptions Repair::OptionsFor(const std::string& directory) const {
  return {.directory = directory,
          .create_if_missing = false,
          .background = Background::kManual,
          .front_directory = "private",
          .file_system = options_.file_system,
          .clock = options_.clock};
}

absl::Status Repair::CheckIsStore() {
  ASSIGN_OR_RETURN(const std::vector<std::string> names, directory_->List());
  const bool is_store = std::any_of(names.begin(), names.end(), [](const std::string& name) {
    return internal::ParseSegmentFileName(name) || internal::ParseSuperblockFileName(name);
  });
  if (is_store) return absl::OkStatus();
  return absl::NotFoundError(absl::StrCat("there is no store in ", options_.directory));
}

// Nobody may write meanwhile. A dry run does not even write its process id.
absl::Status Repair::Hold() {
  if (!options_.dry_run) {
    ASSIGN_OR_RETURN(lock_, internal::DirectoryLock::Take(*options_.file_system, *directory_));
    return absl::OkStatus();
  }
  ASSIGN_OR_RETURN(const std::optional<std::string> holder,
                   internal::DirectoryLock::Holder(*directory_));
  if (!holder) return absl::OkStatus();
  return absl::UnavailableError(
      absl::StrCat("another writer has the store open: process ", *holder));
}

absl::StatusOr<Superblock> Repair::FindSuperblock() {
  const absl::StatusOr<std::unique_ptr<SuperblockFile>> file =
      SuperblockFile::Load(*directory_, OpenMode::kRead);
  if (file.ok() && *file != nullptr) {
    Superblock found = (*file)->current();
    ASSIGN_OR_RETURN(const auto faults, internal::SuperblockFaults(*directory_));
    if (!faults.empty()) internal::GuessFront(*options_.file_system, *directory_, &found);
    return found;
  }
  // No superblock at all looks to Load() like a file of somebody else; a newer format does not.
  if (!file.ok() && !internal::IsUnreadable(file.status())) return file.status();
  ASSIGN_OR_RETURN(const bool is_foreign, internal::HasForeignSuperblock(*directory_));
  if (is_foreign) return file.status();
  is_guessed_ = true;
  report_.notes.push_back(
      "no superblock is whole: how far the log was durable, and whether the store was closed, is "
      "not known");
  return internal::GuessSuperblock(*options_.file_system, *directory_);
}

absl::StatusOr<std::unique_ptr<Follower>> Repair::OpenAtRest(bool may_write) {
  StoreOptions options = OptionsFor(options_.directory);
  options.read_only = true;
  return Follower::OpenAtRest(options, superblock_, may_write);
}

absl::StatusOr<RepairReport> Repair::Run() {
  ASSIGN_OR_RETURN(directory_, options_.file_system->OpenDirectory(options_.directory,
                                                                   /*create=*/false));
  RETURN_IF_ERROR(CheckIsStore());
  RETURN_IF_ERROR(Hold());
  ASSIGN_OR_RETURN(superblock_, FindSuperblock());
  ASSIGN_OR_RETURN(store_, OpenAtRest(/*may_write=*/false));
  // Where a guessed log begins, its topics may know better: their records are never dropped.
  LogPosition begin = superblock_.log_begin;
  for (const Topic::Entry* const topic : store_->catalogue().All()) {
    begin = std::min(begin, store_->log().segments().BeginOf(topic->created));
  }
  if (is_guessed_ && begin < superblock_.log_begin) {
    superblock_.log_begin = begin;
    ASSIGN_OR_RETURN(store_, OpenAtRest(/*may_write=*/false));
  }
  const RecoveryReport& opened = store_->report();
  ASSIGN_OR_RETURN(report_.found,
                   internal::VerifyStore(store_->view(), store_->catalogue(), store_->indexer(),
                                         opened, internal::Verifier::kReader));
  report_.notes.insert(report_.notes.end(), opened.notes.begin(), opened.notes.end());
  if (opened.dropped_bytes > 0) {
    report_.notes.push_back(absl::StrCat(
        "behind a hole that a power loss left, ", opened.dropped_records, " records in ",
        opened.dropped_bytes, " bytes do not belong to the log; the next open sets them aside"));
  }
  const std::vector<VerifyFinding>& findings = report_.found.findings;
  report_.needs_copy = std::any_of(
      findings.begin(), findings.end(),
      [](const VerifyFinding& finding) { return !finding.is_final && !IsOfIndex(finding); });
  if (report_.needs_copy) {
    RETURN_IF_ERROR(Salvage());
  } else {
    RETURN_IF_ERROR(RebuildIndexFiles());
  }
  return std::move(report_);
}

// --- In place

absl::Status Repair::RebuildIndexFiles() {
  // Those behind the last of them are still to be sealed, by the next writer.
  LogPosition end;
  for (const VerifyFinding& finding : report_.found.findings) {
    if (!IsOfIndex(finding)) continue;
    end = std::max(end, finding.position + superblock_.segment_bytes);
    if (!report_.rebuilt.empty() && report_.rebuilt.back() == finding.file) continue;
    report_.rebuilt.push_back(finding.file);
  }
  if (options_.dry_run || report_.rebuilt.empty()) return absl::OkStatus();
  ASSIGN_OR_RETURN(const std::unique_ptr<Follower> writing, OpenAtRest(/*may_write=*/true));
  RETURN_IF_ERROR(writing->RebuildIndexFiles(end));
  // What counts is what the next open will find.
  ASSIGN_OR_RETURN(store_, OpenAtRest(/*may_write=*/false));
  ASSIGN_OR_RETURN(const VerifyReport after,
                   internal::VerifyStore(store_->view(), store_->catalogue(), store_->indexer(),
                                         store_->report(), internal::Verifier::kReader));
  for (const VerifyFinding& finding : after.findings) {
    if (!IsOfIndex(finding)) continue;
    report_.lost.push_back(finding);
    report_.rebuilt.erase(std::remove(report_.rebuilt.begin(), report_.rebuilt.end(), finding.file),
                          report_.rebuilt.end());
  }
  return absl::OkStatus();
}

// --- Into a new directory

absl::Status Repair::Salvage() {
  report_.new_directory = options_.new_directory;
  internal::Segments& segments = store_->log().segments();
  ASSIGN_OR_RETURN(std::vector<uint64_t> incarnations,
                   internal::KnownIncarnations(segments, superblock_));
  LogSalvage salvage(&store_->view(), std::move(incarnations), superblock_.log_begin,
                     store_->view().ContiguousVisibleEnd());
  SalvagedQueues queues(
      &store_->catalogue(), superblock_.log_begin == LogPosition(0), [this](uint32_t number) {
        return store_->queues().has(number) ? store_->reader().Bounds(number) : QueueBounds{};
      });
  RETURN_IF_ERROR(salvage.Walk(
      [&](const ScannedRecord& record, uint64_t) -> absl::Status {
        ++report_.records;
        report_.bytes += record.header.type == internal::RecordType::kGroup
                             ? internal::kRecordHeaderBytes
                             : record.header.bytes();
        if (internal::IsLostRange(record.header)) {
          report_.lost.push_back({.file = internal::FileAt(segments, record.position),
                                  .position = record.position,
                                  .end = record.end(),
                                  .what = "was lost before",
                                  .is_final = true});
        }
        queues.Apply(record);
        return absl::OkStatus();
      },
      [&](const DamagedRange& range) -> absl::Status {
        report_.lost.push_back({.file = internal::FileAt(segments, range.begin),
                                .position = range.begin,
                                .end = range.end,
                                .what = range.reason});
        return absl::OkStatus();
      }));
  queues.Finish();
  TellQueues(queues);
  if (options_.dry_run) return absl::OkStatus();
  return MakeCopy(salvage, queues.StandIns());
}

void Repair::TellQueues(const SalvagedQueues& queues) {
  report_.messages = queues.messages();
  report_.journal_records = queues.journal_records();
  for (const auto& [number, queue] : queues.queues()) {
    const Topic::Entry* const topic = store_->catalogue().OfQueue(number);
    RepairedQueue told{.topic = topic == nullptr ? "" : topic->name,
                       .queue_id = topic == nullptr ? number : number - topic->first_queue,
                       .messages = queue.messages,
                       .first = QueueOffset(queue.first),
                       .end = QueueOffset(queue.end)};
    for (const auto& [from, to] : queue.lost) {
      told.lost.emplace_back(QueueOffset(from), QueueOffset(to));
    }
    report_.queues.push_back(std::move(told));
  }
}

absl::Status Repair::MakeCopy(LogSalvage& salvage, std::list<StandIn> stand_ins) {
  ASSIGN_OR_RETURN(internal::NewDirectory target,
                   internal::NewDirectory::Make(*options_.file_system, options_.new_directory,
                                                options_.directory));
  RETURN_IF_ERROR(WriteCopy(*target, salvage, &stand_ins));
  RETURN_IF_ERROR(CheckCopy());
  target.Keep();
  if (!stand_ins.empty()) {
    report_.notes.push_back(
        absl::StrCat(stand_ins.size(),
                     " records that were to keep the names of topics and the ends of queues "
                     "found no room in the lost ranges"));
  }
  return absl::OkStatus();
}

absl::Status Repair::WriteCopy(Directory& target, LogSalvage& salvage,
                               std::list<StandIn>* stand_ins) {
  FileSystem& file_system = *options_.file_system;
  Superblock copy;
  internal::Store(reinterpret_cast<char*>(copy.store.data()), file_system.RandomBits());
  internal::Store(reinterpret_cast<char*>(copy.store.data()) + 8, file_system.RandomBits());
  copy.segment_bytes = superblock_.segment_bytes;
  copy.hash_seed = file_system.RandomBits();
  copy.sequence = 1;
  copy.durable_incarnation = superblock_.durable_incarnation;
  copy.incarnation = superblock_.incarnation;
  copy.next_incarnation = file_system.RandomBits();
  copy.is_clean = true;
  copy.last_sync = superblock_.last_sync;
  ASSIGN_OR_RETURN(copy, salvage.CopyTo(target, copy, stand_ins));
  copy.last_store_time = std::max(copy.last_store_time, superblock_.last_store_time);
  // The last thing: without a superblock it is no store.
  return SuperblockFile::Create(target, copy).status();
}

// A copy that does not open, or that has another fault than what is marked lost, is none. The
// opening makes its index files, too.
absl::Status Repair::CheckCopy() {
  StoreOptions options = OptionsFor(options_.new_directory);
  options.read_only = report_.queues.empty();  // a journal has no index files
  ASSIGN_OR_RETURN(const std::unique_ptr<MessageStore> store, MessageStore::Open(options));
  ASSIGN_OR_RETURN(const VerifyReport report, store->Verify());
  for (const VerifyFinding& finding : report.findings) {
    if (finding.is_final || IsOfIndex(finding)) continue;
    return absl::InternalError(absl::StrCat("the copy in ", options_.new_directory,
                                            " is damaged: ", finding.file, " at ",
                                            finding.position.value(), ": ", finding.what));
  }
  if (report.messages != report_.messages) {
    return absl::InternalError(absl::StrCat("the copy in ", options_.new_directory, " has ",
                                            report.messages, " messages instead of ",
                                            report_.messages));
  }
  return store->Close();
}

}  // namespace

absl::StatusOr<RepairReport> RepairStore(const RepairOptions& given) {
  return internal::Answer(internal::TakeBroken, [&]() -> absl::StatusOr<RepairReport> {
    internal::OutOfMemory();  // made while there is some
    RepairOptions options = given;
    if (options.file_system == nullptr) options.file_system = FileSystem::Posix();
    if (options.clock == nullptr) options.clock = Clock::System();
    return Repair(std::move(options)).Run();
  });
}

}  // namespace weir
