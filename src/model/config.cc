#include "model/config.h"

#include <cmath>
#include <limits>

namespace millrace {
namespace {

constexpr std::uint64_t kLargestCount = std::numeric_limits<std::int32_t>::max();

// The keys of one architecture: "llama" and "block_count" make "llama.block_count".
class Keys {
 public:
  Keys(const Checkpoint& checkpoint, std::string architecture)
      : checkpoint_(checkpoint), architecture_(std::move(architecture)) {}

  std::string Full(std::string_view key) const { return fmt::format("{}.{}", architecture_, key); }
  bool Has(std::string_view key) const { return checkpoint_.Has(Full(key)); }

  Result<std::int64_t> Count(std::string_view key) const {
    MILLRACE_TRY(const std::uint64_t count, checkpoint_.GetUint(Full(key)));
    if (count < 1 || count > kLargestCount) return Impossible(key, count, "1 to 2147483647");
    return static_cast<std::int64_t>(count);
  }
  Result<std::int64_t> Count(std::string_view key, std::int64_t fallback) const {
    return Has(key) ? Count(key) : fallback;
  }

  // A finite number above 0, or of 0 and above.
  Result<double> Positive(std::string_view key, double fallback) const {
    MILLRACE_TRY(const double value, checkpoint_.GetFloat(Full(key), fallback));
    if (!std::isfinite(value) || value <= 0) return Impossible(key, value, "a number above 0");
    return value;
  }
  Result<double> NotNegative(std::string_view key, double fallback) const {
    MILLRACE_TRY(const double value, checkpoint_.GetFloat(Full(key), fallback));
    if (!std::isfinite(value) || value < 0) return Impossible(key, value, "0 or more");
    return value;
  }

  Result<std::string_view> Text(std::string_view key, std::string_view fallback) const {
    return checkpoint_.GetString(Full(key), fallback);
  }

  const std::string& file() const { return checkpoint_.name(); }

 private:
  template <typename Value>
  Error Impossible(std::string_view key, Value value, std::string_view wanted) const {
    return Invalid("{}: metadata key {} is {}, wanted {}", file(), Full(key), value, wanted);
  }

