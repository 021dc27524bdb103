#include "log/front.h"

#include <catch2/catch.hpp>
#include <memory>
#include <utility>
#include <vector>

#include "base/promise.h"
#include "log/segment_scanner.h"
#include "log/small_front.h"

namespace weir::testing {
namespace {

TEST_CASE("claims lie back to back behind the segment's header, in memory where positions say") {
  SmallFront front;
  const Reservation one = front.Claim(64);
  const Reservation two = front.Claim(120);

  CHECK(one.position == LogPosition(kSegmentHeaderBytes));
  CHECK(one.bytes == front->At(one.position));
  CHECK(one.size == 64);
  CHECK(two.position == one.end());
  CHECK(front->claimed_end() == two.end());
  CHECK(front->appends() == 2);
  CHECK(front->append_bytes() == 184);
}

TEST_CASE(
    "the published end stops at the first claim that is open, and then goes past all others") {
  SmallFront front;
  const Reservation one = front.Claim(64);
  const Reservation two = front.Claim(64);
  const Reservation three = front.Claim(64);

  front.Publish(three);
  CHECK(front->PublishedEnd() == LogPosition(0));
  front.Publish(one);
  CHECK(front->PublishedEnd() == one.end());
  CHECK(front->PublishedEnd(two.end()) == three.end());
  front.Publish(two);
  CHECK(front->PublishedEnd() == three.end());
}

TEST_CASE("a claim that finds no room below the limit leaves nothing behind") {
  SmallFront front;
  const Reservation one = front.Append(64);
  front->RaiseLastStoreTime(5);
  for (const uint64_t limit : {uint64_t{0}, one.end().value(), one.end().value() + 56}) {
    front->set_limit(LogPosition(limit));
    CHECK_FALSE(front.TryClaim(64, 1000));
    CHECK(front->claimed_end() == one.end());
    CHECK(front->last_store_time() == 5);
    CHECK(front->appends() == 1);
  }
  front->set_limit(one.end() + 64);
  CHECK(front.TryClaim(64));
  CHECK_FALSE(front.TryClaim(64));
}

TEST_CASE("a segment ends with a record or with a filler that is whole, never with less") {
  const LogPosition border(kSegment);
  for (uint64_t left = 0; left < 2 * kRecordHeaderBytes; left += kRecordAlignment) {
    INFO(left << " bytes are left behind the record");
    SmallFront front;
    const LogPosition at = front.Append(1024).end();
    // A record that would leave so much before the border.
    const auto bytes = static_cast<uint32_t>(border - at - left);
    const Reservation record = front.Append(bytes);
    if (left == 0 || left >= kRecordHeaderBytes) {
      CHECK(record.position == at);
      if (left == 0) CHECK(front.Append(64).position == border + kSegmentHeaderBytes);
      continue;
    }
    CHECK(record.position == border + kSegmentHeaderBytes);
    const char* const filler = front->At(at);
    CHECK(LoadHeader(filler).type == RecordType::kFiller);
    CHECK(LoadHeader(filler).bytes() == border - at);
    CHECK(Verify(filler, border - at, at, kIncarnation));
    CHECK(front->PublishedEnd() == record.end());
  }
}

TEST_CASE("without room in the next segment the border stays unfilled") {
  SmallFront front;
  const LogPosition at = front.Append(2048).end();
  front->set_limit(LogPosition(kSegment + kSegmentHeaderBytes + 1048));

  CHECK_FALSE(front.TryClaim(1056));
  CHECK(front->claimed_end() == at);
  CHECK(front.Claim(512).position == at);
}

TEST_CASE("store times never go back, whatever the clock says and whoever wrote before") {
  SmallFront front;
  front->RaiseLastStoreTime(100);
  front->RaiseLastStoreTime(50);
  std::vector<int64_t> times;
  for (const int64_t now : {70, 200, 150, 201}) {
    times.push_back(LoadHeader(front.Claim(64, now).bytes).store_time);
  }

  CHECK(times == std::vector<int64_t>{100, 200, 200, 201});
  CHECK(front->last_store_time() == 201);
}

TEST_CASE("a stamper that is not ready is not asked to stamp") {
  struct Stamper {
    bool is_ready = false;
    int stamped = 0;
    bool Ready() const { return is_ready; }
    void operator()(LogPosition, char* memory, int64_t) {
      ++stamped;
      WriteStamp(memory, {.bytes = 64});
    }
  };
  SmallFront front;
  Stamper stamper;
  Reservation claimed;
  CHECK_FALSE(front->TryClaim(64, 0, stamper, &claimed));
  CHECK(stamper.stamped == 0);
  CHECK(front->claimed_end() == LogPosition(0));
  stamper.is_ready = true;
  CHECK(front->TryClaim(64, 0, stamper, &claimed));
  CHECK(stamper.stamped == 1);
}

TEST_CASE("a new incarnation is announced wherever the log goes on, or the segment ends there") {
  constexpr uint64_t kPrevious = 0x66;
  for (uint64_t at = kSegmentHeaderBytes + kRecordHeaderBytes; at <= kSegment;
       at += kRecordAlignment) {
    if (at > kSegment - kRecordHeaderBytes && at != kSegment) continue;  // no log ends there
    INFO("the log goes on at " << at);
    SmallFront front{LogPosition(at)};
    const LogPosition from = front->WriteOpenRecords(kPrevious);

    CHECK(from == front->claimed_end());
    CHECK(front->PublishedEnd() == from);
    const uint64_t left = kSegment - from.value();
    CHECK((left == 0 || left >= kRecordHeaderBytes));
    std::vector<LogPosition> announced;
    for (LogPosition record(at); record < from;) {
      const char* const bytes = front->At(record);
      REQUIRE(Verify(bytes, from - record, record, kPrevious));
      const ScannedRecord scanned{record, bytes, LoadHeader(bytes)};
      if (const auto open = DecodeOpen(scanned)) {
        CHECK(open->previous == kPrevious);
        CHECK(open->incarnation == kIncarnation);
        CHECK(open->from == from);
        announced.push_back(record);
      }
      record = scanned.end();
    }
    if (left != 0) {
      REQUIRE(announced.size() == 2);
      // No sector holds a part of both that matters.
      constexpr uint64_t kSectorBytes = 512;
      CHECK((announced[0].value() + kOpenCopyBytes - 1) / kSectorBytes <
            announced[1].value() / kSectorBytes);
    } else if (at != kSegment) {
      CHECK(announced.empty());
    }
  }
}

TEST_CASE("a front over the memory of another goes on where that one was") {
  FaultFileSystem disk;
  const SharedMemorySize size{.header_bytes = kFrontHeaderBytes, .ring_bytes = kRing};
  auto memory = disk.CreateShared("", "front", size);
  REQUIRE(memory.ok());
  SmallFront first;
  first.front = std::make_unique<Front>(*std::move(memory), kSegment, kIncarnation);
  first->Begin(LogPosition(kSegment));
  first->set_limit(LogPosition(kSegment + kRing));
  const Reservation one = first.Append(64);
  const Reservation two = first.Claim(64, 77);
  first->set_written_end(one.end());

  auto again = disk.OpenShared("", "front", kFrontHeaderBytes, OpenMode::kReadWrite);
  REQUIRE(again.ok());
  SmallFront second;
  second.front = std::make_unique<Front>(*std::move(again), kSegment, kIncarnation);

  CHECK(second->is_shared());
  CHECK(second->claimed_end() == two.end());
  CHECK(second->written_end() == one.end());
  CHECK(second->PublishedEnd() == one.end());
  CHECK(second->last_store_time() == 77);
  CHECK_FALSE(second.TryClaim(64));  // nobody looked for room yet
  second->set_limit(two.end() + 64);
  CHECK(second.Claim(64).position == two.end());
}

TEST_CASE(
    "an end that would go back or overtake the next one is refused, and somebody hears of it") {
  SmallFront front;
  const Reservation one = front.Append(64);
  const Reservation two = front.Append(64);
  front->set_written_end(one.end());
  front->set_durable_end(one.end());
  REQUIRE_FALSE(AnyBroken());

  const auto is_refused = [&](const auto& move) {
    move();
    const bool is_told = absl::IsInternal(TakeBroken());
    return is_told && front->written_end() == one.end() && front->durable_end() == one.end();
  };
  CHECK(is_refused([&] { front->set_written_end(one.position); }));
  CHECK(is_refused([&] { front->set_written_end(two.end() + 8); }));
  CHECK(is_refused([&] { front->set_durable_end(one.position); }));
  CHECK(is_refused([&] { front->set_durable_end(two.end()); }));
  CHECK(is_refused([&] { front->set_limit(front->front_begin() + kRing + 8); }));
  CHECK(front->limit() == LogPosition(kRing));
  front->set_written_end(two.end());
  CHECK_FALSE(AnyBroken());
}

TEST_CASE("what no record can be is not claimed") {
  SmallFront front(LogPosition(kSegment - 512));
  const LogPosition end = front->claimed_end();
  for (const uint32_t bytes : {52u, 1028u, uint32_t{kSegment}}) {
    CHECK_FALSE(front.TryClaim(bytes));
    CHECK(absl::IsInternal(TakeBroken()));
    CHECK(front->claimed_end() == end);
  }
}

}  // namespace
}  // namespace weir::testing
