#include "cmd/serve/memory.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>

namespace orch::cmd {

void bound_allocator() {
  ::mallopt(M_ARENA_MAX, 4);
  ::mallopt(M_MMAP_THRESHOLD, 256 * 1024);
}

void give_memory_back() {
  ::malloc_trim(0);
  ::dl_iterate_phdr(
      [](dl_phdr_info* object, std::size_t, void*) {
        const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
        for (int i = 0; i < object->dlpi_phnum; ++i) {
          const ElfW(Phdr)& part = object->dlpi_phdr[i];
          if (part.p_type != PT_LOAD || (part.p_flags & PF_W) != 0)
            continue;  // else it is as it is in the file
          const std::uintptr_t begin = (object->dlpi_addr + part.p_vaddr) & ~(page - 1);
          const std::uintptr_t end = object->dlpi_addr + part.p_vaddr + part.p_memsz;
          // A kernel that will not only costs memory.
          (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
        }
        return 1;  // the first is the program
      },
      nullptr);
}

}  // namespace orch::cmd
