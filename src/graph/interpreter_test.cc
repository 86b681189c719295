#include "graph/interpreter.h"

#include <gtest/gtest.h>

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

TEST(InterpreterDeathTest, TokenOutsideTheVocabularyIsACheck) {
  const Filled filled(kLayer);
  Interpreter interpreter(filled.graph, reference::CacheType::kF32);
  const std::vector<TokenId> token = {TokenId{7}};
  EXPECT_DEATH(interpreter.Step(token), "check failed");
}

}  // namespace
}  // namespace millrace
