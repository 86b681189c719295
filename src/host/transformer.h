// A decoder-only transformer recognised in a Graph: what the host plan fuses.
//
//     x = scale( embed )
//     each layer:   x += norm( attention part( norm(x) ) );  x += norm( feed-forward part( norm(x)
//     ) ) logits = softcap( output( norm(x) ) )
//
// where scale, the norms behind the parts, softcap, biases and all that is optional below may be
// missing. The attention part is one of
//     o( attention( rope(norm(q n)), rope(norm(k n)), v n ) )          norms by head
//     latent attention (arXiv:2405.04434): one key-value head of compressed vectors
// and the feed-forward part a gated one, or a router with experts and perhaps a gated one beside.
#pragma once

#include <optional>
#include <variant>
#include <vector>

#include "base/result.h"
#include "graph/graph.h"

namespace millrace {

// w x, or w x + bias.
struct Projection {
  WeightId weight;
  std::optional<WeightId> bias = std::nullopt;
};

struct Norm {
  WeightId weight;
  float eps = 0;
};

struct HeadAttention {
  Projection query, key, value;
  std::optional<Norm> query_norm = std::nullopt, key_norm = std::nullopt;
  std::optional<Rope> query_rope = std::nullopt, key_rope = std::nullopt;
};

// Of each head's query rows the first `nope` dimensions meet the latent vector through `absorb`
// [heads * latent, nope], the other are rotated. Keys are [latent, rotated], values the latent
// vector; `expand` [heads * value, latent] makes a head's output of what it attended to.
struct LatentAttention {
  std::optional<Projection> query_down = std::nullopt;  // with its norm, where queries are
  std::optional<Norm> query_down_norm = std::nullopt;   // compressed too
  Projection query;
  Projection key_latent, key_rotated;
  Norm latent_norm;
  WeightId absorb, expand;
  Rope query_rope, key_rope;
  std::int32_t nope = 0, rotated = 0, latent = 0, value = 0;
};

struct AttentionPart {
  Norm norm;
  std::variant<HeadAttention, LatentAttention> inputs;
  Attention attention;
  Projection output;
  std::optional<Norm> post_norm = std::nullopt;
};

struct GatedPart {
  Projection gate, up, down;
  GateKind kind = GateKind::kSilu;
};

struct ExpertsPart {
  Projection router;
  Route route;
  Experts experts;
  std::optional<GatedPart> shared = std::nullopt;  // added to the experts' sum
};

struct FeedForwardPart {
  Norm norm;
  std::variant<GatedPart, ExpertsPart> inner;
  std::optional<Norm> post_norm = std::nullopt;
};

struct TransformerLayer {
  AttentionPart attention;
  FeedForwardPart feed_forward;
};

struct Transformer {
  WeightId embedding;
  float embedding_scale = 1;
  std::vector<TransformerLayer> layers;
  Norm output_norm;
  Projection output;
  float logit_softcap = 0;  // 0: none
};

// kUnsupported if the graph is anything else, naming the operation that does not fit.
Result<Transformer> RecogniseTransformer(const Graph& graph);

}  // namespace millrace
