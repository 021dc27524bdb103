#include "index/run_chain.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "format/file_names.h"
#include "log/segment_file.h"

namespace weir::internal {
namespace {

absl::Status BrokenChain(uint32_t queue_number, const RunLink& link, absl::string_view reason) {
  return absl::DataLossError(absl::StrCat(IndexFileName(link.segment_begin), ": run of queue ",
                                          queue_number, " from offset ", link.first.value(), ": ",
                                          reason));
}

bool IsRetained(const RunLink& link, LogPosition log_begin) {
  return link.exists() && link.segment_begin >= log_begin;
}

// The run that `link` leads to. `newer` is the run that holds the link; null for the tail.
absl::StatusOr<FoundRun> Follow(IndexFiles& files, uint32_t queue_number, const RunLink& link,
                                const QueueRun* newer) {
  ASSIGN_OR_RETURN(std::optional<FoundRun> found, files.FindRun(link.segment_begin, queue_number));
  if (!found) return BrokenChain(queue_number, link, "a link leads here, but there is no such run");
  const QueueRun& run = found->run;
  if (run.first != link.first) {
    return BrokenChain(
        queue_number, link,
        absl::StrCat("a link leads here, but the run begins at offset ", run.first.value()));
  }
  if (newer != nullptr && run.links.depth >= newer->links.depth) {
    return BrokenChain(queue_number, link,
                       absl::StrCat("its depth is ", run.links.depth, ", that of a newer run ",
                                    newer->links.depth));
  }
  if (newer != nullptr && run.end() > newer->first) {
    return BrokenChain(queue_number, link, "it reaches into a newer run");
  }
  return *std::move(found);
}

}  // namespace

absl::StatusOr<std::optional<RunLocation>> FindRunOf(IndexFiles& files, uint32_t queue_number,
                                                     RunLink tail, QueueOffset offset,
                                                     LogPosition log_begin) {
  if (!IsRetained(tail, log_begin)) return std::nullopt;
  RunLink link = tail;
  ASSIGN_OR_RETURN(FoundRun found, Follow(files, queue_number, link, nullptr));
  if (offset >= found.run.end()) return std::nullopt;

  while (offset < found.run.first) {
    // The longer way unless it leads too far.
    const RunLinks& links = found.run.links;
    const bool jumps = IsRetained(links.jump, log_begin) && offset <= links.jump.first;
    link = jumps ? links.jump : links.previous;
    if (!IsRetained(link, log_begin)) return std::nullopt;
    ASSIGN_OR_RETURN(FoundRun older, Follow(files, queue_number, link, &found.run));
    found = std::move(older);
  }
  // Queues have no gaps: what could not be found when the index was made has hole entries.
  if (offset >= found.run.end()) {
    return BrokenChain(queue_number, link,
                       absl::StrCat("offset ", offset.value(), " is in no run"));
  }
  return RunLocation{
      .segment_begin = link.segment_begin, .file = std::move(found.file), .run = found.run};
}

absl::StatusOr<RunLinks> LinksForNewRun(IndexFiles& files, uint32_t queue_number, RunLink tail,
                                        LogPosition log_begin) {
  if (!IsRetained(tail, log_begin)) return RunLinks{};
  ASSIGN_OR_RETURN(const FoundRun newest, Follow(files, queue_number, tail, nullptr));
  const QueueRun& previous = newest.run;
  if (previous.links.depth == 0xFFFFFFFF) {
    return BrokenChain(queue_number, tail, "no chain is that deep");
  }
  RunLinks links{.depth = previous.links.depth + 1, .previous = tail};
  if (JumpDepth(links.depth) == previous.links.depth) {
    links.jump = tail;
    return links;
  }
  // The jump of the jump. What lies in dropped segments is nobody's target any more.
  if (!IsRetained(previous.links.jump, log_begin)) return links;
  const absl::StatusOr<FoundRun> middle =
      Follow(files, queue_number, previous.links.jump, &previous);
  // Its segment is missing, or its index file is damaged: a walk takes more steps from here.
  if (absl::IsOutOfRange(middle.status()) || IsUnreadable(middle.status())) return links;
  if (!middle.ok()) return middle.status();
  const RunLink& jump = middle->run.links.jump;
  if (IsRetained(jump, log_begin)) links.jump = jump;
  return links;
}

}  // namespace weir::internal
