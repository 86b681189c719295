#include "graph/interpreter.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

#include "graph/parse.h"
#include "graph/verify.h"
#include "numerics/half.h"
#include "numerics/reference.h"

namespace millrace {
namespace {

// A graph with the bytes of its weights.
struct Filled {
  Graph graph;
  std::vector<std::vector<float>> bytes;  // one for each weight, F32 only

  explicit Filled(const char* text) {
    Result<Graph> parsed = Parse(text, "test");
    MILLRACE_CHECK(parsed.ok());
    graph = std::move(parsed).value();
    std::mt19937 random(1);
    std::normal_distribution<float> normal;
    for (const Weight& weight : graph.weights) {
      bytes.emplace_back(static_cast<std::size_t>(weight.rows * weight.columns));
      for (float& value : bytes.back()) value = normal(random);
    }
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      graph.weights[i].bytes = std::as_bytes(std::span(bytes[i]));
    }
    MILLRACE_CHECK(Verify(graph).ok());
  }
};

// Two heads of 4 on one key-value head, then a gated unit: every operation occurs.
constexpr char kLayer[] =
    "weight embed F32 [7, 8]\n"
    "weight norm F32 [1, 8]\n"
    "weight k F32 [4, 8]\n"
    "weight v F32 [4, 8]\n"
    "weight out F32 [7, 8]\n"
    "rope_table 0 magnitude 1 frequencies [1, 0.01]\n"
    "%0 = embed embed : 8\n"
    "%1 = rms_norm %0, norm, eps 1e-05 : 8\n"
    "%2 = rope %1, table 0, head_dim 4 : 8\n"
    "%3 = linear %1, k : 4\n"
    "%4 = rope %3, table 0, head_dim 4 : 4\n"
    "%5 = linear %1, v : 4\n"
    "%6 = attention query %2, key %4, value %5, layer 0, heads 2, kv_heads 1, head_dim 4, "
    "scale 0.5 : 8\n"
    "%7 = silu_mul gate %6, up %1 : 8\n"
    "%8 = add %0, %7 : 8\n"
    "%9 = linear %8, out : 7\n"
    "logits %9\n";

std::vector<TokenId> Tokens(int count) {
  std::vector<TokenId> tokens;
  for (int i = 0; i < count; ++i) tokens.push_back(TokenId{(i * i + 3 * i + 1) % 7});
  return tokens;
}

std::vector<float> RunInChunks(const Graph& graph, reference::CacheType cache,
                               std::span<const TokenId> tokens, std::size_t chunk) {
  Interpreter interpreter(graph, cache);
  std::vector<float> all;
  for (std::size_t i = 0; i < tokens.size(); i += chunk) {
    const auto logits = interpreter.Step(tokens.subspan(i, std::min(chunk, tokens.size() - i)));
    all.insert(all.end(), logits.begin(), logits.end());
  }
  EXPECT_EQ(interpreter.position(), tokens.size());
  return all;
}

TEST(Interpreter, ChunksOfAnySizeGiveTheSameBits) {
  const Filled filled(kLayer);
  const std::vector<TokenId> tokens = Tokens(150);  // more than two blocks of 64 positions
  for (const auto cache : {reference::CacheType::kF32, reference::CacheType::kF16}) {
    const std::vector<float> whole = RunInChunks(filled.graph, cache, tokens, 150);
    ASSERT_EQ(whole.size(), 150u * 7);
    for (const std::size_t chunk : {1u, 7u, 64u}) {
      const std::vector<float> parts = RunInChunks(filled.graph, cache, tokens, chunk);
      ASSERT_EQ(parts.size(), whole.size());
      EXPECT_EQ(std::memcmp(parts.data(), whole.data(), whole.size() * sizeof(float)), 0) << chunk;
    }
  }
}

TEST(Interpreter, CacheTypeMattersAFewPartsInAThousand) {
  const Filled filled(kLayer);
  const std::vector<TokenId> tokens = Tokens(20);
  const auto f32 = RunInChunks(filled.graph, reference::CacheType::kF32, tokens, 20);
  const auto f16 = RunInChunks(filled.graph, reference::CacheType::kF16, tokens, 20);
  float largest = 0;
  for (std::size_t i = 0; i < f32.size(); ++i) {
    largest = std::max(largest, std::fabs(f32[i] - f16[i]));
  }
  EXPECT_GT(largest, 0.0f);
  EXPECT_LT(largest, 0.05f);
}

TEST(Interpreter, EmptyStepChangesNothing) {
  const Filled filled(kLayer);
  Interpreter interpreter(filled.graph, reference::CacheType::kF32);
  EXPECT_TRUE(interpreter.Step({}).empty());
  EXPECT_EQ(interpreter.position(), 0u);
  EXPECT_EQ(interpreter.vocabulary(), 7u);
  EXPECT_EQ(interpreter.Step(Tokens(3)).size(), 21u);
}

TEST(Interpreter, LogitsAreTheEmbeddingWhereNothingFollows) {
  const Filled filled("weight w F32 [3, 3]\n%0 = embed w : 3\nlogits %0\n");
  Interpreter interpreter(filled.graph, reference::CacheType::kF32);
  const std::vector<TokenId> tokens = {TokenId{2}, TokenId{0}};
  const auto& w = filled.bytes[0];
  EXPECT_EQ(interpreter.Step(tokens), (std::vector<float>{w[6], w[7], w[8], w[0], w[1], w[2]}));
}

// Head h of 4 reads the key-value head h / 2: with one position the weights of attention are 1, so
// the output repeats each value head twice.
TEST(Interpreter, QueryHeadsShareKeyValueHeadsInOrder) {
  const Filled filled(
      "weight w F32 [8, 8]\n"
      "weight v F32 [4, 8]\n"
      "%0 = embed w : 8\n"
      "%1 = linear %0, v : 4\n"
      "%2 = attention query %0, key %1, value %1, layer 0, heads 4, kv_heads 2, head_dim 2, "
      "scale 1 : 8\n"
      "logits %2\n");
  Interpreter interpreter(filled.graph, reference::CacheType::kF32);
  const std::vector<float> out = interpreter.Step(Tokens(1));
  std::vector<float> value(4);
  reference::Linear(DType::kF32, filled.graph.weights[1].bytes.data(),
                    std::span(filled.bytes[0]).subspan(Tokens(1)[0].index() * 8, 8), value);
  EXPECT_EQ(out, (std::vector<float>{value[0], value[1], value[0], value[1],  //
                                     value[2], value[3], value[2], value[3]}));
}

// At position 0 attention gives its value back: with an F16 cache, the value as it was kept.
TEST(Interpreter, KeysAndValuesAreKeptInTheTypeOfTheCache) {
  const Filled filled(
      "weight w F32 [2, 2]\n"
      "%0 = embed w : 2\n"
      "%1 = attention query %0, key %0, value %0, layer 0, heads 1, kv_heads 1, head_dim 2, "
      "scale 1 : 2\n"
      "logits %1\n");
  const std::vector<TokenId> token = {TokenId{0}};
  const std::vector<float>& w = filled.bytes[0];
  EXPECT_EQ(Interpreter(filled.graph, reference::CacheType::kF32).Step(token),
            (std::vector<float>{w[0], w[1]}));
  EXPECT_EQ(Interpreter(filled.graph, reference::CacheType::kF16).Step(token),
            (std::vector<float>{RoundToHalf(w[0]), RoundToHalf(w[1])}));
  EXPECT_NE(w[0], RoundToHalf(w[0]));
}

// The rotation is by the position in the sequence: pair 0 turns by 1 radian a position.
TEST(Interpreter, RopeTurnsByTheAbsolutePosition) {
  const Filled filled(
      "weight w F32 [4, 4]\n"
      "rope_table 0 magnitude 2 frequencies [1]\n"
      "%0 = embed w : 4\n"
      "%1 = rope %0, table 0, head_dim 4 : 4\n"
      "logits %1\n");
  Interpreter interpreter(filled.graph, reference::CacheType::kF32);
  for (int position = 0; position < 9; ++position) {
    const std::vector<TokenId> token = {TokenId{1}};
    const std::vector<float> out = interpreter.Step(token);
    const float* x = &filled.bytes[0][4];
    EXPECT_NEAR(out[0], 2 * (x[0] * std::cos(position) - x[1] * std::sin(position)), 1e-6);
    EXPECT_NEAR(out[1], 2 * (x[0] * std::sin(position) + x[1] * std::cos(position)), 1e-6);
    EXPECT_EQ(out[2], x[2]);  // not rotated: the table has one pair only
    EXPECT_EQ(out[3], x[3]);
  }
}

// One operation on the embedding w [columns, 8] of token 1, at position 0.
struct OneOperation {
  OneOperation(const std::string& weights, const std::string& operation, std::int64_t columns)
      : filled(
            fmt::format("weight w F32 [{0}, 8]\n{1}%0 = embed w : 8\n%1 = {2} : {0}\nlogits %1\n",
                        columns, weights, operation)
                .c_str()),
        x(std::span(filled.bytes[0]).subspan(8, 8)) {
    Interpreter interpreter(filled.graph, reference::CacheType::kF32);
    const std::vector<TokenId> token = {TokenId{1}};
    out = interpreter.Step(token);
  }
  Filled filled;
  std::span<const float> x;  // the row of the token
  std::vector<float> out;
};

TEST(Interpreter, NormsOfHeadsAreEachOfTheirOwnRun) {
  const OneOperation one("weight n F32 [1, 4]\n", "rms_norm %0, n, eps 0.5", 8);
  std::vector<float> wanted(8);
  for (std::size_t at : {0u, 4u}) {
    reference::RmsNorm(one.x.subspan(at, 4), one.filled.bytes[1], 0.5f,
                       std::span(wanted).subspan(at, 4));
  }
  EXPECT_EQ(one.out, wanted);
}

TEST(Interpreter, GroupsOfALinearMeetTheirOwnPartOfTheInput) {
  const OneOperation one("weight m F32 [6, 4]\nweight b F32 [1, 6]\n",
                         "linear %0, m, bias b, groups 2", 6);
  for (std::size_t r = 0; r < 6; ++r) {
    double wanted = one.filled.bytes[2][r];
    for (std::size_t k = 0; k < 4; ++k) {
      wanted += double{one.filled.bytes[1][r * 4 + k]} * one.x[r / 3 * 4 + k];
    }
    EXPECT_NEAR(one.out[r], wanted, 1e-5) << r;
  }
}

TEST(Interpreter, RopeLeavesTheDimensionsBeforeItsFirst) {
  const OneOperation one("rope_table 0 magnitude 3 frequencies [1]\n",
                         "rope %0, table 0, head_dim 4, first 1", 8);
  const auto& x = one.x;  // at position 0 the rotation only magnifies
  EXPECT_EQ(one.out, (std::vector<float>{x[0], 3 * x[1], 3 * x[2], x[3],  //
                                         x[4], 3 * x[5], 3 * x[6], x[7]}));
}

TEST(Interpreter, RopeTurnsHalvesWhereItIsToldTo) {
  const Filled filled(
      "weight w F32 [4, 4]\n"
      "rope_table 0 magnitude 1 frequencies [1, 0]\n"
      "%0 = embed w : 4\n"
      "%1 = rope %0, table 0, head_dim 4, halves : 4\n"
      "logits %1\n");
  Interpreter interpreter(filled.graph, reference::CacheType::kF32);
  const std::vector<TokenId> tokens = {TokenId{1}, TokenId{1}};
  const std::vector<float> out = interpreter.Step(tokens);
  const float* x = &filled.bytes[0][4];
  EXPECT_NEAR(out[4], x[0] * std::cos(1) - x[2] * std::sin(1), 1e-6);
  EXPECT_NEAR(out[6], x[2] * std::cos(1) + x[0] * std::sin(1), 1e-6);
  EXPECT_EQ(out[5], x[1]);
  EXPECT_EQ(out[7], x[3]);
}

TEST(Interpreter, PartsOfHeadsAreCutAndJoined) {
  const OneOperation slice("", "head_slice %0, heads 2, begin 1, size 2", 4);
  EXPECT_EQ(slice.out, (std::vector<float>{slice.x[1], slice.x[2], slice.x[5], slice.x[6]}));
  const OneOperation joined("", "head_concat %0, %0, heads 2", 16);
  const auto& x = joined.x;
  EXPECT_EQ(joined.out, (std::vector<float>{x[0], x[1], x[2], x[3], x[0], x[1], x[2], x[3],  //
                                            x[4], x[5], x[6], x[7], x[4], x[5], x[6], x[7]}));
}

TEST(Interpreter, ScaleAndSoftcapTakeEveryValue) {
  const OneOperation scaled("", "scale %0, factor 0.5", 8), capped("", "softcap %0, cap 2", 8);
  for (std::size_t i = 0; i < 8; ++i) {
    EXPECT_EQ(scaled.out[i], scaled.x[i] * 0.5f);
    EXPECT_NEAR(capped.out[i], 2 * std::tanh(double{capped.x[i]} / 2), 1e-6);
  }
}

// Three experts of width 3 on 4 columns, two of them chosen: every one's rows are its own.
TEST(Interpreter, ExpertsAddUpByTheirWeights) {
  const Filled filled(
      "weight w F32 [4, 4]\n"
      "weight r F32 [3, 4]\n"
      "weight gate F32 [9, 4]\n"
      "weight up F32 [9, 4]\n"
      "weight down F32 [12, 3]\n"
      "weight gb F32 [1, 9]\n"
      "weight ub F32 [1, 9]\n"
      "weight db F32 [1, 12]\n"
      "%0 = embed w : 4\n"
      "%1 = linear %0, r : 3\n"
      "%2 = route %1, chosen 2, softmax_of_chosen : 3\n"
      "%3 = experts %0, routes %2, silu_mul, gate gate, up up, down down, gate_bias gb, up_bias "
      "ub, "
      "down_bias db : 4\n"
      "logits %3\n");
  const auto& b = filled.bytes;
  const auto dot = [](const float* m, std::span<const double> x) {
    double sum = 0;
    for (std::size_t k = 0; k < x.size(); ++k) sum += m[k] * x[k];
    return sum;
  };
  for (std::int32_t t = 0; t < 4; ++t) {
    const std::vector<double> x(b[0].begin() + t * 4, b[0].begin() + t * 4 + 4);
    double logits[3];
    for (std::size_t e = 0; e < 3; ++e) logits[e] = dot(&b[1][e * 4], x);
    const auto worst =
        static_cast<std::size_t>(std::min_element(logits, logits + 3) - std::begin(logits));
    double sum = 0, wanted[4] = {};
    for (std::size_t e = 0; e < 3; ++e) sum += e == worst ? 0 : std::exp(logits[e]);
    for (std::size_t e = 0; e < 3; ++e) {
      if (e == worst) continue;
      std::vector<double> product;
      for (std::size_t f = e * 3; f < e * 3 + 3; ++f) {
        const double gate = dot(&b[2][f * 4], x) + b[5][f], up = dot(&b[3][f * 4], x) + b[6][f];
        product.push_back(gate / (1 + std::exp(-gate)) * up);
      }
      for (std::size_t r = 0; r < 4; ++r) {
        wanted[r] +=
            std::exp(logits[e]) / sum * (dot(&b[4][(e * 4 + r) * 3], product) + b[7][e * 4 + r]);
      }
    }
    Interpreter interpreter(filled.graph, reference::CacheType::kF32);
    const std::vector<TokenId> token = {TokenId{t}};
    const std::vector<float> out = interpreter.Step(token);
    for (std::size_t r = 0; r < 4; ++r) EXPECT_NEAR(out[r], wanted[r], 2e-5) << t << " " << r;
  }
}

// With a window of one a position attends to itself alone, and a sink takes its share of it.
TEST(Interpreter, WindowsAndSinksReachTheAttention) {
  const Filled filled(
      "weight w F32 [4, 4]\n"
      "weight s F32 [1, 2]\n"
      "%0 = embed w : 4\n"
      "%1 = attention query %0, key %0, value %0, layer 0, heads 2, kv_heads 2, head_dim 2, scale "
      "1, "
      "window 1, softcap 2, sinks s : 4\n"
      "logits %1\n");
  Interpreter interpreter(filled.graph, reference::CacheType::kF32);
  for (std::int32_t t = 0; t < 4; ++t) {
    const std::vector<TokenId> token = {TokenId{t}};
    const std::vector<float> out = interpreter.Step(token);
    const float* x = &filled.bytes[0][static_cast<std::size_t>(t) * 4];
    for (std::size_t h = 0; h < 2; ++h) {
      const double square = double{x[2 * h]} * x[2 * h] + double{x[2 * h + 1]} * x[2 * h + 1];
      const double score = std::exp(2 * std::tanh(square / 2));
      const double share = score / (score + std::exp(double{filled.bytes[1][h]}));
      EXPECT_NEAR(out[2 * h], share * x[2 * h], 1e-6);
      EXPECT_NEAR(out[2 * h + 1], share * x[2 * h + 1], 1e-6);
    }
  }
}

TEST(InterpreterDeathTest, TokenOutsideTheVocabularyIsACheck) {
  const Filled filled(kLayer);
  Interpreter interpreter(filled.graph, reference::CacheType::kF32);
  const std::vector<TokenId> token = {TokenId{7}};
  EXPECT_DEATH(interpreter.Step(token), "check failed");
}

}  // namespace
}  // namespace millrace
