// Many durations, counted in buckets of at most 1 % width.

#ifndef WEIR_TOOL_LATENCIES_H_
#define WEIR_TOOL_LATENCIES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace weir::tool {

class Latencies {
 public:
  Latencies();

  void Add(uint64_t nanos);

  // The smallest duration that at least `share` (0 to 1) of all do not exceed, up to the width of
  // its bucket. 0 if there is none.
  uint64_t Quantile(double share) const;
  uint64_t max() const { return max_; }

 private:
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t max_ = 0;
};

}  // namespace weir::tool

#endif  // WEIR_TOOL_LATENCIES_H_
