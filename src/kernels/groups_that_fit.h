// How many products of small integers fit into an int16, for the forms that multiply bytes into
// sums of two and widen them later (AVX2 and AVX-512 maddubs, Arm's widening multiplications).
#pragma once

#include <cstdint>

namespace millrace {

// The number of column groups, a power of two and at most `groups`, whose products may be added in
// an int16 lane: each adds two products of a weight of at most `largest` with an activation of at
// most 127. None for a largest above 129.
constexpr int GroupsThatFit(int largest, int groups) {
  int fit = groups;
  while (fit * 2 * largest * 127 > 32767) fit /= 2;
  return fit;
}

constexpr int Largest(const std::int8_t (&codebook)[16]) {  // of the magnitudes
  int largest = 0;
  for (const int value : codebook) {
    const int magnitude = value < 0 ? -value : value;
    largest = magnitude > largest ? magnitude : largest;
  }
  return largest;
}

}  // namespace millrace
