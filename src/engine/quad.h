// Four floats at once: a vector type of GCC and clang, for loops that neither vectorises by itself,
// because a comparison with NaN must stay as written. Element by element, so nothing here depends
// on the instruction set.
#pragma once

#include <cstdint>
#include <cstring>

namespace millrace {

using Quad = float __attribute__((vector_size(16)));
using QuadBits = std::uint32_t __attribute__((vector_size(16)));

inline Quad LoadQuad(const float* x) {
  Quad quad;
  std::memcpy(&quad, x, sizeof quad);
  return quad;
}
inline void StoreQuad(Quad quad, float* x) { std::memcpy(x, &quad, sizeof quad); }
constexpr Quad Repeat(float x) { return Quad{x, x, x, x}; }

// `so_far` where x is NaN. In this form it is one instruction (maxps).
inline Quad Larger(Quad x, Quad so_far) { return x > so_far ? x : so_far; }
inline float Larger(float x, float so_far) { return x > so_far ? x : so_far; }

}  // namespace millrace
