// The fast forms of every operation of the contract, one table a CPU level, chosen once at start.
//
// Every function gives, bit for bit, what numerics/reference.h gives for the same operation;
// kernels_test.cc holds every available level to it. None allocates; none has state. Pointers need
// no alignment unless said.
#pragma once

#include <cstddef>
#include <cstdint>

#include "kernels/cpu_level.h"
#include "kernels/packed_matrix.h"
#include "numerics/activation.h"

namespace millrace {

// The right-hand side of a linear operation, [tokens, columns], prepared for the type of the
// weights: blocks for the quantised ones, values (rounded to F16 or BF16 for those) for the float
// ones.
struct LinearInput {
  const ActivationBlock* blocks = nullptr;  // [tokens, block_stride]
  std::size_t block_stride = 0;
  const float* values = nullptr;  // [tokens, value_stride]
  std::size_t value_stride = 0;
};

inline constexpr std::size_t kKvBlock = 64;  // positions of a KV block

// Dimensions of a cached value vector: head_dim rounded up to whole registers; the lanes past
// head_dim hold zero.
constexpr std::size_t PaddedHeadDim(std::size_t head_dim) { return (head_dim + 15) / 16 * 16; }

// Bytes of the keys and of the values of one KV block of one key-value head.
//   keys    [head_dim, 64]          transposed: a register holds 16 positions
//   values  [64, PaddedHeadDim]
constexpr std::size_t KeyBlockBytes(std::size_t head_dim, std::size_t element_bytes) {
  return head_dim * kKvBlock * element_bytes;
}
constexpr std::size_t ValueBlockBytes(std::size_t head_dim, std::size_t element_bytes) {
  return PaddedHeadDim(head_dim) * kKvBlock * element_bytes;
}

// The running softmax of a number of query rows over the blocks seen so far. Arrays belong to the
// caller.
struct AttentionState {
  float* max = nullptr;            // [queries]
  float* sum = nullptr;            // [queries]
  float* acc = nullptr;            // [queries, PaddedHeadDim]
  float* probabilities = nullptr;  // scratch [queries, 64], 64-byte aligned
};

// One KV block against `queries` query rows.
struct AttentionBlock {
  const float* query = nullptr;  // [queries, head_dim], prepared by PrepareQuery
  std::size_t queries = 0;
  std::size_t head_dim = 0;
  const std::byte* keys = nullptr;
  const std::byte* values = nullptr;
  const std::int32_t* counts =
      nullptr;         // [queries] positions of this block that the query sees, 1..64
  bool first = false;  // the first block of these queries: the state is empty
  const std::byte* next_keys = nullptr;  // keys of the block that comes next, to ask for; or null
};

// The functions that depend on the type of the KV cache.
struct CacheKernels {
  std::size_t element_bytes;
  // out = round(query * scale), [count].
  void (*prepare_query)(const float* query, float scale, std::size_t count, float* out);
  // Puts one key and one value [head_dim] at `slot` (0..63) of a block.
  void (*store)(const float* key, const float* value, std::size_t head_dim, std::size_t slot,
                std::byte* keys, std::byte* values);
  void (*attend)(const AttentionBlock& block, const AttentionState& state);
};

struct KernelTable {
  CpuLevel level;
  ByteForm byte_form;

  // y[t * y_stride + r] for t in [0, tokens) and the rows r of tiles [tile_begin, tile_end),
  // padding rows included.
  void (*linear)(const PackedMatrix& w, std::size_t tile_begin, std::size_t tile_end,
                 const LinearInput& x, std::size_t tokens, float* y, std::size_t y_stride);

  void (*rms_norm)(const float* x, const float* weight, float eps, std::size_t n, float* y);
  void (*quantise)(const float* x, std::size_t n, ActivationBlock* blocks);  // n a multiple of 32
  void (*round_half)(const float* x, std::size_t n, float* y);
  void (*round_bfloat)(const float* x, std::size_t n, float* y);
  void (*add)(const float* x, const float* y, std::size_t n, float* out);
  void (*silu_mul)(const float* gate, const float* up, std::size_t n, float* y);
  // cosine[2i] = cosine[2i+1] = cos i; sine[2i] = -sin i, sine[2i+1] = sin i; [rotary].
  void (*rope)(float* head, const float* cosine, const float* sine, std::size_t rotary);
  // out[i] = acc[i] * (1 / sum)
  void (*normalise)(const float* acc, float sum, std::size_t n, float* out);

  CacheKernels f32_cache;
  CacheKernels f16_cache;
};

// The table of an available level; its functions stay valid for the life of the program.
const KernelTable& KernelsFor(CpuLevel level);

}  // namespace millrace
