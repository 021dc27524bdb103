#include "log/segment_file.h"

#include <catch2/catch.hpp>
#include <string>

#include "log/sample_segment.h"

namespace weir::testing {
namespace {

absl::Status OpenStatus(StoreDirectory& store, const std::string& name) {
  return SegmentFile::Open(*store.directory, name, OpenMode::kRead, 1).status();
}

TEST_CASE("a segment file is known by either copy of its header, and by none of them not") {
  StoreDirectory store;
  const SegmentBytes segment(2);
  const std::string path = "/store/" + segment.name();
  for (const size_t bad : {size_t{0}, size_t{kSegmentHeaderCopyBytes}}) {
    std::string bytes = segment.bytes();
    bytes[bad + 20] = static_cast<char>(bytes[bad + 20] ^ 1);
    store.disk.WriteFile(path, bytes);
    const auto file = SegmentFile::Open(*store.directory, segment.name(), OpenMode::kRead, 9);
    INFO(file.status());
    REQUIRE(file.ok());
    CHECK((*file)->header() == segment.header());
    CHECK((*file)->limit() == LogPosition(3 * kSegment));
    CHECK((*file)->cache_file() == 9);

    bytes[kSegmentHeaderCopyBytes - bad + 20] ^= 1;
    store.disk.WriteFile(path, bytes);
    const absl::Status none = OpenStatus(store, segment.name());
    CHECK(absl::IsDataLoss(none));
    CHECK(none.message().find(segment.name()) != absl::string_view::npos);
  }
}

TEST_CASE("a segment that ends inside its header serves while one copy is there") {
  StoreDirectory store;
  const SegmentBytes segment(2);
  const std::string path = "/store/" + segment.name();

  store.disk.WriteFile(path, segment.bytes().substr(0, kSegmentHeaderCopyBytes));
  CHECK(OpenStatus(store, segment.name()).ok());
  store.disk.WriteFile(path, segment.bytes().substr(0, kSegmentHeaderCopyBytes - 1));
  CHECK(absl::IsDataLoss(OpenStatus(store, segment.name())));
  store.disk.WriteFile(path, "");
  CHECK(absl::IsDataLoss(OpenStatus(store, segment.name())));
}

TEST_CASE(
    "a segment under the name of another one is damage, under a name for the time being not") {
  StoreDirectory store;
  const SegmentBytes segment(2);
  const std::string other = SegmentFileName({LogPosition(kSegment)});
  const std::string temporary = TemporaryName(segment.name());
  store.disk.WriteFile("/store/" + other, segment.bytes());
  store.disk.WriteFile("/store/" + temporary, segment.bytes());

  CHECK(absl::IsDataLoss(OpenStatus(store, other)));
  CHECK(OpenStatus(store, temporary).ok());
  CHECK(absl::IsNotFound(OpenStatus(store, segment.name())));
}

TEST_CASE("an error that may pass says nothing of the file") {
  StoreDirectory store;
  const SegmentBytes segment(0);
  store.Put(segment);
  for (const OperationKind kind : {OperationKind::kOpen, OperationKind::kRead}) {
    store.disk.Inject(TooManyOpenFiles({.kind = kind}));
    const absl::Status failed = OpenStatus(store, segment.name());
    CHECK(absl::IsUnavailable(failed));
    CHECK_FALSE(IsUnreadable(failed));
    store.disk.Inject(InputOutputError({.kind = kind}));
    CHECK(IsUnreadable(OpenStatus(store, segment.name())));
  }
  CHECK(IsUnreadable(OpenStatus(store, "no such file")));
}

TEST_CASE(
    "what a file does not have reads as zeros, or is told as missing where it must be there") {
  StoreDirectory store;
  SegmentBytes segment(1);
  const LogPosition record = segment.Message("12345678");
  const auto file = store.Open(segment);
  const std::string content = segment.bytes().substr(kSegmentHeaderBytes);

  std::string out(content.size() + 16, 'x');
  REQUIRE(file->ReadZeroFilled(record, absl::MakeSpan(out)).ok());
  CHECK(out == content + std::string(16, '\0'));
  out.assign(32, 'x');
  REQUIRE(file->ReadZeroFilled(segment.end() + 100, absl::MakeSpan(out)).ok());
  CHECK(out == std::string(32, '\0'));

  out.assign(content.size(), 'x');
  REQUIRE(file->Read(record, absl::MakeSpan(out)).ok());
  CHECK(out == content);
  const absl::Status beyond = file->Read(record + 8, absl::MakeSpan(out));
  CHECK(absl::IsDataLoss(beyond));
  CHECK(beyond.message().find("segment 00000000000000004096 at +1032") != absl::string_view::npos);
  store.disk.Inject(InputOutputError({.kind = OperationKind::kRead}));
  CHECK(absl::IsDataLoss(file->ReadZeroFilled(record, absl::MakeSpan(out))));
}

TEST_CASE("positions of the log are where they belong in the file") {
  StoreDirectory store;
  const SegmentBytes segment(3);
  const auto file = store.Open(segment);
  const LogPosition at = file->begin() + 2000;

  REQUIRE(file->Write(at, {"ab", "", "cd"}).ok());
  CHECK(file->Stat()->size == 2004);
  CHECK(store.disk.ReadFile("/store/" + segment.name()).substr(2000) == "abcd");
  REQUIRE(file->Allocate(file->limit()).ok());
  CHECK(file->Stat()->size == kSegment);
  REQUIRE(file->Truncate(at + 2).ok());
  CHECK(file->Stat()->size == 2002);
}

TEST_CASE("each position has the incarnation that was announced last before it") {
  StoreDirectory store;
  const auto file = store.Open(SegmentBytes(1));
  const LogPosition begin = file->begin();
  CHECK(file->IncarnationAt(begin + 1024) == kIncarnation);

  // A scan may find a later one first.
  file->ChangeIncarnation(begin + 3000, 3);
  file->ChangeIncarnation(begin + 2000, 2);

  CHECK(file->IncarnationAt(begin + 1024) == kIncarnation);
  CHECK(file->IncarnationAt(begin + 1992) == kIncarnation);
  CHECK(file->IncarnationAt(begin + 2000) == 2);
  CHECK(file->IncarnationAt(begin + 2992) == 2);
  CHECK(file->IncarnationAt(begin + 3000) == 3);
  CHECK(file->IncarnationAt(begin + 4088) == 3);
  const std::vector<std::pair<LogPosition, uint64_t>> all = {
      {begin + 1024, kIncarnation}, {begin + 2000, 2}, {begin + 3000, 3}};
  CHECK(file->incarnations() == all);
}

TEST_CASE("the two copies of an open record are one change, however often they are met") {
  StoreDirectory store;
  const auto file = store.Open(SegmentBytes(1));
  for (int i = 0; i < 3; ++i) file->ChangeIncarnation(file->begin() + 2000, 2);

  CHECK(file->incarnations().size() == 2);
}

TEST_CASE("whether all changes of incarnation are known is not assumed") {
  StoreDirectory store;
  const auto file = store.Open(SegmentBytes(1));
  CHECK_FALSE(file->incarnations_are_complete());

  file->set_incarnations_complete();

  CHECK(file->incarnations_are_complete());
}

}  // namespace
}  // namespace weir::testing
