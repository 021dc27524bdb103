#include "support/fault_file_system.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <utility>

#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

constexpr uint64_t kFirstProcessId = 1000;

CrashImage NewMachine(uint64_t seed) {
  CrashImage image;
  image.seed = seed;
  return image;
}

std::shared_ptr<FaultProcess> NewProcess(FaultWorld& world) {
  const std::lock_guard<std::mutex> guard(world.mutex);
  const uint64_t ordinal = world.processes++;
  return std::make_shared<FaultProcess>(kFirstProcessId + 100 * world.generation + ordinal,
                                        Random::Mix(world.seed, world.generation, ordinal));
}

absl::Status NotThere(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat(name, ": no such shared memory"));
}

bool IsValid(SharedMemorySize size) {
  const bool is_power_of_two = (size.ring_bytes & (size.ring_bytes - 1)) == 0;
  return size.header_bytes % 4096 == 0 && size.ring_bytes % 4096 == 0 && is_power_of_two &&
         size.header_bytes + size.ring_bytes != 0;
}

void Must(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

template <typename T>
T Must(absl::StatusOr<T> result) {
  Must(result.status());
  return *std::move(result);
}

}  // namespace

FaultFileSystem::FaultFileSystem(uint64_t seed) : FaultFileSystem(NewMachine(seed)) {}

FaultFileSystem::FaultFileSystem(const CrashImage& image)
    : FaultFileSystem(std::make_shared<FaultWorld>(image)) {}

FaultFileSystem::FaultFileSystem(std::shared_ptr<FaultWorld> world)
    : world_(std::move(world)), process_(NewProcess(*world_)) {}

std::unique_ptr<FaultFileSystem> FaultFileSystem::AnotherProcess() {
  return std::unique_ptr<FaultFileSystem>(new FaultFileSystem(world_));
}

// --- Faults

void FaultFileSystem::Inject(Fault fault) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  world_->faults.push_back({.fault = std::move(fault)});
}

void FaultFileSystem::ClearFaults() {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  world_->faults.clear();
}

uint64_t FaultFileSystem::operations() const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  return world_->operations;
}

uint64_t FaultFileSystem::failures() const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  return world_->failures;
}

uint64_t FaultFileSystem::open_handles() const { return world_->handles; }

void FaultFileSystem::SetHook(std::function<void(const Operation&)> hook) {
  auto shared_hook =
      hook == nullptr
          ? nullptr
          : std::make_shared<const std::function<void(const Operation&)>>(std::move(hook));
  const std::lock_guard<std::mutex> guard(world_->mutex);
  world_->hook = std::move(shared_hook);
}

void FaultFileSystem::SetCapacity(uint64_t bytes) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  world_->capacity = bytes;
}

void FaultFileSystem::SetSharedCapacity(uint64_t bytes) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  world_->shared_capacity = bytes;
}

uint64_t FaultFileSystem::used_bytes() const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  return world_->disk.used_bytes();
}

// --- Crashes

void FaultFileSystem::Kill() {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  world_->Kill(*process_);
}

CrashImage FaultFileSystem::Freeze() const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  return world_->Freeze();
}

// --- The hand of a stranger

std::pair<uint64_t, std::string> FaultFileSystem::Split(const std::string& path) const {
  const size_t slash = path.rfind('/');
  if (slash == std::string::npos) return {FaultDisk::kRoot, path};
  return {Must(world_->disk.FindDirectory(path.substr(0, slash))), path.substr(slash + 1)};
}

void FaultFileSystem::MakeDirectory(const std::string& path) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  const auto [directory, name] = Split(path);
  Must(world_->disk.MakeDirectory(directory, name));
  world_->disk.SyncDirectory(directory);
}

bool FaultFileSystem::DirectoryExists(const std::string& path) const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  return world_->disk.FindDirectory(path).ok();
}

bool FaultFileSystem::FileExists(const std::string& path) const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  const auto [directory, name] = Split(path);
  return world_->disk.Find(directory, name) != 0;
}

