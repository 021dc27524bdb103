#include "format/front_layout.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <memory>
#include <set>
#include <string>

namespace weir::internal {
namespace {

FrontIdentity Sample() {
  FrontIdentity identity;
  identity.store.fill(1);
  identity.incarnation = 2;
  identity.boot.fill(3);
  identity.directory_device = 4;
  identity.directory_inode = 5;
  identity.lock_device = 6;
  identity.lock_inode = 7;
  identity.segment_bytes = 4096;
  identity.ring_bytes = 8192;
  return identity;
}

struct alignas(64) Page {
  char bytes[kFrontHeaderBytes] = {};
  FrontHeader& header() { return *reinterpret_cast<FrontHeader*>(bytes); }
};

TEST_CASE("a front is recognised by its own identity whatever its ends are") {
  const auto page = std::make_unique<Page>();
  page->header().claimed_end.store(11);
  page->header().closed.store(1);
  WriteFrontIdentity(page->header(), Sample());

  CHECK(CheckFront(page->header(), Sample()).ok());
  CHECK(page->header().claimed_end.load() == 11);
  page->header().claimed_end.store(12);
  CHECK(CheckFront(page->header(), Sample()).ok());
}

TEST_CASE("a front of somebody else is left alone and the status names what differs") {
  const auto page = std::make_unique<Page>();
  WriteFrontIdentity(page->header(), Sample());
  const auto differs = [&](auto change) {
    FrontIdentity expected = Sample();
    change(expected);
    const absl::Status status = CheckFront(page->header(), expected);
    CHECK(absl::IsFailedPrecondition(status));
    return std::string(status.message());
  };
  using Catch::Matchers::Contains;
  using Identity = FrontIdentity;

  CHECK_THAT(differs([](Identity& i) { i.store[15] = 0; }), Contains("store uuid"));
  CHECK_THAT(differs([](Identity& i) { ++i.incarnation; }), Contains("incarnation"));
  CHECK_THAT(differs([](Identity& i) { i.boot[0] = 0; }), Contains("boot"));
  CHECK_THAT(differs([](Identity& i) { ++i.directory_device; }), Contains("store directory"));
  CHECK_THAT(differs([](Identity& i) { ++i.directory_inode; }), Contains("store directory"));
  CHECK_THAT(differs([](Identity& i) { ++i.lock_device; }), Contains("LOCK file"));
  CHECK_THAT(differs([](Identity& i) { ++i.lock_inode; }), Contains("LOCK file"));
  CHECK_THAT(differs([](Identity& i) { i.segment_bytes *= 2; }), Contains("size"));
  CHECK_THAT(differs([](Identity& i) { i.ring_bytes *= 2; }), Contains("size"));
}

TEST_CASE("no flipped bit of a front's identity is believed") {
  const auto page = std::make_unique<Page>();
  WriteFrontIdentity(page->header(), Sample());
  const size_t checked = offsetof(FrontHeader, checksum) + sizeof(uint64_t);

  for (size_t bit = 0; bit < checked * 8; ++bit) {
    page->bytes[bit / 8] = static_cast<char>(page->bytes[bit / 8] ^ (1 << (bit % 8)));
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    CHECK(absl::IsDataLoss(CheckFront(page->header(), Sample())));
    page->bytes[bit / 8] = static_cast<char>(page->bytes[bit / 8] ^ (1 << (bit % 8)));
  }
  CHECK(CheckFront(page->header(), Sample()).ok());
}

TEST_CASE("the ends of a front follow one another, lie in its ring, and leave room for a header") {
  const auto page = std::make_unique<Page>();
  FrontHeader& header = page->header();
  WriteFrontIdentity(header, Sample());
  const auto make_sense = [&](uint64_t begin, uint64_t durable, uint64_t written,
                              uint64_t claimed) {
    header.front_begin.store(begin);
    header.durable_end.store(durable);
    header.written_end.store(written);
    header.claimed_end.store(claimed);
    return EndsMakeSense(header, Sample().ring_bytes);
  };

  CHECK(make_sense(0, 0, 0, 0));
  CHECK(make_sense(1024, 2000, 3000, 4096));
  CHECK(make_sense(4096, 1024, 4096, 12288));  // durable and gone from the front
  CHECK_FALSE(make_sense(3008, 2000, 3000, 4096));
  CHECK_FALSE(make_sense(1024, 3008, 3000, 4096));
  CHECK_FALSE(make_sense(1024, 2000, 4096, 3000));
  CHECK_FALSE(make_sense(1024, 2000, 3000, 1024 + 8200));
  CHECK_FALSE(make_sense(1024, 2000, 3000, 4092));
  for (const uint64_t inside : {uint64_t{8}, uint64_t{1016}}) {
    CHECK_FALSE(make_sense(1024, 2000, 3000, 4096 + inside));
    // A ring goes on wherever there had to be room for the next record.
    CHECK(make_sense(4096 + inside, 2000, 8192, 8192));
  }
}

TEST_CASE("an empty page is no front") {
  const auto page = std::make_unique<Page>();
  CHECK(absl::IsDataLoss(CheckFront(page->header(), Sample())));
}

TEST_CASE("no queue shares a doorbell with those who follow the whole log") {
  Doorbells bells{};
  std::set<const std::atomic<uint32_t>*> words;
  for (uint32_t number = 0; number < 1000; ++number) words.insert(&bells.queue(number));

  CHECK(words.size() == kQueueDoorbells);
  CHECK_FALSE(words.contains(&bells.log));
  CHECK(&bells.queue(5) == &bells.queue(5 + kQueueDoorbells));
  CHECK(&bells.queue(~uint32_t{0}) <= &bells.queues[kQueueDoorbells - 1]);
}

}  // namespace
}  // namespace weir::internal
