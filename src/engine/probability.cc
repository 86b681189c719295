#include "engine/probability.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>
#include <limits>

#include "base/check.h"

namespace millrace {
namespace {

constexpr std::size_t kChunk = 128;
constexpr std::size_t kLanes = 16;

constexpr double kLog2E = 0x1.71547652b82fep+0;
// ln 2 in two parts. The high one has 21 trailing zero bits: its product with an integer below 2^21
// is exact.
constexpr double kLn2High = 0x1.62e42feep-1;
constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
// Adding it to |y| < 2^51 rounds y to an integer, which then stands in the low bits of the sum.
constexpr double kRounder = 0x1.8p52;
constexpr double kLowest = -708;  // above -1022 ln 2 = -708.4: the result is normal

// Two doubles, and two bit patterns (vector types of GCC and clang; as loops over doubles neither
// vectorises the choices below, since a comparison might trap).
using Pair = double __attribute__((vector_size(16)));
using Bits = std::uint64_t __attribute__((vector_size(16)));

// exp(x) = 2^n exp(r), |r| <= ln 2 / 2 = 0.3466. The Taylor polynomial of degree 9 leaves out r^10
// / 10! < 7e-12.
inline Pair Exp(Pair x) {
  constexpr Pair kFloor = {kLowest, kLowest};
  const Pair clamped = x >= kFloor ? x : kFloor;  // also for NaN
  const Pair shifted = clamped * kLog2E + kRounder;
  const Pair n = shifted - kRounder;
  const Pair r = (clamped - n * kLn2High) - n * kLn2Low;
  Pair p = r * (1.0 / 362880) + 1.0 / 40320;
  p = p * r + 1.0 / 5040;
  p = p * r + 1.0 / 720;
  p = p * r + 1.0 / 120;
  p = p * r + 1.0 / 24;
  p = p * r + 1.0 / 6;
  p = p * r + 0.5;
  p = p * r + 1.0;
  p = p * r + 1.0;
  // p is in [0.7, 1.5): adding n to its exponent stays in the normal range.
  const Bits scaled = reinterpret_cast<Bits>(p) + (reinterpret_cast<Bits>(shifted) << 52);
  return x >= kFloor ? reinterpret_cast<Pair>(scaled) : Pair{0, 0};
}

using Chunk = double[kChunk];

// weights[i] = exp((logits[i] - max) * scale) for i < count, 0 beyond.
void Weigh(const float* logits, std::size_t count, double max, double scale, Chunk& weights) {
  float padded[kChunk];
  if (count < kChunk) {
    std::copy(logits, logits + count, padded);
    std::fill(padded + count, padded + kChunk, -std::numeric_limits<float>::infinity());
    logits = padded;
  }
  for (std::size_t i = 0; i < kChunk; i += 2) {
    const Pair weight = Exp((Pair{logits[i], logits[i + 1]} - max) * scale);
    std::memcpy(weights + i, &weight, sizeof weight);
  }
}

double Sum(const Chunk& weights) {
  double lanes[kLanes] = {};
  for (std::size_t row = 0; row < kChunk; row += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] += weights[row + lane];
  }
  for (std::size_t half = kLanes / 2; half > 0; half /= 2) {
    for (std::size_t lane = 0; lane < half; ++lane) lanes[lane] += lanes[lane + half];
  }
  return lanes[0];
}

}  // namespace

double ExpOfNonPositive(double x) { return Exp(Pair{x, x})[0]; }

// log(x) = e ln 2 + log(m), m in [sqrt(1/2), sqrt(2)), and log(m) = 2 (s + s^3/3 + s^5/5 + ...)
// with s = (m-1)/(m+1). |s| <= 0.1716: the term in s^23 is below 3e-19.
double Log(double x) {
  constexpr std::uint64_t kSqrtHalf = 0x3FE6A09E667F3BCD;
  constexpr std::uint64_t kOne = 0x3FF0000000000000;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto exponent = static_cast<std::int64_t>(bits - kSqrtHalf) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(exponent) << 52));
  static_assert(kSqrtHalf < kOne);
  const double s = (m - 1) / (m + 1);
  const double square = s * s;
  double series = 0;
  for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * square;
  const auto e = static_cast<double>(exponent);
  return e * kLn2High + (2 * (s + s * series) + e * kLn2Low);
}

double SumOfExp(std::span<const float> logits, float max, double scale) {
  Chunk weights;
  double total = 0;
  for (std::size_t begin = 0; begin < logits.size(); begin += kChunk) {
    Weigh(logits.data() + begin, std::min(kChunk, logits.size() - begin), max, scale, weights);
    total += Sum(weights);
  }
  return total;
}

std::size_t DrawScratchSize(std::size_t count) { return (count + kChunk - 1) / kChunk; }

std::size_t DrawIndex(std::span<const float> logits, float max, double scale, double uniform,
                      std::span<double> scratch) {
  const std::size_t chunks = DrawScratchSize(logits.size());
  MILLRACE_CHECK(chunks > 0 && scratch.size() >= chunks);
  Chunk weights;
  const auto weigh = [&](std::size_t chunk) {
    const std::size_t begin = chunk * kChunk;
    const std::size_t count = std::min(kChunk, logits.size() - begin);
    Weigh(logits.data() + begin, count, max, scale, weights);
  };
  double total = 0;
  for (std::size_t chunk = 0; chunk < chunks; ++chunk) {
    weigh(chunk);
    scratch[chunk] = Sum(weights);
    total += scratch[chunk];
  }
  // The same additions again, so the last sum is `total`, which exceeds the target: the walk ends
  // at a chunk that adds.
  const double target = uniform * total;
  std::size_t chunk = 0;
  double before = 0;
  while (before + scratch[chunk] <= target) {
    before += scratch[chunk];
    ++chunk;
    MILLRACE_CHECK(chunk < chunks);
  }
  // Inside it the order is another one, so rounding may leave the target unreached: then its last
  // possible token.
  weigh(chunk);
  std::size_t last = 0;
  for (std::size_t i = 0; i < kChunk; ++i) {
    if (weights[i] == 0) continue;
    last = i;
    before += weights[i];
    if (before > target) break;
  }
  return chunk * kChunk + last;
}

}  // namespace millrace
