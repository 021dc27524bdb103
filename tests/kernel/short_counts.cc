// Preloaded into a victim: a transfer of bytes of its store takes a part of them and says so, as
// the kernel may do whenever it likes.
//
//   LD_PRELOAD=libshort_counts.so SHORT_PLACE=/where/the/store/is SHORT_CALL=pwritev SHORT_INDEX=3
//   SHORT_COUNT=one SHORT_TOLD=/a/file store_victim ...
//
// The SHORT_INDEXth call of that name on a file below SHORT_PLACE, from 1, transfers one byte, half
// of them ("half"), or all but one ("most"), and a line in SHORT_TOLD says so. Index 0: each of
// them does. What strace could inject is another thing: a call that is not made and says that it
// took so many.

#include <dlfcn.h>
#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace {

const char* Setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

bool IsInPlace(int fd) {
  char link[64];
  std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  char path[PATH_MAX];
  const ssize_t size = readlink(link, path, sizeof path);
  const char* const place = Setting("SHORT_PLACE");
  const size_t place_size = std::strlen(place);
  return size >= static_cast<ssize_t>(place_size) && std::memcmp(path, place, place_size) == 0;
}

void Tell(const char* call, size_t bytes, size_t count) {
  const int file = open(Setting("SHORT_TOLD"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (file < 0) return;
  dprintf(file, "%s: %zu of %zu\n", call, count, bytes);
  close(file);
}

// How many bytes a call of that name for `bytes` may transfer.
size_t CountFor(const char* call, int fd, size_t bytes) {
  static std::atomic<uint64_t> calls{0};
  if (bytes < 2 || std::strcmp(Setting("SHORT_CALL"), call) != 0 || !IsInPlace(fd)) return bytes;
  const uint64_t index = std::strtoull(Setting("SHORT_INDEX"), nullptr, 10);
  if (++calls != index && index != 0) return bytes;
  const char* const how = Setting("SHORT_COUNT");
  const size_t count = std::strcmp(how, "one") == 0    ? 1
                       : std::strcmp(how, "half") == 0 ? bytes / 2
                                                       : bytes - 1;
  Tell(call, bytes, count);
  return count;
}

template <typename Function>
Function* Real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

extern "C" ssize_t pread(int fd, void* bytes, size_t size, off_t offset) {
  static auto* const real = Real<ssize_t(int, void*, size_t, off_t)>("pread");
  return real(fd, bytes, CountFor("pread64", fd, size), offset);
}

extern "C" ssize_t pwritev(int fd, const iovec* pieces, int count, off_t offset) {
  static auto* const real = Real<ssize_t(int, const iovec*, int, off_t)>("pwritev");
  size_t size = 0;
  for (int i = 0; i < count; ++i) size += pieces[i].iov_len;
  size_t left = CountFor("pwritev", fd, size);
  if (left == size) return real(fd, pieces, count, offset);
  iovec some[IOV_MAX];
  int used = 0;
  for (int i = 0; i < count && left > 0; ++i) {
    some[used] = {pieces[i].iov_base, std::min(pieces[i].iov_len, left)};
    left -= some[used++].iov_len;
  }
  return real(fd, some, used, offset);
}
