#include "support/fault_disk.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "support/random.h"

namespace weir::testing {
namespace {

absl::Status NotFound(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat(name, ": no such file or directory"));
}

absl::Status Taken(absl::string_view name) {
  return absl::AlreadyExistsError(absl::StrCat(name, ": file exists"));
}

// Ours alone, to be changed.
template <typename Node>
Node& Own(std::shared_ptr<Node>& node) {
  if (node.use_count() > 1) node = std::make_shared<Node>(*node);
  return *node;
}

bool Happened(uint64_t mask, size_t ordinal) {
  return (mask >> std::min<size_t>(ordinal, 63) & 1) != 0;
}

}  // namespace

FaultDisk::FaultDisk() { directories_[kRoot] = std::make_shared<DirectoryNode>(); }

absl::StatusOr<uint64_t> FaultDisk::FindDirectory(absl::string_view path) const {
  uint64_t directory = kRoot;
  for (const absl::string_view name : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    directory = Find(directory, name);
    if (directory == 0) return NotFound(path);
    if (!IsDirectory(directory)) {
      return absl::FailedPreconditionError(absl::StrCat(path, ": not a directory"));
    }
  }
  return directory;
}

absl::StatusOr<uint64_t> FaultDisk::MakeDirectory(uint64_t directory, absl::string_view name) {
  if (Find(directory, name) != 0) return Taken(name);
  const uint64_t inode = next_inode_++;
  directories_[inode] = std::make_shared<DirectoryNode>();
  MutableDirectory(directory).entries.emplace(name, inode);
  Append({.directory = directory, .name = std::string(name), .inode = inode});
  return inode;
}

uint64_t FaultDisk::Find(uint64_t directory, absl::string_view name) const {
  const Entries& entries = directories_.at(directory)->entries;
  const auto entry = entries.find(name);
  return entry == entries.end() ? 0 : entry->second;
}

std::vector<std::string> FaultDisk::List(uint64_t directory) const {
  std::vector<std::string> names;
  for (const auto& [name, inode] : directories_.at(directory)->entries) {
    if (!IsDirectory(inode) && !is_special(inode)) names.push_back(name);
  }
  return names;
}

absl::StatusOr<uint64_t> FaultDisk::CreateFile(uint64_t directory, absl::string_view name) {
  const uint64_t inode = next_inode_++;
  files_[inode] = std::make_shared<FileNode>();
  if (absl::Status status = Link(directory, name, inode); !status.ok()) {
    files_.erase(inode);
    return status;
  }
  return inode;
}

absl::Status FaultDisk::Link(uint64_t directory, absl::string_view name, uint64_t file) {
  if (Find(directory, name) != 0) return Taken(name);
  MutableDirectory(directory).entries.emplace(name, file);
  AddLink(file, +1);
  Append({.directory = directory, .name = std::string(name), .inode = file});
  return absl::OkStatus();
}

absl::Status FaultDisk::Move(uint64_t directory, absl::string_view from, uint64_t target,
                             absl::string_view to) {
  const uint64_t inode = Find(directory, from);
  if (inode == 0) return NotFound(from);
  if (Find(target, to) != 0) return Taken(to);
  Entries& entries = MutableDirectory(directory).entries;
  entries.erase(entries.find(from));
  MutableDirectory(target).entries.emplace(to, inode);
  if (directory == target) {
    Append({.kind = DirectoryOperation::Kind::kRename,
            .directory = directory,
            .name = std::string(from),
            .to = std::string(to),
            .inode = inode});
  } else {
    const uint64_t enter = Append({.directory = target, .name = std::string(to), .inode = inode});
    Append({.kind = DirectoryOperation::Kind::kLeave,
            .directory = directory,
            .name = std::string(from),
            .inode = inode,
            .needs = enter});
  }
  return absl::OkStatus();
}

absl::Status FaultDisk::Remove(uint64_t directory, absl::string_view name) {
  const uint64_t inode = Find(directory, name);
  if (inode == 0) return NotFound(name);
  if (IsDirectory(inode)) {
    return absl::FailedPreconditionError(absl::StrCat(name, ": is a directory"));
  }
  Entries& entries = MutableDirectory(directory).entries;
  entries.erase(entries.find(name));
  AddLink(inode, -1);
  Append({.kind = DirectoryOperation::Kind::kLeave,
          .directory = directory,
          .name = std::string(name),
          .inode = inode});
  return absl::OkStatus();
}

void FaultDisk::FailSyncDirectory(uint64_t directory, PagesAfterFailure pages) {
  if (pages == PagesAfterFailure::kKept) return;
  for (DirectoryOperation& operation : pending_) {
    if (operation.directory == directory) operation.is_dropped = true;
  }
}

