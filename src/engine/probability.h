// Sums of exp(logit) and draws from them, with the same bits on every machine.
//
// The C library's exp and log have variants with and without fused multiply-adds, chosen by the
// CPU, that differ in the last bit; these are plain operations in one order. Sums are cut by index
// into chunks of 128. Inside a chunk there are sixteen partial sums by `index mod 16` and a fixed
// tree, in binary32; the chunks are added in ascending order, in binary64.
#pragma once

#include <cstddef>
#include <span>

namespace millrace {

// exp(x) for x <= 0, with a relative error below 2e-7 (a logit of 16 is itself known to 1e-6): 1
// for 0, and 0 for x < -87 and NaN.
float ExpOfNonPositive(float x);

// The natural logarithm of a positive normal number; absolute error below 1e-15 * (1 + |log x|).
double Log(double x);

// The sum over all i of exp((logits[i] - max) * scale). No logit may be above `max`; `max` and
// `scale` are finite, `scale` is positive. A NaN counts as -infinity: it adds nothing.
double SumOfExp(std::span<const float> logits, float max, float scale);

// How many doubles of scratch DrawIndex wants for `count` logits.
std::size_t DrawScratchSize(std::size_t count);

// The index i with the probability exp((logits[i] - max) * scale) / SumOfExp(...): the first whose
// running sum exceeds `uniform` (in [0, 1)) times the total. At least one logit equals `max`. Never
// an i of probability 0.
std::size_t DrawIndex(std::span<const float> logits, float max, float scale, double uniform,
                      std::span<double> scratch);

}  // namespace millrace
