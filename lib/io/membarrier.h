// A memory fence in every running thread of others, paid by the one who asks for it.
//
// Of two sides that each store and then load what the other stores, one must see the other; that
// takes a fence on both. With these the frequent side (a producer that publishes and looks whether
// somebody waits) has none, and the rare side (who is about to sleep) pays for both:
//
//   waiter:  set my bit; BarrierThisProcess(); look again; sleep        producer:  publish; load
//   bit

#ifndef WEIR_IO_MEMBARRIER_H_
#define WEIR_IO_MEMBARRIER_H_

namespace weir::internal {

// Makes this process one whose threads the calls below reach. To be called, with true as its
// answer, by the process that goes without fences, before it does so. Registers once; false if the
// system refuses: then use fences.
bool RegisterBarriers();

// Fences every running thread of this process. RegisterBarriers() was true here.
void BarrierThisProcess();

// Fences every running thread of all processes in which RegisterBarriers() was true. The caller's
// own need not be one.
void BarrierAllProcesses();

}  // namespace weir::internal

#endif  // WEIR_IO_MEMBARRIER_H_
