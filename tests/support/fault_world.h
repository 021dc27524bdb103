// One simulated machine: its disk, its shared memory, its locks, and the faults that are to happen.
// FaultFileSystem is a process's view of it.

#ifndef WEIR_TESTS_SUPPORT_FAULT_WORLD_H_
#define WEIR_TESTS_SUPPORT_FAULT_WORLD_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "support/crash_image.h"
#include "support/fault.h"
#include "support/fault_disk.h"
#include "support/mirrored_memory.h"
#include "support/random.h"

namespace weir::testing {

struct FaultProcess {
  explicit FaultProcess(uint64_t process_id, uint64_t seed) : id(process_id), random(seed) {}

  std::atomic<uint64_t> id;
  std::atomic<bool> is_alive{true};
  Random random;  // guarded by the world's mutex
};

// Who holds a lock: an open object of a process. Null: nobody.
struct FaultLock {
  const void* object = nullptr;
  const FaultProcess* process = nullptr;
};

struct FaultSharedRegion {
  SharedMemorySize size;
  std::unique_ptr<MirroredMemory> memory;     // null: nobody has mapped it since the crash
  std::shared_ptr<const std::string> frozen;  // as it was when it was last copied
  bool is_linked = true;
  FaultLock lock;
  std::map<const FaultProcess*, int> mappings;
};

// Of this thread: larger than 0 while it is inside the fault file system, whose own memory is not
// the library's. Who makes allocations fail looks at it.
inline thread_local int inside_fault_world = 0;

struct InsideFaultWorld {
  InsideFaultWorld() { ++inside_fault_world; }
  ~InsideFaultWorld() { --inside_fault_world; }
  InsideFaultWorld(InsideFaultWorld&&) noexcept { ++inside_fault_world; }
  InsideFaultWorld& operator=(InsideFaultWorld&&) = delete;
};

class FaultWorld {
 public:
  explicit FaultWorld(const CrashImage& image);

  // Announces a call to the hook, counts it, and decides whether it fails. The world stays locked
  // while the permit lives.
  struct Permit {
    std::unique_lock<std::mutex> lock;
    absl::Status status;
    InsideFaultWorld inside = {};
    std::optional<Fault> fault =
        std::nullopt;  // why the call fails, if it was not for another reason
  };
  Permit Enter(const FaultProcess& process, Operation operation);

  // With the mutex held.
  CrashImage Freeze();
  void ForgetUnlinkedFile(uint64_t inode);
  uint64_t free_bytes() const;
  void Kill(FaultProcess& process);

  std::mutex mutex;
  FaultDisk disk;
  std::map<CrashImage::SharedName, std::shared_ptr<FaultSharedRegion>> shared;
  std::map<uint64_t, FaultLock> file_locks;  // by inode
  std::map<uint64_t, int> open_files;        // by inode
  std::atomic<uint64_t> handles{0};          // open files, directories and mappings

  uint64_t boot;
  uint64_t generation;
  uint64_t seed;
  std::string boot_id_override;
  uint64_t processes = 0;  // begun on this world

  uint64_t capacity = std::numeric_limits<uint64_t>::max();
  uint64_t shared_capacity = std::numeric_limits<uint64_t>::max();
  absl::Status shared_memory_outlives_process;

  struct ArmedFault {
    Fault fault;
    uint64_t seen = 0;  // matching calls
  };
  std::vector<ArmedFault> faults;
  std::shared_ptr<const std::function<void(const Operation&)>> hook;
  uint64_t operations = 0;
  uint64_t failures = 0;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_FAULT_WORLD_H_
