#include "base/team.h"

#include <pthread.h>

#include <system_error>

#include "base/check.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace millrace {
namespace {

constexpr std::uint32_t kSpins = 2000;   // a pause is 10 to 50 ns: some tens of microseconds
constexpr std::uint32_t kYields = 1000;  // about a microsecond each when the core is ours

void Pause() {
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns when `value` is no longer `old`.
void WaitWhile(const std::atomic<std::uint32_t>& value, std::uint32_t old, std::uint32_t spins) {
  for (std::uint32_t i = 0; i < spins; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    Pause();
  }
  for (std::uint32_t i = 0; i < kYields; ++i) {
    if (value.load(std::memory_order_acquire) != old) return;
    sched_yield();
  }
  value.wait(old, std::memory_order_acquire);
}

std::vector<int> ReadAllowedCpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> cpus;
  if (sched_getaffinity(0, sizeof(set), &set) != 0) return cpus;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
  }
  return cpus;
}

// Read once, before any team pins its caller: a second team beside the first would otherwise find
// the one CPU of that pin, and crowd on it.
const std::vector<int>& AllowedCpus() {
  static const std::vector<int> cpus = ReadAllowedCpus();
  return cpus;
}

}  // namespace

int AvailableCpus() {
  const std::size_t cpus = AllowedCpus().size();
  return cpus == 0 ? 1 : static_cast<int>(cpus);
}

Team::Team(int threads) : threads_(threads), cpus_(AllowedCpus()) {
  MILLRACE_CHECK(threads >= 1);
  const bool crowded = cpus_.size() < static_cast<std::size_t>(threads);
  spins_ = crowded ? 0 : kSpins;  // spinning would take the core from the thread waited for
  if (crowded || threads == 1) cpus_.clear();  // nobody is pinned
  if (threads == 1) return;
  sched_getaffinity(0, sizeof(caller_cpus_), &caller_cpus_);
  Pin(0);
  try {
    for (int thread = 1; thread < threads; ++thread)
      workers_.emplace_back([this, thread] { Work(thread); });
  } catch (const std::system_error&) {  // a limit on processes or memory: go on with what there is
    threads_ = 1 + static_cast<int>(workers_.size());
  }
}

Team::~Team() {
  stop_.store(true, std::memory_order_relaxed);
  run_.fetch_add(1, std::memory_order_release);
  run_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  if (!cpus_.empty()) sched_setaffinity(0, sizeof(caller_cpus_), &caller_cpus_);
}

void Team::Start(WorkReference work) {
  if (threads_ == 1) return work.call(work.object, 0);
  work_ = work;
  run_.fetch_add(1, std::memory_order_release);
  run_.notify_all();
  work.call(work.object, 0);
  Barrier();
}

void Team::Barrier() {
  if (threads_ == 1) return;
  const std::uint32_t generation = generation_.load(std::memory_order_relaxed);
  if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 ==
      static_cast<std::uint32_t>(threads_)) {
    arrived_.store(0, std::memory_order_relaxed);
    generation_.store(generation + 1, std::memory_order_release);
    generation_.notify_all();
  } else {
    WaitWhile(generation_, generation, spins_);
  }
}

void Team::Work(int thread) {
  Pin(thread);
  for (std::uint32_t seen = 0;; ++seen) {
    WaitWhile(run_, seen, spins_);
    if (stop_.load(std::memory_order_relaxed)) return;
    work_.call(work_.object, thread);
    Barrier();
  }
}

void Team::Pin(int thread) const {
  if (cpus_.empty()) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpus_[static_cast<std::size_t>(thread)], &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);  // a refusal costs speed only
}

}  // namespace millrace
