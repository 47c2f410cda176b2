// What a command costs as a whole process: process_bench RUNS COMMAND [ARG...]. Prints the least
// and the median wall time, and the most memory that one run had. Its output is thrown away. (This
// small program measures, not a script, as a process's peak counts what its parent had when it was
// started.)

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

struct Cost {
  double milliseconds{0};
  long peak_kib{0};
  int status{0};
};

Cost run_once(char** command) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point start = Clock::now();
  const pid_t child = ::fork();
  if (child == 0) {
    const int null = ::open("/dev/null", O_RDWR);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::execvp(command[0], command);
    ::_exit(127);
  }
  Cost cost;
  rusage usage{};
  if (child < 0 || ::wait4(child, &cost.status, 0, &usage) != child) return {.status = 1};
  cost.milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  cost.peak_kib = usage.ru_maxrss;
  return cost;
}

}  // namespace

int main(int argc, char** argv) {
  const int runs = argc > 2 ? std::atoi(argv[1]) : 0;
  if (runs < 1) {
    std::fprintf(stderr, "usage: process_bench RUNS COMMAND [ARG...]\n");
    return 2;
  }
  std::vector<double> times;
  long peak_kib = 0;
  for (int i = 0; i < runs; ++i) {
    const Cost cost = run_once(argv + 2);
    if (cost.status != 0) {
      std::fprintf(stderr, "process_bench: %s failed\n", argv[2]);
      return 1;
    }
    times.push_back(cost.milliseconds);
    peak_kib = std::max(peak_kib, cost.peak_kib);
  }
  std::sort(times.begin(), times.end());
  std::printf("min %.1f ms, median %.1f ms, peak %.1f MiB\n", times.front(),
              times[times.size() / 2], static_cast<double>(peak_kib) / 1024);
  return 0;
}
