// A level's KernelTable from its lanes. Include only from kernels_<level>.cc.
#pragma once

#include "kernels/attention.h"
#include "kernels/cache_float.h"
#include "kernels/cache_q8.h"
#include "kernels/kernel_table.h"
#include "kernels/linear.h"
#include "kernels/vectors.h"

namespace millrace::kernels {

template <typename L, typename Cache>
constexpr CacheKernels MakeCacheKernels() {
  return {.query_bytes = Cache::QueryBytes,
          .key_block_bytes = Cache::KeyBlockBytes,
          .value_block_bytes = Cache::ValueBlockBytes,
          .prepare_query = Cache::PrepareQuery,
          .store = Cache::Store,
          .attend = Attend<L, Cache>};
}

template <typename L>
constexpr KernelTable MakeTable(CpuLevel level) {
  return {.level = level,
          .byte_form = L::kByteForm,
          .linear = Linear<L>,
          .rms_norm = RmsNorm<L>,
          .inverse_rms = InverseRms<L>,
          .quantise = Quantise<L>,
          .to_half = ToHalf<L>,
          .from_half = FromHalf<L>,
          .round_half = RoundHalf<L>,
          .round_bfloat = RoundBFloat<L>,
          .add = Add<L>,
          .scale = Scale<L>,
          .add_scaled = AddScaled<L>,
          .softcap = Softcap<L>,
          .silu_mul = SiluMul<L>,
          .gelu_mul = GeluMul<L>,
          .clamped_swiglu_mul = ClampedSwigluMul<L>,
          .rope = Rope<L>,
          .rope_halves = RopeHalves<L>,
          .softmax_half = Softmax<L, CacheF16<L>>,
          .normalise = Normalise<L>,
          .f32_cache = MakeCacheKernels<L, CacheF32<L>>(),
          .f16_cache = MakeCacheKernels<L, CacheF16<L>>(),
          .q8_cache = MakeCacheKernels<L, CacheQ8<L>>()};
}

}  // namespace millrace::kernels
