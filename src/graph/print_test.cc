#include "graph/print.h"

#include <gtest/gtest.h>

#include <limits>

#include "graph/parse.h"

namespace millrace {
namespace {

// Floats and doubles whose decimal forms are long, tiny or huge.
Graph GraphOfAwkwardNumbers() {
  Graph graph;
  graph.weights.push_back(Weight{"w", DType::kF32, 3, 4, {}});
  graph.weights.push_back(Weight{"n", DType::kF32, 1, 4, {}});
  graph.rope_tables.push_back(
      {.frequencies = {1.0 / 3, 5e-324, 1.7976931348623157e308}, .magnitude = 0.1 + 0.2});
  graph.operations = {Embed{WeightId{0}}, RmsNorm{ValueId{0}, WeightId{1}, 1e-45f},
                      Attention{ValueId{1}, ValueId{1}, ValueId{1}, 0, 2, 2, 2, 2, 0.70710677f}};
  graph.columns = {4, 4, 4};
  graph.logits = ValueId{2};
  return graph;
}

TEST(Print, NumbersReadBackToTheSameBits) {
  const Graph graph = GraphOfAwkwardNumbers();
  const Result<Graph> read = Parse(Print(graph), "printed");
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->rope_tables[0].frequencies, graph.rope_tables[0].frequencies);
  EXPECT_EQ(read->rope_tables[0].magnitude, graph.rope_tables[0].magnitude);
  EXPECT_EQ(std::get<RmsNorm>(read->operations[1]).eps, 1e-45f);
  EXPECT_EQ(std::get<Attention>(read->operations[2]).scale, 0.70710677f);
}

TEST(Print, AWrongGraphPrintsToo) {
  Graph graph = GraphOfAwkwardNumbers();
  graph.operations[0] = Embed{WeightId{7}};
  EXPECT_EQ(PrintOperation(graph, ValueId{0}), "%0 = embed <weight 7> : 4");
}

TEST(Print, OperandsOfEveryOperationKeepTheirPlaces) {
  Graph graph = GraphOfAwkwardNumbers();
  graph.operations = {Attention{.query = ValueId{1},
                                .key = ValueId{2},
                                .value = ValueId{3},
                                .layer = 4,
                                .heads = 5,
                                .kv_heads = 6,
                                .head_dim = 7,
                                .scale = 8},
                      GateMul{.gate = ValueId{1}, .up = ValueId{2}},
                      Add{.left = ValueId{1}, .right = ValueId{2}},
                      Rope{.input = ValueId{1}, .table = RopeTableId{2}, .head_dim = 3},
                      Linear{.input = ValueId{1}, .weight = WeightId{0}}};
  graph.columns = {1, 1, 1, 1, 1};
  const std::string text = Print(graph);
  const Result<Graph> read = Parse(text, "printed");
  ASSERT_TRUE(read.ok()) << read.error().message;
  const auto& attention = std::get<Attention>(read->operations[0]);
  EXPECT_EQ(attention.query.value, 1);
  EXPECT_EQ(attention.key.value, 2);
  EXPECT_EQ(attention.value.value, 3);
  EXPECT_EQ(attention.layer, 4);
  EXPECT_EQ(attention.heads, 5);
  EXPECT_EQ(attention.kv_heads, 6);
  EXPECT_EQ(attention.head_dim, 7);
  EXPECT_EQ(std::get<GateMul>(read->operations[1]).up.value, 2);
  EXPECT_EQ(std::get<Add>(read->operations[2]).right.value, 2);
  EXPECT_EQ(std::get<Rope>(read->operations[3]).table.value, 2);
  EXPECT_EQ(Print(*read), text);
}

}  // namespace
}  // namespace millrace
