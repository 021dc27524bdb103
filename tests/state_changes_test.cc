// Counts the promises (ENSURE, HOLDS) of the functions that change state, as lib/README.md defines
// them: at least two in each. Every function of log, index and store that could change something is
// counted unless it is named here, so a new one is counted from its first day.

#include <algorithm>
#include <catch2/catch.hpp>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

namespace fs = std::filesystem;
using Names = std::set<std::string>;

const fs::path kRoot = WEIR_SOURCE_DIR;
constexpr size_t kPromises = 2;
// A lock and one assignment, or a call of another function: there is nothing between the two that
// could be wrong.
constexpr size_t kStatementsOfNothing = 2;

// Classes whose objects belong to one read, one search, one repair or one filter that is compiled;
// and those of a process that only reads, which see what another one writes.
const Names kOfOneRead = {
    "BytesFile",     "Compiler",     "FilterLexer",   "FilterValue",    "FollowedFrontReader",
    "FollowedLog",   "Follower",     "FrontSearch",   "IndexFile",      "KeyLookup::Search",
    "LogScanner",    "MessageFetch", "MessageReader", "OwnFrontReader", "OwnLogView",
    "QueueCursor",   "ReadMemory",   "RecordReader",  "SalvagedQueues", "SecondLook",
    "SegmentScanner"};

// Functions that look, wait, wake, tell or count, make or fill an object that nobody has yet, or
// leave what they change to others: to those of the same name without a suffix, or that they are
// made of.
const Names kWithoutOwnState = {"CommitLog::Claim",
                                "CommitLog::Close",
                                "CommitLog::EndWriting",
                                "CommitLog::Flush",
                                "CommitLog::FollowUp",
                                "CommitLog::GiveUp",
                                "CommitLog::HelpOrSleep",
                                "CommitLog::Nudge",
                                "CommitLog::ReadBytes",
                                "CommitLog::Refuse",
                                "CommitLog::RunCallbacks",
                                "CommitLog::SyncStep",
                                "CommitLog::Wait",
                                "CommitLog::WaitDurable",
                                "CommitLog::WaitFor",
                                "Completions::RunReady",
                                "Completions::RunRest",
                                "ConsumeQueue::NewList",
                                "DirectoryLock::Holder",
                                "DirectoryLock::IsHeld",
                                "DirectoryLock::Take",
                                "Doorbell::Ring",
                                "Doorbell::Wait",
                                "Engine::Abandon",
                                "Engine::Append",
                                "Engine::AppendAsync",
                                "Engine::AppendTo",
                                "Engine::Finish",
                                "Engine::GiveUp",
                                "Engine::Open",
                                "Engine::SealAll",
                                "Engine::SealSome",
                                "Engine::SealStep",
                                "Filter::Compile",
                                "Front::CountAppends",
                                "GroupOffsets::Apply",
                                "GroupOffsets::Load",
                                "Health::RaiseBroken",
                                "Health::StateOf",
                                "Health::TellListener",
                                "IndexFileWriter::Cut",
                                "IndexFiles::FindRun",
                                "Indexer::DigestVisible",
                                "Indexer::FeedTopics",
                                "Indexer::FindWithoutLinks",
                                "Indexer::Follow",
                                "Indexer::IdentityOf",
                                "Indexer::LinksFor",
                                "Indexer::ListFiles",
                                "Indexer::RebuildDamaged",
                                "Indexer::Repair",
                                "Indexer::SealNext",
                                "Indexer::TellMissing",
                                "Indexer::Walk",
                                "LatestCarrier::Carry",
                                "LatestCarrier::CarryOne",
                                "LatestCarrier::Judge",
                                "LatestFinder::Latest",
                                "LatestFinder::ReadLatest",
                                "LatestKeys::Apply",
                                "LatestKeys::ApplyCopy",
                                "LatestKeys::ApplyDeletion",
                                "LatestKeys::ApplyMessage",
                                "LatestKeys::ApplyPurges",
                                "LatestKeys::Compacted",
                                "LatestKeys::EverCompacted",
                                "LatestKeys::IsVisible",
                                "LogSalvage::Walk",
                                "LogSyncer::Judge",
                                "LogSyncer::SaveSuperblock",
                                "LookupSegments::Of",
                                "MessageFinder::BoundsOfStore",
                                "MessageFinder::FindByKey",
                                "MessageFinder::OffsetForTime",
                                "MessagePlanner::Plan",
                                "MessagePlanner::PlanAll",
                                "MessagePlanner::Resolve",
                                "MessagePlanner::Settle",
                                "MessagePlanner::SettleFurther",
                                "Progress::Count",
                                "Progress::SleepForSync",
                                "Progress::TellSynced",
                                "QueueEnds::Apply",
                                "QueueEnds::Load",
                                "ReaderSlots::Enter",
                                "Recoverer::Run",
                                "Retainer::Begin",
                                "Retainer::Facts",
                                "Retainer::IsSpent",
                                "Retainer::KeepInBudget",
                                "Retainer::RunEnds",
                                "Retainer::Step",
                                "Retainer::TellListener",
                                "Retainer::WhyKept",
                                "RetentionClock::Apply",
                                "RetentionClock::Load",
                                "SealedSegments::All",
                                "SealedSegments::Forget",
                                "SealedSegments::Load",
                                "SealedSegments::LoadFilters",
                                "SealedSegments::Refresh",
                                "SegmentDigest::AddKeysOf",
                                "SegmentDigest::CollectKeys",
                                "SegmentFile::Open",
                                "SegmentRuns::Apply",
                                "Segments::ListNewestGenerations",
                                "Segments::SyncDirectory",
                                "Snapshots::LoadAll",
                                "Snapshots::LoadIndex",
                                "Snapshots::LoadQueues",
                                "Snapshots::Open",
                                "Snapshots::Restart",
                                "Snapshots::Take",
                                "StateAppender::MakeDurable",
                                "SuperblockFile::CheckNotPlanted",
                                "SuperblockFile::List",
                                "SuperblockFile::Load",
                                "SuperblockFile::LoadNewest",
                                "SuperblockFile::Stat",
                                "SuperblockFile::TryLock",
                                "TopicCatalogue::Apply",
                                "TopicCatalogue::Load",
                                "TopicTotals::BytesOf",
                                "TopicWriter::Alter",
                                "TopicWriter::Delete"};

