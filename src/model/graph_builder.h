// Makes a graph from the tensors of a checkpoint: each is looked up by name, with the shape that it
// must have, and every operation is appended with the columns that it makes.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"

namespace millrace {

class GraphBuilder {
 public:
  // The checkpoint outlives the graph, which views its bytes. Of a shape (Checkpoint::shape) there
  // are none: what is asked for is made, with the shape that is wanted.
  explicit GraphBuilder(const Checkpoint& checkpoint) : checkpoint_(checkpoint) {}

  // A tensor [rows, columns] as a weight; asked for again, the same weight. kInvalid if it is
  // missing or has another shape: the message names the tensor, the shape found and the one wanted,
  // both in the order of the file (columns first).
  Result<WeightId> Matrix(std::string_view name, std::int64_t rows, std::int64_t columns);
  // Rows [begin, begin + count) of such a tensor, where files keep several matrices in one; of a
  // vector, its elements. The weight is called NAME@BEGIN+COUNT.
  Result<WeightId> Rows(std::string_view name, std::int64_t rows, std::int64_t columns,
                        std::int64_t begin, std::int64_t count);
  // A tensor [experts, rows, columns] as a weight [experts * rows, columns].
  Result<WeightId> Stack(std::string_view name, std::int64_t experts, std::int64_t rows,
                         std::int64_t columns);
  // A vector of F32; kUnsupported for other types.
  Result<WeightId> Vector(std::string_view name, std::int64_t size);
  Result<WeightId> Elements(std::string_view name, std::int64_t size, std::int64_t begin,
                            std::int64_t count);
  // A tensor [experts, size] as a vector of F32.
  Result<WeightId> StackedVector(std::string_view name, std::int64_t experts, std::int64_t size);
  // The values of a vector that is no weight of the graph.
  Result<std::vector<float>> Values(std::string_view name, std::int64_t size);
  bool Has(std::string_view name) const;
  // The tensors whose names begin like this have no part in the graph, and that is right.
  void LeaveOut(std::string_view prefix);

  RopeTableId Append(RopeTable table);
  // Operands are values of this builder.
  ValueId Append(const Operation& operation);

  // The finished, verified graph. kUnsupported if the checkpoint has a tensor that nobody asked
  // for: a model whose parts are left out would run, and be wrong.
  Result<Graph> Finish(ValueId logits) &&;

 private:
  Result<const Tensor*> Find(std::string_view name, std::vector<std::int64_t> wanted);
  Result<const Tensor*> FindF32(std::string_view name, std::vector<std::int64_t> wanted);
  Result<const Tensor*> Make(std::string_view name, std::vector<std::int64_t> wanted);
  WeightId Add(Weight weight);
  std::int64_t ColumnsOf(ValueId id) const { return graph_.columns[id.index()]; }

  const Checkpoint& checkpoint_;
  std::map<std::string, Tensor, std::less<>> made_;  // of a shape
  double made_bytes_ = 0;
  Graph graph_;
  std::set<std::string, std::less<>> used_;             // names of tensors
  std::map<std::string, WeightId, std::less<>> added_;  // by the name of the weight
};

}  // namespace millrace
