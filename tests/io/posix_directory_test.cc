#include "io/posix_directory.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "io/child_process.h"
#include "io/scratch_directory.h"
#include "support/skipped.h"

namespace weir::internal {
namespace {

namespace fs = std::filesystem;
using absl::StatusCode;

void WriteText(const std::string& path, const std::string& text) { std::ofstream(path) << text; }

std::string ReadText(const std::string& path) {
  std::ifstream file(path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

mode_t ModeOf(const std::string& path) {
  struct stat status;
  return lstat(path.c_str(), &status) == 0 ? status.st_mode & 07777 : 0;
}

StatusCode OpenCode(const ScratchDirectory& scratch, const std::string& name, OpenMode mode) {
  return scratch.Open()->Open(name, mode).status().code();
}

TEST_CASE("new files are 0600 and new directories 0700 whatever the umask") {
  for (const mode_t mask : {0000u, 0022u, 0077u, 0777u}) {
    const ScratchDirectory scratch;
    const auto directory = scratch.Open();
    const mode_t before = umask(mask);
    const bool is_made = directory->Open("file", OpenMode::kCreate).ok();
    // A mask that denies the owner entry keeps all but root out of a new directory.
    const bool can_enter = (mask & 0700) == 0 || geteuid() == 0;
    const bool are_directories_made =
        can_enter && directory->Subdirectory("sub", /*create=*/true).ok() &&
        PosixDirectory::OpenPath(scratch.PathOf("top"), /*create=*/true).ok();
    umask(before);

    CAPTURE(mask);
    REQUIRE(is_made);
    CHECK(ModeOf(scratch.PathOf("file")) == 0600);
    if (can_enter) {
      REQUIRE(are_directories_made);
      CHECK(ModeOf(scratch.PathOf("sub")) == 0700);
      CHECK(ModeOf(scratch.PathOf("top")) == 0700);
    }
  }
}

TEST_CASE("the mode of what was there already is not changed") {
  const ScratchDirectory scratch;
  WriteText(scratch.PathOf("file"), "text");
  chmod(scratch.PathOf("file").c_str(), 0640);
  fs::create_directory(scratch.PathOf("sub"));
  chmod(scratch.PathOf("sub").c_str(), 0750);

  REQUIRE(scratch.Open()->Open("file", OpenMode::kReadWrite).ok());
  REQUIRE(scratch.Open()->Subdirectory("sub", /*create=*/true).ok());
  REQUIRE(PosixDirectory::OpenPath(scratch.PathOf("sub"), /*create=*/true).ok());

  CHECK(ModeOf(scratch.PathOf("file")) == 0640);
  CHECK(ModeOf(scratch.PathOf("sub")) == 0750);
}

TEST_CASE("creation takes only a free name, opening only a taken one") {
  const ScratchDirectory scratch;
  WriteText(scratch.PathOf("file"), "text");
  fs::create_symlink("nowhere", scratch.PathOf("dangling"));

  CHECK(OpenCode(scratch, "file", OpenMode::kCreate) == StatusCode::kAlreadyExists);
  CHECK(OpenCode(scratch, "dangling", OpenMode::kCreate) == StatusCode::kAlreadyExists);
  CHECK(OpenCode(scratch, "missing", OpenMode::kRead) == StatusCode::kNotFound);
  CHECK(OpenCode(scratch, "missing", OpenMode::kReadWrite) == StatusCode::kNotFound);
  CHECK(ReadText(scratch.PathOf("file")) == "text");
  CHECK(!fs::exists(scratch.PathOf("nowhere")));
}

// At once and by name, whatever it is opened for.
void CheckRefused(const ScratchDirectory& scratch, const std::string& name) {
  CAPTURE(name);
  for (const OpenMode mode : {OpenMode::kRead, OpenMode::kReadWrite}) {
    const auto file = scratch.Open()->Open(name, mode);
    CHECK(file.status().code() == StatusCode::kFailedPrecondition);
    CHECK(std::string(file.status().message()).find(scratch.PathOf(name)) == 0);
  }
  CHECK(OpenCode(scratch, name, OpenMode::kCreate) == StatusCode::kAlreadyExists);
}

TEST_CASE("planted links, FIFOs, sockets and directories are refused and do not hang") {
  const ScratchDirectory scratch;
  const ScratchDirectory outside;
  WriteText(outside.PathOf("secret"), "secret");
  fs::create_symlink(outside.PathOf("secret"), scratch.PathOf("link"));
  fs::create_symlink("file", scratch.PathOf("link_inside"));
  WriteText(scratch.PathOf("file"), "text");
  REQUIRE(mkfifo(scratch.PathOf("fifo").c_str(), 0600) == 0);
  fs::create_directory(scratch.PathOf("directory"));
  const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  scratch.PathOf("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(bind(server, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);

  for (const char* name : {"link", "link_inside", "fifo", "socket", "directory"}) {
    CheckRefused(scratch, name);
  }
  CHECK(scratch.Open()->Subdirectory("link", false).status().code() ==
        StatusCode::kFailedPrecondition);
  close(server);
}

TEST_CASE("a planted device is refused", "[privileged]") {
  const ScratchDirectory scratch;
  if (mknod(scratch.PathOf("device").c_str(), S_IFCHR | 0600, makedev(1, 3)) != 0) {
    return testing::Skip("root, to plant a device");
  }
  CheckRefused(scratch, "device");
}

TEST_CASE("a file that is mounted over a name is not reached through it", "[privileged]") {
  const ScratchDirectory scratch;
  const ScratchDirectory outside;
  WriteText(outside.PathOf("secret"), "secret");
  WriteText(scratch.PathOf("file"), "text");
  const auto directory = scratch.Open();
  Child([&](Child& child) {
    // In a name space of the child's own, so that nobody else sees the mount.
    if (unshare(CLONE_NEWNS) != 0 ||
        mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount(outside.PathOf("secret").c_str(), scratch.PathOf("file").c_str(), nullptr, MS_BIND,
              nullptr) != 0) {
      child.Skip();
    }
    // The directory as the new name space has it.
    child.Check(scratch.Open()->Open("file", OpenMode::kRead).status().code() ==
                    StatusCode::kFailedPrecondition,
                "refused");
  }).RequireSuccess("root, for a mount, and openat2");
}

TEST_CASE("a second hard link can be seen") {
  const ScratchDirectory scratch;
  WriteText(scratch.PathOf("file"), "text");
  fs::create_hard_link(scratch.PathOf("file"), scratch.PathOf("other"));

  CHECK((*scratch.Open()->Open("file", OpenMode::kRead))->Stat()->links == 2);
}

TEST_CASE("files and directories of a stranger are refused by name", "[privileged]") {
  const ScratchDirectory scratch;
  WriteText(scratch.PathOf("file"), "text");
  fs::create_directory(scratch.PathOf("sub"));
  const uid_t stranger = geteuid() + 1;
  if (chown(scratch.PathOf("file").c_str(), stranger, stranger) != 0 ||
      chown(scratch.PathOf("sub").c_str(), stranger, stranger) != 0) {
    return testing::Skip("root, to give files away");
  }

  const auto file = scratch.Open()->Open("file", OpenMode::kRead);
  CHECK(file.status().message() == scratch.PathOf("file") + ": belongs to user " +
                                       std::to_string(stranger) + ", not to " +
                                       std::to_string(geteuid()));
  CHECK(file.status().code() == StatusCode::kFailedPrecondition);
  CHECK(scratch.Open()->Subdirectory("sub", false).status().code() ==
        StatusCode::kFailedPrecondition);
  CHECK(PosixDirectory::OpenPath(scratch.PathOf("sub"), false).status().code() ==
        StatusCode::kFailedPrecondition);
}

TEST_CASE("another user's process opens root's directory but not its files", "[privileged]") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  WriteText(scratch.PathOf("file"), "text");
  chmod(scratch.path().c_str(), 0755);
  chmod(scratch.PathOf("file").c_str(), 0644);
  Child([&](Child& child) {
    if (geteuid() != 0 || setresuid(12345, 12345, 12345) != 0) child.Skip();
    child.Check(PosixDirectory::OpenPath(scratch.path(), false).ok(), "root's directory");
    child.Check(
        directory->Open("file", OpenMode::kRead).status().code() == StatusCode::kFailedPrecondition,
        "root's file");
    child.Check(
        directory->Open("new", OpenMode::kCreate).status().code() == StatusCode::kPermissionDenied,
        "a new file");
  }).RequireSuccess("root, to become another user");
}

TEST_CASE("names that lead out of the directory are refused by every call") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  WriteText(scratch.PathOf("file"), "text");
  fs::create_directory(scratch.PathOf("sub"));
  WriteText(scratch.PathOf("sub/deep"), "text");

  for (const std::string& name :
       {std::string(""), std::string("."), std::string(".."), std::string("../file"),
        std::string("sub/deep"), scratch.PathOf("file"), std::string("file\0x", 6)}) {
    CAPTURE(name);
    const StatusCode refused = StatusCode::kFailedPrecondition;
    CHECK(directory->Open(name, OpenMode::kRead).status().code() == refused);
    CHECK(directory->Open(name, OpenMode::kCreate).status().code() == refused);
    CHECK(directory->Rename("file", name).code() == refused);
    CHECK(directory->Rename(name, "free").code() == refused);
    CHECK(directory->Remove(name).code() == refused);
    CHECK(directory->Subdirectory(name, true).status().code() == refused);
  }
  CHECK(directory->Open(std::string(300, 'x'), OpenMode::kCreate).status().code() ==
        StatusCode::kFailedPrecondition);
}

TEST_CASE("a list holds the regular files and nothing else, as often as it is asked for") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  WriteText(scratch.PathOf("a"), "");
  WriteText(scratch.PathOf("b"), "");
  fs::create_directory(scratch.PathOf("directory"));
  fs::create_symlink("a", scratch.PathOf("link"));
  REQUIRE(mkfifo(scratch.PathOf("fifo").c_str(), 0600) == 0);

  for (int i = 0; i < 2; ++i) {
    auto names = directory->List();
    REQUIRE(names.ok());
    std::sort(names->begin(), names->end());
    CHECK(*names == std::vector<std::string>{"a", "b"});
  }
}

TEST_CASE("a rename and a move never replace") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  const auto sub = directory->Subdirectory("sub", /*create=*/true);
  REQUIRE(sub.ok());
  WriteText(scratch.PathOf("a"), "a");
  WriteText(scratch.PathOf("b"), "b");
  WriteText(scratch.PathOf("sub/a"), "sub/a");

