// The graph is followed backwards from the logits: every operand is made by exactly one operation,
// so each step either finds the operation it expects or names the one it found.
#include "host/transformer.h"

#include <algorithm>
#include <string_view>

namespace millrace {
namespace {

constexpr std::string_view kOperationNames[] = {"embed",     "rms_norm", "linear", "rope",
                                                "attention", "silu_mul", "add"};

class Recogniser {
 public:
  explicit Recogniser(const Graph& graph) : graph_(graph) {}

  Result<Transformer> Run() {
    Transformer transformer;
    MILLRACE_TRY(const auto output, Expect<Linear>(graph_.logits));
    transformer.output = output.weight;
    MILLRACE_TRY(transformer.output_norm, Expect<RmsNorm>(output.input));
    ValueId x = transformer.output_norm.input;
    while (std::holds_alternative<Add>(graph_.operations[x.index()])) {
      TransformerLayer layer;
      MILLRACE_TRY(x, FeedForward(x, layer));
      MILLRACE_TRY(x, SelfAttention(x, layer));
      transformer.layers.push_back(layer);
    }
    MILLRACE_TRY(const auto embed, Expect<Embed>(x));
    transformer.embedding = embed.table;
    std::reverse(transformer.layers.begin(), transformer.layers.end());
    return transformer;
  }

 private:
  template <typename Kind>
  Result<Kind> Expect(ValueId id) const {
    const Operation& operation = graph_.operations[id.index()];
    if (const auto* found = std::get_if<Kind>(&operation)) return *found;
    return Unsupported("graph: value %{} is made by {}, the host expects {}", id.value,
                       kOperationNames[operation.index()],
                       kOperationNames[Operation(Kind{}).index()]);
  }

  // The two operands of a residual addition: the stream first, the linear that is added second.
  Result<Add> Residual(ValueId id) const {
    MILLRACE_TRY(Add add, Expect<Add>(id));
    if (!std::holds_alternative<Linear>(graph_.operations[add.right.index()]))
      std::swap(add.left, add.right);
    return add;
  }

  // x + down(silu(gate n) * up n), n = norm(x). Returns x.
  Result<ValueId> FeedForward(ValueId id, TransformerLayer& layer) const {
    MILLRACE_TRY(const auto add, Residual(id));
    MILLRACE_TRY(const auto down, Expect<Linear>(add.right));
    MILLRACE_TRY(const auto gated, Expect<SiluMul>(down.input));
    MILLRACE_TRY(const auto gate, Expect<Linear>(gated.gate));
    MILLRACE_TRY(const auto up, Expect<Linear>(gated.up));
    MILLRACE_TRY(layer.ffn_norm, Expect<RmsNorm>(gate.input));
    if (gate.input != up.input || layer.ffn_norm.input != add.left)
      return WrongOperand("feed-forward", id);
    layer.gate = gate.weight;
    layer.up = up.weight;
    layer.down = down.weight;
    return add.left;
  }

  // x + output(attention(rope(q n), rope(k n), v n)), n = norm(x). Returns x.
  Result<ValueId> SelfAttention(ValueId id, TransformerLayer& layer) const {
    MILLRACE_TRY(const auto add, Residual(id));
    MILLRACE_TRY(const auto output, Expect<Linear>(add.right));
    MILLRACE_TRY(layer.attention, Expect<Attention>(output.input));
    MILLRACE_TRY(layer.query_rope, Expect<Rope>(layer.attention.query));
    MILLRACE_TRY(layer.key_rope, Expect<Rope>(layer.attention.key));
    MILLRACE_TRY(const auto query, Expect<Linear>(layer.query_rope.input));
    MILLRACE_TRY(const auto key, Expect<Linear>(layer.key_rope.input));
    MILLRACE_TRY(const auto value, Expect<Linear>(layer.attention.value));
    MILLRACE_TRY(layer.attention_norm, Expect<RmsNorm>(query.input));
    if (query.input != key.input || query.input != value.input ||
        layer.attention_norm.input != add.left) {
      return WrongOperand("attention", id);
    }
    layer.query = query.weight;
    layer.key = key.weight;
    layer.value = value.weight;
    layer.attention_output = output.weight;
    return add.left;
  }

  static Error WrongOperand(std::string_view part, ValueId id) {
    return Unsupported(
        "graph: the {} that ends in %{} does not begin with one norm of its residual stream", part,
        id.value);
  }

  const Graph& graph_;
};

}  // namespace

Result<Transformer> RecogniseTransformer(const Graph& graph) { return Recogniser(graph).Run(); }

}  // namespace millrace
