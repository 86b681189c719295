// What the supported architectures share: decoders of pre-norm residual layers.
//
//     x = embed [* embedding_scale]
//     each layer:  x = x + [norm] attention part(norm x)
//                  x = x + [norm] feed-forward part(norm x)
//     logits = [softcap] output(norm x)
//
// The attention part is out(attention(rope [norm] q h, rope [norm] k h, v h)); an architecture with
// another one gives a function. The feed-forward part is down(gate h * up h), or, in layers with
// experts, the weighted sum of those that a router chooses, beside shared ones that every token
// has.
//
// The output matrix is output.weight or, where that is missing, the embedding. A projection has a
// bias where the file has one. Tensors that are one in the file and several here (attn_qkv) become
// ranges of its rows. What the file says by its keys (model/config.h) holds for every architecture,
// what it leaves to the architecture's name is the form.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "format/gguf.h"
#include "graph/graph.h"
#include "model/config.h"
#include "model/graph_builder.h"

namespace millrace {

class DecoderBuilder;

// From the normalised input of layer `layer` to what is added to the residual stream, all but the
// norm behind it.
using AttentionPart = Result<ValueId> (*)(DecoderBuilder& decoder, ValueId input,
                                          std::int32_t layer);

Result<ValueId> AppendHeadAttention(DecoderBuilder& decoder, ValueId input, std::int32_t layer);

struct DecoderForm {
  RopePairs pairs = RopePairs::kAdjacent;
  AttentionPart attention = AppendHeadAttention;
  bool head_norms = false;  // of each head of queries and keys: attn_q_norm, attn_k_norm
  bool sinks = false;       // attn_sinks
  bool post_norms = false;  // behind the parts: post_attention_norm, post_ffw_norm
  bool fused_gate = false;  // ffn_up holds the gate's rows, then its own
  std::string_view ffn_norm = "ffn_norm.weight";
  GateKind gate = GateKind::kSilu;
  float embedding_scale = 1;
  float attention_scale = 0;  // of the scores; 0: 1 / sqrt(head_dim)
  // Every so many layers one has no window, beginning with the last of the first so many; 0: no
  // layer has one. The file's own pattern comes first.
  std::int64_t window_period = 0;
  std::optional<RopeConfig> window_rope = std::nullopt;  // of layers with a window
  RouteWeights route_weights = RouteWeights::kSoftmax;
  bool normalise_routes = false;
};

// The graph views the bytes of the checkpoint, which outlives it. kInvalid for tensors that are
// missing or misshapen, kUnsupported for some that have no part in it; both name the tensor.
Result<Graph> BuildDecoder(const ModelConfig& config, const Checkpoint& checkpoint,
                           const DecoderForm& form);

// What parts of architectures are built with.
class DecoderBuilder {
 public:
  DecoderBuilder(const ModelConfig& config, const Checkpoint& checkpoint, const DecoderForm& form);

  const ModelConfig& config() const { return config_; }
  const DecoderForm& form() const { return form_; }
  GraphBuilder& graph() { return graph_; }

  Result<Graph> Build() &&;

  // "blk.LAYER.NAME".
  static std::string InLayer(std::int32_t layer, std::string_view name);

  // name has no ".weight": the projection has NAME.weight [rows, columns], and NAME.bias if that is
  // there.
  Result<ValueId> AppendProjection(ValueId input, const std::string& name, std::int64_t rows,
                                   std::int64_t columns);
  // Rows [begin, begin + count) of it, as an operation of its own.
  Result<ValueId> AppendRows(ValueId input, const std::string& name, std::int64_t rows,
                             std::int64_t columns, std::int64_t begin, std::int64_t count);
  // Over runs of `size` values.
  Result<ValueId> AppendNorm(ValueId input, const std::string& name, std::int64_t size);
  // Rotates heads of head_dim from dimension `first` on, with the frequencies of the layer.
  ValueId AppendRope(ValueId input, std::int32_t layer, std::int64_t head_dim, std::int64_t first);
  // Positions that a layer sees; 0: all.
  std::int32_t Window(std::int32_t layer) const;

 private:
  Result<RopeTableId> AppendRopeTable(const RopeConfig& rope);
  Result<std::vector<float>> RopeDivisors(const RopeConfig& rope);
  Result<ValueId> AppendLayer(ValueId x, std::int32_t layer);
  Result<ValueId> AppendFeedForward(ValueId input, std::int32_t layer);
  Result<ValueId> AppendGated(ValueId input, std::int32_t layer, std::string_view suffix,
                              std::int64_t ffn);
  Result<ValueId> AppendExperts(ValueId input, std::int32_t layer);
  Result<ValueId> AppendRoute(ValueId input, std::int32_t layer);

  const ModelConfig& config_;
  const std::string& file_;
  const DecoderForm& form_;
  GraphBuilder graph_;
  RopeTableId rope_table_, window_rope_table_;
};

}  // namespace millrace
