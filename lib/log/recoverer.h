// What recovery does, one function for each step: of what the files say in recovery.cc, of the
// front of a dead process in recovery_front.cc.

#ifndef WEIR_LOG_RECOVERER_H_
#define WEIR_LOG_RECOVERER_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "format/front_layout.h"
#include "format/superblock.h"
#include "log/recovery.h"

namespace weir::internal {

// Once.
class Recoverer {
 public:
  explicit Recoverer(const RecoveryContext& context);

  absl::StatusOr<RecoveredLog> Run();

 private:
  FrontIdentity Identity(uint64_t incarnation) const;
  absl::Status LoadSegments();
  absl::Status MakeNamesDurable();
  // Told; an error if the open is strict.
  absl::Status Damage(DamagedRange range);
  // With the front of a dead process, if there is one: `front` is null otherwise.
  absl::Status WriteAgain(LogPosition from, LogPosition to, Front* front);

  absl::Status JudgeFiles();
  void RemoveLeftFront();
  bool IsOpenRecordTorn(LogPosition end) const;
  absl::Status GoOnBehind(LogPosition end);
  void PrepareActive(LogPosition end);
  absl::Status StartFront(LogPosition end);

  absl::Status Adopt(std::unique_ptr<SharedMemory> memory, const std::string& directory);
  absl::Status ReplaceUnreadable(Front& front);
  absl::Status MatchIncarnations(const Front& front);

  const RecoveryContext& context_;
  Segments& segments_;
  const Superblock saved_;
  const Uuid boot_;
  const bool same_boot_;
  FileStatus directory_status_;
  TailScan scan_;
  uint64_t incarnation_ = 0;
  RecoveredLog log_;
};

}  // namespace weir::internal

#endif  // WEIR_LOG_RECOVERER_H_
