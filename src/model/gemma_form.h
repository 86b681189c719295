// What the Gemmas share: model/gemma2.h says what that is.
#pragma once

#include <cmath>

#include "model/config.h"
#include "model/decoder.h"

namespace millrace {

// Scores are scaled by the root of a head's size, but in the model of layers_of_27b layers by that
// of hidden / heads; files do not say which, so the number of layers does.
inline DecoderForm GemmaForm(const ModelConfig& config, std::int64_t layers_of_27b) {
  DecoderForm form{.pairs = RopePairs::kHalves, .post_norms = true, .gate = GateKind::kGelu};
  form.embedding_scale = std::sqrt(static_cast<float>(config.hidden));
  const std::int64_t size =
      config.layers == layers_of_27b ? config.hidden / config.heads : config.head_dim;
  form.attention_scale = 1 / std::sqrt(static_cast<float>(size));
  return form;
}

}  // namespace millrace
