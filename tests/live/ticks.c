// A MySQL server that starts learns how long a tick of times() is by calling it until some have passed: with 80 ms a
// quarter of all that the start computes. Here one passes at each call; nothing that the tests look at is in ticks.
#include <sys/times.h>

clock_t times(struct tms *used) {
  static clock_t now;
  if (used) *used = (struct tms){0};
  return __atomic_add_fetch(&now, 1, __ATOMIC_RELAXED);
}
