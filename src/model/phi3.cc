#include "model/phi3.h"

#include "model/decoder.h"

namespace millrace {

Result<Graph> BuildPhi3(const ModelConfig& config, const Checkpoint& checkpoint) {
  return BuildDecoder(config, checkpoint, {.pairs = RopePairs::kHalves, .fused_gate = true});
}

}  // namespace millrace