// Functions that write although they are no members, or const.
const Names kWriters = {"CreateFrontMemory",
                        "CutLog",
                        "Fill",
                        "FillTopicGroup",
                        "KeepRest",
                        "IndexFileWriter::WriteFile",
                        "IndexFileWriter::WriteTo",
                        "OpenStoreDirectory",
                        "Seal",
                        "SealVoid",
                        "WriteFiller",
                        "WriteParts"};

struct Function {
  std::string place;  // "log/front.cc:47"
  std::string name;   // "Front::Reclaim"; of no class: "CutLog"
  bool is_const = false;
  size_t statements = 0;
  size_t promises = 0;

  std::string class_name() const {
    const size_t end = name.rfind("::");
    return end == std::string::npos ? "" : name.substr(0, end);
  }
  // Constructors, destructors and operators make or end an object.
  bool is_special() const {
    const std::string last = name.substr(name.rfind(':') + 1);
    const std::string of = class_name();
    return last[0] == '~' || last.starts_with("operator") || last == of.substr(of.rfind(':') + 1);
  }
};

// Comments, literals and lines of the preprocessor become blanks; lines stay lines.
std::string CodeOf(const std::string& text) {
  std::string code = text;
  const auto blank = [&](size_t from, size_t to) {
    for (size_t i = from; i < std::min(to, code.size()); ++i) {
      if (code[i] != '\n') code[i] = ' ';
    }
    return std::min(to, code.size());
  };
  bool line_begins = true;
  for (size_t i = 0; i < code.size();) {
    const char c = code[i];
    const bool is_digits_mark = i > 0 && std::isalnum(static_cast<unsigned char>(code[i - 1])) != 0;
    if (text.compare(i, 2, "//") == 0) {
      i = blank(i, text.find('\n', i));
    } else if (text.compare(i, 2, "/*") == 0) {
      i = blank(i, text.find("*/", i) + 2);
    } else if (line_begins && c == '#') {
      size_t end = text.find('\n', i);
      while (end != std::string::npos && text[end - 1] == '\\') end = text.find('\n', end + 1);
      i = blank(i, end);
    } else if (c == '"' || (c == '\'' && !is_digits_mark)) {
      size_t end = i + 1;
      while (end < text.size() && text[end] != c) end += text[end] == '\\' ? 2 : 1;
      i = blank(i, end + 1);
    } else {
      if (c == '\n') line_begins = true;
      if (c != '\n' && c != ' ') line_begins = false;
      ++i;
    }
  }
  return code;
}

