#include "differential/journal_program.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace weir::testing {

JournalProgram::JournalProgram(uint64_t seed, Trace& trace)
    : trace_(trace),
      random_(seed),
      drafts_(Random::Mix(seed, 1)),
      world_(Random::Mix(seed, 2)),
      settings_(Settings::Choose(random_)) {}

void JournalProgram::Run() {
  trace_.Note("a journal: ", settings_.ToString());
  Open(0, /*expects_clean=*/true);
  for (uint64_t steps = random_.Between(100, 900); steps > 0 && !trace_.failed(); --steps) Step();
  if (!trace_.failed()) Close();
  if (!trace_.failed()) ReadEverything();
}

void JournalProgram::Step() {
  const uint64_t choice = random_.Below(1000);
  if (choice < 330) return Append();
  if (choice < 430) return AppendBatch();
  if (choice < 440) return AppendInvalid();
  if (choice < 760) return Read();
  if (choice < 785) return TrimTo();
  if (choice < 810) return WaitFor();
  if (choice < 825) return Flush();
  if (choice < 925) return Work();
  if (choice < 960) return CheckEnds();
  if (choice < 985) return world_.Advance(random_);
  if (choice < 990) return Close();
  Die(choice < 995 ? Death::kProcess : Death::kPower, random_.OneIn(2));
}

AppendOptions JournalProgram::RandomOptions() {
  AppendOptions options;
  options.durability = random_.OneIn(5)   ? Durability::kDisk
                       : random_.OneIn(6) ? Durability::kNone
                                          : Durability::kProcess;
  if (random_.OneIn(8)) options.timeout = absl::Milliseconds(random_.OneIn(2) ? 0 : 8);
  return options;
}

std::string JournalProgram::RandomBody(uint64_t bytes_max) {
  const uint64_t most = bytes_max - 64;  // a record's header
  return drafts_.Body(random_.OneIn(5) ? random_.Between(0, most)
                                       : random_.Below(std::min<uint64_t>(most, 150)));
}

void JournalProgram::Add(const Receipt& receipt, LogPosition end, const std::string& body,
                         uint64_t group) {
  const LogPosition before = entries_.empty() ? LogPosition(0) : entries_.back().end;
  const bool follows_member = group != 0 && !entries_.empty() && entries_.back().group == group;
  if (receipt.position < floor_position_ || receipt.end <= receipt.position ||
      (!follows_member && receipt.position < before)) {
    trace_.Mismatch("a place at ", receipt.position.value(), " behind ", before.value(), ", above ",
                    floor_position_.value());
  }
  if (end - receipt.position < body.size()) trace_.Mismatch("a place too small for its body");
  entries_.push_back({receipt.position, receipt.end, group, body});
  highest_ = std::max(highest_, receipt.end);
  Acknowledge(entries_.size(), receipt.reached);
}

void JournalProgram::Acknowledge(size_t entries, Durability reached) {
  if (reached >= Durability::kProcess) in_process_ = std::max(in_process_, entries);
  if (reached >= Durability::kDisk) on_disk_ = std::max(on_disk_, entries);
}

void JournalProgram::Append() {
  const std::string body = RandomBody(std::min(settings_.segment_bytes, front_bytes_) / 4);
  const AppendOptions options = RandomOptions();
  const LogPosition end = log_->end();
  trace_.Count();
  const auto receipt = log_->Append(body, options);
  trace_.Note("append ", body.size(), " bytes, asks ", DurabilityName(options.durability), ": ",
              receipt.ok() ? absl::StrCat(receipt->position.value(), " to ", receipt->end.value(),
                                          " ", DurabilityName(receipt->reached))
                           : receipt.status().ToString());
  const bool may_be_refused = options.timeout != absl::InfiniteDuration();
  if (!receipt.ok()) {
    if (!may_be_refused || !absl::IsDeadlineExceeded(receipt.status())) {
      trace_.Mismatch("append: ", receipt.status().ToString());
    }
    if (log_->end() != end && !may_be_refused) trace_.Mismatch("refused and written");
    return;
  }
  if (receipt->reached < options.durability && !may_be_refused) {
    trace_.Mismatch("append reached only ", DurabilityName(receipt->reached));
  }
  Add(*receipt, receipt->end, body, 0);
}

