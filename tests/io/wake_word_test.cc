#include "io/wake_word.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <new>
#include <string>
#include <thread>

#include "io/child_process.h"
#include "io/mirrored_ring.h"
#include "io/scratch_directory.h"
#include "weir/clock.h"

namespace weir::internal {
namespace {

using Word = std::atomic<uint32_t>;

TEST_CASE("a wait for a word that has changed already returns at once") {
  Word word = 2;

  WaitOnWord(word, 1, absl::InfiniteDuration());

  SUCCEED("it returned");
}

TEST_CASE("a wait ends with its timeout, and without one for none") {
  Word word = 1;
  const int64_t before = Clock::System()->MonotonicNanos();

  WaitOnWord(word, 1, absl::Milliseconds(2));
  WaitOnWord(word, 1, absl::ZeroDuration());
  WaitOnWord(word, 1, -absl::InfiniteDuration());

  CHECK(Clock::System()->MonotonicNanos() - before >= 1'000'000);
}

TEST_CASE("all waiting threads are woken") {
  Word word = 0;
  const auto wait = [&] {
    while (word.load() == 0) WaitOnWord(word, 0, absl::InfiniteDuration());
  };
  std::thread first(wait);
  std::thread second(wait);

  word.store(1);
  WakeAll(word);
  first.join();
  second.join();

  SUCCEED("they ended");
}

TEST_CASE("a wake of one's own word reaches those who wait for that kind, and as many as asked") {
  Word word = 0;
  std::atomic<bool> may_end[2] = {false, false};
  const auto wait = [&](int index, uint32_t kinds) {
    while (!may_end[index].load()) {
      WaitOnOwnWord(word, word.load(), kinds, absl::InfiniteDuration());
    }
  };
  std::thread even([&] { wait(0, 2); });
  std::thread odd([&] { wait(1, 4 | 1); });

  // Each is woken by its own kind; the word moves, so that nobody falls asleep behind a wake.
  may_end[1].store(true);
  word.fetch_add(1);
  WakeOwn(word, 4, 1);
  odd.join();
  may_end[0].store(true);
  word.fetch_add(1);
  WakeOwn(word, 2, 1);
  even.join();

  WaitOnOwnWord(word, word.load() - 1, 1, absl::InfiniteDuration());
  WaitOnOwnWord(word, word.load(), 1, absl::Milliseconds(1));
  WaitOnOwnWord(word, word.load(), 1, -absl::InfiniteDuration());
  SUCCEED("it returned");
}

// The two take turns through two words; nobody goes on before the other has answered.
void PlayTurns(Word& mine, Word& other, uint32_t turns) {
  for (uint32_t turn = 1; turn <= turns; ++turn) {
    mine.store(turn);
    WakeAll(mine);
    for (uint32_t seen = other.load(); seen < turn; seen = other.load()) {
      WaitOnWord(other, seen, absl::InfiniteDuration());
    }
  }
}

TEST_CASE("a process wakes another that sleeps on a word of the memory that they share") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  const auto memory = MirroredRing::CreateShared(*directory, "doorbell", {4096, 0});
  REQUIRE(memory.ok());
  Word* const words = new ((*memory)->header()) Word[2]{};

  Child child([&](Child& check) {
    // Mapped anew: the addresses differ, the words do not.
    const auto mine = MirroredRing::OpenShared(*directory, "doorbell", 4096, OpenMode::kReadWrite);
    check.Check(mine.ok(), "the child maps the words");
    Word* const same = reinterpret_cast<Word*>((*mine)->header());
    PlayTurns(same[1], same[0], 1000);
  });
  PlayTurns(words[0], words[1], 1000);

  child.RequireSuccess("");
  CHECK(words[1].load() == 1000);
}

TEST_CASE("a word can be waited on through a mapping for reading") {
  const ScratchDirectory scratch;
  const auto directory = scratch.Open();
  const auto writer = MirroredRing::CreateShared(*directory, "doorbell", {4096, 0});
  REQUIRE(writer.ok());
  Word* const word = new ((*writer)->header()) Word(0);
  const auto reader = MirroredRing::OpenShared(*directory, "doorbell", 4096, OpenMode::kRead);
  REQUIRE(reader.ok());
  Word* const same = reinterpret_cast<Word*>((*reader)->header());

  std::thread waiter([&] {
    while (same->load() == 0) WaitOnWord(*same, 0, absl::InfiniteDuration());
  });
  word->store(1);
  WakeAll(*word);
  waiter.join();

  SUCCEED("it was woken");
}

}  // namespace
}  // namespace weir::internal
