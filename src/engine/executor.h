// What the engine needs of whatever computes the logits: the one virtual interface of the project.
//
// A step is the tokens of some sequences; the executor writes their keys and values into KV blocks
// that the caller assigns, and rows of logits. The same tokens give the same logits, to the bit,
// however they are divided into steps and whatever else is in a step.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "host/step.h"

namespace millrace {

inline constexpr std::int32_t kPositionsPerKvBlock = 64;

struct ExecutorLimits {
  std::int32_t vocabulary = 0;
  std::int32_t context = 0;         // positions a sequence may have
  std::int32_t kv_blocks = 0;       // of 64 positions, shared by all sequences
  std::int32_t max_tokens = 0;      // of one step, all sequences together
  std::int32_t max_logit_rows = 0;  // rows of logits that one step may ask for
  // Where layers with a window have KV blocks of their own: the longest window, and how many blocks
  // (StepSequence::window_blocks); else 0.
  std::int32_t window = 0;
  std::int32_t window_blocks = 0;
  // Keys and values lie in the KV blocks, so a sequence may begin behind blocks that another one
  // computed, and compute a position again. If not, positions must come once each, from 0.
  bool addressable_kv = true;
};

class Executor {
 public:
  virtual ~Executor() = default;

  virtual const ExecutorLimits& limits() const = 0;
  // Within the limits, or it is the caller's bug.
  virtual void Step(std::span<const StepSequence> sequences) = 0;
  // Row i that the last step wrote, in the order of the tokens that wanted one: [vocabulary].
  // Valid until the next Step.
  virtual std::span<const float> logits(std::size_t row) const = 0;
};

}  // namespace millrace
