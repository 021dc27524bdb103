// Bad input and bad times, on the real file system and with real processes: what is planted,
// copied, linked, truncated or missing, a disk without room, a directory that may not be written.
// Each is answered by a status; nothing crashes, and nothing that was there is deleted.

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "io/child_process.h"
#include "support/temporary_directory.h"
#include "weir/store.h"

namespace weir {
namespace {

namespace fs = std::filesystem;
using internal::Child;
using testing::TemporaryDirectory;
using Words = std::vector<std::string>;

constexpr uint64_t kSegment = 64 << 10;
constexpr size_t kBodyBytes = 1000;

// A place for stores on the real disk; their fronts lie beside them, as shared memory would.
class Place {
 public:
  Place() { fs::create_directory(front()); }

  std::string front() const { return directory_ / "front"; }
  std::string path(const std::string& name) const { return directory_ / name; }
  StoreOptions options(const std::string& name = "store") const {
    return {.directory = path(name),
            .background = Background::kManual,
            .segment_bytes = kSegment,
            .front_bytes = 256 << 10,
            .front_directory = front()};
  }
  StoreOptions reader(const std::string& name = "store") const {
    StoreOptions options = this->options(name);
    options.read_only = true;
    return options;
  }

 private:
  TemporaryDirectory directory_;
};

std::unique_ptr<MessageStore> OpenStore(const StoreOptions& options) {
  auto store = MessageStore::Open(options);
  INFO(store.status());
  REQUIRE(store.ok());
  return *std::move(store);
}

std::string BodyOf(size_t number) {
  std::string body = absl::StrCat("message ", number, " ");
  body.resize(kBodyBytes, '.');
  return body;
}

absl::Status AppendOne(MessageStore& store, size_t number) {
  const std::string body = BodyOf(number);
  return store.Append({.topic = "events", .queue_id = number % 2, .body = body}).status();
}

// Appends [from, to); how many it did.
size_t AppendMany(MessageStore& store, size_t from, size_t to) {
  for (size_t number = from; number < to; ++number) {
    if (!AppendOne(store, number).ok()) return number - from;
  }
  return to - from;
}

Words Bodies(size_t from, size_t to) {
  Words bodies;
  for (size_t number = from; number < to; ++number) bodies.push_back(BodyOf(number));
  return bodies;
}

// The whole topic in the order of the log; `damages` counts what was told to be damaged.
Words ReadAll(MessageStore& store, size_t* damages = nullptr) {
  Words bodies;
  LogPosition position;
  for (size_t found_damage = 0;;) {
    const auto result = store.ReadTopic("events", position, {.max_messages = 1000});
    if (!result.ok() || result->outcome() == ReadOutcome::kAtEnd ||
        result->outcome() == ReadOutcome::kNoSuchQueue) {
      if (!result.ok()) bodies.push_back(result.status().ToString());
      if (damages != nullptr) *damages = found_damage;
      return bodies;
    }
    if (result->outcome() == ReadOutcome::kDamaged) ++found_damage;
    for (const MessageView& message : *result) bodies.emplace_back(message.body());
    if (result->next_position() <= position) return {"reading does not get on"};
    position = result->next_position();
  }
}

// Every name under a directory with what it is.
std::set<std::string> Names(const std::string& directory) {
  std::set<std::string> names;
  for (const auto& entry : fs::recursive_directory_iterator(directory)) {
    names.insert(
        absl::StrCat(entry.path().string(), " ", static_cast<int>(entry.symlink_status().type())));
  }
  return names;
}

std::string SegmentName(uint64_t index) {
  const std::string digits = absl::StrCat(index * kSegment);
  return std::string(20 - digits.size(), '0') + digits;
}

void WriteFile(const std::string& path, const std::string& content) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
}

std::string ContentOf(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return text.str();
}

// A closed store of some segments: messages [0, 300).
constexpr size_t kMessages = 300;
void MakeClosedStore(const Place& place) {
  auto store = OpenStore(place.options());
  REQUIRE(AppendMany(*store, 0, kMessages) == kMessages);
  REQUIRE(store->Close().ok());
}

// A process that appends messages [0, count) and then kills itself.
void MakeDeadWriter(const Place& place, size_t count) {
  Child child([&](Child& self) {
    auto store = MessageStore::Open(place.options());
    self.Check(store.ok(), "the store opens");
    if (store.ok()) self.Check(AppendMany(**store, 0, count) == count, "appends");
    kill(getpid(), SIGKILL);
  });
  REQUIRE(child.Wait() == -SIGKILL);
}

// --- Other processes

TEST_CASE("a second writer is refused at once and told who holds the store") {
  const Place place;
  auto store = OpenStore(place.options());
  Child child([&](Child& self) {
    const auto second = MessageStore::Open(place.options());
    self.Check(absl::IsUnavailable(second.status()), "kUnavailable");
    self.Check(absl::StrContains(second.status().message(), absl::StrCat(getppid())),
               "the holder's pid is named");
  });
  child.RequireSuccess("");
  REQUIRE(absl::IsUnavailable(MessageStore::Open(place.options()).status()));
  CHECK(AppendOne(*store, 0).ok());
}

TEST_CASE("a reading process follows a live writer, past its death, and on to the next writer") {
  const Place place;
  int to_child[2];
  int to_parent[2];
  REQUIRE(pipe(to_child) == 0);
  REQUIRE(pipe(to_parent) == 0);
  char byte = 0;
  Child writer([&](Child& self) {
    auto store = MessageStore::Open(place.options());
    self.Check(store.ok(), "the store opens");
    self.Check(AppendMany(**store, 0, 200) == 200, "appends");
    self.Check(write(to_parent[1], &byte, 1) == 1 && read(to_child[0], &byte, 1) == 1, "signals");
    self.Check(AppendMany(**store, 200, 400) == 200, "appends");
    kill(getpid(), SIGKILL);
  });
  REQUIRE(read(to_parent[0], &byte, 1) == 1);
  auto reader = OpenStore(place.reader());
  CHECK(ReadAll(*reader) == Bodies(0, 200));
  CHECK(absl::IsFailedPrecondition(AppendOne(*reader, 0)));

  REQUIRE(write(to_child[1], &byte, 1) == 1);
  CHECK(writer.Wait() == -SIGKILL);
  const std::set<std::string> before = Names(place.path("store"));
  auto late_reader = OpenStore(place.reader());
  CHECK(ReadAll(*late_reader) == Bodies(0, 400));
  CHECK(ReadAll(*reader) == Bodies(0, 400));
  CHECK(late_reader->recovery().front_adopted);
  CHECK(Names(place.path("store")) == before);  // readers change nothing

  auto next = OpenStore(place.options());
  CHECK(next->recovery().front_adopted);
  REQUIRE(AppendMany(*next, 400, 500) == 100);
  CHECK(ReadAll(*next) == Bodies(0, 500));
  // A reader looks at the directory from time to time; one that opens now, at once.
  CHECK(ReadAll(*OpenStore(place.reader())) == Bodies(0, 500));
  REQUIRE(next->Close().ok());
  CHECK(ReadAll(*OpenStore(place.reader())) == Bodies(0, 500));
  for (const int fd : {to_child[0], to_child[1], to_parent[0], to_parent[1]}) close(fd);
}

// --- Copies

TEST_CASE("a store copied from a dead writer is a second store; the original keeps its front") {
  const Place place;
  MakeDeadWriter(place, 200);
  fs::copy(place.path("store"), place.path("copy"), fs::copy_options::recursive);

  const bool copy_first = GENERATE(true, false);
  for (const bool is_copy : {copy_first, !copy_first}) {
    CAPTURE(copy_first, is_copy);
    auto store = OpenStore(place.options(is_copy ? "copy" : "store"));
    CHECK(store->recovery().front_adopted == !is_copy);
    CHECK(store->recovery().possible_loss == is_copy);
    CHECK(store->recovery().damage.empty());
    const Words survived = ReadAll(*store);
    // What was in the front only is the original's.
    CHECK(survived.size() <= 200);
    if (!is_copy) CHECK(survived.size() == 200);
    CHECK(survived == Bodies(0, survived.size()));
    REQUIRE(AppendMany(*store, survived.size(), 250) == 250 - survived.size());
    REQUIRE(store->Close().ok());
  }
  CHECK(ReadAll(*OpenStore(place.options())) == Bodies(0, 250));
  CHECK(ReadAll(*OpenStore(place.options("copy"))) == Bodies(0, 250));
}

TEST_CASE("a store copied while it is open can be opened beside it") {
  const Place place;
  auto store = OpenStore(place.options());
  REQUIRE(AppendMany(*store, 0, 150) == 150);
  REQUIRE(store->Flush().ok());
  REQUIRE(AppendMany(*store, 150, 200) == 50);
  fs::copy(place.path("store"), place.path("copy"), fs::copy_options::recursive);

  auto copy = OpenStore(place.options("copy"));
  CHECK_FALSE(copy->recovery().front_adopted);
  CHECK(copy->recovery().possible_loss);
  const Words survived = ReadAll(*copy);
  CHECK(survived.size() >= 150);
  CHECK(survived == Bodies(0, survived.size()));
  REQUIRE(AppendMany(*copy, survived.size(), 300) == 300 - survived.size());
  REQUIRE(AppendMany(*store, 200, 260) == 60);
  CHECK(ReadAll(*copy) == Bodies(0, 300));
  CHECK(ReadAll(*store) == Bodies(0, 260));
  REQUIRE(copy->Close().ok());
  REQUIRE(store->Close().ok());
  CHECK(ReadAll(*OpenStore(place.options())) == Bodies(0, 260));
}

TEST_CASE("a copy made of hard links is refused, and so is its original, with the reason") {
  const Place place;
  MakeClosedStore(place);
  fs::create_directory(place.path("links"));
  for (const auto& entry : fs::directory_iterator(place.path("store"))) {
    fs::create_hard_link(entry.path(), place.path("links") / entry.path().filename());
  }
  for (const char* name : {"links", "store"}) {
    const absl::Status refused = MessageStore::Open(place.options(name)).status();
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(absl::StrContains(refused.message(), "hard link"));
  }
  fs::remove_all(place.path("links"));
  CHECK(ReadAll(*OpenStore(place.options())) == Bodies(0, kMessages));
}

TEST_CASE("one hard link to LOCK, superblock or the active segment is enough to be refused") {
  const Place place;
  MakeClosedStore(place);
  std::string newest;
  for (const auto& entry : fs::directory_iterator(place.path("store"))) {
    const std::string name = entry.path().filename();
    if (name[0] == '0' && !absl::EndsWith(name, ".index")) newest = std::max(newest, name);
  }
  for (const std::string& name : {std::string("LOCK"), std::string("superblock"), newest}) {
    CAPTURE(name);
    fs::create_hard_link(place.path("store/" + name), place.path("link"));
    const absl::Status refused = MessageStore::Open(place.options()).status();
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(absl::StrContains(refused.message(), "copy"));
    fs::remove(place.path("link"));
  }
  CHECK(ReadAll(*OpenStore(place.options())) == Bodies(0, kMessages));
}

// --- What is planted, missing or cut short

enum class Trap { kLink, kFifo, kDirectory };

void Plant(Trap trap, const std::string& path, const std::string& target) {
  switch (trap) {
    case Trap::kLink:
      return fs::create_symlink(target, path);
    case Trap::kFifo:
      REQUIRE(mkfifo(path.c_str(), 0600) == 0);
      return;
    case Trap::kDirectory:
      fs::create_directory(path);
  }
}

TEST_CASE("a link, FIFO or directory in place of superblock or LOCK is refused and left alone") {
  const Place place;
  MakeClosedStore(place);
  const Trap trap = GENERATE(Trap::kLink, Trap::kFifo, Trap::kDirectory);
  const std::string name = GENERATE("superblock", "LOCK");
  CAPTURE(trap, name);
  const std::string path = place.path("store/" + name);
  fs::rename(path, place.path("target"));
  Plant(trap, path, "../target");
  const std::set<std::string> before = Names(place.path("store"));
  const std::string target = ContentOf(place.path("target"));

  for (const StoreOptions& options : {place.options(), place.reader()}) {
    const absl::Status refused = MessageStore::Open(options).status();
    INFO(refused);
    CHECK(absl::IsFailedPrecondition(refused));
    CHECK(absl::StrContains(refused.message(), name));
  }
  CHECK(Names(place.path("store")) == before);
  CHECK(ContentOf(place.path("target")) == target);

  fs::remove(path);
  fs::rename(place.path("target"), path);
  CHECK(ReadAll(*OpenStore(place.options())) == Bodies(0, kMessages));
}

TEST_CASE("a link, FIFO or directory in place of a segment is a missing segment, never followed") {
  const Place place;
  MakeClosedStore(place);
  const Trap trap = GENERATE(Trap::kLink, Trap::kFifo, Trap::kDirectory);
  CAPTURE(trap);
  const std::string path = place.path("store/" + SegmentName(1));
  fs::rename(path, place.path("target"));
  const std::string target = ContentOf(place.path("target"));
  Plant(trap, path, "../target");
  {
    auto store = OpenStore(place.options());
    CHECK(store->state() == StoreState::kDegraded);
    REQUIRE(store->recovery().damage.size() == 1);
    CHECK(store->recovery().damage[0].begin == LogPosition(kSegment));
    CHECK(store->recovery().damage[0].end == LogPosition(2 * kSegment));
    CHECK(AppendMany(*store, kMessages, kMessages + 100) == 100);
    CHECK(store->Close().ok());
  }
  CHECK(ContentOf(place.path("target")) == target);
  CHECK(fs::symlink_status(path).type() != fs::file_type::regular);
}

TEST_CASE("what stands where the next segment belongs does not stop the log") {
  const Place place;
  MakeClosedStore(place);
  const Trap trap = GENERATE(Trap::kLink, Trap::kFifo);
  CAPTURE(trap);
  uint64_t next = 0;
  while (fs::exists(place.path("store/" + SegmentName(next)))) ++next;
  WriteFile(place.path("target"), "precious");
  Plant(trap, place.path("store/" + SegmentName(next)), "../target");
  {
    auto store = OpenStore(place.options());
    CHECK(AppendMany(*store, kMessages, kMessages + 200) == 200);
    CHECK(ReadAll(*store) == Bodies(0, kMessages + 200));
    CHECK(store->Close().ok());
  }
  CHECK(ContentOf(place.path("target")) == "precious");
  CHECK(ReadAll(*OpenStore(place.options())) == Bodies(0, kMessages + 200));
}

TEST_CASE("an empty, torn or missing superblock is a clear status and touches nothing") {
  const Place place;
  MakeClosedStore(place);
  const std::string path = place.path("store/superblock");
  const std::string whole = ContentOf(path);
  const int bytes = GENERATE(-1, 0, 1, 100, 4095);
  CAPTURE(bytes);
  if (bytes < 0) {
    fs::remove(path);
  } else {
    fs::resize_file(path, static_cast<uintmax_t>(bytes));
  }
  const std::set<std::string> before = Names(place.path("store"));
  for (const StoreOptions& options : {place.options(), place.reader()}) {
    const absl::Status refused = MessageStore::Open(options).status();
    INFO(refused);
    CHECK((absl::IsDataLoss(refused) || (bytes == 1 && absl::IsInvalidArgument(refused))));
    CHECK(absl::StrContains(refused.message(), "superblock"));
  }
  CHECK(Names(place.path("store")) == before);
  WriteFile(path, whole);
  CHECK(ReadAll(*OpenStore(place.options())) == Bodies(0, kMessages));
}

TEST_CASE("a newer format and another byte order are named") {
  const Place place;
  MakeClosedStore(place);
  const std::string path = place.path("store/superblock");
  std::string bytes = ContentOf(path);
  for (const size_t slot : {size_t{0}, size_t{4096}}) {
    std::reverse(bytes.begin() + static_cast<ptrdiff_t>(slot),
                 bytes.begin() + static_cast<ptrdiff_t>(slot) + 8);
  }
  WriteFile(path, bytes);
  for (const StoreOptions& options : {place.options(), place.reader()}) {
    const absl::Status refused = MessageStore::Open(options).status();
    CHECK(absl::IsInvalidArgument(refused));
    CHECK(absl::StrContains(refused.message(), "byte order"));
  }
}

TEST_CASE("a directory that is not a store, a file and a missing parent are refused") {
  const Place place;
  fs::create_directory(place.path("photos"));
  WriteFile(place.path("photos/cat.jpg"), "meow");
  WriteFile(place.path("file"), "");
  const std::set<std::string> before = Names(place.path(""));
  CHECK(absl::IsInvalidArgument(MessageStore::Open(place.options("photos")).status()));
  CHECK(absl::IsNotFound(MessageStore::Open(place.reader("photos")).status()));
  CHECK(absl::IsFailedPrecondition(MessageStore::Open(place.options("file")).status()));
  CHECK(absl::IsNotFound(MessageStore::Open(place.options("no/parent")).status()));
  CHECK(absl::IsNotFound(MessageStore::Open(place.reader("nothing")).status()));
  StoreOptions options = place.options("nothing");
  options.create_if_missing = false;
  CHECK(absl::IsNotFound(MessageStore::Open(options).status()));
  CHECK(Names(place.path("")) == before);
}

TEST_CASE("a LOCK that was emptied, filled or removed is only a LOCK") {
  const Place place;
  MakeClosedStore(place);
  const std::string path = place.path("store/LOCK");
  for (const int what : {0, 1, 2}) {
    if (what == 0) fs::resize_file(path, 0);
    if (what == 1) WriteFile(path, std::string(100'000, 'x'));
    if (what == 2) fs::remove(path);
    CHECK(ReadAll(*OpenStore(place.reader())) == Bodies(0, kMessages));
    CHECK(ReadAll(*OpenStore(place.options())) == Bodies(0, kMessages));
  }
}

TEST_CASE("directories are 0700 and files 0600, whatever the umask") {
  const Place place;
  const mode_t before = umask(0);
  MakeClosedStore(place);
  umask(before);
  CHECK((fs::status(place.path("store")).permissions() & fs::perms::mask) == fs::perms::owner_all);
  for (const auto& entry : fs::directory_iterator(place.path("store"))) {
    CHECK(entry.status().permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  }
}

// --- No room, no right to write

// For a child: a file system of its own at `path`. False where that is not to be had.
bool MountSmallDisk(const std::string& path, const std::string& size) {
  return unshare(CLONE_NEWNS) == 0 &&
         mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0 &&
         mount("tmpfs", path.c_str(), "tmpfs", 0, ("size=" + size).c_str()) == 0;
}

// Takes all the room there is.
void FillDisk(const std::string& path) {
  const int fd = open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  const std::string zeros(4096, '\0');
  while (write(fd, zeros.data(), zeros.size()) > 0) {
  }
  close(fd);
}

TEST_CASE("a full disk refuses appends, not reads; service returns with the space; nothing is lost",
          "[privileged]") {
  const Place place;
  fs::create_directory(place.path("disk"));
  const bool is_shared = GENERATE(true, false);
  const bool has_threads = GENERATE(true, false);
  CAPTURE(is_shared, has_threads);
  Child child([&](Child& self) {
    if (!MountSmallDisk(place.path("disk"), "2m")) self.Skip();
    StoreOptions options = place.options("disk/store");
    if (!is_shared) options.front_directory = "private";
    if (has_threads) options.background = Background::kThreads;
    auto opened = MessageStore::Open(options);
    self.Check(opened.ok(), "the store opens");
    if (!opened.ok()) return;
    MessageStore& store = **opened;
    size_t appended = AppendMany(store, 0, 100);
    self.Check(appended == 100, "there is room at first");
    self.Check(store.Flush().ok(), "a flush");
    FillDisk(place.path("disk/filler"));
    // What fits into segments that are there already is taken.
    appended += AppendMany(store, appended, 10'000);
    self.Check(appended < 2'000, "appends end");
    const absl::Status refused = AppendOne(store, appended);
    self.Check(absl::IsResourceExhausted(refused), "kResourceExhausted");
    self.Check(ReadAll(store) == Bodies(0, appended), "reads go on");
    self.Check(store.state() == StoreState::kDegraded, "degraded");

    // kResourceExhausted says that nothing was written, so the same message is sent again.
    unlink(place.path("disk/filler").c_str());
    absl::Status status;
    for (int tries = 0; tries < 1'000'000; ++tries) {
      status = AppendOne(store, appended);
      if (status.ok()) break;
      store.RunOnce();
    }
    self.Check(status.ok(), "service returns");
    appended += 1 + AppendMany(store, appended + 1, appended + 101);
    self.Check(store.Flush().ok(), "everything is durable");
    for (int tries = 0; tries < 1'000'000 && store.state() != StoreState::kHealthy; ++tries) {
      store.RunOnce();
    }
    self.Check(store.state() == StoreState::kHealthy, "healthy again");
    self.Check(store.Close().ok(), "it closes");
    auto again = MessageStore::Open(options);
    self.Check(again.ok() && ReadAll(**again) == Bodies(0, appended), "all of it is there");
  });
  child.RequireSuccess("the right to mount a file system");
}

TEST_CASE("a store opens on a disk that is full, and closes without losing what it took",
          "[privileged]") {
  const Place place;
  fs::create_directory(place.path("disk"));
  Child child([&](Child& self) {
    if (!MountSmallDisk(place.path("disk"), "2m")) self.Skip();
    const StoreOptions options = place.options("disk/store");
    size_t appended = 100;
    {
      auto store = MessageStore::Open(options);
      self.Check(store.ok() && AppendMany(**store, 0, 100) == 100, "a store with messages");
    }
    FillDisk(place.path("disk/filler"));
    {
      auto store = MessageStore::Open(options);
      self.Check(store.ok(), "it opens");
      if (!store.ok()) return;
      self.Check(ReadAll(**store) == Bodies(0, 100), "reads go on");
      appended += AppendMany(**store, 100, 120);
      (*store)->Close().IgnoreError();
    }
    {
      auto reader = MessageStore::Open([&] {
        StoreOptions copy = options;
        copy.read_only = true;
        return copy;
      }());
      self.Check(reader.ok() && ReadAll(**reader) == Bodies(0, appended), "a reader sees it all");
    }
    unlink(place.path("disk/filler").c_str());
    auto store = MessageStore::Open(options);
    self.Check(store.ok() && ReadAll(**store) == Bodies(0, appended), "nothing taken is lost");
    self.Check(store.ok() && (*store)->Close().ok(), "it closes");
  });
  child.RequireSuccess("the right to mount a file system");
}

TEST_CASE("too little shared memory means a smaller or a private front, never a signal",
          "[privileged]") {
  const Place place;
  fs::create_directory(place.path("shm"));
  const std::string size = GENERATE("64k", "700k");
  Child child([&](Child& self) {
    if (!MountSmallDisk(place.path("shm"), size)) self.Skip();
    StoreOptions options = place.options();
    options.front_bytes = 4 << 20;
    options.front_directory = place.path("shm");
    auto store = MessageStore::Open(options);
    self.Check(store.ok(), "it opens");
    if (!store.ok()) return;
    self.Check(AppendMany(**store, 0, 500) == 500, "it takes messages");
    self.Check(ReadAll(**store) == Bodies(0, 500), "it gives them back");
    self.Check(!(*store)->recovery().notes.empty(), "and says what it did");
    self.Check((*store)->Close().ok(), "it closes");
  });
  child.RequireSuccess("the right to mount a file system");
}

TEST_CASE("a file size limit is a full disk, and no signal") {
  const Place place;
  Child child([&](Child& self) {
    auto store = MessageStore::Open(place.options());
    self.Check(store.ok() && AppendMany(**store, 0, 10) == 10, "a store with messages");
    if (!store.ok()) return;
    rlimit limit{.rlim_cur = kSegment / 2, .rlim_max = RLIM_INFINITY};
    self.Check(setrlimit(RLIMIT_FSIZE, &limit) == 0, "a limit");
    size_t appended = 10 + AppendMany(**store, 10, 1'000);
    self.Check(appended < 1'000, "appends end");
    self.Check(absl::IsResourceExhausted(AppendOne(**store, appended)), "kResourceExhausted");
    self.Check(ReadAll(**store) == Bodies(0, appended), "reads go on");
    limit.rlim_cur = RLIM_INFINITY;
    self.Check(setrlimit(RLIMIT_FSIZE, &limit) == 0, "no limit");
    absl::Status status;
    for (int tries = 0; tries < 1'000; ++tries) {
      status = AppendOne(**store, appended);
      if (status.ok()) break;
      (*store)->RunOnce();
    }
    self.Check(status.ok(), "service returns");
    self.Check((*store)->Close().ok(), "it closes");
  });
  child.RequireSuccess("");
}

TEST_CASE("on a read-only file system a store can be read, and not be opened for writing",
          "[privileged]") {
  const Place place;
  MakeClosedStore(place);
  Child child([&](Child& self) {
    const std::string store = place.path("store");
    if (unshare(CLONE_NEWNS) != 0 ||
        mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        mount(store.c_str(), store.c_str(), nullptr, MS_BIND, nullptr) != 0 ||
        mount(nullptr, store.c_str(), nullptr, MS_BIND | MS_REMOUNT | MS_RDONLY, nullptr) != 0) {
      self.Skip();
    }
    const auto writer = MessageStore::Open(place.options());
    self.Check(absl::IsPermissionDenied(writer.status()), "kPermissionDenied");
    auto reader = MessageStore::Open(place.reader());
    self.Check(reader.ok() && ReadAll(**reader) == Bodies(0, kMessages), "it can be read");
  });
  child.RequireSuccess("the right to mount a file system");
}

TEST_CASE("without descriptors an open says so, and the next one works") {
  const Place place;
  MakeClosedStore(place);
  Child child([&](Child& self) {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    const rlim_t enough = limit.rlim_cur;
    for (rlim_t allowed = 4; allowed < 24; ++allowed) {
      limit.rlim_cur = allowed;
      setrlimit(RLIMIT_NOFILE, &limit);
      const auto store = MessageStore::Open(place.options());
      self.Check(store.ok() || absl::IsUnavailable(store.status()), "kUnavailable");
      limit.rlim_cur = enough;
      setrlimit(RLIMIT_NOFILE, &limit);
    }
    auto store = MessageStore::Open(place.options());
    self.Check(store.ok() && ReadAll(**store) == Bodies(0, kMessages), "all is there");
    self.Check(store.ok() && (*store)->recovery().damage.empty(), "and sound");
  });
  child.RequireSuccess("");
}

}  // namespace
}  // namespace weir
