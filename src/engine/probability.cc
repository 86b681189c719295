#include "engine/probability.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>

#include "base/check.h"
#include "engine/quad.h"

namespace millrace {
namespace {

constexpr std::size_t kChunk = 128;
constexpr std::size_t kLanes = 16;
constexpr float kLowest = -87;  // above -126 ln 2 = -87.3: the result is normal

// exp(x) = 2^n exp(r), |r| <= ln 2 / 2 = 0.3466. The Taylor polynomial of degree 7 leaves out r^8 /
// 8! < 6e-9.
inline Quad Exp(Quad x) {
  // Adding it to |y| < 2^22 rounds y to an integer, which then stands in the low bits of the sum.
  constexpr float kRounder = 0x1.8p23f;
  // ln 2 in two parts. The high one has 9 trailing zero bits: its product with |n| <= 126 is exact.
  constexpr float kLn2High = 0.693359375f;
  constexpr float kLn2Low = -2.12194440e-4f;
  const Quad clamped = Larger(x, Repeat(kLowest));  // also for NaN
  const Quad shifted = clamped * 1.44269504f + kRounder;
  const Quad n = shifted - kRounder;
  const Quad r = (clamped - n * kLn2High) - n * kLn2Low;
  Quad p = r * (1.0f / 5040) + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  // p is in [0.7, 1.5): adding n to its exponent stays in the normal range.
  const QuadBits scaled =
      reinterpret_cast<QuadBits>(p) + (reinterpret_cast<QuadBits>(shifted) << 23);
  return x >= Repeat(kLowest) ? reinterpret_cast<Quad>(scaled) : Repeat(0);
}

using Chunk = float[kChunk];

// weights[i] = exp((logits[i] - max) * scale) for i < count, 0 beyond.
void Weigh(const float* logits, std::size_t count, float max, float scale, Chunk& weights) {
  Chunk padded;
  if (count < kChunk) {
    std::copy(logits, logits + count, padded);
    std::fill(padded + count, padded + kChunk, -std::numeric_limits<float>::infinity());
    logits = padded;
  }
  for (std::size_t i = 0; i < kChunk; i += 4) {
    StoreQuad(Exp((LoadQuad(logits + i) - max) * scale), weights + i);
  }
}

double Sum(const Chunk& weights) {
  Quad lanes[kLanes / 4] = {};
  for (std::size_t row = 0; row < kChunk; row += kLanes) {
    for (std::size_t quad = 0; quad < kLanes / 4; ++quad) {
      lanes[quad] += LoadQuad(weights + row + 4 * quad);
    }
  }
  const Quad four = (lanes[0] + lanes[2]) + (lanes[1] + lanes[3]);
  return double{(four[0] + four[2]) + (four[1] + four[3])};
}

}  // namespace

float ExpOfNonPositive(float x) { return Exp(Repeat(x))[0]; }

// log(x) = e ln 2 + log(m), m in [sqrt(1/2), sqrt(2)), and log(m) = 2 (s + s^3/3 + s^5/5 + ...)
// with s = (m-1)/(m+1). |s| <= 0.1716: the term in s^23 is below 3e-19.
double Log(double x) {
  constexpr std::uint64_t kSqrtHalf = 0x3FE6A09E667F3BCD;
  const auto bits = std::bit_cast<std::uint64_t>(x);
  const auto exponent = static_cast<std::int64_t>(bits - kSqrtHalf) >> 52;
  const double m = std::bit_cast<double>(bits - (static_cast<std::uint64_t>(exponent) << 52));
  const double s = (m - 1) / (m + 1);
  const double square = s * s;
  double series = 0;
  for (int k = 21; k >= 3; k -= 2) series = (series + 1.0 / k) * square;
  const auto e = static_cast<double>(exponent);
  // ln 2 in two parts. The high one has 21 trailing zero bits: its product with an exponent is
  // exact.
  constexpr double kLn2High = 0x1.62e42feep-1;
  constexpr double kLn2Low = 0x1.a39ef35793c76p-33;
  return e * kLn2High + (2 * (s + s * series) + e * kLn2Low);
}

double SumOfExp(std::span<const float> logits, float max, float scale) {
  Chunk weights;
  double total = 0;
  for (std::size_t begin = 0; begin < logits.size(); begin += kChunk) {
    Weigh(logits.data() + begin, std::min(kChunk, logits.size() - begin), max, scale, weights);
    total += Sum(weights);
  }
  return total;
}

std::size_t DrawScratchSize(std::size_t count) { return (count + kChunk - 1) / kChunk; }

std::size_t DrawIndex(std::span<const float> logits, float max, float scale, double uniform,
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
