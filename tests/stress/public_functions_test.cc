#include "stress/public_functions.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "stress/call_table.h"

namespace weir::testing {
namespace {

using Names = std::vector<std::string>;

TEST_CASE("what a header declares for its host to call is read out of it") {
  CHECK(PublicFunctionsIn(R"(
// void NotThis();
#define OR_THIS() 1
namespace weir {
struct Options {
  Duration timeout = Infinite();
  bool is_set() const { return has(this); }
};
class Store final {
 public:
  using Callback = std::function<void(int)>;
  static std::unique_ptr<Store> Open(const Options& options = {});
  ~Store();
  Store(const Store&) = delete;
  // For the library itself.
  struct Impl;
  explicit Store(std::unique_ptr<Impl> impl);
  const Impl* impl() const;

 public:
  int Append(const Message& message,
             const Options& options = {});
  int Append(int count);
  friend bool operator==(Store, Store) = default;

 private:
  void Hidden();
};
class Listener {
 public:
  virtual void OnState() = 0;
  static Listener* Default();
  void Inline() { Call(); }
};
template <typename Meaning>
class Ordinal {
 public:
  constexpr uint64_t value() const { return value_; }
};
class Value {
 public:
  template <typename Number>
  requires(!std::same_as<Number, char>) explicit Value(Number number) {
    Write(number);
  }
};
enum class Level { kNone };
Status Repair(const Options& options);
}  // namespace weir
)") == Names{"Options::is_set", "Store::Open", "Store::Append", "Store::Append#2",
             "Listener::Default", "Ordinal::value", "Repair"});
}

TEST_CASE("the stress knows every function of the public headers, and no other") {
  const Names declared = PublicFunctionsOf(WEIR_SOURCE_DIR "/include/weir");
  REQUIRE(declared.size() >= 70);

  CHECK(declared == Names(kPublicFunctions.begin(), kPublicFunctions.end()));
}

}  // namespace
}  // namespace weir::testing
