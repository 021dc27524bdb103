#include "stress/finder.h"

#include <algorithm>
#include <optional>
#include <string>

#include "stress/producer.h"
#include "weir/find.h"
#include "weir/property.h"

namespace weir::testing {

void Finder::ExpectFound(const absl::Status& status) {
  const bool may_miss = stage_.MayMiss(is_other_) || stage_.scenario().drops;
  if (absl::IsOutOfRange(status) || (may_miss && absl::IsNotFound(status))) return;
  stage_.ExpectOfCall(me_, status);
}

void Finder::FindAgain(const MessageView& message) {
  const auto id = WEIR_CALL(me_, store_, IdOf, message.position());
  ExpectFound(id.status());
  if (!id.ok()) return;
  const auto parsed = WEIR_CALL_OF(me_, MessageId, Parse, WEIR_CALL(me_, *id, ToString));
  me_.Expect(parsed.ok() && *parsed == *id, "an id is another one when it is read");
  const auto found = WEIR_CALL(me_, store_, FindById, *id);
  ExpectFound(found.status());
  me_.Expect(!found.ok() || (*found)[0].body() == message.body(), "an id is another message's");
}

void Finder::FindTimes(const MessageView& message) {
  const absl::Time time = message.store_time();
  const auto queue_id = message.queue_id();
  const auto lower =
      WEIR_CALL(me_, store_, OffsetForTime, "orders", queue_id, time, Boundary::kLower);
  const auto upper =
      WEIR_CALL(me_, store_, OffsetForTime, "orders", queue_id, time, Boundary::kUpper);
  ExpectFound(lower.status());
  ExpectFound(upper.status());
  const bool is_kept = !stage_.scenario().drops && !stage_.scenario().fails;
  me_.Expect(!is_kept || !lower.ok() || *lower <= message.queue_offset(), "a time is later");
  me_.Expect(!is_kept || !upper.ok() || *upper >= message.queue_offset(), "a time is earlier");
  const auto position = WEIR_CALL(me_, store_, PositionForTime, time);
  ExpectFound(position.status());
  me_.Expect(!is_kept || !position.ok() || *position <= message.position(), "a time is later");
  const auto of_queue = WEIR_CALL(me_, store_, BoundsInTime, "orders", queue_id);
  ExpectFound(of_queue.status());
  const auto of_all = WEIR_CALL_SECOND(me_, store_, BoundsInTime);
  ExpectFound(of_all.status());
  me_.Expect(!of_all.ok() || of_all->earliest <= of_all->latest, "bounds in another order");
}

void Finder::PageThrough(absl::string_view key, const Filter& filter) {
  FindOptions options{.limit = 5, .newest_first = me_.random().OneIn(2)};
  std::optional<LogPosition> last;
  for (int page = 0; page < 3; ++page) {
    const auto found = WEIR_CALL(me_, store_, FindByKey, "orders", key, options);
    ExpectFound(found.status());
    if (!found.ok()) return;
    me_.Expect(WEIR_CALL(me_, *found, damage).empty() || stage_.scenario().fails,
               "a search meets damage");
    me_.Expect(WEIR_CALL(me_, *found, size) == WEIR_CALL(me_, *found, messages).size() &&
                   WEIR_CALL(me_, *found, empty) == found->messages().empty(),
               "a size");
    for (auto at = WEIR_CALL(me_, *found, begin); at != WEIR_CALL(me_, *found, end); ++at) {
      const auto keys = at->keys();
      me_.Expect(std::find(keys.begin(), keys.end(), key) != keys.end(), "another key");
      const bool is_behind =
          !last || (options.newest_first ? at->position() < *last : at->position() > *last);
      me_.Expect(is_behind, "a page gives a message twice, or in another order");
      last = at->position();
      me_.Expect(WEIR_CALL(me_, filter, Matches, *at) == at->property("from").has_value(),
                 "a filter matches another message");
    }
    options.cursor = WEIR_CALL(me_, *found, next);
    me_.Expect(WEIR_CALL(me_, options.cursor, position).has_value() || found->empty(),
               "a cursor that leads nowhere");
    if (WEIR_CALL(me_, *found, is_done)) return;
  }
}

void Finder::ReadValues() {
  const auto number = static_cast<int64_t>(me_.random().Below(1000));
  const PropertyValue value(number);
  const absl::string_view text = WEIR_CALL(me_, value, text);
  me_.Expect(WEIR_CALL_FREE(me_, IntegerOf, text) == number &&
                 WEIR_CALL_FREE(me_, DoubleOf, text) == static_cast<double>(number) &&
                 WEIR_CALL_FREE(me_, BooleanOf, "true") == true,
             "a value is another one when it is read");
}

void Finder::Run() {
  const auto filter = WEIR_CALL_OF(me_, Filter, Compile, "from = 'stress'");
  me_.Expect(filter.ok() && WEIR_CALL(me_, *filter, expression) == "from = 'stress'", "a filter");
  if (!filter.ok()) return;
  stage_.GoOn([&]() -> absl::Status {
    ReadValues();
    const auto queue_id = static_cast<uint32_t>(me_.random().Below(kOrdersQueues));
    const auto last = WEIR_CALL(me_, store_, ReadLast, "orders", queue_id, 3);
    ExpectFound(last.status());
    if (!last.ok() || last->empty()) return last.status();
    const MessageView& message = (*last)[0];
    FindAgain(message);
    FindTimes(message);
    PageThrough(message.body().substr(0, 4), *filter);
    return absl::OkStatus();
  });
}

}  // namespace weir::testing
