// How fast this machine's cores can read a working set again and again: the bound that the speed of
// decoding is compared with. A set that fits in a cache measures that cache, a larger one the
// memory.
#pragma once

#include <cstddef>
#include <span>

#include "base/result.h"
#include "base/team.h"

namespace millrace {

struct ReadBandwidth {
  double best_gb_per_s = 0;           // of the fastest pass; 1 GB = 10^9 bytes
  double median_gb_per_s = 0;         // of all passes: lower where others use the machine too
  std::size_t working_set_bytes = 0;  // as measured
  int passes = 0;
};

// A working set above this is measured as if it were this: no cache is so large.
inline constexpr std::size_t kLargestWorkingSet = std::size_t{1} << 30;

inline constexpr std::size_t kLargestOwnSet = std::size_t{64} << 20;

// Measures for about 80 ms, longer if three passes take longer (1 GiB at 28 GB/s: 120 ms), and
// first touches its own memory (1 GiB: some 200 ms). The set is divided evenly over the threads of
// `team`, each of which reads its own part with the widest vector loads of this CPU; the time of a
// pass ends with the slowest thread.
//
// The set is rounded up to a whole number of 4 KiB pages for each thread, and cut to
// kLargestWorkingSet and to half of the memory that is available. kExhausted if that is still
// refused.
//
// lent: memory that holds anything, is only read, and is not written meanwhile. A set above
// kLargestOwnSet is read there if it fits, and then takes no memory of its own.
Result<ReadBandwidth> MeasureReadBandwidth(Team& team, std::size_t working_set_bytes,
                                           std::span<const std::byte> lent = {});

}  // namespace millrace
