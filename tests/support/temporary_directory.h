// A directory on the real disk that goes away with this object.

#ifndef WEIR_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
#define WEIR_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_

#include <stdlib.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

namespace weir::testing {

class TemporaryDirectory {
 public:
  // In $TMPDIR, else in /tmp.
  TemporaryDirectory() : TemporaryDirectory(Default()) {}
  explicit TemporaryDirectory(const std::string& parent) : path_(parent + "/weir.XXXXXX") {
    if (mkdtemp(path_.data()) == nullptr) {
      // No test can go on, and a test binary may say so on the way out.
      std::perror(path_.c_str());
      std::abort();
    }
  }
  ~TemporaryDirectory() {
    std::error_code ignored;  // a test may have taken its own rights to it away
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;

  const std::string& path() const { return path_; }
  // The path of something inside.
  std::string operator/(const std::string& name) const { return path_ + "/" + name; }

 private:
  static std::string Default() {
    const char* const parent = std::getenv("TMPDIR");
    return parent != nullptr && *parent != '\0' ? parent : "/tmp";
  }

  std::string path_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_TEMPORARY_DIRECTORY_H_
