// Quantised activations: what the rows of a quantised matrix are multiplied with.
#pragma once

#include <cstdint>

namespace millrace {

inline constexpr int kActivationBlock = 32;

// 32 consecutive activations as x[i] ~ d * q[i], with the sums that formats with an offset or a
// minimum need.
struct ActivationBlock {
  float d;
  std::int32_t sum;                 // of all 32 q
  std::int32_t half_sum[2];         // of q[0..15] and q[16..31]
  std::int8_t q[kActivationBlock];  // -127..127
};
static_assert(sizeof(ActivationBlock) == 48);

}  // namespace millrace
