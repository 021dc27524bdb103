// Bytes of a file in pages that copies share until one of them writes: copying a disk costs a few
// pointers.

#ifndef WEIR_TESTS_SUPPORT_PAGED_BYTES_H_
#define WEIR_TESTS_SUPPORT_PAGED_BYTES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace weir::testing {

class PagedBytes {
 public:
  static constexpr uint64_t kPageBytes = 4096;

  uint64_t size() const { return size_; }

  // New bytes are zero, also where there were others before an earlier cut.
  void Resize(uint64_t size);

  // Returns how many bytes were there to be read.
  size_t Read(uint64_t offset, absl::Span<char> out) const;

  // Grows if need be.
  void Write(uint64_t offset, absl::string_view bytes);

  // Calls `visit(string_view)` for the pages in order, the last one cut at the end of the file.
  template <typename Visitor>
  void VisitPages(Visitor visit) const {
    for (size_t i = 0; i < pages_.size(); ++i) {
      const uint64_t rest = size_ - i * kPageBytes;
      const size_t bytes = static_cast<size_t>(rest < kPageBytes ? rest : kPageBytes);
      visit(absl::string_view(pages_[i] == nullptr ? kZeros.data() : pages_[i]->data(), bytes));
    }
  }

 private:
  using Page = std::array<char, kPageBytes>;
  static const Page kZeros;

  // Ours alone, to be changed.
  Page& MutablePage(size_t index);

  uint64_t size_ = 0;
  std::vector<std::shared_ptr<Page>> pages_;  // one for each begun page; null: zeros
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_PAGED_BYTES_H_
