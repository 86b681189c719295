// The slow obvious executor: walks the graph operation by operation, on numerics/reference.
//
// What it computes is the definition: the host and the simulated chips are tested against it, bit
// for bit. One sequence, no batching, every value kept in full.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/typed_index.h"
#include "graph/graph.h"
#include "graph/rope_angles.h"
#include "numerics/reference_attention.h"

namespace millrace {

class Interpreter {
 public:
  // graph: verified (graph/verify.h), with the bytes of all its weights; it outlives the
  // interpreter. cache: the type to which keys and values are rounded when they are kept.
  Interpreter(const Graph& graph, reference::CacheType cache);

  // Appends `tokens` to the sequence and returns the logits [tokens, vocabulary], row-major. Every
  // token is a row of the embedding (a CHECK). How a sequence is cut into steps changes no bit.
  std::vector<float> Step(std::span<const TokenId> tokens);

  // Tokens of the sequence so far.
  std::size_t position() const { return position_; }

  // Columns of the logits.
  std::size_t vocabulary() const;

 private:
  using Matrix = std::vector<float>;  // [tokens, columns]

  struct LayerCache {
    reference::CachedVectors keys, values;
  };

  Matrix Run(const Embed& op, std::span<const TokenId> tokens) const;
  Matrix Run(const RmsNorm& op, std::span<const TokenId> tokens) const;
  Matrix Run(const Linear& op, std::span<const TokenId> tokens) const;
  Matrix Run(const Rope& op, std::span<const TokenId> tokens) const;
  Matrix Run(const Attention& op, std::span<const TokenId> tokens);
  Matrix Run(const GateMul& op, std::span<const TokenId> tokens) const;
  Matrix Run(const Add& op, std::span<const TokenId> tokens) const;
  Matrix Run(const Scale& op, std::span<const TokenId> tokens) const;
  Matrix Run(const Softcap& op, std::span<const TokenId> tokens) const;
  Matrix Run(const HeadSlice& op, std::span<const TokenId> tokens) const;
  Matrix Run(const HeadConcat& op, std::span<const TokenId> tokens) const;
  Matrix Run(const Route& op, std::span<const TokenId> tokens) const;
  Matrix Run(const Experts& op, std::span<const TokenId> tokens) const;

  // Part `part` of `parts` equal ones of the weight's rows times x, plus the bias.
  Matrix Multiply(WeightId weight, const std::optional<WeightId>& bias, std::size_t part,
                  std::size_t parts, std::span<const float> x) const;

  // The row of one token.
  std::span<const float> Row(ValueId value, std::size_t token) const;
  void GrowRopeAngles(std::size_t positions);

  const Graph& graph_;
  reference::CacheType cache_type_;
  std::size_t position_ = 0;
  std::vector<Matrix> values_;       // of the current step, by ValueId
  std::vector<LayerCache> layers_;   // by Attention::layer
  std::vector<RopeAngles> angles_;   // by RopeTableId
  std::size_t angle_positions_ = 0;  // rows of each of angles_
};

}  // namespace millrace
