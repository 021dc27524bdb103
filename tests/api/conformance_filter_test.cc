// What a message store must do, as its users know it from RocketMQ: expressions on properties.

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "api/small_store.h"
#include "weir/filter.h"

namespace weir::testing {
namespace {

// A store with one queue's worth of messages, each named by its body.
class Shop {
 public:
  Shop() : store_(OpenStore(SmallOptions(disk_, clock_))) {}

  void Add(absl::string_view body, const std::vector<Property>& properties,
           absl::string_view tag = "") {
    Append(*store_, {.topic = "t",
                     .queue_id = 0,
                     .tag = tag,
                     .properties = {properties.begin(), properties.end()},
                     .body = body});
  }
  void Reopen() {
    Close(*store_);
    store_ = OpenStore(SmallOptions(disk_, clock_));
  }
  // The messages that a consumer with this expression gets.
  Words Get(absl::string_view expression) {
    const auto filter = Filter::Compile(expression);
    INFO(expression);
    INFO(filter.status());
    REQUIRE(filter.ok());
    Words bodies;
    for (const MessageView& message : Read(*store_, "t", 0, 0, {.max_messages = 100})) {
      if (filter->Matches(message)) bodies.emplace_back(message.body());
    }
    // What the host may do for itself, a read does for him.
    CHECK(BodiesOf(Read(*store_, "t", 0, 0, {.max_messages = 100, .filter = *filter})) == bodies);
    return bodies;
  }

