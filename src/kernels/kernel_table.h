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
  // Whether the sums begin at what y holds, not at 0: the matrix is a part of the columns of a
  // larger one, and what comes before is there already.
  bool continues = false;
};

inline constexpr std::size_t kKvBlock = 64;  // positions of a KV block

// Dimensions of a cached value vector: value_dim rounded up to whole registers; the lanes past
// value_dim hold zero.
constexpr std::size_t PaddedHeadDim(std::size_t head_dim) { return (head_dim + 15) / 16 * 16; }

// The running softmax of a number of query rows over the blocks seen so far. Arrays belong to the
// caller.
struct AttentionState {
  float* max = nullptr;            // [queries]
  float* sum = nullptr;            // [queries]
  float* acc = nullptr;            // [queries, PaddedHeadDim(value_dim)]
  float* probabilities = nullptr;  // scratch [queries, 64], 64-byte aligned
};

// One KV block against `queries` query rows.
struct AttentionBlock {
  const std::byte* query = nullptr;  // [queries] rows of query_bytes, made by prepare_query
  std::size_t queries = 0;
  std::size_t head_dim = 0;   // of queries and keys
  std::size_t value_dim = 0;  // of values
  const std::byte* keys = nullptr;
  const std::byte* values = nullptr;
  // [queries] positions [begins, ends) of this block are what each query sees, at least one.
  const std::int32_t* begins = nullptr;
  const std::int32_t* ends = nullptr;
  float softcap = 0;                     // 0: none
  const std::byte* next_keys = nullptr;  // keys of the block that comes next, to ask for; or null
};

// The functions that depend on the type of the KV cache. Its layouts, for a block of 64 positions
// of one key-value head, 64-byte aligned:
//   F32, F16  keys [head_dim, 64], so that a register holds 16 positions; values [64, padded dim]
//   Q8_0      keys [4 groups of 16 positions][blocks of 32 dimensions]{ d [16] binary32, bytes
//             [8][16 positions][4 dimensions] } in the level's ByteForm, like a packed tile;
//             values: d [blocks of 32 dimensions][64] binary32, then bytes [64, padded dim]
struct CacheKernels {
  std::size_t (*query_bytes)(std::size_t head_dim);  // of one prepared query row
  std::size_t (*key_block_bytes)(std::size_t head_dim);
  std::size_t (*value_block_bytes)(std::size_t value_dim);
  // Scales `queries` rows [head_dim] and brings them to the form of the scores.
  void (*prepare_query)(const float* query, float scale, std::size_t queries, std::size_t head_dim,
                        std::byte* out);
  // Puts one key [head_dim] and one value [value_dim] at `slot` (0..63) of a block.
  void (*store)(const float* key, std::size_t head_dim, const float* value, std::size_t value_dim,
                std::size_t slot, std::byte* keys, std::byte* values);
  void (*attend)(const AttentionBlock& block, const AttentionState& state);
};

// The state before the first block. sinks: the sink of query i is sinks[i % group]; null: none.
void StartAttention(const AttentionState& state, std::size_t queries, std::size_t value_dim,
                    const float* sinks, std::size_t group);

struct KernelTable {
  CpuLevel level;
  ByteForm byte_form;

  // y[t * y_stride + r] for t in [0, tokens) and the rows r of tiles [tile_begin, tile_end),
  // padding rows included.
  void (*linear)(const PackedMatrix& w, std::size_t tile_begin, std::size_t tile_end,
                 const LinearInput& x, std::size_t tokens, float* y, std::size_t y_stride);

  void (*rms_norm)(const float* x, const float* weight, float eps, std::size_t n, float* y);
  // 1 / sqrt(mean of squares + eps): the factor of rms_norm
  float (*inverse_rms)(const float* x, float eps, std::size_t n);
  void (*quantise)(const float* x, std::size_t n, ActivationBlock* blocks);  // n a multiple of 32
  void (*to_half)(const float* x, std::size_t n, std::uint16_t* y);          // bits of binary16
  void (*from_half)(const std::uint16_t* x, std::size_t n, float* y);
  void (*round_half)(const float* x, std::size_t n, float* y);
  void (*round_bfloat)(const float* x, std::size_t n, float* y);
  void (*add)(const float* x, const float* y, std::size_t n, float* out);
  // y = x * factor
  void (*scale)(const float* x, float factor, std::size_t n, float* y);
  // out = fma(factor, x, out)
  void (*add_scaled)(float factor, const float* x, std::size_t n, float* out);
  // y = cap * tanh(x / cap)
  void (*softcap)(const float* x, float cap, std::size_t n, float* y);
  void (*silu_mul)(const float* gate, const float* up, std::size_t n, float* y);
  void (*gelu_mul)(const float* gate, const float* up, std::size_t n, float* y);
  void (*clamped_swiglu_mul)(const float* gate, const float* up, std::size_t n, float* y);
  // Pairs 2i and 2i + 1: cosine[2i] = cosine[2i+1] = cos i; sine[2i] = -sin i, sine[2i+1] = sin i.
  void (*rope)(float* head, const float* cosine, const float* sine, std::size_t rotary);
  // Pairs i and i + rotary / 2: cosine of both is cos i; sine -sin i and sin i.
  void (*rope_halves)(float* head, const float* cosine, const float* sine, std::size_t rotary);
  // Scores of positions [begin, end) of a block of 64, not empty, become probabilities in binary16,
  // as values of binary32, and join the row's maximum and sum. Returns the factor by which what was
  // accumulated shrinks. Writes whole registers of 16 around [begin, end).
  float (*softmax_half)(float* scores, std::size_t begin, std::size_t end, float softcap,
                        float& max, float& sum);
  // out[i] = acc[i] * (1 / sum)
  void (*normalise)(const float* acc, float sum, std::size_t n, float* out);

  CacheKernels f32_cache;
  CacheKernels f16_cache;
  CacheKernels q8_cache;
};

// The table of an available level; its functions stay valid for the life of the program.
const KernelTable& KernelsFor(CpuLevel level);

}  // namespace millrace
