// Bytes and multiply-adds of one decoded token, from the plan alone.
#include <algorithm>

#include "host/host_plan.h"

namespace millrace {
namespace {

double Elements(const Graph& graph, WeightId id) {
  return static_cast<double>(graph.weight(id).rows) * static_cast<double>(graph.weight(id).columns);
}

class MultiplyAdds {
 public:
  explicit MultiplyAdds(const Graph& graph) : graph_(graph) {}

  double Of(const TransformerLayer& layer) const {
    return Of(layer.attention.output) +
           std::visit([this](const auto& inputs) { return Of(inputs); }, layer.attention.inputs) +
           std::visit([this](const auto& part) { return Of(part); }, layer.feed_forward.inner);
  }

 private:
  double Of(const Projection& projection) const { return Elements(graph_, projection.weight); }
  double Of(const HeadAttention& inputs) const {
    return Of(inputs.query) + Of(inputs.key) + Of(inputs.value);
  }
  double Of(const LatentAttention& inputs) const {
    return (inputs.query_down ? Of(*inputs.query_down) : 0) + Of(inputs.query) +
           Of(inputs.key_latent) + Of(inputs.key_rotated) + Elements(graph_, inputs.absorb) +
           Elements(graph_, inputs.expand);
  }
  double Of(const GatedPart& part) const { return Of(part.gate) + Of(part.up) + Of(part.down); }
  double Of(const ExpertsPart& part) const {
    const double all = Elements(graph_, part.experts.gate) + Elements(graph_, part.experts.up) +
                       Elements(graph_, part.experts.down);
    const auto experts = static_cast<double>(graph_.weight(part.router.weight).rows);
    return Of(part.router) + all * part.route.chosen / experts +
           (part.shared ? Of(*part.shared) : 0);
  }

  const Graph& graph_;
};

}  // namespace

// Positions that the layers read, all layers together.
double HostPlan::CachedPositions(std::int64_t positions) const {
  double sum = 0;
  for (const TransformerLayer& layer : transformer_.layers) {
    const std::int64_t window = layer.attention.attention.window;
    sum += static_cast<double>(window == 0 ? positions : std::min(positions, window));
  }
  return sum;
}

double HostPlan::bytes_per_token(std::int64_t positions) const {
  double bytes = 0, experts = 0;
  for (const ThreadShare& share : shares) {
    bytes += static_cast<double>(share.stream_bytes - share.expert_bytes);
    experts += static_cast<double>(share.expert_bytes);
  }
  if (shape_.experts != 0) {
    bytes += experts * static_cast<double>(shape_.chosen) / static_cast<double>(shape_.experts);
  }
  bytes +=
      static_cast<double>(RowBytes(graph_->weight(transformer_.embedding).dtype, shape_.hidden));
  const auto position_bytes = static_cast<double>(shape_.kv_heads * head_block_bytes_) / kKvBlock;
  return bytes + position_bytes * CachedPositions(positions);
}

double HostPlan::multiply_adds_per_token(std::int64_t positions) const {
  double weights = Elements(*graph_, transformer_.output.weight);
  for (const TransformerLayer& layer : transformer_.layers) {
    weights += MultiplyAdds(*graph_).Of(layer);
  }
  const auto attention = static_cast<double>(shape_.heads * (shape_.head_dim + shape_.value_dim));
  return weights + attention * CachedPositions(positions);
}

}  // namespace millrace
