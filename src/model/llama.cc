#include "model/llama.h"

#include "model/decoder.h"

namespace millrace {

Result<Graph> BuildLlama(const ModelConfig& config, const Checkpoint& checkpoint) {
  return BuildDecoder(config, checkpoint, {.normalise_routes = true});
}

}  // namespace millrace