 private:
  FaultFileSystem disk_;
  ManualClock clock_;
  std::unique_ptr<MessageStore> store_;
};

bool IsRefused(absl::string_view expression) {
  return absl::IsInvalidArgument(Filter::Compile(expression).status());
}

TEST_CASE("a consumer gets the messages whose properties fulfil all that it asks for") {
  Shop shop;
  shop.Add("all", {{"a", "3"}, {"b", "5"}, {"c", "6"}, {"d", "1"}});
  shop.Add("other a", {{"a", "4"}, {"b", "5"}, {"c", "6"}, {"d", "1"}});
  shop.Add("at the bounds", {{"a", "3"}, {"b", "5"}, {"c", "5.001"}, {"d", "4"}});
  shop.Add("c too small", {{"a", "3"}, {"b", "5"}, {"c", "5"}, {"d", "4"}});
  shop.Add("without d", {{"a", "3"}, {"b", "5"}, {"c", "6"}});
  shop.Add("nothing", {});
  CHECK(shop.Get("a=3 and b<>4 And c>5 AND d<=4") == Words{"all", "at the bounds"});
  CHECK(shop.Get("a=3  and    b<>4 And c>5 AND d<=4") == Words{"all", "at the bounds"});
}

TEST_CASE("one of several conditions is enough, whatever the message lacks for the others") {
  Shop shop;
  shop.Add("first", {{"a", "3"}});
  shop.Add("second", {{"a", "4"}, {"b", "5"}});
  shop.Add("third", {{"a", "4"}, {"b", "4"}, {"c", "6"}});
  shop.Add("fourth", {{"a", "4"}, {"b", "4"}, {"c", "3"}, {"d", "2"}});
  shop.Add("none", {{"a", "4"}, {"b", "4"}, {"c", "3"}, {"d", "10"}});
  CHECK(shop.Get("a=3 or b<>4 Or c>5 OR d<=4") == Words{"first", "second", "third", "fourth"});
}

TEST_CASE("a list, and a range with its bounds in it, select what lies in them") {
  Shop shop;
  for (const char* const value : {"1", "2", "3", "10", "11"}) shop.Add(value, {{"a", value}});
  shop.Add("none", {});
  CHECK(shop.Get("a in ('3', '10', '5')") == Words{"3", "10"});
  CHECK(shop.Get("a not in ('3', '10', '5')") == Words{"1", "2", "11"});
  CHECK(shop.Get("a between 2 and 10") == Words{"2", "3", "10"});
  CHECK(shop.Get("a not between 2 and 10") == Words{"1", "11"});
  CHECK(shop.Get("(a not in ('1', '2')) or (b in ('3'))") == Words{"3", "10", "11"});
}

TEST_CASE("what is missing is told from what is there") {
  Shop shop;
  shop.Add("hello", {{"a", "hello"}});
  shop.Add("other", {{"a", "other"}});
  shop.Add("without", {{"b", "hello"}});
  CHECK(shop.Get("a is null") == Words{"without"});
  CHECK(shop.Get("a is not null") == Words{"hello", "other"});
  CHECK(shop.Get("a is not null and a='hello'") == Words{"hello"});
  CHECK(shop.Get("a is null OR a='hello'") == Words{"hello", "without"});
}

TEST_CASE("what a message lacks fulfils neither a condition nor its opposite") {
  Shop shop;
  shop.Add("without", {{"b", "1"}});
  for (const absl::string_view condition :
       {"a = 'x'", "a <> 'x'", "a > 5", "a <= 5", "a between 1 and 9", "a in ('x')",
        "a contains 'x'", "a startswith 'x'", "a endswith 'x'", "a = TRUE", "a", "a = b"}) {
    CHECK(shop.Get(condition).empty());
    CHECK(shop.Get(absl::StrCat("not (", condition, ")")).empty());
  }
}

TEST_CASE("a number is compared with decimals, exponents and other properties") {
  Shop shop;
  shop.Add("pi", {{"a", "3.1415"}, {"b", "3.2"}});
  shop.Add("large", {{"a", "31415000000"}, {"b", "10"}});
  CHECK(shop.Get("a > 3.14") == Words{"pi", "large"});
  CHECK(shop.Get("a > 3.1E10") == Words{"large"});
  CHECK(shop.Get("a < b") == Words{"pi"});
  CHECK(shop.Get("a > b") == Words{"large"});
}

TEST_CASE("a text has no order, and does not end the search for what else may match") {
  Shop shop;
  shop.Add("text", {{"key", "con"}, {"other", "1"}});
  CHECK(shop.Get("key between 0 and 100").empty());
  CHECK(shop.Get("key is not null and key between 0 and 100").empty());
  CHECK(shop.Get("key > other").empty());
  CHECK(shop.Get("key > 5 or other = 1") == Words{"text"});
}

TEST_CASE("booleans are written in letters of any case") {
  Shop shop;
  shop.Add("both", {{"a", "true"}, {"b", "false"}});
  shop.Add("first", {{"a", "TRUE"}, {"b", "true"}});
  shop.Add("none", {{"a", "false"}, {"b", "True"}});
  CHECK(shop.Get("a=TRUE OR b=FALSE") == Words{"both", "first"});
  CHECK(shop.Get("a=true and b=false") == Words{"both"});
}

TEST_CASE("parts of a text are looked for at both ends and anywhere") {
  Shop shop;
  for (const char* const name : {"order-paid", "order-sent", "refund-paid"}) {
    shop.Add(name, {{"event", name}});
  }
  shop.Add("none", {});
  CHECK(shop.Get("event STARTSWITH 'order'") == Words{"order-paid", "order-sent"});
  CHECK(shop.Get("event NOT STARTSWITH 'order'") == Words{"refund-paid"});
  CHECK(shop.Get("event ENDSWITH 'paid'") == Words{"order-paid", "refund-paid"});
  CHECK(shop.Get("event NOT ENDSWITH 'paid'") == Words{"order-sent"});
  CHECK(shop.Get("event CONTAINS 'd-s' OR event CONTAINS 'r-s'") == Words{"order-sent"});
  CHECK(shop.Get("event NOT CONTAINS 'und'") == Words{"order-paid", "order-sent"});
}

TEST_CASE("the tag of a message is the property TAGS, quotes and all") {
  Shop shop;
  shop.Add("quoted", {}, "''tag''");
  shop.Add("plain", {}, "tag");
  shop.Add("untagged", {});
  CHECK(shop.Get("TAGS is not null and TAGS='''''tag'''''") == Words{"quoted"});
  CHECK(shop.Get("TAGS in ('tag', 'other')") == Words{"plain"});
  CHECK(shop.Get("TAGS is null") == Words{"untagged"});
}

TEST_CASE("an expression that makes no sense is refused when it is given, not when it is used") {
  for (const absl::string_view nonsense :
       {"", "a and between 2 and 10", " a between 10 and 0", "a > 100000000000000000000000",
        "a > 1e4000", "a > 'text'", "a = NULL", "a like 'x%'", "a + 1 = 2", "a in (b)", "5",
        "a = 'x' b = 'y'", "(a = 'x'", "a = 'x"}) {
    CAPTURE(nonsense);
    CHECK(IsRefused(nonsense));
  }
}

TEST_CASE("typed properties are what they were after the store was opened again") {
  Shop shop;
  const PropertyValue lots(int64_t{9007199254740993});
  const PropertyValue price(101.25);
  const PropertyValue is_urgent(true);
  shop.Add("typed", {{"lots", lots}, {"price", price}, {"urgent", is_urgent}});
  shop.Reopen();
  CHECK(shop.Get("lots = 9007199254740993 AND price = 101.25 AND urgent") == Words{"typed"});
  CHECK(shop.Get("lots = 9007199254740992 OR price > 101.25 OR NOT urgent").empty());
}

}  // namespace
}  // namespace weir::testing