void FaultDisk::SyncDirectory(uint64_t directory) {
  const bool is_dirty = std::any_of(
      pending_.begin(), pending_.end(), [directory](const DirectoryOperation& operation) {
        return operation.directory == directory && !operation.is_dropped;
      });
  if (!is_dirty) return;
  // What left for another directory that was not synced stays pending, unless a later operation
  // on the same name stands on it: then the whole move is on the disk.
  std::vector<uint64_t> forced;
  for (size_t i = 0; i < pending_.size(); ++i) {
    DirectoryOperation& operation = pending_[i];
    if (operation.directory != directory) continue;
    operation.is_synced = true;
    if (operation.needs == 0) continue;
    for (size_t later = i + 1; later < pending_.size(); ++later) {
      const DirectoryOperation& other = pending_[later];
      const bool is_same_name = other.name == operation.name || other.to == operation.name;
      if (other.directory == directory && is_same_name) forced.push_back(operation.needs);
    }
  }
  for (DirectoryOperation& operation : pending_) {
    if (std::count(forced.begin(), forced.end(), operation.id) != 0) operation.is_synced = true;
  }
  std::vector<DirectoryOperation> still_pending;
  std::swap(still_pending, pending_);
  // An operation's need stands before it, so one pass decides all.
  for (DirectoryOperation& operation : still_pending) {
    if (operation.is_synced && !IsPending(operation.needs)) {
      Apply(operation, MutableDirectory(operation.directory).durable);
    } else {
      pending_.push_back(std::move(operation));
    }
  }
}

void FaultDisk::SyncEverything() {
  for (auto& [inode, node] : files_) MutableFile(inode).Sync();
  for (auto& [inode, node] : directories_) Own(node).durable = node->entries;
  pending_.clear();
}

DiskFile& FaultDisk::MutableFile(uint64_t inode) {
  last_written_ = inode;
  return Own(files_.at(inode)).file;
}

uint64_t FaultDisk::links(uint64_t inode) const {
  return IsDirectory(inode) ? 2 : files_.at(inode)->links;
}

bool FaultDisk::is_special(uint64_t inode) const { return files_.at(inode)->is_special; }

void FaultDisk::MakeSpecial(uint64_t inode) { Own(files_.at(inode)).is_special = true; }

uint64_t FaultDisk::used_bytes() const {
  uint64_t used = 0;
  for (const auto& [inode, node] : files_) {
    if (node->links == 0) continue;
    used += (node->file.size() + PagedBytes::kPageBytes - 1) / PagedBytes::kPageBytes *
            PagedBytes::kPageBytes;
  }
  return used;
}

FaultDisk FaultDisk::AfterPowerLoss(const LossPlan& plan) const {
  std::map<uint64_t, Entries> entries;
  for (const auto& [inode, node] : directories_) entries[inode] = node->durable;
  std::vector<uint64_t> lost;
  for (size_t i = 0; i < pending_.size(); ++i) {
    const DirectoryOperation& operation = pending_[i];
    const bool is_possible = std::count(lost.begin(), lost.end(), operation.needs) == 0;
    if (!is_possible || !Happened(plan.directory_operations, i) ||
        !Apply(operation, entries[operation.directory])) {
      lost.push_back(operation.id);
    }
  }
  FaultDisk after;
  after.next_inode_ = next_inode_;
  CopyReachable(kRoot, entries, plan, after);
  return after;
}

void FaultDisk::CopyReachable(uint64_t directory, const std::map<uint64_t, Entries>& entries,
                              const LossPlan& plan, FaultDisk& after) const {
  const Entries& present = entries.at(directory);
  auto node = std::make_shared<DirectoryNode>();
  node->entries = present;
  node->durable = present;
  after.directories_[directory] = std::move(node);
  for (const auto& [name, inode] : present) {
    if (IsDirectory(inode)) {
      CopyReachable(inode, entries, plan, after);
      continue;
    }
    const auto [copy, is_new] = after.files_.try_emplace(inode);
    if (!is_new) {
      ++Own(copy->second).links;  // a move that is half done
      continue;
    }
    const std::shared_ptr<FileNode>& original = files_.at(inode);
    if (original->file.IsClean() && original->links == 1) {
      copy->second = original;
    } else {
      copy->second = std::make_shared<FileNode>(LoseFile(inode, plan));
    }
  }
}

