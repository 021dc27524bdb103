// Opens stores to look at, and finds out who writes them.

#ifndef WEIR_TOOL_OPEN_STORE_H_
#define WEIR_TOOL_OPEN_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/types/optional.h"
#include "weir/store.h"

namespace weir::tool {

// The store in `directory`, for reading. kNotFound if there is none, whether the directory is
// missing or holds nothing.
absl::StatusOr<std::unique_ptr<MessageStore>> OpenForReading(const std::string& directory);

// The process id of who writes the store now, as that process wrote it down ("unknown" if it did
// not); nullopt if nobody does. Takes no lock and changes nothing.
absl::optional<std::string> WriterOf(const std::string& directory);

}  // namespace weir::tool

#endif  // WEIR_TOOL_OPEN_STORE_H_
