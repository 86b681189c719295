// Faults that the text form cannot express; the others are files in tests/files/graph.
#include "graph/verify.h"

#include <gtest/gtest.h>

#include <vector>

#include "graph/parse.h"

namespace millrace {
namespace {

Graph SmallGraph() {
  Result<Graph> graph = Parse(
      "weight w Q8_0 [3, 32]\n"
      "weight n F32 [1, 32]\n"
      "%0 = embed w : 32\n"
      "%1 = rms_norm %0, n, eps 1e-05 : 32\n"
      "%2 = linear %1, w : 3\n"
      "logits %2\n",
      "small");
  MILLRACE_CHECK(graph.ok());
  return std::move(graph).value();
}

std::string Message(const Graph& graph) {
  const Result<void> verified = Verify(graph);
  return verified.ok() ? "verified" : verified.error().message;
}

TEST(Verify, AcceptsShapesWithoutBytes) { EXPECT_EQ(Message(SmallGraph()), "verified"); }

TEST(Verify, WeightsHaveAllTheBytesOfTheirShape) {
  Graph graph = SmallGraph();
  const std::vector<std::byte> bytes(3 * 34);
  graph.weights[0].bytes = bytes;
  graph.weights[1].bytes = std::span(bytes).first(100);
  EXPECT_EQ(Message(graph), "weight n has 100 bytes, wanted 128");
}

TEST(Verify, EitherAllWeightsHaveBytesOrNone) {
  Graph graph = SmallGraph();
  const std::vector<std::byte> bytes(128);
  graph.weights[1].bytes = bytes;
  EXPECT_EQ(Message(graph), "weight n has its bytes, unlike weight w: wanted all or none");
}

TEST(Verify, WeightNamesAreWordsOfTheTextForm) {
  for (const char* name : {"", "a b", "a,b", "a[b", "a]b", "a\nb"}) {
    Graph graph = SmallGraph();
    graph.weights[0].name = name;
    EXPECT_NE(Message(graph).find("has a name that is empty or has blanks"), std::string::npos)
        << name;
  }
}

TEST(Verify, WeightNamesAreUnique) {
  Graph graph = SmallGraph();
  graph.weights[1].name = "w";
  EXPECT_EQ(Message(graph), "weight w occurs twice");
}

TEST(Verify, EveryOperationHasItsColumns) {
  Graph graph = SmallGraph();
  graph.columns.pop_back();
  EXPECT_EQ(Message(graph), "3 operations with 2 column counts");
}

TEST(Verify, IdsOutOfRangeAreNamed) {
  for (const std::int32_t id : {-1, 2, 1000}) {
    Graph graph = SmallGraph();
    std::get<Linear>(graph.operations[2]).weight = WeightId{id};
    EXPECT_EQ(Message(graph),
              fmt::format("%2 = linear: weight {} does not exist, there are 2", id));
  }
  Graph graph = SmallGraph();
  std::get<Linear>(graph.operations[2]).input = ValueId{-1};
  EXPECT_EQ(Message(graph), "%2 = linear: operand %-1 does not come before its use");
}

TEST(Verify, LargestShapesDoNotOverflow) {
  Graph graph = SmallGraph();
  graph.weights[0] = Weight{"w", DType::kF32, 2147483647, 2147483647, {}};
  graph.columns = {2147483647, 2147483647, 2147483647};
  graph.weights[1].columns = 2147483647;
  EXPECT_EQ(Message(graph), "verified");
  graph.weights[0].rows += 1;
  EXPECT_NE(Message(graph).find("has shape [2147483648, 2147483647]"), std::string::npos);
}

}  // namespace
}  // namespace millrace