FaultDisk::FileNode FaultDisk::LoseFile(uint64_t inode, const LossPlan& plan) const {
  const FileNode& node = *files_.at(inode);
  FileNode after{.links = 1, .is_special = node.is_special};

  // Ordinals of plans count the unsynced sectors of all files.
  uint64_t ordinal = 0;
  for (const auto& [other, other_node] : files_) {
    if (other == inode) break;
    if (!other_node->file.IsClean()) ordinal += other_node->file.DirtySectors().size();
  }
  Random random(Random::Mix(plan.seed, inode));
  const uint64_t mood = random.Below(4);  // of this file: all, none, or each sector for itself
  const uint64_t keep_of_8 = random.Between(1, 7);
  const auto sector_state = [&](const DiskFile::DirtySector& sector) -> size_t {
    const size_t newest = sector.states - 1;
    const uint64_t which = ordinal++;
    switch (plan.sectors) {
      case LossPlan::Sectors::kLoseAll:
        return 0;
      case LossPlan::Sectors::kKeepAll:
        return newest;
      case LossPlan::Sectors::kLoseOne:
        // Its version before, not the synced one: what a disk that is a little late would hold.
        return which == plan.which ? newest - 1 : newest;
      case LossPlan::Sectors::kKeepOne:
        return which == plan.which ? newest : 0;
      case LossPlan::Sectors::kTear: {
        const uint64_t begin = node.file.last_write_begin();
        const bool is_torn_off = inode == last_written_ && sector.number >= begin + plan.which &&
                                 sector.number < node.file.last_write_end();
        return is_torn_off ? newest - 1 : newest;
      }
      case LossPlan::Sectors::kRandom:
        if (mood == 0) return 0;
        if (mood == 1) return newest;
        if (random.Below(8) < keep_of_8) return newest;
        return random.Below(newest);
    }
    return 0;
  };

  size_t size_state = 0;
  const size_t newest_size = node.file.size_states() - 1;
  if (plan.sizes == LossPlan::Sizes::kNew) size_state = newest_size;
  if (plan.sizes == LossPlan::Sizes::kRandom) {
    size_state = random.Below(node.file.size_states());
  }
  const auto filling = [&](uint64_t sector) { return Filling(inode, sector, plan); };
  const absl::FunctionRef<Sector(uint64_t)> fill = filling;
  after.file = node.file.AfterPowerLoss(
      {.size_state = size_state,
       .sector_state = sector_state,
       .fill = plan.extents == LossPlan::Extents::kZeros ? nullptr : &fill});
  return after;
}

Sector FaultDisk::Filling(uint64_t inode, uint64_t sector, const LossPlan& plan) const {
  Random random(Random::Mix(plan.seed, inode, sector));
  Sector filling = {};
  if (plan.extents == LossPlan::Extents::kStale) {
    // The same place of another file: what a reused block of a file of the same kind holds.
    std::vector<uint64_t> others;
    for (const auto& [other, node] : files_) {
      if (other != inode && node->file.size() > sector * kSectorBytes) others.push_back(other);
    }
    if (others.empty()) return filling;
    const uint64_t other = others[static_cast<size_t>(random.Below(others.size()))];
    file(other).content().Read(sector * kSectorBytes, absl::MakeSpan(filling));
    return filling;
  }
  for (char& byte : filling) byte = static_cast<char>(random.Next());
  return filling;
}

FaultDisk::DirectoryNode& FaultDisk::MutableDirectory(uint64_t inode) {
  return Own(directories_.at(inode));
}

uint64_t FaultDisk::Append(DirectoryOperation operation) {
  operation.id = next_operation_++;
  pending_.push_back(std::move(operation));
  return pending_.back().id;
}

bool FaultDisk::IsPending(uint64_t id) const {
  return id != 0 && std::any_of(pending_.begin(), pending_.end(),
                                [id](const DirectoryOperation& other) { return other.id == id; });
}

// False if the operation cannot have happened: what it stands on did not.
bool FaultDisk::Apply(const DirectoryOperation& operation, Entries& entries) {
  if (operation.kind == DirectoryOperation::Kind::kEnter) {
    return entries.emplace(operation.name, operation.inode).second;
  }
  const auto entry = entries.find(operation.name);
  if (entry == entries.end() || entry->second != operation.inode) return false;
  if (operation.kind == DirectoryOperation::Kind::kRename) {
    if (!entries.emplace(operation.to, operation.inode).second) return false;
  }
  entries.erase(operation.name);
  return true;
}

void FaultDisk::AddLink(uint64_t inode, int change) {
  FileNode& node = Own(files_.at(inode));
  node.links = change > 0 ? node.links + 1 : node.links - 1;
}

}  // namespace weir::testing
