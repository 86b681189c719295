#include "model/gpt_oss.h"

#include "model/decoder.h"

namespace millrace {

Result<Graph> BuildGptOss(const ModelConfig& config, const Checkpoint& checkpoint) {
  if (config.experts.count == 0 || config.window == 0) {
    return Invalid(
        "{}: metadata keys gpt-oss.expert_count and gpt-oss.attention.sliding_window are {} and "
        "{}, "
        "wanted 1 or more",
        checkpoint.name(), config.experts.count, config.window);
  }
  DecoderForm form{.pairs = RopePairs::kHalves, .sinks = true};
  form.ffn_norm = "post_attention_norm.weight";
  form.gate = GateKind::kClampedSwiglu;
  form.window_period = 2;
  if (config.window_rope_base > 0) {
    form.window_rope = config.rope;
    form.window_rope->base = config.window_rope_base;
  }
  form.route_weights = RouteWeights::kSoftmaxOfChosen;
  return BuildDecoder(config, checkpoint, form);
}

}  // namespace millrace
