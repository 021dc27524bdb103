#include "support/paged_bytes.h"

#include <algorithm>
#include <cstring>

namespace weir::testing {

const PagedBytes::Page PagedBytes::kZeros = {};

void PagedBytes::Resize(uint64_t size) {
  if (size < size_ && size % kPageBytes != 0) {
    // The rest of the last page must be zero when the file grows again.
    const size_t last = static_cast<size_t>(size / kPageBytes);
    if (pages_[last] != nullptr) {
      const size_t keep = static_cast<size_t>(size % kPageBytes);
      std::memset(MutablePage(last).data() + keep, 0, kPageBytes - keep);
    }
  }
  size_ = size;
  pages_.resize(static_cast<size_t>((size + kPageBytes - 1) / kPageBytes));
}

size_t PagedBytes::Read(uint64_t offset, absl::Span<char> out) const {
  if (offset >= size_) return 0;
  const size_t total = static_cast<size_t>(std::min<uint64_t>(out.size(), size_ - offset));
  for (size_t done = 0; done < total;) {
    const size_t index = static_cast<size_t>((offset + done) / kPageBytes);
    const size_t begin = static_cast<size_t>((offset + done) % kPageBytes);
    const size_t bytes = std::min<size_t>(total - done, kPageBytes - begin);
    const Page& page = pages_[index] == nullptr ? kZeros : *pages_[index];
    std::memcpy(out.data() + done, page.data() + begin, bytes);
    done += bytes;
  }
  return total;
}

void PagedBytes::Write(uint64_t offset, absl::string_view bytes) {
  if (bytes.empty()) return;
  if (offset + bytes.size() > size_) Resize(offset + bytes.size());
  while (!bytes.empty()) {
    const size_t begin = static_cast<size_t>(offset % kPageBytes);
    const size_t count = std::min<size_t>(bytes.size(), kPageBytes - begin);
    Page& page = MutablePage(static_cast<size_t>(offset / kPageBytes));
    std::memcpy(page.data() + begin, bytes.data(), count);
    offset += count;
    bytes.remove_prefix(count);
  }
}

PagedBytes::Page& PagedBytes::MutablePage(size_t index) {
  std::shared_ptr<Page>& page = pages_[index];
  if (page == nullptr) {
    page = std::make_shared<Page>(kZeros);
  } else if (page.use_count() > 1) {
    page = std::make_shared<Page>(*page);
  }
  return *page;
}

}  // namespace weir::testing
