// What the workers of an enumeration count together, in memory that they share: figures by
// scenario, and the set of all states seen.

#ifndef WEIR_TESTS_CRASH_TALLY_H_
#define WEIR_TESTS_CRASH_TALLY_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "support/crash_image.h"

namespace weir::testing {

inline constexpr size_t kScenariosMax = 32;
inline constexpr size_t kWorkersMax = 64;

struct ScenarioTally {
  std::atomic<uint64_t> runs;
  std::atomic<uint64_t> states;    // images made
  std::atomic<uint64_t> distinct;  // of them new, opened and examined
  std::atomic<uint64_t> nested;    // of these: crashes inside a recovery
  std::atomic<uint64_t> twice;     // of these: in the recovery from such a crash
  std::atomic<uint64_t> repeated;  // of the distinct ones: recovered again, with the same outcome
  std::atomic<uint64_t> acknowledged_checked;
  std::atomic<uint64_t> lost;
  std::atomic<uint64_t> phantoms;
  std::atomic<uint64_t> violations;  // the two before included
};

// Where a worker is: read by the parent when it dies or hangs.
struct WorkerPlace {
  static constexpr uint64_t kNone = ~uint64_t{0};
  // A recovery is crashed, and so is the recovery from that.
  static constexpr size_t kDepthMax = 2;
  struct Nested {
    std::atomic<uint64_t> operation;
    std::atomic<uint64_t> plan;
  };

  std::atomic<uint64_t> scenario;
  std::atomic<uint64_t> seed;
  std::atomic<uint64_t> operation;
  std::atomic<uint64_t> plan;
  std::atomic<size_t> depth;  // 0: not inside a recovery
  Nested nested[kDepthMax];
  std::atomic<uint64_t> progress;
};

class Tally {
 public:
  // For up to `states_max` distinct states; shared with children. Null: out of memory.
  static Tally* Create(uint64_t states_max);

  // True if the state is new. Two states with one 64-bit hash count once: the count is a floor.
  bool Add(const ImageHash& hash);

  uint64_t distinct() const { return distinct_.load(); }
  uint64_t nested() const;
  uint64_t violations() const;

  std::atomic<uint64_t> next_task;
  ScenarioTally scenarios[kScenariosMax];
  WorkerPlace workers[kWorkersMax];

 private:
  Tally() = default;
  std::atomic<uint64_t>* slots();

  std::atomic<uint64_t> distinct_;
  uint64_t slot_count_ = 0;  // a power of two; the slots follow this object
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_CRASH_TALLY_H_
