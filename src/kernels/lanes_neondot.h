// Sixteen lanes as four NEON registers, with the dot product of ARMv8.2. Include only from
// *_neondot.cc.
#pragma once

#include "kernels/lanes_neon.h"

namespace millrace {

struct NeonDotProducts {
  // As NeonWideningProducts::Add. sdot adds four products in an int32 lane: nothing can overflow.
  template <int kLargest, int kSpan, int T, typename Weights>
  static void Add(Weights weights, const ActivationBlock* const (&x)[T], NeonInts (&first)[T],
                  NeonInts (&second)[T]) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) {
      const NeonBytes w = weights(j);
      NeonInts(&acc)[T] = j < 4 ? first : second;
      for (int t = 0; t < T; ++t) {
        const int8x16_t group = NeonGroup(*x[t], j);
        for (int r = 0; r < 4; ++r) {
          acc[t].v[r] = vdotq_s32(acc[t].v[r], vreinterpretq_s8_u8(w.v[r]), group);
        }
      }
    }
  }
};

using LanesNeonDot = LanesNeonWith<NeonDotProducts>;

}  // namespace millrace