std::string FaultFileSystem::ReadFile(const std::string& path) const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  const auto [directory, name] = Split(path);
  const uint64_t inode = world_->disk.Find(directory, name);
  if (inode == 0) Must(absl::NotFoundError(path));
  const DiskFile& file = world_->disk.file(inode);
  std::string content(static_cast<size_t>(file.size()), '\0');
  file.content().Read(0, absl::MakeSpan(content.data(), content.size()));
  return content;
}

void FaultFileSystem::WriteFile(const std::string& path, absl::string_view content) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  const auto [directory, name] = Split(path);
  uint64_t inode = world_->disk.Find(directory, name);
  if (inode == 0) inode = Must(world_->disk.CreateFile(directory, name));
  DiskFile& file = world_->disk.MutableFile(inode);
  file.Resize(content.size());
  file.Write(0, content);
  file.Sync();
  world_->disk.SyncDirectory(directory);
}

void FaultFileSystem::RemoveFile(const std::string& path) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  const auto [directory, name] = Split(path);
  Must(world_->disk.Remove(directory, name));
  world_->disk.SyncDirectory(directory);
}

void FaultFileSystem::RenameFile(const std::string& from, const std::string& to) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  const auto [directory, name] = Split(from);
  const auto [target, target_name] = Split(to);
  Must(world_->disk.Move(directory, name, target, target_name));
  world_->disk.SyncDirectory(target);
  world_->disk.SyncDirectory(directory);
}

void FaultFileSystem::LinkFile(const std::string& existing, const std::string& path) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  const auto [directory, name] = Split(existing);
  const auto [target, target_name] = Split(path);
  Must(world_->disk.Link(target, target_name, world_->disk.Find(directory, name)));
  world_->disk.SyncDirectory(target);
}

void FaultFileSystem::PlantSpecialFile(const std::string& path) {
  WriteFile(path, "");
  const std::lock_guard<std::mutex> guard(world_->mutex);
  const auto [directory, name] = Split(path);
  world_->disk.MakeSpecial(world_->disk.Find(directory, name));
}

std::vector<std::string> FaultFileSystem::ListFiles(const std::string& directory) const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  return world_->disk.List(Must(world_->disk.FindDirectory(directory)));
}

std::vector<std::string> FaultFileSystem::ListShared(const std::string& directory) const {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  std::vector<std::string> names;
  for (const auto& [name, region] : world_->shared) {
    if (name.first == directory) names.push_back(name.second);
  }
  return names;
}

// --- What the store asks

void FaultFileSystem::SetProcessId(uint64_t id) { process_->id = id; }

void FaultFileSystem::SetBootId(const std::string& sixteen_bytes) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  world_->boot_id_override = sixteen_bytes;
}

void FaultFileSystem::SetSharedMemoryOutlivesProcess(const absl::Status& status) {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  world_->shared_memory_outlives_process = status;
}

absl::StatusOr<std::unique_ptr<Directory>> FaultFileSystem::OpenDirectory(const std::string& path,
                                                                          bool create) {
  const FaultOrigin origin = Origin(path);
  const FaultWorld::Permit permit = origin.Enter(OperationKind::kOpenDirectory);
  if (!permit.status.ok()) return permit.status;
  FaultDisk& disk = world_->disk;
  absl::StatusOr<uint64_t> inode = disk.FindDirectory(path);
  if (absl::IsNotFound(inode.status()) && create) {
    const size_t end = path.find_last_not_of('/') + 1;
    const size_t slash = path.rfind('/', end - 1);
    const size_t begin = slash == std::string::npos ? 0 : slash + 1;
    const absl::StatusOr<uint64_t> parent = disk.FindDirectory(path.substr(0, begin));
    if (!parent.ok()) return parent.status();
    inode = disk.MakeDirectory(*parent, path.substr(begin, end - begin));
    disk.SyncDirectory(*parent);
  }
  if (!inode.ok()) return inode.status();
  return std::make_unique<FaultDirectory>(origin, *inode);
}

