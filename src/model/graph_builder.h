// Makes a graph from the tensors of a checkpoint: each is looked up by name, with the shape that it
// must have, and every operation is appended with the columns that it makes.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"

namespace millrace {

class GraphBuilder {
 public:
  // The checkpoint outlives the graph, which views its bytes.
  explicit GraphBuilder(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  // A tensor [rows, columns] as a weight; asked for again, the same weight. kInvalid if it is
  // missing or has another shape: the message names the tensor, the shape found and the one wanted,
  // both in the order of the file (columns first).
  Result<WeightId> Matrix(std::string_view name, std::int64_t rows, std::int64_t columns);
  // A vector of F32; kUnsupported for other types.
  Result<WeightId> Vector(std::string_view name, std::int64_t size);
  // The values of a vector that is no weight of the graph.
  Result<std::vector<float>> Values(std::string_view name, std::int64_t size);
  bool Has(std::string_view name) const { return checkpoint_.Find(name) != nullptr; }

  RopeTableId Append(RopeTable table);
  // Operands are values of this builder.
  ValueId Append(const Operation& operation);

  // The finished, verified graph. kUnsupported if the checkpoint has a tensor that nobody asked
  // for: a model whose parts are left out would run, and be wrong.
  Result<Graph> Finish(ValueId logits) &&;

 private:
  Result<const Tensor*> Find(std::string_view name, std::vector<std::int64_t> wanted);
  WeightId Add(const Tensor& tensor, std::int64_t rows, std::int64_t columns);
  std::int64_t ColumnsOf(ValueId id) const { return graph_.columns[id.index()]; }

  const Checkpoint& checkpoint_;
  Graph graph_;
  std::map<std::string, std::optional<WeightId>, std::less<>> used_;  // tensors by name
};

}  // namespace millrace
