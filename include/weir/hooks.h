// Where a host hears from its store: states and their reasons.
//
//   struct Alarm final : weir::StateListener {
//     void OnState(weir::StoreState state, const std::string& reason) override { ... }
//   };

#ifndef WEIR_HOOKS_H_
#define WEIR_HOOKS_H_

#include <cstdint>
#include <string>

#include "absl/strings/string_view.h"

namespace weir {

// A store is always in one of these.
enum class StoreState : uint8_t {
  kHealthy,
  kDegraded,  // it works, but not as it should: disk full, damage found, front gone, ...
  kReadOnly,  // appends are refused until the store is opened again; reads go on
  kClosed,
};

absl::string_view StoreStateName(StoreState state);

// Called on a worker or inside RunOnce(), Open() or Close(), one call at a time, with no lock of
// the store held. May call the store. An exception that it throws is caught and forgotten.
class StateListener {
 public:
  virtual ~StateListener() = default;
  virtual void OnState(StoreState state, const std::string& reason) = 0;
};

}  // namespace weir

#endif  // WEIR_HOOKS_H_
