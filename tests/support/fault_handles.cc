#include "support/fault_handles.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

constexpr uint64_t kDevice = 77;

absl::Status NoSpace(const std::string& name) {
  return absl::ResourceExhaustedError(absl::StrCat(name, ": No space left on device"));
}

absl::Status CheckName(absl::string_view name) {
  if (name.empty() || name == "." || name == ".." || absl::StrContains(name, '/') ||
      absl::StrContains(name, '\0')) {
    return absl::InvalidArgumentError(absl::StrCat("'", name, "' is not a file name"));
  }
  return absl::OkStatus();
}

absl::Status Locked(const std::string& name) {
  return absl::UnavailableError(absl::StrCat(name, ": locked by another"));
}

absl::Status Take(FaultLock& lock, const FaultLock& owner, const std::string& name) {
  if (lock.object != nullptr && lock.object != owner.object) return Locked(name);
  lock = owner;
  return absl::OkStatus();
}

uint64_t PagesOf(uint64_t bytes) {
  return (bytes + PagedBytes::kPageBytes - 1) / PagedBytes::kPageBytes;
}

}  // namespace

// --- Files

FaultFile::FaultFile(FaultOrigin origin, uint64_t inode, bool is_writable)
    : origin_(std::move(origin)), inode_(inode), is_writable_(is_writable) {
  ++origin_.world->open_files[inode_];
}

FaultFile::~FaultFile() {
  FaultWorld& world = *origin_.world;
  const std::lock_guard<std::mutex> guard(world.mutex);
  const auto lock = world.file_locks.find(inode_);
  if (lock != world.file_locks.end() && lock->second.object == this) world.file_locks.erase(lock);
  if (--world.open_files[inode_] == 0) {
    world.open_files.erase(inode_);
    world.ForgetUnlinkedFile(inode_);
  }
}

absl::StatusOr<size_t> FaultFile::Read(uint64_t offset, absl::Span<char> out) {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kRead);
  if (!permit.status.ok()) {
    // Nobody may look at what a failed read left.
    std::fill(out.begin(), out.end(), '\x5a');
    if (permit.fault.has_value()) {
      const uint64_t bytes = permit.fault->sectors_written * kSectorBytes;
      origin_.world->disk.file(inode_).content().Read(
          offset, out.subspan(0, static_cast<size_t>(std::min<uint64_t>(bytes, out.size()))));
    }
    return permit.status;
  }
  return origin_.world->disk.file(inode_).content().Read(offset, out);
}

absl::Status FaultFile::Write(uint64_t offset, absl::Span<const absl::string_view> pieces) {
  const FaultWorld::Permit permit =
      origin_.world->Enter(*origin_.process, {.kind = OperationKind::kWrite,
                                              .name = origin_.name,
                                              .inode = inode_,
                                              .offset = offset,
                                              .pieces = pieces});
  if (!permit.status.ok()) {
    if (permit.fault.has_value() && is_writable_) {
      WritePrefix(offset, pieces, permit.fault->sectors_written * kSectorBytes);
    }
    return permit.status;
  }
  if (absl::Status status = CheckWritable(); !status.ok()) return status;
  uint64_t bytes = 0;
  for (const absl::string_view piece : pieces) bytes += piece.size();
  const uint64_t pages = PagesOf(origin_.world->disk.file(inode_).size());
  const uint64_t pages_after = std::max(pages, PagesOf(offset + bytes));
  const uint64_t free_pages = origin_.world->free_bytes() / PagedBytes::kPageBytes;
  if (pages_after - pages > free_pages) {
    const uint64_t end_max = (pages + free_pages) * PagedBytes::kPageBytes;
    WritePrefix(offset, pieces, end_max > offset ? end_max - offset : 0);
    return NoSpace(origin_.name);
  }
  WritePrefix(offset, pieces, bytes);
  return absl::OkStatus();
}

absl::Status FaultFile::Sync() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kSync);
  DiskFile* const file =
      permit.lock.owns_lock() ? &origin_.world->disk.MutableFile(inode_) : nullptr;
  if (!permit.status.ok()) {
    if (permit.fault.has_value()) file->FailSync(permit.fault->pages);
    return permit.status;
  }
  file->Sync();
  return absl::OkStatus();
}

absl::Status FaultFile::Allocate(uint64_t size) {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kAllocate);
  if (!permit.status.ok()) return permit.status;
  if (absl::Status status = CheckWritable(); !status.ok()) return status;
  const uint64_t present = origin_.world->disk.file(inode_).size();
  const uint64_t new_pages = size > present ? PagesOf(size) - PagesOf(present) : 0;
  if (new_pages * PagedBytes::kPageBytes > origin_.world->free_bytes()) {
    return NoSpace(origin_.name);
  }
  origin_.world->disk.MutableFile(inode_).Resize(size);
  return absl::OkStatus();
}

