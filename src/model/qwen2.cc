#include "model/qwen2.h"

#include "model/decoder.h"

namespace millrace {

Result<Graph> BuildQwen2(const ModelConfig& config, const Checkpoint& checkpoint) {
  return BuildDecoder(config, checkpoint, {.pairs = RopePairs::kHalves});
}

}  // namespace millrace
