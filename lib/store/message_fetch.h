// One read's way to its records: from the entry of a queue, or a place, to a verified message, or
// to the reason why there is none.

#ifndef WEIR_STORE_MESSAGE_FETCH_H_
#define WEIR_STORE_MESSAGE_FETCH_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "format/message_copy.h"
#include "format/record.h"
#include "index/entry_chunks.h"
#include "log/log_view.h"
#include "log/read_memory.h"
#include "log/record_reader.h"
#include "store/topic_catalogue.h"
#include "store/wanted.h"
#include "weir/message.h"

namespace weir::internal {

// Which incarnation wrote the verified record at `position`: its checksum says so. nullopt: nobody
// knows.
std::optional<uint64_t> FindIncarnation(LogView& log, const char* record, LogPosition position);

// For one call on one thread.
class MessageFetch {
 public:
  enum class Got : uint8_t { kMessage, kSkip, kNotYet, kRemoved, kDamaged };

  // `memory` outlives the views.
  MessageFetch(LogView& log, const Wanted& wanted, ReadMemory& memory);

  // The record of the queue's entry at `offset`: verified, and checked to be what the entry says.
  absl::StatusOr<Got> Get(const QueueEntry& entry, const Topic::Entry& topic, uint32_t number,
                          uint64_t offset);
  // The message whose record begins at `position`, wanted or not. A void is skipped;
  // what is neither is damage.
  absl::StatusOr<Got> GetAt(LogPosition position);

  // The same, or the message that a copy at `position` carries. Anything else is damage.
  absl::StatusOr<Got> GetKept(LogPosition position);

  // Of the last kMessage.
  const char* record() const { return record_; }
  uint32_t record_bytes() const { return bytes_; }
  // Of the last kMessage of GetKept(): the message, and where it was first appended; of one that
  // stands there itself without incarnation and queue.
  const MessageCopy& kept() const { return kept_; }
  // Of all records that were looked at.
  uint64_t bytes_looked_at() const { return bytes_looked_at_; }
  // Of the last kDamaged.
  DamagedRange& damage() { return damage_; }
  // ... and whether the device did not give the bytes: then they may come some day.
  bool is_unread() const { return records_.is_unread(); }
  // Whether a message with these parts is not delivered any more.
  bool IsExpired(const DecodedParts& parts);
  // Lets go of the front until the next Get().
  void Rest() { front_->Rest(); }

 private:
  bool IsThere(LogPosition position);
  // The verified record at `position`; kMessage whatever it is.
  absl::StatusOr<Got> Load(LogPosition position, const char** record);
  // kMessage if it is wanted, with what its parts say.
  Got Take(const char* record, const RecordHeader& header, const DecodedParts& parts,
           const MessageView& message);
  absl::StatusOr<Got> Damaged(LogPosition position, absl::string_view why);

  LogView& log_;
  const Wanted& wanted_;
  const std::unique_ptr<FrontReader> front_;
  RecordReader records_;
  const LogPosition visible_end_;
  LogPosition published_end_;  // as far as it was looked at
  const char* record_ = nullptr;
  uint32_t bytes_ = 0;
  MessageCopy kept_;
  uint64_t bytes_looked_at_ = 0;
  int64_t now_ = 0;  // 0: nobody asked yet
  DamagedRange damage_;
};

}  // namespace weir::internal

#endif  // WEIR_STORE_MESSAGE_FETCH_H_
