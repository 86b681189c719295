// Counter-based random numbers: Philox 4x32-10. A number is a pure function of a key and a counter;
// there is no state to advance, save or share, so who draws first, and how often, changes nothing.
//
// Source: J. K. Salmon, M. A. Moraes, R. O. Dror, D. E. Shaw, "Parallel random numbers: as easy as
// 1, 2, 3", SC'11, section 3.3. Philox 4x32 with ten rounds passes TestU01's BigCrush.
#pragma once

#include <array>
#include <cstdint>

namespace millrace {

using PhiloxCounter = std::array<std::uint32_t, 4>;
using PhiloxKey = std::array<std::uint32_t, 2>;

// The bijection itself: ten rounds over `counter` under `key`.
PhiloxCounter Philox4x32(PhiloxCounter counter, PhiloxKey key);

// 128 random bits for one place: the key is `seed`, the counter is `position` (words 0 and 1) and
// `sequence` (words 2 and 3), low words first. Different (seed, sequence, position) never share a
// key and a counter.
std::array<std::uint32_t, 4> Draw(std::uint64_t seed, std::uint64_t sequence,
                                  std::uint64_t position);

// A double in [0, 1), a multiple of 2^-53, from the first two words of Draw.
double DrawUniform(std::uint64_t seed, std::uint64_t sequence, std::uint64_t position);

}  // namespace millrace