size_t CountOf(const std::string& code, const std::regex& what) {
  return static_cast<size_t>(
      std::distance(std::sregex_iterator(code.begin(), code.end(), what), std::sregex_iterator()));
}

// The function that `head` begins, which stands in front of a '{'; without a name if it is none.
Function FunctionOf(const std::string& head, const std::string& enclosing) {
  Function function;
  static const std::regex before_arguments(R"(([~\w:]*(?:operator\s*\S+|\w))\s*\()");
  std::smatch match;
  if (!std::regex_search(head, match, before_arguments)) return function;
  const std::string before = head.substr(0, static_cast<size_t>(match.position()));
  static const std::regex no_member(R"(\b(static|friend|enum)\b|=\s*$)");
  if (std::regex_search(before, no_member) || match[1].str().starts_with("ABSL_")) return function;
  size_t end = static_cast<size_t>(match.position() + match.length());
  for (int depth = 1; end < head.size() && depth > 0; ++end) {
    depth += head[end] == '(' ? 1 : head[end] == ')' ? -1 : 0;
  }
  static const std::regex constant(R"(\s*const\b.*)");
  function.is_const = std::regex_match(head.substr(end), constant);
  function.name = enclosing + match[1].str();
  return function;
}

std::vector<Function> FunctionsOf(const std::string& place, const std::string& text) {
  const std::string code = CodeOf(text);
  static const std::regex promise(R"(\b(ENSURE|HOLDS)\s*\()");
  static const std::regex class_head(
      R"((?:^|.*[\s>])(?:class|struct)\s+(?:[A-Z_]+\s+|alignas\(\d+\)\s+)*([\w:]+)[^()]*$)");
  static const std::regex namespace_head(R"((.*\s)?namespace\b.*)");
  std::vector<Function> functions;
  std::vector<std::string> scopes;  // of namespaces empty, of classes "Name::"
  size_t begin = 0;                 // of what stands in front of the next '{'
  for (size_t i = 0; i < code.size(); ++i) {
    if (code[i] == ';' || code[i] == '}') {
      if (code[i] == '}' && !scopes.empty()) scopes.pop_back();
      begin = i + 1;
    }
    if (code[i] != '{') continue;
    std::string head = code.substr(begin, i - begin);
    std::replace(head.begin(), head.end(), '\n', ' ');
    head = std::regex_replace(head, std::regex(R"(\b(public|private|protected)\s*:(?!:))"), "");
    std::smatch match;
    if (std::regex_match(head, namespace_head)) {
      scopes.emplace_back();
    } else if (std::regex_match(head, match, class_head)) {
      scopes.push_back(match[1].str() + "::");
    } else {
      std::string enclosing;
      for (const std::string& scope : scopes) enclosing += scope;
      Function function = FunctionOf(head, enclosing);
      size_t end = i + 1;
      for (int depth = 1; end < code.size() && depth > 0; ++end) {
        depth += code[end] == '{' ? 1 : code[end] == '}' ? -1 : 0;
      }
      const std::string body = code.substr(i, end - i);
      function.statements = static_cast<size_t>(std::count(body.begin(), body.end(), ';'));
      function.promises = CountOf(body, promise);
      function.place =
          place + ":" +
          std::to_string(1 +
                         std::count(code.begin(), code.begin() + static_cast<ptrdiff_t>(i), '\n'));
      if (!function.name.empty()) functions.push_back(std::move(function));
      i = end - 1;
    }
    begin = i + 1;
  }
  return functions;
}

