// The parts of a transformer, recognised in a graph from the value that each makes.
#pragma once

#include <string_view>
#include <variant>

#include "base/result.h"
#include "graph/graph.h"
#include "graph/print.h"
#include "host/transformer.h"

namespace millrace {

class Pattern {
 public:
  explicit Pattern(const Graph& graph) : graph_(graph) {}

  const Graph& graph() const { return graph_; }

  // The operation that makes a value if it is of this kind, else null.
  template <typename Kind>
  const Kind* Find(ValueId id) const {
    return std::get_if<Kind>(&graph_.operations[id.index()]);
  }

  // The same; kUnsupported if it is of another kind.
  template <typename Kind>
  Result<Kind> Expect(ValueId id) const {
    if (const Kind* found = Find<Kind>(id)) return *found;
    return Unsupported("graph: value %{} is made by {}, the host expects {}", id.value,
                       Name(graph_.operations[id.index()]), Name(Operation(Kind{})));
  }

  // A linear operation of one group; its input is not looked at.
  Result<Projection> PlainProjection(ValueId id) const;

  // Each fills `part` from the value that the part makes and returns the value it is made from
  // (which all of its projections share).
  Result<ValueId> Gated(ValueId id, GatedPart& part) const;
  Result<ValueId> RoutedExperts(ValueId id, ExpertsPart& part) const;
  Result<ValueId> Heads(const Attention& attention, HeadAttention& part) const;
  // id: the input of the output projection.
  Result<ValueId> Latent(ValueId id, Attention& attention, LatentAttention& part) const;

 private:
  // Follows rope and norm, both optional, back to a projection. Returns its input.
  Result<ValueId> HeadVectors(ValueId id, Projection& projection, std::optional<Norm>& norm,
                              std::optional<Rope>& rope) const;
  Result<ValueId> LatentQuery(ValueId id, LatentAttention& part) const;
  Result<ValueId> LatentKey(ValueId id, ValueId latent, LatentAttention& part) const;

  const Graph& graph_;
};

}  // namespace millrace
