#include "model/llama.h"

#include <cmath>
#include <string>
#include <vector>

#include "model/graph_builder.h"
#include "model/rope_table.h"

namespace millrace {
namespace {

class LlamaBuilder {
 public:
  LlamaBuilder(const ModelConfig& config, const Checkpoint& checkpoint)
      : config_(config), file_(checkpoint.name()), builder_(checkpoint) {}

  Result<Graph> Build() && {
    MILLRACE_TRY(rope_table_, AppendRopeTable());
    MILLRACE_TRY(const WeightId embedding,
                 builder_.Matrix("token_embd.weight", config_.vocabulary, config_.hidden));
    ValueId x = builder_.Append(Embed{embedding});
    for (std::int64_t layer = 0; layer < config_.layers; ++layer) {
      layer_ = static_cast<std::int32_t>(layer);
      MILLRACE_TRY(x, AppendAttention(x));
      MILLRACE_TRY(x, AppendFeedForward(x));
    }
    MILLRACE_TRY(x, AppendNorm(x, "output_norm.weight"));
    const char* output = builder_.Has("output.weight") ? "output.weight" : "token_embd.weight";
    MILLRACE_TRY(x, AppendLinear(x, output, config_.vocabulary, config_.hidden));
    return std::move(builder_).Finish(x);
  }

 private:
  Result<RopeTableId> AppendRopeTable() {
    std::vector<float> divisors;
    if (builder_.Has("rope_freqs.weight")) {
      MILLRACE_TRY(divisors, builder_.Values("rope_freqs.weight", config_.rope.dimensions / 2));
    }
    for (const float divisor : divisors) {
      if (!std::isfinite(divisor) || divisor <= 0) {
        return Invalid("{}: tensor rope_freqs.weight holds {}, wanted numbers above 0", file_,
                       divisor);
      }
    }
    return builder_.Append(BuildRopeTable(config_.rope, divisors));
  }

  // x + out(attention(norm x)).
  Result<ValueId> AppendAttention(ValueId x) {
    const std::int64_t query_columns = config_.heads * config_.head_dim;
    const std::int64_t kv_columns = config_.kv_heads * config_.head_dim;
    MILLRACE_TRY(const ValueId h, AppendNorm(x, InLayer("attn_norm.weight")));
    MILLRACE_TRY(const ValueId query,
                 AppendLinear(h, InLayer("attn_q.weight"), query_columns, config_.hidden));
    MILLRACE_TRY(const ValueId key,
                 AppendLinear(h, InLayer("attn_k.weight"), kv_columns, config_.hidden));
    MILLRACE_TRY(const ValueId value,
                 AppendLinear(h, InLayer("attn_v.weight"), kv_columns, config_.hidden));
    const ValueId attended =
        builder_.Append(Attention{.query = AppendRope(query),
                                  .key = AppendRope(key),
                                  .value = value,
                                  .layer = layer_,
                                  .heads = static_cast<std::int32_t>(config_.heads),
                                  .kv_heads = static_cast<std::int32_t>(config_.kv_heads),
                                  .head_dim = static_cast<std::int32_t>(config_.head_dim),
                                  .value_dim = static_cast<std::int32_t>(config_.head_dim),
                                  .scale = 1 / std::sqrt(static_cast<float>(config_.head_dim))});
    MILLRACE_TRY(const ValueId out, AppendLinear(attended, InLayer("attn_output.weight"),
                                                 config_.hidden, query_columns));
    return builder_.Append(Add{x, out});
  }

  // x + down(silu(gate(norm x)) * up(norm x)).
  Result<ValueId> AppendFeedForward(ValueId x) {
    MILLRACE_TRY(const ValueId h, AppendNorm(x, InLayer("ffn_norm.weight")));
    MILLRACE_TRY(const ValueId gate,
                 AppendLinear(h, InLayer("ffn_gate.weight"), config_.ffn, config_.hidden));
    MILLRACE_TRY(const ValueId up,
                 AppendLinear(h, InLayer("ffn_up.weight"), config_.ffn, config_.hidden));
    MILLRACE_TRY(const ValueId down,
                 AppendLinear(builder_.Append(GateMul{gate, up}), InLayer("ffn_down.weight"),
                              config_.hidden, config_.ffn));
    return builder_.Append(Add{x, down});
  }

  Result<ValueId> AppendNorm(ValueId input, const std::string& name) {
    MILLRACE_TRY(const WeightId weight, builder_.Vector(name, config_.hidden));
    return builder_.Append(RmsNorm{input, weight, config_.norm_eps});
  }

  Result<ValueId> AppendLinear(ValueId input, const std::string& name, std::int64_t rows,
                               std::int64_t columns) {
    MILLRACE_TRY(const WeightId weight, builder_.Matrix(name, rows, columns));
    return builder_.Append(Linear{input, weight});
  }

  ValueId AppendRope(ValueId input) {
    return builder_.Append(Rope{input, rope_table_, static_cast<std::int32_t>(config_.head_dim)});
  }

  std::string InLayer(std::string_view name) const {
    return fmt::format("blk.{}.{}", layer_, name);
  }

  const ModelConfig& config_;
  const std::string& file_;
  GraphBuilder builder_;
  RopeTableId rope_table_;
  std::int32_t layer_ = 0;
};

}  // namespace

Result<Graph> BuildLlama(const ModelConfig& config, const Checkpoint& checkpoint) {
  return LlamaBuilder(config, checkpoint).Build();
}

}  // namespace millrace
