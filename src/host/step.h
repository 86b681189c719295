// What one step computes: which tokens of which sequences, and where their keys and values are.
#pragma once

#include <cstdint>
#include <span>

#include "base/typed_index.h"

namespace millrace {

enum class LogitsWanted { kNone, kLast, kAll };

// Consecutive tokens of one sequence.
struct StepSequence {
  std::span<const TokenId> tokens;
  std::int32_t first_position = 0;  // of tokens[0]; earlier positions are in the cache already
  // KV block i holds positions [64 i, 64 i + 64); enough of them for all tokens of this step.
  std::span<const std::int32_t> kv_blocks;
  LogitsWanted logits = LogitsWanted::kLast;
  // The same of the layers with a window, if these have blocks of their own (HostOptions); entries
  // of blocks wholly behind the window of first_position are not looked at.
  std::span<const std::int32_t> window_blocks = {};
};

}  // namespace millrace