absl::StatusOr<std::unique_ptr<SharedMemory>> FaultFileSystem::CreateShared(
    const std::string& directory, absl::string_view name, SharedMemorySize size) {
  const FaultOrigin origin = Origin(std::string(name));
  const FaultWorld::Permit permit = origin.Enter(OperationKind::kCreateShared);
  if (!permit.status.ok()) return permit.status;
  if (!IsValid(size)) return absl::InvalidArgumentError("not a size of shared memory");
  const CrashImage::SharedName key(directory, name);
  if (world_->shared.count(key) != 0) {
    return absl::AlreadyExistsError(absl::StrCat(name, ": shared memory exists"));
  }
  uint64_t used = size.header_bytes + size.ring_bytes;
  for (const auto& [other, region] : world_->shared) {
    used += region->size.header_bytes + region->size.ring_bytes;
  }
  auto region = std::make_shared<FaultSharedRegion>();
  region->size = size;
  if (used <= world_->shared_capacity) region->memory = MirroredMemory::Create(size);
  if (region->memory == nullptr) {
    return absl::ResourceExhaustedError(absl::StrCat(name, ": No space left on device"));
  }
  world_->shared.emplace(key, region);
  return std::make_unique<FaultSharedMemory>(origin, std::move(region));
}

absl::StatusOr<std::unique_ptr<SharedMemory>> FaultFileSystem::OpenShared(
    const std::string& directory, absl::string_view name, size_t header_bytes, OpenMode mode) {
  const FaultOrigin origin = Origin(std::string(name));
  const FaultWorld::Permit permit = origin.Enter(OperationKind::kOpenShared);
  if (!permit.status.ok()) return permit.status;
  if (mode == OpenMode::kCreate) return absl::InvalidArgumentError("CreateShared() creates");
  const auto found = world_->shared.find(CrashImage::SharedName(directory, name));
  if (found == world_->shared.end()) return NotThere(name);
  FaultSharedRegion& region = *found->second;
  if (header_bytes != region.size.header_bytes) {
    return absl::FailedPreconditionError(absl::StrCat(name, ": not of the expected size"));
  }
  if (region.memory == nullptr) {
    region.memory = MirroredMemory::Create(region.size);
    if (region.memory == nullptr) return absl::UnavailableError("out of memory");
    region.memory->Assign(*region.frozen);
  }
  if (mode != OpenMode::kRead) return std::make_unique<FaultSharedMemory>(origin, found->second);
  // Who reads does so while another process writes, with checks that no language knows of. At one
  // address the thread sanitizer would take the two for threads of one.
  std::unique_ptr<MirroredMemory> alias = region.memory->MapAgain();
  if (alias == nullptr) return absl::UnavailableError("out of memory");
  return std::make_unique<FaultSharedMemory>(origin, found->second, std::move(alias));
}

absl::Status FaultFileSystem::RemoveShared(const std::string& directory, absl::string_view name) {
  const FaultWorld::Permit permit = Origin(std::string(name)).Enter(OperationKind::kRemoveShared);
  if (!permit.status.ok()) return permit.status;
  const auto found = world_->shared.find(CrashImage::SharedName(directory, name));
  if (found == world_->shared.end()) return NotThere(name);
  found->second->is_linked = false;
  world_->shared.erase(found);
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<SharedMemory>> FaultFileSystem::CreatePrivate(
    SharedMemorySize size) {
  const FaultWorld::Permit permit = Origin("private memory").Enter(OperationKind::kCreatePrivate);
  if (!permit.status.ok()) return permit.status;
  if (!IsValid(size)) return absl::InvalidArgumentError("not a size of shared memory");
  std::unique_ptr<MirroredMemory> memory = MirroredMemory::Create(size);
  if (memory == nullptr) return absl::UnavailableError("out of memory");
  return std::make_unique<FaultPrivateMemory>(world_, std::move(memory));
}

absl::Status FaultFileSystem::SharedMemoryOutlivesProcess() {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  return world_->shared_memory_outlives_process;
}

std::string FaultFileSystem::BootId() {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  CrashImage image;
  image.boot = world_->boot;
  image.seed = world_->seed;
  image.boot_id_override = world_->boot_id_override;
  return image.boot_id();
}

uint64_t FaultFileSystem::ProcessId() { return process_->id; }

uint64_t FaultFileSystem::RandomBits() {
  const std::lock_guard<std::mutex> guard(world_->mutex);
  return process_->random.Next();
}

}  // namespace weir::testing
