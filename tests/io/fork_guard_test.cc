#include "io/fork_guard.h"

#include <sys/syscall.h>

#include <catch2/catch.hpp>

#include "io/child_process.h"

namespace weir::internal {
namespace {

TEST_CASE("a forked child and its children know it, their parent does not") {
  const ForkGuard guard;
  CHECK(!guard.forked());
  Child([&](Child& child) {
    child.Check(guard.forked(), "the child is a child");
    const ForkGuard own;
    child.Check(!own.forked(), "but not of itself");
    Child grandchild([&](Child& check) {
      check.Check(guard.forked() && own.forked(), "the grandchild is a child of both");
    });
    child.Check(grandchild.Wait() == 0, "what the grandchild found");
    child.Check(!own.forked(), "still not of itself");
  }).RequireSuccess("");
  CHECK(!guard.forked());
}

TEST_CASE("a kernel that cannot empty a page in the child is made up for") {
  Child([](Child& outer) {
    if (!DenySystemCalls({{SYS_madvise, EINVAL}})) outer.Skip();
    const ForkGuard guard;
    outer.Check(!guard.forked(), "the maker is no child");
    Child inner([&](Child& check) {
      check.Check(guard.forked(), "the child is one");
      const ForkGuard own;
      check.Check(!own.forked(), "but not of itself");
    });
    outer.Check(inner.Wait() == 0, "what the child found");
    outer.Check(!guard.forked(), "still no child");
  }).RequireSuccess("system call filters");
}

}  // namespace
}  // namespace weir::internal
