// A record as it is handed to a view: whole, published, sealed.

#ifndef WEIR_TESTS_SUPPORT_MESSAGE_RECORD_H_
#define WEIR_TESTS_SUPPORT_MESSAGE_RECORD_H_

#include <cstdint>
#include <cstring>
#include <vector>

#include "absl/strings/string_view.h"
#include "format/record.h"
#include "weir/message.h"

namespace weir::testing {

class MessageRecord {
 public:
  static constexpr LogPosition kPosition{4096 + 128};
  static constexpr uint64_t kIncarnation = 5;
  static constexpr int64_t kStoreTime = 1'700'000'000'123'456'789;

  MessageRecord(const internal::MessageParts& parts, absl::string_view body)
      : memory_(internal::RecordBytes(internal::EncodedPartsBytes(parts), body.size()) /
                    sizeof(uint64_t),
                ~uint64_t{0}) {
    using namespace internal;  // NOLINT(google-build-using-namespace)
    char* const record = reinterpret_cast<char*>(memory_.data());
    WriteStamp(record, {.bytes = static_cast<uint32_t>(bytes()),
                        .flags = FlagsOf(parts),
                        .queue_number = 70,
                        .queue_offset = 7,
                        .store_time = kStoreTime});
    if (parts.further_queues > 0) WriteFurtherQueueCount(record, parts.further_queues);
    for (uint32_t i = 0; i < parts.further_queues; ++i) WriteFurtherQueue(record, i, {80 + i, i});
    char* const to =
        WriteParts(record, parts, FilterWord(parts.tag), static_cast<uint32_t>(body.size()));
    if (!body.empty()) std::memcpy(to, body.data(), body.size());
    Publish(record, Seal(record, kPosition, kIncarnation));
  }

  const char* record() const { return reinterpret_cast<const char*>(memory_.data()); }
  size_t bytes() const { return memory_.size() * sizeof(uint64_t); }
  bool Verifies() const { return internal::Verify(record(), bytes(), kPosition, kIncarnation); }
  // Lives as long as this.
  MessageView view() const {
    return MessageView(record(), kPosition, Topic(), /*queue_id=*/3, QueueOffset(7));
  }

 private:
  std::vector<uint64_t> memory_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_SUPPORT_MESSAGE_RECORD_H_