  CHECK(directory->Rename("a", "b").code() == StatusCode::kAlreadyExists);
  CHECK(directory->Rename("missing", "c").code() == StatusCode::kNotFound);
  CHECK(directory->MoveTo("a", **sub, "a").code() == StatusCode::kAlreadyExists);
  CHECK(ReadText(scratch.PathOf("a")) == "a");
  CHECK(ReadText(scratch.PathOf("b")) == "b");
  CHECK(ReadText(scratch.PathOf("sub/a")) == "sub/a");

  REQUIRE(directory->Rename("a", "c").ok());
  REQUIRE(directory->MoveTo("b", **sub, "b").ok());
  CHECK(ReadText(scratch.PathOf("c")) == "a");
  CHECK(ReadText(scratch.PathOf("sub/b")) == "b");
  CHECK(!fs::exists(scratch.PathOf("a")));
  CHECK(!fs::exists(scratch.PathOf("b")));
}

TEST_CASE("without openat2 and renameat2 nothing is followed and nothing replaced either") {
  const ScratchDirectory scratch;
  fs::create_symlink("a", scratch.PathOf("link"));
  WriteText(scratch.PathOf("a"), "a");
  WriteText(scratch.PathOf("b"), "b");
  for (const int openat2_error : {ENOSYS, EPERM}) {
    Child([&](Child& child) {
      if (!DenySystemCalls({{SYS_openat2, openat2_error}, {SYS_renameat2, EINVAL}})) child.Skip();
      const auto directory = scratch.Open();
      child.Check(directory->Open("a", OpenMode::kReadWrite).ok(), "a file is opened");
      child.Check(directory->Open("new", OpenMode::kCreate).ok(), "a file is made");
      child.Check(ModeOf(scratch.PathOf("new")) == 0600, "with its mode");
      child.Check(directory->Open("link", OpenMode::kRead).status().code() ==
                      StatusCode::kFailedPrecondition,
                  "a link is refused");
      child.Check(directory->Subdirectory("sub", /*create=*/true).ok(), "a directory is made");
      child.Check(directory->Rename("a", "b").code() == StatusCode::kAlreadyExists,
                  "a taken name is refused");
      child.Check(directory->Rename("a", "c").ok() && ReadText(scratch.PathOf("c")) == "a" &&
                      !fs::exists(scratch.PathOf("a")),
                  "a free name is taken");
      child.Check(directory->Rename("c", "a").ok() && directory->Remove("new").ok(), "and back");
    }).RequireSuccess("system call filters");
  }
}

TEST_CASE("a directory stays the same one when its path is given to another") {
  const ScratchDirectory scratch;
  const auto directory = PosixDirectory::OpenPath(scratch.PathOf("store"), /*create=*/true);
  REQUIRE(directory.ok());
  fs::rename(scratch.PathOf("store"), scratch.PathOf("moved"));
  fs::create_directory(scratch.PathOf("store"));

  REQUIRE((*directory)->Open("file", OpenMode::kCreate).ok());

  CHECK(fs::exists(scratch.PathOf("moved/file")));
  CHECK(!fs::exists(scratch.PathOf("store/file")));
}

TEST_CASE("a path is opened through links, made only on demand, and must be a directory") {
  const ScratchDirectory scratch;
  const std::string path = scratch.PathOf("store");
  CHECK(PosixDirectory::OpenPath(path, false).status().code() == StatusCode::kNotFound);
  REQUIRE(PosixDirectory::OpenPath(path, true).ok());
  REQUIRE(PosixDirectory::OpenPath(path, true).ok());

  fs::create_directory_symlink("store", scratch.PathOf("link"));
  CHECK((*PosixDirectory::OpenPath(scratch.PathOf("link"), false))->Stat()->inode ==
        (*PosixDirectory::OpenPath(path + "/", false))->Stat()->inode);

  WriteText(scratch.PathOf("file"), "");
  CHECK(PosixDirectory::OpenPath(scratch.PathOf("file"), true).status().code() ==
        StatusCode::kFailedPrecondition);
  CHECK(PosixDirectory::OpenPath(scratch.PathOf("no/parent"), true).status().code() ==
        StatusCode::kNotFound);
  CHECK(PosixDirectory::OpenPath(std::string("a\0b", 3), true).status().code() ==
        StatusCode::kFailedPrecondition);
}

TEST_CASE("no descriptor is inherited by another program") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  const auto created = directory->OpenDescriptor("file", OpenMode::kCreate);
  const auto opened = directory->OpenDescriptor("file", OpenMode::kRead);
  REQUIRE(created.ok());
  REQUIRE(opened.ok());

