#include "model/qwen3moe.h"

#include "model/decoder.h"

namespace millrace {

Result<Graph> BuildQwen3Moe(const ModelConfig& config, const Checkpoint& checkpoint) {
  if (config.experts.count == 0) {
    return Invalid("{}: metadata key qwen3moe.expert_count is missing or 0, wanted 1 or more",
                   checkpoint.name());
  }
  return BuildDecoder(config, checkpoint,
                      {.pairs = RopePairs::kHalves, .head_norms = true, .normalise_routes = true});
}

}  // namespace millrace
