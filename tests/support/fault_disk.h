// The disk below FaultFileSystem: directories and files as processes see them, and beside that
// what a power loss would leave. A value: a copy costs a few pointers and lives for itself.
//
// Directory operations are durable when their directory was synced after them. Until then they
// stand in one list in the order of their calls, and after a power loss any of them may have
// happened or not, as long as each can be applied where it stands: what was never created cannot
// be renamed. A rename is atomic. A move is two operations, one in each directory, and the source
// is never left without the target having been entered: the file may be in both, never nowhere.

#ifndef WEIR_TESTS_SUPPORT_FAULT_DISK_H_
#define WEIR_TESTS_SUPPORT_FAULT_DISK_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "support/disk_file.h"
#include "support/loss_plan.h"

namespace weir::testing {

class FaultDisk {
 public:
  static constexpr uint64_t kRoot = 1;

  FaultDisk();

  // --- Directories. All names are single components; `directory` is an inode number.

  // The directory at `path` ("/" or "" is the root), kNotFound if there is none.
  absl::StatusOr<uint64_t> FindDirectory(absl::string_view path) const;
  absl::StatusOr<uint64_t> MakeDirectory(uint64_t directory, absl::string_view name);

  // The inode of a name, or 0.
  uint64_t Find(uint64_t directory, absl::string_view name) const;
  bool IsDirectory(uint64_t inode) const { return directories_.count(inode) != 0; }
  std::vector<std::string> List(uint64_t directory) const;  // files, special ones left out

  absl::StatusOr<uint64_t> CreateFile(uint64_t directory, absl::string_view name);
  absl::Status Link(uint64_t directory, absl::string_view name, uint64_t file);
  absl::Status Move(uint64_t directory, absl::string_view from, uint64_t target,
                    absl::string_view to);
  absl::Status Remove(uint64_t directory, absl::string_view name);
  void SyncDirectory(uint64_t directory);
  // The sync failed. With pages dropped, a later one says OK and does nothing for what is pending
  // now, until another operation makes the directory dirty again.
  void FailSyncDirectory(uint64_t directory, PagesAfterFailure pages);
  void SyncEverything();

  // --- Files

  bool HasFile(uint64_t inode) const { return files_.count(inode) != 0; }
  const DiskFile& file(uint64_t inode) const { return files_.at(inode)->file; }
  DiskFile& MutableFile(uint64_t inode);  // shared with no copy of this disk
  uint64_t links(uint64_t inode) const;
  bool is_special(uint64_t inode) const;
  void MakeSpecial(uint64_t inode);  // a FIFO, a link: something that is no regular file
  // Bytes taken by all linked files, in whole pages.
  uint64_t used_bytes() const;
  // Forgets files that neither a directory, a pending operation nor `is_open(inode)` knows.
  template <typename IsOpen>
  void Collect(IsOpen is_open);

  // --- Power loss

  size_t pending_operations() const { return pending_.size(); }
  std::vector<LossPlan> LossPlans(const LossPlanLimits& limits) const;
  FaultDisk AfterPowerLoss(const LossPlan& plan) const;

  // Calls `visit(path, file or nullptr for directories and special files)` in the order of the
  // names.
  template <typename Visitor>
  void Visit(Visitor visit) const {
    VisitDirectory(kRoot, "", visit);
  }

 private:
  struct FileNode {
    DiskFile file;
    uint64_t links = 0;
    bool is_special = false;
  };
  using Entries = std::map<std::string, uint64_t, std::less<>>;
  struct DirectoryNode {
    Entries entries;  // as processes see it
    Entries durable;
  };
  struct DirectoryOperation {
    enum class Kind : uint8_t { kEnter, kLeave, kRename };
    Kind kind = Kind::kEnter;
    uint64_t id = 0;
    uint64_t directory = 0;
    std::string name;
    std::string to;  // kRename
    uint64_t inode = 0;
    uint64_t needs = 0;       // the operation without which this one cannot have happened; 0: none
    bool is_synced = false;   // its own directory was synced, but not that of what it needs
    bool is_dropped = false;  // the directory's sync failed behind it, and its page is clean
  };

  DirectoryNode& MutableDirectory(uint64_t inode);
  uint64_t Append(DirectoryOperation operation);
  bool IsPending(uint64_t id) const;
  static bool Apply(const DirectoryOperation& operation, Entries& entries);
  void AddLink(uint64_t inode, int change);
  void CopyReachable(uint64_t directory, const std::map<uint64_t, Entries>& entries,
                     const LossPlan& plan, FaultDisk& after) const;
  FileNode LoseFile(uint64_t inode, const LossPlan& plan) const;
  Sector Filling(uint64_t inode, uint64_t sector, const LossPlan& plan) const;

  template <typename Visitor>
  void VisitDirectory(uint64_t directory, const std::string& path, Visitor& visit) const {
    for (const auto& [name, inode] : directories_.at(directory)->entries) {
      const std::string child = path + "/" + name;
      if (IsDirectory(inode)) {
        visit(child, static_cast<const DiskFile*>(nullptr));
        VisitDirectory(inode, child, visit);
      } else {
        visit(child, is_special(inode) ? nullptr : &file(inode));
      }
    }
  }

  // Nodes are shared with copies of this disk until one of them changes.
  std::map<uint64_t, std::shared_ptr<FileNode>> files_;
  std::map<uint64_t, std::shared_ptr<DirectoryNode>> directories_;
  std::vector<DirectoryOperation> pending_;  // in the order of the calls
  uint64_t next_inode_ = kRoot + 1;
  uint64_t next_operation_ = 1;
  uint64_t last_written_ = 0;  // the inode of the last write
};

template <typename IsOpen>
void FaultDisk::Collect(IsOpen is_open) {
  for (auto node = files_.begin(); node != files_.end();) {
    const uint64_t inode = node->first;
    bool is_known = node->second->links != 0 || is_open(inode);
    for (const DirectoryOperation& operation : pending_) {
      is_known = is_known || operation.inode == inode;
    }
    node = is_known ? std::next(node) : files_.erase(node);
  }
}

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_FAULT_DISK_H_