absl::Status FaultFile::Truncate(uint64_t size) {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kTruncate);
  if (!permit.status.ok()) return permit.status;
  if (absl::Status status = CheckWritable(); !status.ok()) return status;
  origin_.world->disk.MutableFile(inode_).Resize(size);
  return absl::OkStatus();
}

absl::StatusOr<FileStatus> FaultFile::Stat() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kStat);
  if (!permit.status.ok()) return permit.status;
  return FileStatus{.size = origin_.world->disk.file(inode_).size(),
                    .links = origin_.world->disk.links(inode_),
                    .device = kDevice,
                    .inode = inode_};
}

absl::Status FaultFile::TryLock() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kLock);
  if (!permit.status.ok()) return permit.status;
  return Take(origin_.world->file_locks[inode_], {this, origin_.process.get()}, origin_.name);
}

absl::Status FaultFile::ProbeLock() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kLock);
  if (!permit.status.ok()) return permit.status;
  const auto lock = origin_.world->file_locks.find(inode_);
  const bool is_free = lock == origin_.world->file_locks.end() || lock->second.object == nullptr;
  return is_free ? absl::OkStatus() : Locked(origin_.name);
}

absl::Status FaultFile::CheckWritable() const {
  if (is_writable_) return absl::OkStatus();
  return absl::PermissionDeniedError(absl::StrCat(origin_.name, ": opened for reading"));
}

void FaultFile::WritePrefix(uint64_t offset, absl::Span<const absl::string_view> pieces,
                            uint64_t bytes) {
  // One write to the disk, however many pieces: a sector that two pieces share has one version.
  std::string joined;
  absl::string_view whole = pieces.size() == 1 ? pieces[0] : joined;
  if (pieces.size() > 1) {
    for (const absl::string_view piece : pieces) joined.append(piece.data(), piece.size());
    whole = joined;
  }
  const absl::string_view prefix = whole.substr(0, static_cast<size_t>(bytes));
  if (!prefix.empty()) origin_.world->disk.MutableFile(inode_).Write(offset, prefix);
}

// --- Directories

absl::StatusOr<std::unique_ptr<File>> FaultDirectory::Open(absl::string_view name, OpenMode mode) {
  const bool creates = mode == OpenMode::kCreate;
  const FaultWorld::Permit permit =
      origin_.Named(std::string(name))
          .Enter(creates ? OperationKind::kCreate : OperationKind::kOpen);
  if (!permit.status.ok()) return permit.status;
  if (absl::Status status = CheckName(name); !status.ok()) return status;
  FaultDisk& disk = origin_.world->disk;
  uint64_t inode = disk.Find(inode_, name);
  if (creates) {
    const absl::StatusOr<uint64_t> created = disk.CreateFile(inode_, name);
    if (!created.ok()) return created.status();
    inode = *created;
  }
  if (inode == 0) return absl::NotFoundError(absl::StrCat(name, ": no such file or directory"));
  if (disk.IsDirectory(inode) || disk.is_special(inode)) {
    return absl::FailedPreconditionError(absl::StrCat(name, ": not a regular file"));
  }
  return std::make_unique<FaultFile>(origin_.Named(std::string(name)), inode,
                                     mode != OpenMode::kRead);
}

absl::StatusOr<std::vector<std::string>> FaultDirectory::List() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kList);
  if (!permit.status.ok()) return permit.status;
  return origin_.world->disk.List(inode_);
}

absl::Status FaultDirectory::Rename(absl::string_view from, absl::string_view to) {
  return MoveTo(from, *this, to);
}

absl::Status FaultDirectory::MoveTo(absl::string_view from, Directory& target,
                                    absl::string_view to) {
  const FaultWorld::Permit permit =
      origin_.Named(absl::StrCat(from, " -> ", to)).Enter(OperationKind::kRename);
  if (!permit.status.ok()) return permit.status;
  if (absl::Status status = CheckName(to); !status.ok()) return status;
  auto* const other = dynamic_cast<FaultDirectory*>(&target);
  if (other == nullptr || other->origin_.world != origin_.world) {
    return absl::InvalidArgumentError(absl::StrCat(to, ": on another file system"));
  }
  return origin_.world->disk.Move(inode_, from, other->inode_, to);
}

absl::Status FaultDirectory::LinkTo(absl::string_view from, Directory& target,
                                    absl::string_view to) {
  const FaultWorld::Permit permit =
      origin_.Named(absl::StrCat(from, " -> ", to)).Enter(OperationKind::kLink);
  if (!permit.status.ok()) return permit.status;
  if (absl::Status status = CheckName(to); !status.ok()) return status;
  auto* const other = dynamic_cast<FaultDirectory*>(&target);
  if (other == nullptr || other->origin_.world != origin_.world) {
    return absl::UnimplementedError(absl::StrCat(to, ": on another file system"));
  }
  const uint64_t file = origin_.world->disk.Find(inode_, from);
  if (file == 0) return absl::NotFoundError(absl::StrCat(from, ": no such file"));
  return origin_.world->disk.Link(other->inode_, to, file);
}

