#include <algorithm>

#include "absl/strings/str_cat.h"
#include "differential/journal_program.h"

namespace weir::testing {

void JournalProgram::Close() {
  trace_.Count();
  const absl::Status status = log_->Close();
  trace_.Note("close: ", status.ToString());
  if (!status.ok()) trace_.Mismatch("close: ", status.ToString());
  log_.reset();
  Open(entries_.size(), /*expects_clean=*/true);
}

void JournalProgram::Die(Death death, bool within_a_call) {
  if (within_a_call) {
    const size_t in_process = in_process_;
    const size_t on_disk = on_disk_;
    const LogPosition highest = highest_;
    const size_t entries = entries_.size();
    world_.ArmMoment(random_.Between(1, random_.OneIn(3) ? 30 : 6));
    const uint64_t call = random_.Below(6);
    if (call == 0) Append();
    if (call == 1) AppendBatch();
    if (call == 2) Flush();
    if (call == 3) Work();
    if (call == 4) TrimTo();
    if (call == 5) trace_.Note("close: ", log_->Close().ToString());
    if (world_.DisarmMoment()) {
      trace_.Note("the death came within this call");
      // What a trim took away is not promised to be gone before it returned.
      const size_t trimmed = call == 4 ? entries - entries_.size() : 0;
      in_process_ = std::max(in_process, trimmed) - trimmed;
      on_disk_ = std::max(on_disk, trimmed) - trimmed;
      highest_ = highest;
    }
  }
  trace_.Note(world_.Die(death, random_));
  log_.reset();
  if (death == Death::kPower) floor_position_ = std::max(floor_position_, highest_);
  Open(death == Death::kPower ? on_disk_ : std::max(in_process_, on_disk_), false);
}

void JournalProgram::Open(size_t floor, bool expects_clean) {
  if (random_.OneIn(2)) settings_.ChooseAgain(random_);
  StoreOptions options = settings_.options();
  options.clock = &world_.clock();
  for (;;) {
    const bool dies = random_.OneIn(6);
    options.file_system = &world_.disk();
    // Whose front is adopted after several opens that died is not known: limits are the smallest.
    front_bytes_ =
        front_bytes_ == 0 ? options.front_bytes : std::min(front_bytes_, options.front_bytes);
    if (dies) world_.ArmMoment(random_.Between(1, 50));
    trace_.Count();
    auto opened = CommitLog::Open(options);
    trace_.Note("open with ", settings_.ToString(), ": ", opened.status().ToString());
    if (!opened.ok()) return trace_.Mismatch("open: ", opened.status().ToString());
    log_ = *std::move(opened);
    if (!dies) break;
    if (world_.DisarmMoment()) {
      const Death death = random_.OneIn(2) ? Death::kProcess : Death::kPower;
      trace_.Note("within the open: ", world_.Die(death, random_));
      if (death == Death::kPower && !expects_clean) floor = std::min(floor, on_disk_);
      const bool counts = death == Death::kPower && !is_private_;
      if (counts) floor_position_ = std::max(floor_position_, highest_);
      expects_clean = false;
    }
    log_.reset();
  }
  const RecoveryReport& report = log_->recovery();
  knows_front_ = !report.front_adopted;
  if (!report.front_adopted) {
    front_bytes_ = settings_.front_bytes;
    is_private_ = settings_.is_private();
  }
  trace_.Note("opened: adopted ", report.front_adopted, ", end ", report.end.value());
  if (!report.damage.empty()) trace_.Mismatch("damage: ", report.damage[0].reason);
  if (report.possible_loss) trace_.Mismatch("possible loss");
  if (expects_clean && !report.was_clean) trace_.Mismatch("it was closed and is not clean");
  if (log_->state() != StoreState::kHealthy) trace_.Mismatch("not healthy after an open");
  if (!trace_.failed()) ResolveSurvivors(floor);
  if (!trace_.failed() && random_.OneIn(3)) ReadEverything();
}

void JournalProgram::ResolveSurvivors(size_t floor) {
  // A trim that died on its way may be done or not. An empty log may begin anywhere.
  if (log_->begin() > begin_ && floor != 0) {
    trace_.Mismatch("the begin went to ", log_->begin().value());
  }
  const LogPosition trimmed_to = begin_;
  begin_ = log_->begin();
  const auto read = log_->Read(begin_, 1'000'000);
  if (!read.ok()) return trace_.Mismatch("read after the open: ", read.status().ToString());
  // Entries of a trim that was not done are back.
  size_t back = 0;
  while (back < read->size() && read->entries[back].position < trimmed_to) ++back;
  const size_t end = read->size() - back;
  trace_.Note(end, " of ", entries_.size(), " entries are there, ", floor, " must be; ", back,
              " are back");
  if (end < floor || end > entries_.size()) {
    return trace_.Mismatch(end, " of ", entries_.size(), " entries are there, ", floor, " must be");
  }
  if (end != 0 && end < entries_.size() && entries_[end].group != 0 &&
      entries_[end - 1].group == entries_[end].group) {
    trace_.Mismatch("a group is torn");
  }
  entries_.resize(end);
  for (size_t i = back; i > 0; --i) {
    const JournalEntry& entry = read->entries[i - 1];
    const LogPosition behind =
        i < read->size() ? read->entries[i].position : entry.position + entry.body.size() + 48;
    entries_.push_front({entry.position, behind, 0, std::string(entry.body)});
  }
  on_disk_ = std::min(entries_.size(), on_disk_ + back);
  in_process_ = entries_.size();
  durable_ = LogPosition(0);
  // What a process had not written is given again by the next one.
  highest_ = entries_.empty() ? floor_position_ : std::max(floor_position_, entries_.back().end);
  CheckEnds();
}

}  // namespace weir::testing
