#include "support/fault_world.h"

#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace weir::testing {
namespace {

absl::Status Dead() { return absl::UnavailableError("this process is dead"); }

bool Matches(const Fault& fault, const Operation& operation) {
  return (!fault.kind.has_value() || *fault.kind == operation.kind) &&
         absl::StrContains(operation.name, fault.name_contains);
}

}  // namespace

FaultWorld::FaultWorld(const CrashImage& image)
    : disk(image.disk),
      boot(image.boot),
      generation(image.generation),
      seed(image.seed),
      boot_id_override(image.boot_id_override) {
  for (const auto& [name, bytes] : image.shared) {
    auto region = std::make_shared<FaultSharedRegion>();
    region->size = bytes.size;
    region->frozen = bytes.bytes;
    shared.emplace(name, std::move(region));
  }
}

FaultWorld::Permit FaultWorld::Enter(const FaultProcess& process, Operation operation) {
  const InsideFaultWorld inside;
  std::shared_ptr<const std::function<void(const Operation&)>> present_hook;
  {
    const std::lock_guard<std::mutex> guard(mutex);
    if (!process.is_alive) return {.lock = {}, .status = Dead()};
    operation.index = operations++;
    present_hook = hook;
  }
  // Without the lock: the hook may look at the world, freeze it or end it.
  if (present_hook != nullptr) (*present_hook)(operation);

  Permit permit{.lock = std::unique_lock<std::mutex>(mutex), .status = {}};
  if (!process.is_alive) {
    permit.status = Dead();
    return permit;
  }
  for (ArmedFault& armed : faults) {
    if (!Matches(armed.fault, operation)) continue;
    const uint64_t ordinal = ++armed.seen;
    if (permit.fault.has_value() || ordinal < armed.fault.nth) continue;
    if (ordinal - armed.fault.nth >= armed.fault.times) continue;
    permit.fault = armed.fault;
    permit.status =
        absl::Status(armed.fault.code, absl::StrCat(operation.name, ": ", armed.fault.reason));
    ++failures;
  }
  return permit;
}

CrashImage FaultWorld::Freeze() {
  CrashImage image{.disk = disk,
                   .shared = {},
                   .boot = boot,
                   .generation = generation,
                   .seed = seed,
                   .boot_id_override = boot_id_override};
  for (const auto& [name, region] : shared) {
    if (region->memory != nullptr) {
      const absl::string_view bytes = region->memory->bytes();
      if (region->frozen == nullptr || *region->frozen != bytes) {
        region->frozen = std::make_shared<const std::string>(bytes);
      }
    }
    image.shared.emplace(name,
                         CrashImage::SharedBytes{.size = region->size, .bytes = region->frozen});
  }
  return image;
}

void FaultWorld::ForgetUnlinkedFile(uint64_t inode) {
  if (!disk.HasFile(inode) || disk.links(inode) != 0) return;
  disk.Collect([this](uint64_t other) { return open_files.count(other) != 0; });
}

uint64_t FaultWorld::free_bytes() const {
  const uint64_t used = disk.used_bytes();
  return used < capacity ? capacity - used : 0;
}

void FaultWorld::Kill(FaultProcess& process) {
  process.is_alive = false;
  for (auto lock = file_locks.begin(); lock != file_locks.end();) {
    lock = lock->second.process == &process ? file_locks.erase(lock) : std::next(lock);
  }
  for (auto& [name, region] : shared) {
    if (region->lock.process == &process) region->lock = {};
    // The objects of the dead process still exist in the test and may scribble over what they
    // have mapped. Whoever opens this memory later gets a copy of what it was at the death.
    const bool is_only_user =
        region->mappings.size() == 1 && region->mappings.begin()->first == &process;
    if (!is_only_user || region->memory == nullptr) continue;
    auto copy = std::make_shared<FaultSharedRegion>();
    copy->size = region->size;
    copy->frozen = std::make_shared<const std::string>(region->memory->bytes());
    region = std::move(copy);
  }
}

}  // namespace weir::testing
