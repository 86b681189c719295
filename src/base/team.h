// A fixed team of threads that computes one step together: no queue, no lock, nothing decided while
// it runs.
//
// Thread 0 is the caller; the others wait for Run. Within a run the threads meet at Barrier().
// Waiting spins first, because the work between two barriers takes microseconds; after some tens of
// microseconds it yields the core, and after about a millisecond it sleeps, because on a shared
// machine the thread that is waited for may need this very core.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <sched.h>

namespace millrace {

class Team {
 public:
  // Starts threads - 1 threads. A team of more than one pins its threads (the caller included,
  // until the team ends) to the first CPUs that the process may use, if there are enough of them.
  // Where the system refuses a thread the team is smaller: ask threads().
  explicit Team(int threads);
  ~Team();
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int threads() const { return threads_; }

  // Runs work(thread) on every thread of the team and returns when all are done. `work` must not
  // throw. Allocates nothing.
  template <typename Work>
  void Run(const Work& work) {
    Start({&work,
           [](const void* object, int thread) { (*static_cast<const Work*>(object))(thread); }});
  }

  // Inside Run: returns when every thread of the team has called it. What a thread wrote before is
  // visible after.
  void Barrier();

 private:
  // A reference to a callable: what std::function is without owning, and so without memory.
  struct WorkReference {
    const void* object = nullptr;
    void (*call)(const void* object, int thread) = nullptr;
  };

  void Start(WorkReference work);
  void Work(int thread);
  void Pin(int thread) const;

  int threads_;
  std::uint32_t spins_;  // pauses before yielding
  std::vector<int> cpus_;
  cpu_set_t caller_cpus_{};
  WorkReference work_;
  std::atomic<bool> stop_{false};
  // Each on a cache line of its own: waiting threads read one while others write the next.
  alignas(64) std::atomic<std::uint32_t> run_{0};
  alignas(64) std::atomic<std::uint32_t> arrived_{0};
  alignas(64) std::atomic<std::uint32_t> generation_{0};
  std::vector<std::thread> workers_;
};

// The CPUs this process may run on; at least 1.
int AvailableCpus();

}  // namespace millrace
