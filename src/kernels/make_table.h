// A level's KernelTable from its lanes. Include only from kernels_<level>.cc.
#pragma once

#include "kernels/attention.h"
#include "kernels/kernel_table.h"
#include "kernels/linear.h"
#include "kernels/vectors.h"

namespace millrace::kernels {

template <typename L, typename Cache>
constexpr CacheKernels MakeCacheKernels() {
  return {.element_bytes = sizeof(typename Cache::Element),
          .prepare_query = PrepareQuery<L, Cache>,
          .store = StoreKeyValue<L, Cache>,
          .attend = Attend<L, Cache>};
}

template <typename L>
constexpr KernelTable MakeTable(CpuLevel level) {
  return {.level = level,
          .byte_form = L::kByteForm,
          .linear = Linear<L>,
          .rms_norm = RmsNorm<L>,
          .quantise = Quantise<L>,
          .round_half = RoundHalf<L>,
          .round_bfloat = RoundBFloat<L>,
          .add = Add<L>,
          .silu_mul = SiluMul<L>,
          .rope = Rope<L>,
          .normalise = Normalise<L>,
          .f32_cache = MakeCacheKernels<L, CacheF32<L>>(),
          .f16_cache = MakeCacheKernels<L, CacheF16<L>>()};
}

}  // namespace millrace::kernels
