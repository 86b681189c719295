// The graph is followed backwards from the logits: every operand is made by exactly one operation,
// so each step either finds the operation it expects or names the one it found.
#include "host/transformer.h"

#include <algorithm>

#include "host/pattern.h"

namespace millrace {
namespace {

class Recogniser {
 public:
  explicit Recogniser(const Graph& graph) : pattern_(graph) {}

  Result<Transformer> Run() {
    Transformer transformer;
    ValueId x = pattern_.graph().logits;
    if (const auto* cap = pattern_.Find<Softcap>(x)) {
      transformer.logit_softcap = cap->cap;
      x = cap->input;
    }
    MILLRACE_TRY(const auto output, pattern_.Expect<Linear>(x));
    MILLRACE_TRY(transformer.output, pattern_.PlainProjection(x));
    MILLRACE_TRY(const auto norm, pattern_.Expect<RmsNorm>(output.input));
    transformer.output_norm = {norm.weight, norm.eps};
    x = norm.input;
    while (pattern_.Find<Add>(x) != nullptr) {
      TransformerLayer layer;
      MILLRACE_TRY(x, FeedForward(x, layer.feed_forward));
      MILLRACE_TRY(x, SelfAttention(x, layer.attention));
      transformer.layers.push_back(std::move(layer));
    }
    if (const auto* scale = pattern_.Find<Scale>(x)) {
      transformer.embedding_scale = scale->factor;
      x = scale->input;
    }
    MILLRACE_TRY(const auto embed, pattern_.Expect<Embed>(x));
    transformer.embedding = embed.table;
    std::reverse(transformer.layers.begin(), transformer.layers.end());
    return transformer;
  }

 private:
  // x + part(norm(x)), perhaps with a norm behind the part.
  struct Residual {
    ValueId x;       // the stream
    ValueId branch;  // what the part made
    std::optional<Norm> post_norm;
  };

  // The later operand of the addition is the branch: it was made from the stream.
  Result<Residual> ExpectResidual(ValueId id) const {
    MILLRACE_TRY(const auto add, pattern_.Expect<Add>(id));
    Residual residual{.x = std::min(add.left, add.right, Earlier),
                      .branch = std::max(add.left, add.right, Earlier),
                      .post_norm = std::nullopt};
    if (const auto* norm = pattern_.Find<RmsNorm>(residual.branch)) {
      residual.post_norm = Norm{norm->weight, norm->eps};
      residual.branch = norm->input;
    }
    return residual;
  }
  static bool Earlier(ValueId a, ValueId b) { return a.value < b.value; }

  Result<ValueId> FeedForward(ValueId id, FeedForwardPart& part) const {
    MILLRACE_TRY(const Residual residual, ExpectResidual(id));
    part.post_norm = residual.post_norm;
    ValueId input;
    const auto* add = pattern_.Find<Add>(residual.branch);
    if (add == nullptr && pattern_.Find<Experts>(residual.branch) == nullptr) {
      GatedPart gated;
      MILLRACE_TRY(input, pattern_.Gated(residual.branch, gated));
      part.inner = gated;
    } else {
      ExpertsPart experts;
      ValueId routed = residual.branch;
      if (add != nullptr) {
        routed = pattern_.Find<Experts>(add->left) != nullptr ? add->left : add->right;
        MILLRACE_TRY(
            const ValueId shared_input,
            pattern_.Gated(routed == add->left ? add->right : add->left, experts.shared.emplace()));
        MILLRACE_TRY(input, pattern_.RoutedExperts(routed, experts));
        if (shared_input != input) return WrongOperand("feed-forward", id);
      } else {
        MILLRACE_TRY(input, pattern_.RoutedExperts(routed, experts));
      }
      part.inner = std::move(experts);
    }
    return NormOfStream("feed-forward", id, input, residual.x, part.norm);
  }

  Result<ValueId> SelfAttention(ValueId id, AttentionPart& part) const {
    MILLRACE_TRY(const Residual residual, ExpectResidual(id));
    part.post_norm = residual.post_norm;
    MILLRACE_TRY(const auto output, pattern_.Expect<Linear>(residual.branch));
    MILLRACE_TRY(part.output, pattern_.PlainProjection(residual.branch));
    ValueId input;
    if (const auto* attention = pattern_.Find<Attention>(output.input)) {
      part.attention = *attention;
      HeadAttention heads;
      MILLRACE_TRY(input, pattern_.Heads(part.attention, heads));
      part.inputs = heads;
    } else {
      LatentAttention latent;
      MILLRACE_TRY(input, pattern_.Latent(output.input, part.attention, latent));
      part.inputs = latent;
    }
    return NormOfStream("attention", id, input, residual.x, part.norm);
  }

  // `input` must be a norm of the stream x. Returns x.
  Result<ValueId> NormOfStream(std::string_view part, ValueId id, ValueId input, ValueId x,
                               Norm& norm) const {
    MILLRACE_TRY(const auto found, pattern_.Expect<RmsNorm>(input));
    if (found.input != x) return WrongOperand(part, id);
    norm = {found.weight, found.eps};
    return x;
  }

  static Error WrongOperand(std::string_view part, ValueId id) {
    return Unsupported(
        "graph: the {} that ends in %{} does not begin with one norm of its residual stream", part,
        id.value);
  }

  Pattern pattern_;
};

}  // namespace

Result<Transformer> RecogniseTransformer(const Graph& graph) { return Recogniser(graph).Run(); }

}  // namespace millrace
