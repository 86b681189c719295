// Shapes of small transformers, drawn at random: every part that a program for LPUs may have to do
// with, in sizes that fit words, steps and planes badly.
#pragma once

#include "random_transformer.h"

namespace millrace {

// draw(least, most): a number of [least, most], from wherever.
template <typename Draw>
RandomShape DrawShape(Draw draw) {
  RandomShape shape;
  shape.layers = draw(0, 2);
  shape.kv_heads = draw(1, 3);
  shape.heads = shape.kv_heads * draw(1, 4);
  shape.head_dim = 16 * draw(2, 9);
  while (shape.heads * shape.head_dim % 32 != 0) shape.head_dim += 16;
  shape.rotary = 2 * draw(4, shape.head_dim / 2);
  shape.hidden = 32 * draw(1, 14);
  shape.ffn = 32 * draw(1, 24);
  shape.vocabulary = draw(30, 700);
  shape.pairs = draw(0, 1) != 0 ? RopePairs::kHalves : RopePairs::kAdjacent;
  shape.biases = draw(0, 1) != 0;
  shape.head_norms = draw(0, 1) != 0;
  shape.post_norms = draw(0, 1) != 0;
  shape.sinks = draw(0, 3) == 0;
  if (draw(0, 1) != 0) shape.window = static_cast<std::int32_t>(draw(1, 100));
  if (draw(0, 2) == 0) shape.attention_softcap = 5;
  if (draw(0, 2) == 0) shape.logit_softcap = 10;
  if (draw(0, 3) == 0) {
    shape.experts = draw(2, 8);
    shape.chosen = draw(1, shape.experts);
    shape.expert_rows = 32 * draw(1, 6);
  }
  return shape;
}

}  // namespace millrace
