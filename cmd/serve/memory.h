#pragma once

// What a process that runs for months keeps of the machine's memory.

namespace orch::cmd {

/// Has the allocator give back what is needed for a moment only, as a first look at a fleet or a
/// large answer: by itself it keeps more and more, for each thread (mallopt(3)). Once, at the
/// start.
void bound_allocator();

/// Gives back what is free, and the program's own pages: those that only the start needed, a third
/// of a service that waits, do not come again; the others do, from the page cache (madvise(2)).
void give_memory_back();

}  // namespace orch::cmd
