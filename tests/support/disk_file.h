// A file of the fault disk: what processes see of it, what surely survives a power loss, and
// everything in between that may or may not survive, in sectors of 512 bytes.
//
// Between two syncs a sector may be written several times, and the disk may hold any of these
// versions when the power goes. The same holds for the size.

#ifndef WEIR_TESTS_SUPPORT_DISK_FILE_H_
#define WEIR_TESTS_SUPPORT_DISK_FILE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "support/paged_bytes.h"

namespace weir::testing {

inline constexpr uint64_t kSectorBytes = 512;
using Sector = std::array<char, kSectorBytes>;

// What a failed sync does to the pages that it did not get to the disk.
enum class PagesAfterFailure : uint8_t {
  kKept,      // still dirty: a later sync writes them
  kDropped,   // marked clean: still seen by readers, never written; a later sync says OK
  kReverted,  // readers see what the disk holds
};

class DiskFile {
 public:
  const PagedBytes& content() const { return content_; }
  uint64_t size() const { return content_.size(); }

  void Write(uint64_t offset, absl::string_view bytes);
  void Resize(uint64_t size);
  void Sync();
  void FailSync(PagesAfterFailure pages);

  // True if a power loss can leave nothing but what is seen now.
  bool IsClean() const { return dirty_.empty() && earlier_sizes_.empty() && !has_lost_sectors_; }

  // Unsynced sectors in order, each with the number of states that it may be in after a power
  // loss: 0 is what was synced, the highest what is seen now.
  struct DirtySector {
    uint64_t number = 0;
    size_t states = 0;
  };
  std::vector<DirtySector> DirtySectors() const;
  size_t size_states() const { return earlier_sizes_.size() + 1; }

  // Sectors of the last write that are still unsynced: [begin, end).
  uint64_t last_write_begin() const { return last_write_begin_; }
  uint64_t last_write_end() const { return last_write_end_; }

  // What is there after a power loss. `size_state` and the states of the sectors are numbered as
  // above; `fill` gives the content of sectors that belong to the file since the last sync and
  // never reached the disk (null: zeros).
  struct Loss {
    size_t size_state = 0;
    absl::FunctionRef<size_t(const DirtySector&)> sector_state;
    const absl::FunctionRef<Sector(uint64_t sector)>* fill = nullptr;
  };
  DiskFile AfterPowerLoss(const Loss& loss) const;

 private:
  // Remembers the present content of a sector that is about to change.
  void Touch(uint64_t sector);
  void RememberSize();
  Sector Load(const PagedBytes& bytes, uint64_t sector) const;

  PagedBytes content_;  // what processes see
  PagedBytes synced_;   // what survives for sure
  // Unsynced sectors with their versions between the synced and the present one, oldest first.
  std::map<uint64_t, std::vector<Sector>> dirty_;
  std::vector<uint64_t> earlier_sizes_;  // since the last sync; the first is the synced one
  bool has_lost_sectors_ = false;        // content_ differs from synced_ where nothing is dirty
  uint64_t last_write_begin_ = 0;
  uint64_t last_write_end_ = 0;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_DISK_FILE_H_