  CHECK((fcntl(created->get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(opened->get(), F_GETFD) & FD_CLOEXEC) != 0);
  CHECK((fcntl(opened->get(), F_GETFL) & O_NONBLOCK) == 0);
}

TEST_CASE("a directory can be synced, and a failed sync is an error") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  CHECK(directory->Sync().ok());
  Child([&](Child& child) {
    if (!DenySystemCalls({{SYS_fsync, EIO}})) child.Skip();
    child.Check(directory->Sync().code() == StatusCode::kDataLoss, "reported");
  }).RequireSuccess("system call filters");
}

TEST_CASE("a store's directory is not opened for creation unless its name survives power loss") {
  for (const int error : {EIO, EINVAL}) {
    const ScratchDirectory scratch;
    Child([&](Child& child) {
      if (!DenySystemCalls({{SYS_fsync, error}})) child.Skip();
      const auto code = [&](bool create) {
        return PosixDirectory::OpenPath(scratch.PathOf("store"), create).status().code();
      };
      child.Check(code(true) == StatusCode::kDataLoss, "a new one");
      // Its maker may have died before the sync. A parent that cannot be synced at all is nothing
      // that could be mended now.
      child.Check(code(true) == (error == EIO ? StatusCode::kDataLoss : StatusCode::kOk),
                  "one that was there already");
      child.Check(code(false) == StatusCode::kOk, "without creation");
    }).RequireSuccess("system call filters");
  }
}

}  // namespace
}  // namespace weir::internal
