// What the store answers otherwise than its headers say, and a program steps around to see what
// lies behind it. Whoever repairs one turns it off here, and then it is tested.

#ifndef WEIR_TESTS_DIFFERENTIAL_TOLERANCES_H_
#define WEIR_TESTS_DIFFERENTIAL_TOLERANCES_H_

namespace weir::testing {

// An append that must wait while its thread holds a claim is refused with kFailedPrecondition, and
// the message is in the log all the same.
inline constexpr bool kRefusedWaitLeavesMessage = false;

// ReadAt() at the place where a power loss cut the log finds damage instead of nothing.
inline constexpr bool kReadAtCutFindsDamage = true;

// While reads of the disk fail, index files are computed again from a log that cannot be read, and
// stay without the messages that could not be found.
inline constexpr bool kReadErrorsSpoilIndexes = true;

// A reading process that opens a segment's file again, before the writer has written the open
// records of its incarnation there, takes the records behind them for damaged.
inline constexpr bool kReadersForgetIncarnations = true;

// A reading process that saw a front without its writer keeps that copy, although another writer
// adopted the front, wrote on and died before the next look.
inline constexpr bool kReadersKeepDeadFronts = true;

// If the power goes after a front was adopted, store times may go back.
inline constexpr bool kAdoptionForgetsTheTime = true;

// A spare file that cannot be looked at stays a spare although a segment of its name is made anew;
// later it is removed, or recycled, with all that was acknowledged in it. While a file cannot be
// looked at ReadTopic() also says that there is nothing more.
inline constexpr bool kSpareMayBeASegment = true;

}  // namespace weir::testing

#endif  // WEIR_TESTS_DIFFERENTIAL_TOLERANCES_H_
