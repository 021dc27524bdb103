// The space of the front: given again when it is written and nobody reads there, lap after lap.

#include <atomic>
#include <catch2/catch.hpp>
#include <cstring>
#include <thread>
#include <vector>

#include "log/reader_thread.h"
#include "log/small_front.h"

namespace weir::testing {
namespace {

TEST_CASE("words of an earlier lap are never looked at, however rarely somebody looks") {
  const uint64_t records_between_looks = GENERATE(1u, 50u);
  SmallFront front;
  Reservation last = front.Append(1024);
  bool reader = false;
  // Each lap leaves published words all over the ring.
  for (uint64_t i = 1; last.end() < LogPosition(10 * kRing); ++i) {
    front->set_written_end(last.end());
    front->set_limit(front->Reclaim(last.end() + 2 * kSegment, last.end(), &reader));
    last = front.Append(1024);
    if (i % records_between_looks == 0) REQUIRE(front->PublishedEnd() == last.end());
  }
}

TEST_CASE("space is given again as far as it was written, need not be kept, and is wanted") {
  SmallFront front;
  while (front.TryClaim(512)) {
  }
  const LogPosition wanted(kRing + 2000);
  bool reader = true;

  CHECK(front->Reclaim(wanted, LogPosition(kRing), &reader) == LogPosition(kRing));
  front->set_written_end(LogPosition(1600));
  CHECK(front->Reclaim(wanted, LogPosition(1536), &reader) == LogPosition(kRing + 1536));
  CHECK(front->Reclaim(wanted, LogPosition(kRing), &reader) == LogPosition(kRing + 1600));
  front->set_written_end(LogPosition(kRing));
  const LogPosition limit = front->Reclaim(wanted, LogPosition(kRing), &reader);
  CHECK(limit >= wanted);
  // What nobody needs stays for readers.
  CHECK(front->front_begin() <= LogPosition(2000 + kRing / 8));
  CHECK(front->Reclaim(LogPosition(wanted.value() - 1), LogPosition(kRing), &reader) == limit);
  CHECK_FALSE(reader);
}

TEST_CASE("what a reader may still look at is kept; one that came later keeps nothing") {
  SmallFront front;
  while (front.TryClaim(512)) {
  }
  front->set_written_end(LogPosition(kRing));
  const LogPosition wanted(kRing + 2000);
  bool in_the_way = false;
  ReaderThread early(front->reader_slots());

  CHECK(front->Reclaim(wanted, wanted, &in_the_way) == LogPosition(kRing));
  CHECK(in_the_way);
  // New readers see at once that it is gone.
  CHECK(front->front_begin() >= LogPosition(2000));
  const ReaderThread late(front->reader_slots());
  CHECK(front->Reclaim(LogPosition(kRing), wanted, &in_the_way) == LogPosition(kRing));
  CHECK_FALSE(in_the_way);  // nobody wants more than there is
  early.Leave();
  CHECK(front->Reclaim(wanted, wanted, &in_the_way) >= wanted);
  CHECK_FALSE(in_the_way);
}

TEST_CASE("while somebody holds the ring nothing of it is given again") {
  SmallFront front;
  while (front.TryClaim(512)) {
  }
  front->set_written_end(LogPosition(kRing));
  const LogPosition wanted(kRing + 2000);
  bool reader = false;

  front->HoldReclaim(true);
  CHECK(front->Reclaim(wanted, wanted, &reader) == LogPosition(kRing));
  CHECK(front->front_begin() == LogPosition(0));
  front->HoldReclaim(false);
  CHECK(front->Reclaim(wanted, wanted, &reader) >= wanted);
}

TEST_CASE("threads that append see their records published whole, lap after lap") {
  constexpr uint64_t kRecordsEach = 3000;
  SmallFront front;
  std::atomic<int> running{2};
  std::atomic<bool> is_broken{false};
  std::vector<std::thread> threads;
  for (uint32_t t = 0; t < 2; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < kRecordsEach && !is_broken;) {
        const auto claimed = front.TryClaim(64 + 8 * static_cast<uint32_t>(i * (t + 3) % 60));
        if (!claimed) continue;
        std::memset(claimed->bytes + kRecordHeaderBytes, static_cast<int>(i % 251),
                    claimed->size - kRecordHeaderBytes);
        front.Publish(*claimed);
        ++i;
      }
      running -= 1;
    });
  }

  // The writer's part: everything below the published end is whole.
  uint64_t records = 0;
  LogPosition end;
  do {
    const LogPosition published = front->PublishedEnd();
    if (published < end) is_broken = true;
    while (end < published && !is_broken) {
      const LogPosition at = RecordStart(end, kSegment);
      if (!Verify(front->At(at), published - at, at, kIncarnation)) is_broken = true;
      if (LoadHeader(front->At(at)).type == RecordType::kMessage) ++records;
      end = at + LoadHeader(front->At(at)).bytes();
    }
    front->set_written_end(end);
    bool reader = false;
    front->set_limit(front->Reclaim(end + kRing / 2, end, &reader));
    std::this_thread::yield();
  } while (!is_broken && (running > 0 || end < front->claimed_end()));
  for (std::thread& thread : threads) thread.join();

  CHECK_FALSE(is_broken);
  CHECK(records == 2 * kRecordsEach);
  CHECK(front->appends() == 2 * kRecordsEach);
}

}  // namespace
}  // namespace weir::testing
