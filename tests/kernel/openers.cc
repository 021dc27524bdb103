#include "kernel/openers.h"

#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <memory>
#include <new>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "support/random.h"
#include "weir/store.h"

namespace weir::kernel {
namespace {

constexpr std::chrono::seconds kPatience{20};

struct Opener {
  std::atomic<uint64_t> opened{0};  // the race that it has tried to open in
  std::atomic<uint64_t> closed{0};  // ... and has closed again
  pid_t pid = 0;
  bool has_it = false;
  absl::StatusCode code = absl::StatusCode::kOk;
  char text[256] = {};
};

// In memory that all three processes see.
struct Track {
  std::atomic<uint64_t> race{0};
  Opener openers[2];
};

template <typename Condition>
bool Spin(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    sched_yield();
  }
  return true;
}

// One of the two.
[[noreturn]] void Race(Track& track, uint32_t number, const StoreOptions& options, uint64_t seed,
                       uint64_t races) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  testing::Random random(testing::Random::Mix(seed, number));
  Opener& self = track.openers[number];
  const Opener& other = track.openers[1 - number];
  for (uint64_t race = 1; race <= races; ++race) {
    if (!Spin([&] { return track.race.load() == race; })) _exit(1);
    // A head start for either, up to some of the steps of an open.
    for (uint64_t i = random.Below(3) == 0 ? random.Below(20'000) : 0; i > 0; --i) {
      std::atomic_signal_fence(std::memory_order_seq_cst);
    }
    absl::StatusOr<std::unique_ptr<MessageStore>> store = MessageStore::Open(options);
    self.has_it = store.ok();
    self.code = store.status().code();
    const absl::string_view text = store.status().message();
    const size_t length = std::min(text.size(), sizeof(self.text) - 1);
    std::memcpy(self.text, text.data(), length);
    self.text[length] = '\0';
    self.opened.store(race);
    if (!Spin([&] { return other.opened.load() >= race; })) _exit(1);
    if (store.ok()) store->reset();
    self.closed.store(race);
  }
  _exit(0);
}

absl::Status Judge(const Track& track) {
  const Opener& a = track.openers[0];
  const Opener& b = track.openers[1];
  if (a.has_it && b.has_it) return absl::InternalError("two writers have the store");
  if (!a.has_it && !b.has_it) {
    return absl::InternalError(absl::StrCat("nobody has the store: ", a.text, "; ", b.text));
  }
  const Opener& winner = a.has_it ? a : b;
  const Opener& loser = a.has_it ? b : a;
  if (loser.code == absl::StatusCode::kUnavailable &&
      absl::EndsWith(loser.text, absl::StrCat("process ", winner.pid))) {
    return absl::OkStatus();
  }
  return absl::InternalError(
      absl::StrCat("process ", winner.pid, " has the store, and the other is told: ", loser.text));
}

}  // namespace

absl::Status RaceOpeners(const Workplace& workplace, uint64_t seed, uint64_t races,
                         uint64_t* raced) {
  const std::string place = workplace / "raced";
  std::filesystem::remove_all(place);
  std::filesystem::create_directories(place + "/front");
  const StoreOptions options{.directory = place + "/store",
                             .background = Background::kManual,
                             .segment_bytes = 64 << 10,
                             .front_bytes = 64 << 10,
                             .front_directory = place + "/front"};
  void* const memory =
      mmap(nullptr, sizeof(Track), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return absl::ErrnoToStatus(errno, "mmap");
  Track& track = *new (memory) Track;
  for (uint32_t number = 0; number < 2; ++number) {
    const pid_t pid = fork();
    if (pid < 0) return absl::ErrnoToStatus(errno, "fork");
    if (pid == 0) Race(track, number, options, seed, races);
    track.openers[number].pid = pid;
  }

  absl::Status status;
  for (uint64_t race = 1; race <= races && status.ok(); ++race) {
    track.race.store(race);
    for (const Opener& opener : track.openers) {
      if (!Spin([&] { return opener.closed.load() >= race; })) {
        status = absl::DeadlineExceededError("an opener hangs or died");
      }
    }
    if (status.ok()) status = Judge(track);
    ++*raced;
  }
  for (const Opener& opener : track.openers) {
    if (!status.ok()) kill(opener.pid, SIGKILL);
    int end = 0;
    waitpid(opener.pid, &end, 0);
    if (status.ok() && end != 0) status = absl::InternalError("an opener died");
  }
  munmap(memory, sizeof(Track));
  return status;
}

}  // namespace weir::kernel
