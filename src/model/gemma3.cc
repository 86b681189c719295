#include "model/gemma3.h"

#include "model/decoder.h"
#include "model/gemma_form.h"

namespace millrace {
namespace {

constexpr std::int64_t kLayersOf27B = 62;

}  // namespace

Result<Graph> BuildGemma3(const ModelConfig& config, const Checkpoint& checkpoint) {
  DecoderForm form = GemmaForm(config, kLayersOf27B);
  form.head_norms = true;
  if (config.window > 0) {
    form.window_period = 6;
    form.window_rope = RopeConfig{.dimensions = config.rope.dimensions};
    if (config.window_rope_base > 0) form.window_rope->base = config.window_rope_base;
  }
  return BuildDecoder(config, checkpoint, form);
}

}  // namespace millrace