void JournalProgram::AppendBatch() {
  const uint64_t smaller = std::min(settings_.segment_bytes, front_bytes_);
  const size_t wanted = random_.Between(1, 6);
  std::vector<std::string> bodies;
  uint64_t bytes = 64;
  for (size_t i = 0; i < wanted; ++i) {
    std::string body = RandomBody(smaller / 4);
    if (bytes + body.size() + 64 > smaller * 3 / 8) break;
    bytes += body.size() + 64;
    bodies.push_back(std::move(body));
  }
  if (bodies.empty()) return;
  const std::vector<absl::string_view> views(bodies.begin(), bodies.end());
  const AppendOptions options = RandomOptions();
  trace_.Count();
  const auto receipts = log_->Append(views, options);
  trace_.Note("append ", bodies.size(), " bodies: ", receipts.status().ToString());
  const bool may_be_refused = options.timeout != absl::InfiniteDuration();
  if (!receipts.ok()) {
    if (!may_be_refused || !absl::IsDeadlineExceeded(receipts.status())) {
      trace_.Mismatch("batch: ", receipts.status().ToString());
    }
    return;
  }
  if (receipts->size() != bodies.size()) return trace_.Mismatch("receipts of another number");
  ++groups_;
  for (size_t i = 0; i < bodies.size(); ++i) {
    Add((*receipts)[i], i + 1 < bodies.size() ? (*receipts)[i + 1].position : (*receipts)[i].end,
        bodies[i], groups_);
  }
  if (receipts->back().reached < options.durability && !may_be_refused) {
    trace_.Mismatch("a batch reached only ", DurabilityName(receipts->back().reached));
  }
}

void JournalProgram::AppendInvalid() {
  if (!knows_front_) return;
  const std::string huge(std::min(settings_.segment_bytes, front_bytes_) / 4 + 1, 'h');
  const LogPosition end = log_->end();
  trace_.Count();
  const absl::Status status = random_.OneIn(2)
                                  ? log_->Append(huge).status()
                                  : log_->Append(absl::Span<const absl::string_view>()).status();
  trace_.Note("invalid append: ", status.ToString());
  if (!absl::IsInvalidArgument(status)) trace_.Mismatch("invalid: ", status.ToString());
  if (log_->end() != end) trace_.Mismatch("an invalid append wrote something");
}

size_t JournalProgram::Below(LogPosition end) const {
  const auto behind =
      std::upper_bound(entries_.begin(), entries_.end(), end,
                       [](LogPosition at, const Entry& entry) { return at < entry.end; });
  return static_cast<size_t>(behind - entries_.begin());
}

// A private front shows what is written, and a journal does not say how far that is: here only what
// is acknowledged must be visible.
size_t JournalProgram::VisibleEnd() const {
  if (settings_.visibility == Visibility::kOnDurable) return Below(log_->durable_end());
  return is_private_ ? std::max(in_process_, on_disk_) : entries_.size();
}

std::string JournalProgram::Compare(const JournalEntries& read, LogPosition from, size_t max) {
  if (!read.damage.empty()) return absl::StrCat("damage: ", read.damage[0].reason);
  if (read.size() > max) return "more than asked for";
  const bool is_exact = settings_.visibility == Visibility::kOnDurable || !is_private_;
  const size_t end = is_exact ? VisibleEnd() : entries_.size();
  size_t at = 0;
  while (at < entries_.size() && entries_[at].position < from) ++at;
  const size_t first = at;
  absl::Time time = absl::InfinitePast();
  for (const JournalEntry& entry : read.entries) {
    if (at >= end) return absl::StrCat("an entry too many at ", entry.position.value());
    if (entry.position != entries_[at].position || entry.body != entries_[at].body) {
      return absl::StrCat("entry at ", entry.position.value(), " is not that of ",
                          entries_[at].position.value());
    }
    if (entry.store_time < time) return "store times go back";
    time = entry.store_time;
    ++at;
  }
  if (at - first < max && at < VisibleEnd()) {
    return absl::StrCat("entry at ", entries_[at].position.value(), " is missing");
  }
  if (at < entries_.size() && at > first && read.next > entries_[at].position) {
    return absl::StrCat("next ", read.next.value(), " skips an entry");
  }
  if (!read.empty() && read.next <= read.entries.back().position) return "next goes back";
  return "";
}

void JournalProgram::Read() {
  LogPosition position;
  if (!entries_.empty() && !random_.OneIn(8)) {
    const Entry& entry = entries_[random_.Below(entries_.size())];
    position = random_.OneIn(4) ? entry.end : entry.position + 8 * random_.Below(2);
  } else if (random_.OneIn(2)) {
    position = LogPosition(random_.Below(begin_.value() + 1));
  }
  const size_t max = random_.Between(1, random_.OneIn(6) ? 100 : 8);
  trace_.Count();
  const auto read = log_->Read(position, max);
  trace_.Note("read ", max, " from ", position.value(), ": ",
              read.ok() ? absl::StrCat(read->size()) : read.status().ToString());
  if (!read.ok()) {
    const bool was_trimmed = position < begin_;
    if (!was_trimmed || !absl::IsOutOfRange(read.status())) {
      trace_.Mismatch("read from ", position.value(), ": ", read.status().ToString());
    }
    return;
  }
  if (position < begin_ && position.value() != 0) {
    return trace_.Mismatch("read below the begin: from ", position.value());
  }
  const std::string wrong = Compare(*read, position, max);
  if (!wrong.empty()) trace_.Mismatch("read ", max, " from ", position.value(), ": ", wrong);
}

