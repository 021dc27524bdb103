// How many messages and bytes each topic was given: as of the end of the newest sealed segment,
// for the index files; the live numbers stand in the topics themselves.

#ifndef WEIR_STORE_TOPIC_TOTALS_H_
#define WEIR_STORE_TOPIC_TOTALS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "index/log_index.h"
#include "store/topic_catalogue.h"

namespace weir::internal {

// Only the indexer's step and the open use it.
class TopicTotals final : public LogIndex {
 public:
  static constexpr absl::string_view kName = "totals";

  explicit TopicTotals(const TopicCatalogue* catalogue) : catalogue_(catalogue) {}

  // A queue's messages in the segment that is being sealed; Settle() when it is.
  void CountRun(uint32_t number, uint64_t messages, uint64_t record_bytes);
  void Settle();
  // The sealing begins anew.
  void Forget() { run_.clear(); }

  // The bytes that a saved state says of the topic; nullopt if it says nothing.
  static std::optional<uint64_t> BytesOf(absl::string_view saved, const Topic::Entry& topic);

  absl::string_view name() const override { return kName; }
  // The catalogue counts the live numbers.
  absl::Status Apply(const ScannedRecord&) override { return absl::OkStatus(); }
  std::string SaveAll(LogPosition) const override { return Encode(/*changed_only=*/false); }
  std::string SaveChanges(LogPosition, LogPosition) const override {
    return Encode(/*changed_only=*/true);
  }
  absl::Status Load(absl::string_view bytes) override;
  void Restart() override;

 private:
  struct Total {
    uint64_t messages = 0;
    uint64_t bytes = 0;
  };
  std::string Encode(bool changed_only) const;

  const TopicCatalogue* const catalogue_;
  // By the topic's first queue number.
  std::map<uint32_t, Total> sealed_;
  std::map<uint32_t, Total> run_;  // of the segment that is being sealed
};

}  // namespace weir::internal

#endif  // WEIR_STORE_TOPIC_TOTALS_H_
