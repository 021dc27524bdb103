// What a claim of a message holds.

#ifndef WEIR_API_MESSAGE_CLAIM_H_
#define WEIR_API_MESSAGE_CLAIM_H_

#include "api/store_parts.h"
#include "io/fork_guard.h"
#include "store/engine.h"
#include "weir/store.h"

namespace weir {

struct MessageClaim::Impl {
  internal::Engine* engine;
  const internal::ForkGuard* fork_guard;
  internal::Engine::Claimed claimed;
  bool is_open = true;

  // In a forked child the claim is the parent's, and its memory is not here.
  bool is_usable() const { return is_open && !fork_guard->forked(); }
  template <typename Call>
  auto Run(Call&& call) const {
    return internal::Answer([this] { return engine->log().JudgePromises(); }, call);
  }
  void GiveUp() {
    if (!is_usable()) return;
    Run([&] {
      engine->Abandon(claimed);
      return absl::OkStatus();
    }).IgnoreError();
  }
};

}  // namespace weir

#endif  // WEIR_API_MESSAGE_CLAIM_H_