  const Checkpoint& checkpoint_;
  std::string architecture_;
};

Result<RopeScaling> ParseScaling(const Keys& keys) {
  MILLRACE_TRY(const std::string_view type, keys.Text("rope.scaling.type", "linear"));
  if (type == "none") return RopeScaling::kNone;
  if (type == "linear") return RopeScaling::kLinear;
  if (type == "yarn") return RopeScaling::kYarn;
  return Unsupported("{}: metadata key {} is '{}', supported: none, linear, yarn", keys.file(),
                     keys.Full("rope.scaling.type"), type);
}

Result<RopeConfig> ParseRope(const Keys& keys, const ModelConfig& config) {
  RopeConfig rope;
  MILLRACE_TRY(rope.dimensions, keys.Count("rope.dimension_count", config.head_dim));
  if (rope.dimensions % 2 != 0 || rope.dimensions > config.head_dim) {
    return Invalid("{}: metadata key {} is {}, wanted an even number up to the head size {}",
                   keys.file(), keys.Full("rope.dimension_count"), rope.dimensions,
                   config.head_dim);
  }
  MILLRACE_TRY(rope.base, keys.Positive("rope.freq_base", rope.base));
  MILLRACE_TRY(rope.scaling, ParseScaling(keys));
  // Old files have the factor of linear scaling under another name; 0 means none.
  const std::string_view factor_key =
      keys.Has("rope.scaling.factor") ? "rope.scaling.factor" : "rope.scale_linear";
  MILLRACE_TRY(const double factor, keys.NotNegative(factor_key, 1));
  rope.factor = factor == 0 ? 1 : factor;
  MILLRACE_TRY(rope.attention_factor, keys.Positive("rope.scaling.attn_factor", 1));
  MILLRACE_TRY(rope.original_context_length,
               keys.Positive("rope.scaling.original_context_length",
                             static_cast<double>(config.context_length)));
  MILLRACE_TRY(rope.beta_fast, keys.Positive("rope.scaling.yarn_beta_fast", rope.beta_fast));
  MILLRACE_TRY(rope.beta_slow, keys.Positive("rope.scaling.yarn_beta_slow", rope.beta_slow));
  MILLRACE_TRY(rope.extrapolation, keys.NotNegative("rope.scaling.yarn_ext_factor", 1));
  if (rope.scaling == RopeScaling::kYarn && rope.base <= 1) {
    return Invalid("{}: metadata key {} is {}, wanted more than 1 for YaRN", keys.file(),
                   keys.Full("rope.freq_base"), rope.base);
  }
  return rope;
}

// The counts of heads and their size, which must fit each other.
Result<void> ParseHeads(const Keys& keys, ModelConfig& config) {
  MILLRACE_TRY(config.heads, keys.Count("attention.head_count"));
  MILLRACE_TRY(config.kv_heads, keys.Count("attention.head_count_kv", config.heads));
  if (config.heads % config.kv_heads != 0) {
    return Invalid("{}: {} heads share {} key-value heads, wanted a multiple", keys.file(),
                   config.heads, config.kv_heads);
  }
  if (!keys.Has("attention.key_length") && config.hidden % config.heads != 0) {
    return Invalid("{}: hidden size {} is not a multiple of {} heads, and {} is missing",
                   keys.file(), config.hidden, config.heads, keys.Full("attention.key_length"));
  }
  MILLRACE_TRY(config.head_dim, keys.Count("attention.key_length", config.hidden / config.heads));
  if (config.head_dim % 2 != 0) {
    return Invalid("{}: the head size is {}, wanted an even number", keys.file(), config.head_dim);
  }
  MILLRACE_TRY(const std::int64_t value_dim, keys.Count("attention.value_length", config.head_dim));
  if (value_dim != config.head_dim) {
    return Unsupported("{}: values of size {} beside keys of {}, supported: the same size",
                       keys.file(), value_dim, config.head_dim);
  }
  return {};
}

}  // namespace

Result<ModelConfig> ParseConfig(const Checkpoint& checkpoint) {
  ModelConfig config;
  MILLRACE_TRY(config.architecture, checkpoint.GetString("general.architecture"));
  MILLRACE_TRY(config.name, checkpoint.GetString("general.name", ""));
  const Keys keys(checkpoint, config.architecture);
  MILLRACE_TRY(config.context_length, keys.Count("context_length"));
  MILLRACE_TRY(config.layers, keys.Count("block_count"));
  MILLRACE_TRY(config.hidden, keys.Count("embedding_length"));
  MILLRACE_TRY(config.ffn, keys.Count("feed_forward_length"));
  MILLRACE_TRY_VOID(ParseHeads(keys, config));
  MILLRACE_TRY(const double eps,
               checkpoint.GetFloat(keys.Full("attention.layer_norm_rms_epsilon")));
  if (!std::isfinite(eps) || eps < 0) {
    return Invalid("{}: metadata key {} is {}, wanted 0 or more", checkpoint.name(),
                   keys.Full("attention.layer_norm_rms_epsilon"), eps);
  }
  config.norm_eps = static_cast<float>(eps);
  MILLRACE_TRY(config.rope, ParseRope(keys, config));
  MILLRACE_TRY(const std::uint64_t experts, checkpoint.GetUint(keys.Full("expert_count"), 0));
  if (experts > 0) {
    return Unsupported("{}: metadata key {} is {}, supported: models without experts",
                       checkpoint.name(), keys.Full("expert_count"), experts);
  }
  const Tensor* embedding = checkpoint.Find("token_embd.weight");
  if (embedding == nullptr) {
    return Invalid("{}: tensor token_embd.weight is missing", checkpoint.name());
  }
  config.vocabulary = embedding->rows();
  return config;
}

}  // namespace millrace
