// The interface of everything that is computed from the log besides the queues themselves.
//
// An index is fed with the records in the order of the log, and its bytes are kept, unread, in the
// index file of each sealed segment: so that an open need not read the whole log, no more.

#ifndef WEIR_INDEX_LOG_INDEX_H_
#define WEIR_INDEX_LOG_INDEX_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "log/segment_scanner.h"
#include "weir/message.h"

namespace weir::internal {

class LogIndex {
 public:
  virtual ~LogIndex() = default;

  // Under which its bytes are kept.
  virtual absl::string_view name() const = 0;

  // A record of the log, in order, each once (but see follows_log()). kDataLoss: the record makes
  // no sense here.
  virtual absl::Status Apply(const ScannedRecord& record) = 0;

  // Everything that the log below `to` says, or what it says in [from, to) only. Nothing behind
  // `to` may show.
  virtual std::string SaveAll(LogPosition to) const = 0;
  virtual std::string SaveChanges(LogPosition from, LogPosition to) const = 0;
  // Takes over what either saved; changes come behind what they changed.
  virtual absl::Status Load(absl::string_view bytes) = 0;
  // Whether it learns at run time, too, from the log what it knows, and not from who appends. Then
  // a record may come to Apply() twice, and the second time says nothing new.
  virtual bool follows_log() const { return false; }
  // Whether it is loaded when the queues are, and not before them.
  virtual bool follows_queues() const { return false; }
  // What was loaded counts no more: the whole log is applied now.
  virtual void Restart() = 0;
};

}  // namespace weir::internal

#endif  // WEIR_INDEX_LOG_INDEX_H_
