// A place where a harness may do harm: a directory that goes away with everything in it, whatever
// happens to the harness.
//
// The harness itself runs in a child with a process group and, for root, a mount namespace of its
// own, on a tmpfs that no other process sees. The parent only waits: when the child ends, or when
// somebody interrupts, it ends the whole group and removes the directory. Mounts and loop devices
// go with the namespace. If the parent itself is killed the child is too; then nothing is left but
// an empty directory.

#ifndef WEIR_TESTS_KERNEL_WORKPLACE_H_
#define WEIR_TESTS_KERNEL_WORKPLACE_H_

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace weir::kernel {

struct Workplace {
  std::string path;
  bool may_mount = false;  // root, and the kernel lets us

  std::string operator/(const std::string& name) const { return path + "/" + name; }
};

// Runs `body` in such a place; the exit status for main(). 128 + signal if it was interrupted, 1 if
// the child died of a signal.
int RunInWorkplace(const std::function<int(const Workplace&)>& body);

// Runs a command of the shell: what it printed, or an error with what it printed.
absl::StatusOr<std::string> RunCommand(const std::string& command);
// Whether there is such a program.
bool HasProgram(const std::string& name);

// Makes the directory and mounts a tmpfs of this size ("64k") there.
absl::Status MountTmpfs(const std::string& path, const std::string& size);

}  // namespace weir::kernel

#endif  // WEIR_TESTS_KERNEL_WORKPLACE_H_
