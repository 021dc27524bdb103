// A thread of a stress: what it calls, what it sent and was told, and what it complains of.

#ifndef WEIR_TESTS_STRESS_ACTOR_H_
#define WEIR_TESTS_STRESS_ACTOR_H_

#include <cstdint>
#include <initializer_list>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "stress/call_table.h"
#include "support/random.h"
#include "weir/message.h"

namespace weir::testing {

// What went wrong. Locked only by who complains: nothing else here orders the threads.
class Complaints {
 public:
  void Add(absl::string_view text) {
    constexpr int kToldMax = 20;
    const std::lock_guard lock(mutex_);
    if (++count_ <= kToldMax) absl::StrAppend(&text_, text, "\n");
  }
  std::string text() const {
    const std::lock_guard lock(mutex_);
    return text_;
  }

 private:
  mutable std::mutex mutex_;
  int count_ = 0;
  std::string text_;
};

// A message's name: who sent it, and as his how manyth. Its body begins with it.
struct Identity {
  uint32_t actor = 0;
  uint32_t number = 0;
  friend auto operator<=>(const Identity&, const Identity&) = default;
};
std::string BodyOf(const Identity& identity);
// Whose body this is; nothing if nobody could have sent it.
std::optional<Identity> IdentityOf(absl::string_view body);

// What a sender was told of a message; if he was told several things, the largest counts.
enum class Fate : uint8_t { kNeverThere, kUncertain, kAcknowledged };
struct Told {
  Identity identity;
  Fate fate = Fate::kUncertain;
  Receipt receipt;
};

class Actor {
 public:
  Actor(uint32_t number, uint64_t seed, CallTable* table, Complaints* complaints)
      : number_(number), random_(seed), table_(table), complaints_(complaints) {}

  template <size_t kRow>
  void Note() {
    if constexpr (IsCounted(kPublicFunctions[kRow])) ++calls_;
    table_->Note(kRow, number_);
    last_called_ = kPublicFunctions[kRow];
  }

  // The last call found nothing to do. Such calls are cheap and many, and say little.
  void LeaveOutLast() { --calls_; }

  void Expect(bool holds, absl::string_view what) {
    if (holds) return;
    complaints_->Add(absl::StrCat("actor ", number_, " behind ",
                                  absl::string_view(last_called_.data(), last_called_.size()), ": ",
                                  what));
  }
  // That it is OK or one of these.
  void ExpectAmong(const absl::Status& status, std::initializer_list<absl::StatusCode> codes) {
    bool is_among = status.ok();
    for (const absl::StatusCode code : codes) is_among |= status.code() == code;
    Expect(is_among, status.ToString());
  }

  Identity NextIdentity() { return {number_, sent_++}; }
  void Tell(const Identity& identity, Fate fate, const Receipt& receipt = {}) {
    told_.push_back({identity, fate, receipt});
  }

  uint32_t number() const { return number_; }
  Random& random() { return random_; }
  uint64_t calls() const { return calls_; }
  uint32_t sent() const { return sent_; }
  const std::vector<Told>& told() const { return told_; }

 private:
  const uint32_t number_;
  Random random_;
  CallTable* const table_;
  Complaints* const complaints_;
  uint64_t calls_ = 0;
  std::string_view last_called_;
  uint32_t sent_ = 0;
  std::vector<Told> told_;
};

}  // namespace weir::testing

#endif  // WEIR_TESTS_STRESS_ACTOR_H_
