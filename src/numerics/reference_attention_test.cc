// The contract's attention against a plain double-precision softmax, within a tolerance that is
// derived where it stands, and facts that pin its order, its rounding and its rules.
//
// u = 2^-24 is the largest relative error of one rounding to binary32.
#include "numerics/reference_attention.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "numerics/elementary.h"
#include "numerics/half.h"
#include "numerics/reference.h"

namespace millrace::reference {
namespace {

constexpr double kU = 0x1p-24;
constexpr CacheType kAllCaches[] = {CacheType::kF32, CacheType::kF16, CacheType::kQ8_0};

std::vector<float> Normals(std::size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(random);
  return values;
}

// One head's keys or values, [positions, dim].
CachedVectors Cached(CacheType type, std::size_t dim, const std::vector<float>& rows) {
  CachedVectors cached(type, 1, dim);
  for (std::size_t at = 0; at < rows.size(); at += dim)
    cached.Append(std::span(rows).subspan(at, dim));
  return cached;
}

// A cached number as the real number that it stands for.
double Kept(const CachedVectors& cached, std::size_t position, std::size_t d) {
  if (cached.type() != CacheType::kQ8_0) return cached.value(position, 0, d);
  const ActivationBlock& block = cached.block(position, 0, d / 32);
  return static_cast<double>(block.d) * block.q[d % 32];
}

std::vector<double> KeptQuery(CacheType type, std::span<const float> query, float scale) {
  CachedVectors kept(type, 1, query.size());
  std::vector<float> scaled;
  for (const float q : query) scaled.push_back(q * scale);
  kept.Append(scaled);
  std::vector<double> result;
  for (std::size_t d = 0; d < query.size(); ++d) result.push_back(Kept(kept, 0, d));
  return result;
}

struct Truth {
  std::vector<double> out;
  double score_magnitude = 0;  // largest sum of |q k|
  double score_range = 0;      // largest minus smallest score
  double largest_value = 0;
};

Truth TrueAttention(const CachedVectors& keys, const CachedVectors& values, std::size_t position,
                    std::span<const float> query, const AttentionRule& rule) {
  const std::vector<double> q = KeptQuery(keys.type(), query, rule.scale);
  Truth truth{.out = std::vector<double>(values.dim(), 0.0)};
  std::vector<double> scores, weights;
  const std::size_t first =
      rule.window == 0 || position + 1 < rule.window ? 0 : position + 1 - rule.window;
  for (std::size_t p = first; p <= position; ++p) {
    double score = 0, magnitude = 0;
    for (std::size_t d = 0; d < q.size(); ++d) {
      score += q[d] * Kept(keys, p, d);
      magnitude += std::fabs(q[d] * Kept(keys, p, d));
    }
    scores.push_back(rule.softcap == 0 ? score : rule.softcap * std::tanh(score / rule.softcap));
    truth.score_magnitude = std::max(truth.score_magnitude, magnitude);
  }
  std::vector<double> all = scores;
  if (rule.sink) all.push_back(*rule.sink);
  const auto [least, most] = std::minmax_element(all.begin(), all.end());
  truth.score_range = *most - *least;
  double sum = 0;
  for (const double score : all) sum += std::exp(score - *most);
  for (std::size_t i = 0; i < scores.size(); ++i) {
    for (std::size_t d = 0; d < values.dim(); ++d) {
      const double value = Kept(values, first + i, d);
      truth.out[d] += std::exp(scores[i] - *most) / sum * value;
      truth.largest_value = std::max(truth.largest_value, std::fabs(value));
    }
  }
  return truth;
}

// Every probability is off by a relative error of at most
//   the score: its chain and the product with the scale, (dim + 1) u of its magnitude; a soft cap
//     adds a quotient, a tanh of 3 units in the last place and a product: 8 u of it
//   score - maximum: one rounding of a value of at most the range, as an absolute error of the
//     exponent, in each block anew: (blocks + 1) u of the range
//   Exp: 1 unit in the last place, 2 u, in each block anew
//   chains of the sums: positions u, and one product a block
// and, with an F16 cache, 2^-11 for its rounding, plus 2^-25 where it is denormal; with a Q8_0
// cache one product more. The output is a mean of values with these weights over their sum, so it
// is off by at most twice that, times the largest value.
double Tolerance(CacheType cache, std::size_t dim, std::size_t positions, const Truth& truth) {
  const double blocks = std::ceil(static_cast<double>(positions) / 64) + 1;
  double relative =
      kU * ((static_cast<double>(dim) + 1 + 8) * truth.score_magnitude +
            blocks * (truth.score_range + 2 + 1) + static_cast<double>(positions) + 1);
  if (cache == CacheType::kF16) relative += 0x1p-11 + static_cast<double>(positions) * 0x1p-25;
  return 2 * relative * truth.largest_value;
}

void ExpectTrue(CacheType type, std::size_t key_dim, std::size_t value_dim, std::size_t positions,
                AttentionRule rule) {
  const CachedVectors keys = Cached(type, key_dim, Normals(positions * key_dim, 1));
  const CachedVectors values = Cached(type, value_dim, Normals(positions * value_dim, 2));
  const std::vector<float> query = Normals(key_dim, 3);
  rule.scale = 1 / std::sqrt(static_cast<float>(key_dim));
  const Truth truth = TrueAttention(keys, values, positions - 1, query, rule);
  std::vector<float> out(value_dim);
  Attention(keys, values, 0, positions - 1, query, rule, out);
  const double tolerance = Tolerance(type, key_dim, positions, truth);
  for (std::size_t d = 0; d < out.size(); ++d) {
    ASSERT_NEAR(out[d], truth.out[d], tolerance)
        << "cache " << static_cast<int>(type) << ", positions " << positions << ", " << d;
  }
}

TEST(Attention, IsTheSoftmaxMeanOfTheValues) {
  for (const CacheType type : kAllCaches) {
    for (const std::size_t positions : {1u, 2u, 63u, 64u, 65u, 128u, 200u, 1000u}) {
      ExpectTrue(type, 48, 48, positions, {});
    }
  }
}

TEST(Attention, WindowsCapsAndSinksAreWhatTheySay) {
  for (const CacheType type : kAllCaches) {
    for (const std::size_t positions : {1u, 16u, 70u, 200u}) {
      ExpectTrue(type, 40, 24, positions, {.window = 16});
      ExpectTrue(type, 40, 24, positions, {.window = 70});
      ExpectTrue(type, 40, 24, positions, {.softcap = 0.5f});
      ExpectTrue(type, 40, 24, positions, {.sink = 2.0f});
      ExpectTrue(type, 40, 24, positions, {.window = 100, .softcap = 2.0f, .sink = -1.0f});
    }
  }
}

// The key of position p - 64 would win by far; the window ends one position later.
TEST(Attention, AWindowOfWSeesWPositions) {
  std::vector<float> rows(200, -10.0f), numbers(200);
  rows[100] = 1e4f;
  for (std::size_t i = 0; i < 200; ++i) numbers[i] = static_cast<float>(i);
  const CachedVectors keys = Cached(CacheType::kF32, 1, rows);
  const CachedVectors values = Cached(CacheType::kF32, 1, numbers);
  const std::vector<float> query = {1.0f};
  std::vector<float> out(1);
  Attention(keys, values, 0, 163, query, {.window = 64}, out);
  EXPECT_EQ(out[0], 100.0f);
  Attention(keys, values, 0, 164, query, {.window = 64}, out);
  EXPECT_NEAR(out[0], (101.0f + 164.0f) / 2, 1e-3f);  // all scores the same
}

TEST(Attention, OnePositionGivesItsValueExactly) {
  for (const CacheType type : {CacheType::kF32, CacheType::kF16}) {
    const CachedVectors keys = Cached(type, 16, Normals(16, 4));
    const CachedVectors values = Cached(type, 16, Normals(16, 5));
    std::vector<float> out(16);
    Attention(keys, values, 0, 0, Normals(16, 6), {}, out);
    for (std::size_t d = 0; d < 16; ++d) EXPECT_EQ(out[d], values.value(0, 0, d));
  }
}

TEST(Attention, AHeadReadsItsOwnKeysAndValues) {
  CachedVectors keys(CacheType::kQ8_0, 2, 40), values(CacheType::kQ8_0, 2, 1);
  keys.Append(Normals(80, 7));
  values.Append(std::vector<float>{3.0f, 5.0f});
  std::vector<float> out(1);
  Attention(keys, values, 1, 0, Normals(40, 8), {}, out);
  EXPECT_FLOAT_EQ(out[0], 5.0f);
}

// Scores of +-10^4 neither overflow nor lose the winner, wherever its block is.
TEST(Attention, TheRunningMaximumFollowsAcrossBlocks) {
  const std::size_t positions = 200;
  for (const std::size_t winner : {0u, 63u, 64u, 130u, 199u}) {
    std::vector<float> rows(positions, -1e4f), numbers(positions);
    rows[winner] = 1e4f;
    for (std::size_t p = 0; p < positions; ++p) numbers[p] = static_cast<float>(p);
    std::vector<float> out(1);
    Attention(Cached(CacheType::kF32, 1, rows), Cached(CacheType::kF32, 1, numbers), 0,
              positions - 1, std::vector<float>{1.0f}, {}, out);
    EXPECT_EQ(out[0], static_cast<float>(winner));
  }
}

TEST(Attention, F16RoundsTheScaledQueryAndTheProbabilities) {
  // The scaled query 1 + 2^-12 rounds to 1, so both scores are 0 and -1 exactly, and exp(-1) is
  // rounded to binary16 before it weighs the second value.
  std::vector<float> out(1);
  Attention(Cached(CacheType::kF16, 1, {0, -1}), Cached(CacheType::kF16, 1, {0, 1}), 0, 1,
            std::vector<float>{1 + 0x1p-12f}, {}, out);
  const float p = RoundToHalf(std::exp(-1.0f));
  EXPECT_EQ(out[0], p * (1.0f / (1.0f + p)));
}

// Blocks of 32 dimensions have scales of their own: a large first block must not drown the second.
TEST(Attention, Q8_0KeepsEachBlockWithItsOwnScale) {
  std::vector<float> key(40, 1000.0f);
  for (std::size_t d = 32; d < 40; ++d) key[d] = 0.001f;
  const CachedVectors keys = Cached(CacheType::kQ8_0, 40, key);
  EXPECT_EQ(keys.block(0, 0, 1).q[0], 127);
  EXPECT_EQ(keys.block(0, 0, 1).q[8], 0);  // filled up
  EXPECT_FLOAT_EQ(keys.block(0, 0, 1).d, 0.001f / 127);
}

// Two positions count: 0 with score 0 and value 1, and a later one with score 1 and value 0. Within
// one block the probability of position 0 is exp(-1), rounded to binary16; across two blocks it is
// 1, and the correction that follows is not rounded.
TEST(Attention, BlocksEndAfter64Positions) {
  const auto attend = [](std::size_t later) {
    std::vector<float> rows(65, -1e4f), numbers(65, 0.0f), out(1);
    rows[0] = 0, numbers[0] = 1, rows[later] = 1;
    Attention(Cached(CacheType::kF16, 1, rows), Cached(CacheType::kF16, 1, numbers), 0, 64,
              std::vector<float>{1.0f}, {}, out);
    return out[0];
  };
  const float e = Exp(-1.0f), rounded = RoundToHalf(e);
  EXPECT_EQ(attend(63), rounded * (1.0f / (1.0f + rounded)));
  EXPECT_EQ(attend(64), e * (1.0f / (1.0f + e)));
}

// With a sink above all scores the values fade: 1 / (1 + e^(sink - score)).
TEST(Attention, ASinkTakesItsShareOfTheSum) {
  std::vector<float> out(1);
  Attention(Cached(CacheType::kF32, 1, {0}), Cached(CacheType::kF32, 1, {1}), 0, 0,
            std::vector<float>{1.0f}, {.sink = 1.0f}, out);
  EXPECT_FLOAT_EQ(out[0], 1 / (1 + std::exp(1.0f)));
}

}  // namespace
}  // namespace millrace::reference
