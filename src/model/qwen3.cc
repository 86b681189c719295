#include "model/qwen3.h"

#include "model/decoder.h"

namespace millrace {

Result<Graph> BuildQwen3(const ModelConfig& config, const Checkpoint& checkpoint) {
  return BuildDecoder(config, checkpoint, {.pairs = RopePairs::kHalves, .head_norms = true});
}

}  // namespace millrace
