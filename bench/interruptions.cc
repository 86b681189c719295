// How often, and for how long, this machine takes a core away from a thread that only counts: the
// floor of every tail of token times. One pinned thread a core reads the clock in a tight loop; two
// readings more than a microsecond apart are an interruption.
//
//     c++ -O2 -std=c++20 -pthread bench/interruptions.cc -o interruptions && ./interruptions
//     [SECONDS]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include <sched.h>

namespace {

using Clock = std::chrono::steady_clock;

std::vector<double> InterruptionsUs(int core, double seconds) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  CPU_SET(static_cast<std::size_t>(core), &mask);
  sched_setaffinity(0, sizeof(mask), &mask);
  std::vector<double> found;
  found.reserve(1 << 16);
  const auto end = Clock::now() + std::chrono::duration<double>(seconds);
  for (auto last = Clock::now(); last < end;) {
    const auto now = Clock::now();
    const double us = std::chrono::duration<double, std::micro>(now - last).count();
    if (us > 1) found.push_back(us);
    last = now;
  }
  std::sort(found.begin(), found.end());
  return found;
}

double Percentile(const std::vector<double>& sorted, double share) {
  return sorted.empty() ? 0 : sorted[static_cast<std::size_t>(share * (sorted.size() - 1))];
}

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 5;
  const int cores = static_cast<int>(std::thread::hardware_concurrency());
  std::vector<std::vector<double>> found(static_cast<std::size_t>(cores));
  std::vector<std::thread> threads;
  for (int core = 0; core < cores; ++core) {
    threads.emplace_back(
        [&, core] { found[static_cast<std::size_t>(core)] = InterruptionsUs(core, seconds); });
  }
  for (std::thread& thread : threads) thread.join();
  std::puts(
      "| core | a second | of more than 5 us | p50 us | p90 us | p99 us "
      "|\n|---|---|---|---|---|---|");
  for (int core = 0; core < cores; ++core) {
    const auto& times = found[static_cast<std::size_t>(core)];
    const auto longer = times.end() - std::upper_bound(times.begin(), times.end(), 5.0);
    std::printf("| %d | %.0f | %.0f | %.1f | %.1f | %.1f |\n", core,
                static_cast<double>(times.size()) / seconds, static_cast<double>(longer) / seconds,
                Percentile(times, 0.5), Percentile(times, 0.9), Percentile(times, 0.99));
  }
}
