// Owns one file descriptor.

#ifndef WEIR_IO_FILE_DESCRIPTOR_H_
#define WEIR_IO_FILE_DESCRIPTOR_H_

#include <utility>

namespace weir::internal {

class FileDescriptor final {
 public:
  FileDescriptor() = default;
  // Takes over what a system call answered. The three lowest numbers are moved out of the way: a
  // host that runs without standard streams would otherwise print into a file of the store.
  explicit FileDescriptor(int fd) : fd_(fd >= 0 && fd < kFirst ? MoveUp(fd) : fd) {}
  // Closes, and looks away from the result: no answer of close() tells what is on the disk. Whoever
  // needs to know has called Sync() before, and its answer stands. Never repeated after EINTR,
  // because the number may already belong to somebody else.
  ~FileDescriptor();

  FileDescriptor(FileDescriptor&& other) noexcept : fd_(other.Release()) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }

  bool is_open() const { return fd_ >= 0; }
  int get() const { return fd_; }
  int Release() { return std::exchange(fd_, -1); }

 private:
  static constexpr int kFirst = 3;
  // Keeps errno as the move left it; -1 if there is no number left.
  static int MoveUp(int fd);

  int fd_ = -1;
};

}  // namespace weir::internal

#endif  // WEIR_IO_FILE_DESCRIPTOR_H_
