// Phi3ForCausalLM: fused projections, and rotation of long contexts by two sets of divisors.
#include <cmath>

#include "format/hf_changes.h"
#include "format/hf_families.h"

namespace millrace {
namespace {

constexpr HfRule kRules[] = {
    {".self_attn.qkv_proj.weight", ".attn_qkv.weight", Keep},
    {".mlp.gate_up_proj.weight", ".ffn_up.weight", Keep},
};

Result<void> AddDivisors(HfConversion& conversion, std::string_view key, const char* target,
                         std::uint32_t rotated) {
  const HfObject& scaling = *conversion.rope().scaling;
  MILLRACE_TRY(const std::vector<float> divisors, scaling.Numbers(key));
  if (divisors.size() != rotated / 2) {
    return Invalid("{}: key {} has {} numbers, wanted {}", scaling.where(), key, divisors.size(),
                   rotated / 2);
  }
  const auto bytes = std::as_bytes(std::span(divisors));
  const std::span<std::byte> owned = conversion.Allocate(bytes.size());
  std::copy(bytes.begin(), bytes.end(), owned.begin());
  const std::int64_t shape[] = {static_cast<std::int64_t>(divisors.size())};
  return conversion.Add(target, DType::kF32, shape, owned);
}

// By how much attention is sharpened in a context that is stretched `scale` times.
double AttentionFactor(std::string_view type, double scale, double original) {
  if (scale <= 1) return 1;
  return type == "yarn" ? 0.1 * std::log(scale) + 1
                        : std::sqrt(1 + std::log(scale) / std::log(original));
}

Result<void> SetLongRope(HfConversion& conversion, std::uint32_t original, std::uint32_t rotated) {
  const HfRope& rope = conversion.rope();
  if (rope.type != "longrope" && rope.type != "su" && rope.type != "yarn") {
    return Unsupported("{}: the rope type is '{}', supported with long_factor: longrope, su, yarn",
                       conversion.config().where(), rope.type);
  }
  MILLRACE_TRY(const std::uint32_t context,
               conversion.config().Count("max_position_embeddings", 131072));
  if (original < 2) {
    return Invalid("{}: key original_max_position_embeddings is {}, wanted 2 or more",
                   conversion.config().where(), original);
  }
  conversion.keys().SetFloat("rope.scaling.attn_factor",
                             AttentionFactor(rope.type, static_cast<double>(context) / original,
                                             static_cast<double>(original)));
  MILLRACE_TRY_VOID(AddDivisors(conversion, "long_factor", "rope_factors_long.weight", rotated));
  return AddDivisors(conversion, "short_factor", "rope_factors_short.weight", rotated);
}

Result<void> Complete(HfConversion& conversion) {
  const HfObject& config = conversion.config();
  const HfSizes& sizes = conversion.sizes();
  const std::optional<HfObject>& scaling = conversion.rope().scaling;
  constexpr std::string_view kShare = "partial_rotary_factor";
  const bool inside = scaling && scaling->Has(kShare);
  MILLRACE_TRY(const double share, (inside ? *scaling : config).Number(kShare, 1));
  if (!(share > 0 && share <= 1)) {
    return Invalid("{}: key {} is {}, wanted more than 0 and at most 1", config.where(), kShare,
                   share);
  }
  const auto rotated = static_cast<std::uint32_t>(share * sizes.hidden) / sizes.heads;
  MILLRACE_TRY(const std::uint32_t original,
               config.Count("original_max_position_embeddings", 4096));
  MILLRACE_TRY(const std::uint32_t window, config.Count("sliding_window", 0));
  conversion.keys().Set("rope.dimension_count", rotated);
  conversion.keys().Set("rope.scaling.original_context_length", original);
  conversion.keys().Set("attention.sliding_window", window);
  const bool has_factors = scaling && scaling->Has("long_factor");
  if (has_factors) return SetLongRope(conversion, original, rotated);
  return SetRopeScaling(config, conversion.rope(), conversion.keys());
}

constexpr HfFamily kFamilies[] = {
    {"Phi3ForCausalLM", "phi3", {.norm_eps = 1e-5, .context = 4096}, kRules, Complete},
};

}  // namespace

std::span<const HfFamily> Phi3Families() { return kFamilies; }

}  // namespace millrace
