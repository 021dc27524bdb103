#include "api/message_claim.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/guarded.h"
#include "base/status_macros.h"

namespace weir {
namespace {

absl::Status NotOpen() {
  return absl::FailedPreconditionError("the claim was committed, moved from or never made");
}

}  // namespace

MessageClaim::MessageClaim() = default;
MessageClaim::MessageClaim(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MessageClaim::MessageClaim(MessageClaim&&) noexcept = default;
MessageClaim& MessageClaim::operator=(MessageClaim&& other) noexcept {
  if (this == &other) return *this;
  if (impl_ != nullptr) impl_->GiveUp();
  impl_ = std::move(other.impl_);
  return *this;
}
MessageClaim::~MessageClaim() {
  if (impl_ != nullptr) impl_->GiveUp();
}

absl::Span<char> MessageClaim::body() const {
  if (impl_ == nullptr || !impl_->is_usable()) return {};
  impl_
      ->Run([&] {
        impl_->engine->log().held_claims().Own(impl_->claimed.reservation.position);
        return absl::OkStatus();
      })
      .IgnoreError();
  return {impl_->claimed.body, impl_->claimed.plan.body_bytes};
}

LogPosition MessageClaim::position() const {
  return impl_ == nullptr ? LogPosition(0) : impl_->claimed.reservation.position;
}

QueueOffset MessageClaim::queue_offset() const {
  return QueueOffset(impl_ == nullptr ? 0 : impl_->claimed.plan.queue_offset);
}

absl::StatusOr<Receipt> MessageClaim::Commit(size_t bytes, const AppendOptions& options) {
  if (impl_ == nullptr) return internal::Guarded(NotOpen);
  return impl_->Run([&]() -> absl::StatusOr<Receipt> {
    if (!impl_->is_open) return NotOpen();
    if (impl_->fork_guard->forked()) {
      return absl::FailedPreconditionError("the claim belongs to the process that this one is of");
    }
    if (bytes > impl_->claimed.plan.body_bytes) {
      return absl::InvalidArgumentError(absl::StrCat(
          "commit of ", bytes, " bytes; ", impl_->claimed.plan.body_bytes, " were claimed"));
    }
    RETURN_IF_ERROR(impl_->engine->log().CheckMayReach(options.durability, options.timeout,
                                                       impl_->claimed.reservation.position));
    impl_->is_open = false;
    return impl_->engine->Commit(impl_->claimed, bytes, options);
  });
}

}  // namespace weir
