#include "host/share.h"

#include <algorithm>

#include "host/routing.h"
#include "numerics/activation.h"

namespace millrace {
namespace {

// Rows of gate and up that one block of the product needs.
constexpr std::size_t kGatedUnit = kActivationBlock;

std::size_t Size(std::int64_t n) { return static_cast<std::size_t>(n); }

class Divider {
 public:
  Divider(const Graph& graph, const HostShape& shape, std::size_t thread, std::size_t threads)
      : graph_(graph), shape_(shape), thread_(thread), threads_(threads) {}

  LayerShare Layer(const TransformerLayer& layer) const {
    LayerShare share;
    if (const auto* latent = std::get_if<LatentAttention>(&layer.attention.inputs)) {
      share.latent = Latent(*latent);
    } else {
      share.heads = Heads(std::get<HeadAttention>(layer.attention.inputs));
    }
    share.attention_output = Rows(layer.attention.output, Own(shape_.hidden, kTileRows));
    if (const auto* experts = std::get_if<ExpertsPart>(&layer.feed_forward.inner)) {
      share.router =
          Rows(experts->router, Own(Size(graph_.weight(experts->router.weight).rows), kTileRows));
      for (std::size_t e = 0; e < shape_.experts; ++e) {
        share.experts.push_back(Expert(experts->experts, e));
      }
      if (experts->shared) share.gated = Gated(*experts->shared);
    } else {
      share.gated = Gated(std::get<GatedPart>(layer.feed_forward.inner));
    }
    return share;
  }

  PackedRows Output(const Projection& output) const {
    return Rows(output, Own(shape_.vocabulary, kTileRows));
  }

 private:
  Range Own(std::size_t n, std::size_t unit) const { return Part(n, unit, thread_, threads_); }

  PackedRows Rows(const Projection& projection, Range range) const {
    const Weight& weight = graph_.weight(projection.weight);
    return PackedRows{.weight = projection.weight,
                      .first_row = range.begin,
                      .packed = {.dtype = weight.dtype,
                                 .rows = range.size(),
                                 .columns = Size(weight.columns),
                                 .data = nullptr},
                      .bias = projection.bias,
                      .first_bias = range.begin};
  }

  // Key-value heads whole if there are enough of them, else query heads.
  std::vector<HeadRows> Heads(const HeadAttention& inputs) const {
    std::vector<HeadRows> result;
    const std::size_t group = shape_.group(), dim = shape_.head_dim;
    Range own = Own(shape_.kv_heads, 1);
    own = shape_.kv_is_shared ? Own(shape_.heads, 1) : Range{own.begin * group, own.end * group};
    for (std::size_t head = own.begin; head < own.end;) {
      const std::size_t kv_head = head / group;
      const std::size_t end = std::min(own.end, (kv_head + 1) * group);
      const bool makes_kv = head == kv_head * group;  // the first of its readers
      const auto kv_rows = [&](const Projection& projection, std::size_t rows) {
        return Rows(projection, {kv_head * rows, makes_kv ? (kv_head + 1) * rows : kv_head * rows});
      };
      result.push_back({.kv_head = kv_head,
                        .first_head = head,
                        .heads = end - head,
                        .query = Rows(inputs.query, {head * dim, end * dim}),
                        .key = kv_rows(inputs.key, dim),
                        .value = kv_rows(inputs.value, shape_.value_dim)});
      head = end;
    }
    return result;
  }

  LatentRows Latent(const LatentAttention& inputs) const {
    LatentRows rows;
    rows.heads = Own(shape_.heads, 1);
    if (inputs.query_down) rows.query_down = Rows(*inputs.query_down, Own(shape_.query_down, 16));
    const std::size_t query = shape_.nope + shape_.rotated;
    rows.key_latent = Rows(inputs.key_latent, Own(shape_.latent, kTileRows));
    rows.key_rotated = Rows(inputs.key_rotated, Own(shape_.rotated, kTileRows));
    for (std::size_t h = rows.heads.begin; h < rows.heads.end; ++h) {
      rows.query.push_back(Rows(inputs.query, {h * query, (h + 1) * query}));
      rows.absorb.push_back(Rows({inputs.absorb}, {h * shape_.latent, (h + 1) * shape_.latent}));
      rows.expand.push_back(
          Rows({inputs.expand}, {h * shape_.latent_value, (h + 1) * shape_.latent_value}));
    }
    return rows;
  }

  // Rows [first, first + width) of gate and up, and rows [first_down, ..) of down, are one part.
  GatedRows Gated(const Projection& gate, const Projection& up, const Projection& down,
                  std::size_t first, std::size_t width, std::size_t first_down) const {
    GatedRows rows;
    const Range own = Own(width, kGatedUnit);
    for (std::size_t begin = own.begin; begin < own.end; begin += kFfnPanelRows) {
      const Range panel{first + begin, first + std::min(own.end, begin + kFfnPanelRows)};
      rows.panels.push_back({.gate = Rows(gate, panel), .up = Rows(up, panel)});
    }
    const Range hidden = Own(shape_.hidden, kTileRows);
    rows.down = Rows(down, {first_down + hidden.begin, first_down + hidden.end});
    return rows;
  }

