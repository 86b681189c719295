#include "host/pattern.h"

namespace millrace {

Result<Projection> Pattern::PlainProjection(ValueId id) const {
  MILLRACE_TRY(const auto linear, Expect<Linear>(id));
  if (linear.groups != 1) {
    return Unsupported("graph: value %{} is a linear operation of {} groups, the host expects one",
                       id.value, linear.groups);
  }
  return Projection{linear.weight, linear.bias};
}

Result<ValueId> Pattern::Gated(ValueId id, GatedPart& part) const {
  MILLRACE_TRY(const auto down, Expect<Linear>(id));
  MILLRACE_TRY(part.down, PlainProjection(id));
  MILLRACE_TRY(const auto gated, Expect<GateMul>(down.input));
  MILLRACE_TRY(const auto gate, Expect<Linear>(gated.gate));
  MILLRACE_TRY(const auto up, Expect<Linear>(gated.up));
  MILLRACE_TRY(part.gate, PlainProjection(gated.gate));
  MILLRACE_TRY(part.up, PlainProjection(gated.up));
  part.kind = gated.kind;
  if (gate.input != up.input) {
    return Unsupported("graph: gate and up of %{} have different inputs", id.value);
  }
  return gate.input;
}

Result<ValueId> Pattern::RoutedExperts(ValueId id, ExpertsPart& part) const {
  MILLRACE_TRY(part.experts, Expect<Experts>(id));
  MILLRACE_TRY(part.route, Expect<Route>(part.experts.routes));
  MILLRACE_TRY(const auto router, Expect<Linear>(part.route.logits));
  MILLRACE_TRY(part.router, PlainProjection(part.route.logits));
  if (router.input != part.experts.input) {
    return Unsupported("graph: the router and the experts of %{} have different inputs", id.value);
  }
  return router.input;
}

Result<ValueId> Pattern::HeadVectors(ValueId id, Projection& projection, std::optional<Norm>& norm,
                                     std::optional<Rope>& rope) const {
  if (const auto* found = Find<Rope>(id)) {
    rope = *found;
    id = found->input;
  }
  if (const auto* found = Find<RmsNorm>(id)) {
    norm = Norm{found->weight, found->eps};
    id = found->input;
  }
  MILLRACE_TRY(const auto linear, Expect<Linear>(id));
  MILLRACE_TRY(projection, PlainProjection(id));
  return linear.input;
}

Result<ValueId> Pattern::Heads(const Attention& attention, HeadAttention& part) const {
  MILLRACE_TRY(const ValueId query,
               HeadVectors(attention.query, part.query, part.query_norm, part.query_rope));
  MILLRACE_TRY(const ValueId key,
               HeadVectors(attention.key, part.key, part.key_norm, part.key_rope));
  MILLRACE_TRY(const auto value, Expect<Linear>(attention.value));
  MILLRACE_TRY(part.value, PlainProjection(attention.value));
  for (const auto& norm : {part.query_norm, part.key_norm}) {
    if (norm && graph_.weight(norm->weight).columns != attention.head_dim) {
      return Unsupported(
          "graph: layer {} has a norm over {} columns of queries or keys, the host "
          "expects one of a head, {}",
          attention.layer, graph_.weight(norm->weight).columns, attention.head_dim);
    }
  }
  if (query != key || query != value.input) {
    return Unsupported("graph: queries, keys and values of layer {} have different inputs",
                       attention.layer);
  }
  return query;
}

Result<ValueId> Pattern::Latent(ValueId id, Attention& attention, LatentAttention& part) const {
  MILLRACE_TRY(const auto expand, Expect<Linear>(id));
  MILLRACE_TRY(attention, Expect<Attention>(expand.input));
  part.expand = expand.weight;
  MILLRACE_TRY(const ValueId query, LatentQuery(attention.query, part));
  MILLRACE_TRY(const ValueId key, LatentKey(attention.key, attention.value, part));
  const Weight& weight = graph_.weight(part.expand);
  part.value = static_cast<std::int32_t>(weight.rows / attention.heads);
  const bool fits = attention.kv_heads == 1 && expand.groups == attention.heads && !expand.bias &&
                    query == key && part.latent == attention.value_dim &&
                    part.latent + part.rotated == attention.head_dim;
  if (!fits) {
    return Unsupported("graph: the latent attention of layer {} has parts that do not fit together",
                       attention.layer);
  }
  return query;
}

// concat( absorb( slice nope ), rope( slice rotated ) ) of query( x ) or query( norm( down( x ) )
// ).
Result<ValueId> Pattern::LatentQuery(ValueId id, LatentAttention& part) const {
  MILLRACE_TRY(const auto concat, Expect<HeadConcat>(id));
  MILLRACE_TRY(const auto absorb, Expect<Linear>(concat.left));
  MILLRACE_TRY(const auto nope, Expect<HeadSlice>(absorb.input));
  MILLRACE_TRY(part.query_rope, Expect<Rope>(concat.right));
  MILLRACE_TRY(const auto rotated, Expect<HeadSlice>(part.query_rope.input));
  part.absorb = absorb.weight;
  part.nope = nope.size;
  part.rotated = rotated.size;
  if (nope.input != rotated.input || nope.begin != 0 || rotated.begin != nope.size ||
      nope.heads != rotated.heads || concat.heads != nope.heads || absorb.groups != nope.heads ||
      absorb.bias) {
    return Unsupported("graph: the latent query %{} has parts that do not fit together", id.value);
  }
  MILLRACE_TRY(const auto query, Expect<Linear>(nope.input));
  MILLRACE_TRY(part.query, PlainProjection(nope.input));
  const auto* norm = Find<RmsNorm>(query.input);
  const auto* down = norm == nullptr ? nullptr : Find<Linear>(norm->input);
  if (down == nullptr) return query.input;
  part.query_down_norm = Norm{norm->weight, norm->eps};
  MILLRACE_TRY(part.query_down, PlainProjection(norm->input));
  return down->input;
}

// concat( latent, rope( rotated( x ) ) ), latent = norm( latent( x ) ).
Result<ValueId> Pattern::LatentKey(ValueId id, ValueId latent, LatentAttention& part) const {
  MILLRACE_TRY(const auto concat, Expect<HeadConcat>(id));
  MILLRACE_TRY(const auto norm, Expect<RmsNorm>(latent));
  MILLRACE_TRY(const auto key_latent, Expect<Linear>(norm.input));
  MILLRACE_TRY(part.key_latent, PlainProjection(norm.input));
  MILLRACE_TRY(part.key_rope, Expect<Rope>(concat.right));
  MILLRACE_TRY(const auto rotated, Expect<Linear>(part.key_rope.input));
  MILLRACE_TRY(part.key_rotated, PlainProjection(part.key_rope.input));
  part.latent_norm = {norm.weight, norm.eps};
  part.latent = static_cast<std::int32_t>(graph_.weight(part.key_latent.weight).rows);
  if (concat.left != latent || concat.heads != 1 || key_latent.input != rotated.input) {
    return Unsupported("graph: the latent key %{} has parts that do not fit together", id.value);
  }
  return key_latent.input;
}

}  // namespace millrace
