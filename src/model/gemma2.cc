#include "model/gemma2.h"

#include "model/decoder.h"
#include "model/gemma_form.h"

namespace millrace {
namespace {

constexpr std::int64_t kLayersOf27B = 46;

}  // namespace

Result<Graph> BuildGemma2(const ModelConfig& config, const Checkpoint& checkpoint) {
  ModelConfig with_window = config;
  if (config.window == 0) with_window.window = 4096;  // old files leave it out
  DecoderForm form = GemmaForm(config, kLayersOf27B);
  form.window_period = 2;
  form.window_rope = config.rope;
  if (config.window_rope_base > 0) form.window_rope->base = config.window_rope_base;
  return BuildDecoder(with_window, checkpoint, form);
}

}  // namespace millrace