  GatedRows Gated(const GatedPart& part) const {
    return Gated(part.gate, part.up, part.down, 0, Size(graph_.weight(part.gate.weight).rows), 0);
  }

  GatedRows Expert(const Experts& experts, std::size_t index) const {
    return Gated({experts.gate, experts.gate_bias}, {experts.up, experts.up_bias},
                 {experts.down, experts.down_bias}, index * shape_.expert_rows, shape_.expert_rows,
                 index * shape_.hidden);
  }

  const Graph& graph_;
  const HostShape& shape_;
  std::size_t thread_, threads_;
};

class ShapeReader {
 public:
  ShapeReader(const Graph& graph, const Transformer& transformer)
      : graph_(graph), transformer_(transformer) {}

  Result<HostShape> Read(int threads) {
    if (transformer_.layers.empty()) return Unsupported("graph: no transformer layer");
    const AttentionPart& first = transformer_.layers.front().attention;
    shape_.hidden = Size(graph_.weight(transformer_.embedding).columns);
    shape_.vocabulary = Size(graph_.weight(transformer_.output.weight).rows);
    shape_.layers = transformer_.layers.size();
    shape_.heads = Size(first.attention.heads);
    shape_.kv_heads = Size(first.attention.kv_heads);
    shape_.head_dim = Size(first.attention.head_dim);
    shape_.value_dim = Size(first.attention.value_dim);
    shape_.attention_columns = Size(graph_.weight(first.output.weight).columns);
    shape_.has_latent = std::holds_alternative<LatentAttention>(first.inputs);
    const auto team = static_cast<std::size_t>(threads);
    shape_.kv_is_shared = !shape_.has_latent && shape_.group() > 1 && shape_.kv_heads % team != 0 &&
                          shape_.kv_heads < 4 * team;
    for (const TransformerLayer& layer : transformer_.layers) {
      MILLRACE_TRY_VOID(AddAttention(layer.attention));
      MILLRACE_TRY_VOID(AddFeedForward(layer));
    }
    return shape_;
  }

 private:
  std::size_t RowsOf(const Projection& p) const { return Size(graph_.weight(p.weight).rows); }

  Result<void> AddAttention(const AttentionPart& part) {
    const Attention& a = part.attention;
    if (Size(a.heads) != shape_.heads || Size(a.kv_heads) != shape_.kv_heads ||
        Size(a.head_dim) != shape_.head_dim || Size(a.value_dim) != shape_.value_dim ||
        std::holds_alternative<LatentAttention>(part.inputs) != shape_.has_latent) {
      return Unsupported("graph: layer {} has other attention dimensions than the first", a.layer);
    }
    if (const auto* latent = std::get_if<LatentAttention>(&part.inputs)) {
      if (latent->query_down) shape_.query_down = RowsOf(*latent->query_down);
      shape_.nope = Size(latent->nope);
      shape_.rotated = Size(latent->rotated);
      shape_.latent = Size(latent->latent);
      shape_.latent_value = Size(latent->value);
    }
    return {};
  }

  Result<void> AddFeedForward(const TransformerLayer& layer) {
    const auto* gated = std::get_if<GatedPart>(&layer.feed_forward.inner);
    if (gated != nullptr) {
      shape_.gated = std::max(shape_.gated, RowsOf(gated->gate));
      return {};
    }
    const auto& part = std::get<ExpertsPart>(layer.feed_forward.inner);
    const std::size_t experts = RowsOf(part.router);
    const std::size_t rows = Size(graph_.weight(part.experts.gate).rows) / experts;
    if (shape_.experts != 0 && (experts != shape_.experts || rows != shape_.expert_rows)) {
      return Unsupported("graph: layer {} has other experts than those before it",
                         layer.attention.attention.layer);
    }
    if (experts > kMostExperts) {
      return Unsupported("graph: layer {} has {} experts, the host runs at most {}",
                         layer.attention.attention.layer, experts, kMostExperts);
    }
    shape_.experts = experts;
    shape_.expert_rows = rows;
    shape_.chosen = std::max(shape_.chosen, Size(part.route.chosen));
    if (part.shared) shape_.gated = std::max(shape_.gated, RowsOf(part.shared->gate));
    return {};
  }

  const Graph& graph_;
  const Transformer& transformer_;
  HostShape shape_;
};

}  // namespace

Range Part(std::size_t n, std::size_t unit, std::size_t index, std::size_t parts) {
  const std::size_t units = (n + unit - 1) / unit;
  return {std::min(n, units * index / parts * unit),
          std::min(n, units * (index + 1) / parts * unit)};
}

Result<HostShape> ReadShape(const Graph& graph, const Transformer& transformer, int threads) {
  return ShapeReader(graph, transformer).Read(threads);
}

std::vector<ThreadShare> DivideRows(const Graph& graph, const Transformer& transformer,
                                    const HostShape& shape, int threads) {
  std::vector<ThreadShare> shares(static_cast<std::size_t>(threads));
  for (std::size_t thread = 0; thread < shares.size(); ++thread) {
    const Divider divider(graph, shape, thread, shares.size());
    for (const TransformerLayer& layer : transformer.layers) {
      shares[thread].layers.push_back(divider.Layer(layer));
    }
    shares[thread].output = divider.Output(transformer.output);
  }
  return shares;
}

}  // namespace millrace
