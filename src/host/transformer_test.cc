#include "host/transformer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "graph/parse.h"

namespace millrace {
namespace {

using testing::HasSubstr;

constexpr const char* kWeights = R"(
weight embedding F32 [96, 64]
weight norm F32 [1, 64]
weight square F32 [64, 64]
weight half F32 [32, 64]
weight wide F32 [128, 64]
weight narrow F32 [64, 128]
rope_table 0 magnitude 1 frequencies [1, 0.5]
)";

constexpr const char* kLayer = R"(
%0 = embed embedding : 64
%1 = rms_norm %0, norm, eps 1e-05 : 64
%2 = linear %1, square : 64
%3 = linear %1, half : 32
%4 = linear %1, half : 32
%5 = rope %2, table 0, head_dim 32 : 64
%6 = rope %3, table 0, head_dim 32 : 32
%7 = attention query %5, key %6, value %4, layer 0, heads 2, kv_heads 1, head_dim 32, scale 0.25 : 64
%8 = linear %7, square : 64
%9 = add %0, %8 : 64
%10 = rms_norm %9, norm, eps 1e-06 : 64
%11 = linear %10, wide : 128
%12 = linear %10, wide : 128
%13 = silu_mul gate %11, up %12 : 128
%14 = linear %13, narrow : 64
%15 = add %9, %14 : 64
%16 = rms_norm %15, norm, eps 1e-05 : 64
%17 = linear %16, embedding : 96
logits %17
)";

// The layer above with one piece of its text replaced.
Graph GraphWith(const std::string& from, const std::string& to) {
  std::string text = std::string(kWeights) + kLayer;
  if (!from.empty()) text.replace(text.find(from), from.size(), to);
  auto graph = Parse(text, "test");
  EXPECT_TRUE(graph.ok()) << graph.error().message;
  return std::move(graph).value();
}

TEST(Transformer, IsRecognisedInALayer) {
  const Graph graph = GraphWith("", "");
  const auto transformer = RecogniseTransformer(graph);
  ASSERT_TRUE(transformer.ok()) << transformer.error().message;
  ASSERT_EQ(transformer->layers.size(), 1u);
  const TransformerLayer& layer = transformer->layers[0];
  const auto& inputs = std::get<HeadAttention>(layer.attention.inputs);
  const auto& gated = std::get<GatedPart>(layer.feed_forward.inner);
  EXPECT_EQ(graph.weight(inputs.query.weight).name, "square");
  EXPECT_EQ(graph.weight(inputs.key.weight).name, "half");
  EXPECT_EQ(graph.weight(gated.gate.weight).name, "wide");
  EXPECT_EQ(graph.weight(gated.down.weight).name, "narrow");
  EXPECT_EQ(layer.attention.attention.heads, 2);
  EXPECT_EQ(layer.feed_forward.norm.eps, 1e-06f);
  EXPECT_EQ(graph.weight(transformer->output.weight).name, "embedding");
}

TEST(Transformer, MayAddTheResidualOnEitherSide) {
  EXPECT_TRUE(RecogniseTransformer(GraphWith("add %9, %14", "add %14, %9")).ok());
}

TEST(Transformer, NamesTheOperationThatDoesNotFit) {
  const auto transformer =
      RecogniseTransformer(GraphWith("%13 = silu_mul gate %11, up %12", "%13 = add %11, %12"));
  ASSERT_FALSE(transformer.ok());
  EXPECT_EQ(transformer.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(transformer.error().message,
            "graph: value %13 is made by add, the host expects silu_mul");
}

TEST(Transformer, RefusesANormOfAnotherStream) {
  const auto transformer = RecogniseTransformer(GraphWith("rms_norm %9,", "rms_norm %0,"));
  ASSERT_FALSE(transformer.ok());
  EXPECT_THAT(transformer.error().message, HasSubstr("feed-forward that ends in %15"));
}

TEST(Transformer, RefusesProjectionsOfDifferentInputs) {
  const auto transformer = RecogniseTransformer(GraphWith("%3 = linear %1", "%3 = linear %0"));
  ASSERT_FALSE(transformer.ok());
  EXPECT_THAT(transformer.error().message, HasSubstr("queries, keys and values of layer 0"));
}

}  // namespace
}  // namespace millrace