std::vector<Function> FunctionsOfLayer(const std::string& layer) {
  std::vector<Function> functions;
  for (const auto& entry : fs::directory_iterator(kRoot / "lib" / layer)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".h" && path.extension() != ".cc") continue;
    std::ifstream file(path);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    for (Function& function : FunctionsOf(layer + "/" + path.filename().string(), text)) {
      functions.push_back(std::move(function));
    }
  }
  return functions;
}

TEST_CASE("functions are found, and their promises and statements are counted") {
  const std::vector<Function> found = FunctionsOf("a.h", R"(
#define NOT_HERE(x) { HOLDS(x); }
namespace weir {  // void Comment() { a; }
class ABSL_LOCKABLE Outer final : public Base<int> {
 public:
  explicit Outer(int a) : a_(a), text_("{;}") { HOLDS(a > 0); }
  ~Outer() { a; }
  int a() const { return a_; }
  static Outer Make() { return Outer(1); }
  template <typename T>
  bool Set(T a) ABSL_EXCLUSIVE_LOCKS_REQUIRED(lock_) {
    for (;;) {
      if (!HOLDS(a > 1'000)) return false;  // HOLDS(
      a_ = a;
    }
  }
  struct Inner {
    void Step() { HOLDS(true); ENSURE(true); }
  };

 private:
  std::atomic<int> a_{0};
  int b_ ABSL_GUARDED_BY(lock_){1};
};
absl::StatusOr<int> Outer::Far(const std::string& a,
                               int b) {
  return 1;
}
void Free() {
  const auto in = [&] { a; };
}
}  // namespace weir
)");
  std::map<std::string, Function> by_name;
  for (const Function& function : found) by_name[function.name] = function;
  CHECK(by_name.at("Outer::Set").promises == 1);
  CHECK(by_name.at("Outer::Set").statements == 4);
  CHECK(by_name.at("Outer::Inner::Step").promises == 2);
  CHECK(by_name.at("Outer::a").is_const);
  CHECK_FALSE(by_name.at("Outer::Set").is_const);
  CHECK(by_name.at("Outer::Far").place == "a.h:26");
  CHECK(by_name.at("Free").statements == 2);
  CHECK(by_name.at("Outer::Outer").is_special());
  CHECK(by_name.at("Outer::~Outer").is_special());
  CHECK_FALSE(by_name.contains("Outer::Make"));
  CHECK_FALSE(by_name.contains("NOT_HERE"));
  CHECK(by_name.size() == 7);
}

TEST_CASE("every function that changes state states at least two promises") {
  size_t count = 0;
  Names idle = kWithoutOwnState;
  for (const std::string layer : {"log", "index", "store"}) {
    for (const Function& function : FunctionsOfLayer(layer)) {
      const std::string of = function.class_name();
      if (of.empty() || function.is_const || function.is_special()) continue;
      if (kOfOneRead.contains(of) || kOfOneRead.contains(of.substr(0, of.find(':')))) continue;
      if (function.promises >= kPromises) {
        ++count;
        if (kWithoutOwnState.contains(function.name)) {
          FAIL_CHECK(function.place << ": " << function.name << " need not be named any more");
        }
        continue;
      }
      idle.erase(function.name);
      if (function.statements <= kStatementsOfNothing) continue;
      if (kWithoutOwnState.contains(function.name)) continue;
      FAIL_CHECK(function.place << ": " << function.name << " states " << function.promises
                                << " promises");
    }
  }
  for (const std::string& name : idle) FAIL_CHECK("there is no " << name);
  CHECK(count >= 150);
}

TEST_CASE("what writes without being a member states at least two promises") {
  std::map<std::string, size_t> most;
  for (const std::string layer : {"format", "log", "index", "store"}) {
    for (const Function& function : FunctionsOfLayer(layer)) {
      size_t& promises = most[function.name];
      promises = std::max(promises, function.promises);
    }
  }
  for (const std::string& name : kWriters) {
    if (!most.contains(name)) FAIL_CHECK("there is no " << name);
    if (most[name] < kPromises) FAIL_CHECK(name << " states " << most[name] << " promises");
  }
}

}  // namespace