void JournalProgram::ReadEverything() {
  LogPosition next = begin_;
  size_t count = 0;
  for (;;) {
    trace_.Count();
    const auto read = log_->Read(next, 50);
    if (!read.ok()) return trace_.Mismatch("read everything: ", read.status().ToString());
    const std::string wrong = Compare(*read, next, 50);
    if (!wrong.empty()) return trace_.Mismatch("read everything from ", next.value(), ": ", wrong);
    if (read->empty()) break;
    count += read->size();
    next = read->next;
  }
  trace_.Note("read everything: ", count);
  if (count < VisibleEnd() || count > entries_.size()) {
    trace_.Mismatch(count, " entries in all, expected ", VisibleEnd());
  }
}

void JournalProgram::ForgetTrimmed() {
  while (!entries_.empty() && entries_.front().position < begin_) {
    entries_.pop_front();
    in_process_ -= std::min<size_t>(in_process_, 1);
    on_disk_ -= std::min<size_t>(on_disk_, 1);
  }
}

void JournalProgram::TrimTo() {
  if (entries_.empty()) return;
  const Entry& entry =
      entries_[random_.Below(random_.OneIn(3) ? entries_.size() : (entries_.size() + 3) / 4)];
  const LogPosition position = random_.OneIn(8) ? log_->end() : entry.position;
  const LogPosition durable = log_->durable_end();
  trace_.Count();
  const absl::Status status = log_->TrimTo(position);
  const LogPosition begin = log_->begin();
  trace_.Note("trim to ", position.value(), ": ", status.ToString(), ", begin ", begin.value());
  if (!status.ok()) return trace_.Mismatch("trim: ", status.ToString());
  if (begin < begin_ || begin > position) {
    trace_.Mismatch("trimmed to ", position.value(), ", the begin went from ", begin_.value(),
                    " to ", begin.value());
  }
  begin_ = begin;
  // Whole segments below the position go, as far as they are durable.
  const uint64_t segment = settings_.segment_bytes;
  const LogPosition keep(std::min(position, durable).value() / segment * segment);
  const size_t entries = entries_.size();
  ForgetTrimmed();
  if (entries == entries_.size() && !entries_.empty() && entries_.front().end <= keep &&
      begin < LogPosition(entries_.front().position.value() / segment * segment)) {
    trace_.Mismatch("segments below ", keep.value(), " stay; the log begins at ", begin.value());
  }
}

void JournalProgram::WaitFor() {
  if (entries_.empty()) return;
  const size_t index = random_.Below(entries_.size());
  const AppendOptions options = RandomOptions();
  trace_.Count();
  const auto reached =
      log_->WaitFor({.position = entries_[index].position, .end = entries_[index].end},
                    options.durability, options.timeout);
  trace_.Note("wait for ", entries_[index].position.value(), ": ", reached.status().ToString());
  if (!reached.ok()) return trace_.Mismatch("wait: ", reached.status().ToString());
  if (*reached < options.durability && options.timeout == absl::InfiniteDuration()) {
    trace_.Mismatch("waited and reached ", DurabilityName(*reached));
  }
  Acknowledge(index + 1, *reached);
}

void JournalProgram::Flush() {
  trace_.Count();
  const absl::Status status = log_->Flush();
  trace_.Note("flush: ", status.ToString());
  if (!status.ok()) return trace_.Mismatch("flush: ", status.ToString());
  Acknowledge(entries_.size(), Durability::kDisk);
}

void JournalProgram::Work() {
  trace_.Count();
  log_->RunOnce();
  trace_.Note("run once");
}

void JournalProgram::CheckEnds() {
  trace_.Count();
  const LogPosition durable = log_->durable_end();
  trace_.Note("ends: ", log_->begin().value(), " ", durable.value(), " ", log_->end().value());
  if (log_->begin() != begin_) trace_.Mismatch("the begin is ", log_->begin().value());
  if (durable > log_->end() || durable < durable_) trace_.Mismatch("durable ", durable.value());
  if (on_disk_ != 0 && durable < entries_[on_disk_ - 1].end) {
    trace_.Mismatch("told durable, and the durable end is ", durable.value());
  }
  if (!entries_.empty() && log_->end() < entries_.back().end) trace_.Mismatch("the end is early");
  durable_ = durable;
  Acknowledge(Below(durable), Durability::kDisk);
  if (log_->state() != StoreState::kHealthy) trace_.Mismatch("not healthy");
}

}  // namespace weir::testing