absl::Status FaultDirectory::Remove(absl::string_view name) {
  const FaultWorld::Permit permit = origin_.Named(std::string(name)).Enter(OperationKind::kRemove);
  if (!permit.status.ok()) return permit.status;
  const uint64_t inode = origin_.world->disk.Find(inode_, name);
  if (absl::Status status = origin_.world->disk.Remove(inode_, name); !status.ok()) return status;
  if (origin_.world->open_files.count(inode) == 0) origin_.world->ForgetUnlinkedFile(inode);
  return absl::OkStatus();
}

absl::Status FaultDirectory::Sync() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kSyncDirectory);
  if (!permit.status.ok()) {
    if (permit.fault.has_value()) {
      origin_.world->disk.FailSyncDirectory(inode_, permit.fault->pages);
    }
    return permit.status;
  }
  origin_.world->disk.SyncDirectory(inode_);
  // What was removed and is now gone for good.
  origin_.world->disk.Collect(
      [this](uint64_t inode) { return origin_.world->open_files.count(inode) != 0; });
  return absl::OkStatus();
}

absl::StatusOr<uint64_t> FaultDirectory::FreeBytes() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kStat);
  if (!permit.status.ok()) return permit.status;
  return origin_.world->free_bytes();
}

absl::StatusOr<FileStatus> FaultDirectory::Stat() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kStat);
  if (!permit.status.ok()) return permit.status;
  return FileStatus{.size = PagedBytes::kPageBytes, .links = 2, .device = kDevice, .inode = inode_};
}

absl::StatusOr<std::unique_ptr<Directory>> FaultDirectory::Subdirectory(absl::string_view name,
                                                                        bool create) {
  const FaultOrigin origin = origin_.Named(absl::StrCat(origin_.name, "/", name));
  const FaultWorld::Permit permit = origin.Enter(OperationKind::kOpenDirectory);
  if (!permit.status.ok()) return permit.status;
  if (absl::Status status = CheckName(name); !status.ok()) return status;
  FaultDisk& disk = origin_.world->disk;
  uint64_t inode = disk.Find(inode_, name);
  if (inode == 0 && create) inode = *disk.MakeDirectory(inode_, name);
  if (inode == 0) return absl::NotFoundError(absl::StrCat(name, ": no such file or directory"));
  if (!disk.IsDirectory(inode)) {
    return absl::FailedPreconditionError(absl::StrCat(name, ": not a directory"));
  }
  return std::make_unique<FaultDirectory>(origin, inode);
}

// --- Memory

FaultSharedMemory::FaultSharedMemory(FaultOrigin origin, std::shared_ptr<FaultSharedRegion> region,
                                     std::unique_ptr<MirroredMemory> alias)
    : origin_(std::move(origin)), region_(std::move(region)), alias_(std::move(alias)) {
  const MirroredMemory& memory = alias_ != nullptr ? *alias_ : *region_->memory;
  header_ = memory.header();
  ring_ = memory.ring();
  header_bytes_ = region_->size.header_bytes;
  ring_bytes_ = region_->size.ring_bytes;
  ++region_->mappings[origin_.process.get()];
}

FaultSharedMemory::~FaultSharedMemory() {
  const std::lock_guard<std::mutex> guard(origin_.world->mutex);
  if (region_->lock.object == this) region_->lock = {};
  const auto mapping = region_->mappings.find(origin_.process.get());
  if (--mapping->second == 0) region_->mappings.erase(mapping);
}

absl::Status FaultSharedMemory::TryLock() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kLock);
  if (!permit.status.ok()) return permit.status;
  return Take(region_->lock, {this, origin_.process.get()}, origin_.name);
}

absl::Status FaultSharedMemory::ProbeLock() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kLock);
  if (!permit.status.ok()) return permit.status;
  return region_->lock.object == nullptr ? absl::OkStatus() : Locked(origin_.name);
}

absl::StatusOr<bool> FaultSharedMemory::IsLinked() {
  const FaultWorld::Permit permit = origin_.Enter(OperationKind::kStatShared);
  if (!permit.status.ok()) return permit.status;
  return region_->is_linked;
}

FaultPrivateMemory::FaultPrivateMemory(std::shared_ptr<FaultWorld> world,
                                       std::unique_ptr<MirroredMemory> memory)
    : handle_(std::move(world)), memory_(std::move(memory)) {
  header_ = memory_->header();
  ring_ = memory_->ring();
  header_bytes_ = memory_->size().header_bytes;
  ring_bytes_ = memory_->size().ring_bytes;
}

}  // namespace weir::testing
