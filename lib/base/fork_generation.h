// Tells a forked child from its parent, for what must not wait there for threads that fork() did
// not copy.
//
// io/fork_guard tells it of files and locks, and sees every kind of child. This one is for the
// layer below: it sees what calls pthread_atfork's handlers, which are the children that may go on
// running C++.

#ifndef WEIR_BASE_FORK_GENERATION_H_
#define WEIR_BASE_FORK_GENERATION_H_

#include <cstdint>

namespace weir::internal {

// How many forks lie between this process and the first one that asked. An object keeps the number
// of its birth; where it finds another, it is in a child. From any thread.
uint32_t ForkGeneration();

}  // namespace weir::internal

#endif  // WEIR_BASE_FORK_GENERATION_H_
