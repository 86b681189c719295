// What choosing a token costs, for the vocabularies of Llama 2 (32,000) and Llama 3 (128,256). The
// floor is one read of the logits: 128 KB and 513 KB.
#include "engine/sampler.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <numbers>
#include <vector>

#include "base/philox.h"
#include "engine/logprobs.h"

namespace millrace {
namespace {

// Normal with a deviation of 3, about what language models give.
std::vector<float> Logits(std::size_t count) {
  std::vector<float> logits(count);
  for (std::size_t i = 0; i < count; ++i) {
    const double radius = std::sqrt(-2 * std::log(1 - DrawUniform(1, 0, i)));
    logits[i] =
        static_cast<float>(3 * radius * std::cos(2 * std::numbers::pi * DrawUniform(1, 1, i)));
  }
  return logits;
}

void Sample(benchmark::State& state, const SamplingParameters& parameters) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<float> logits = Logits(count);
  Sampler sampler = Sampler::Build(parameters, count, 0).value();
  for (int i = 0; i < 64; ++i) sampler.Accept(TokenId{i});
  std::int64_t position = 0;
  for (auto _ : state) benchmark::DoNotOptimize(sampler.Sample(logits, position++));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(count * sizeof(float)));
}

SamplingParameters Off() {
  SamplingParameters parameters;
  parameters.top_k = 0;
  parameters.top_p = 1;
  parameters.min_p = 0;
  return parameters;
}
SamplingParameters Greedy() {
  SamplingParameters parameters;
  parameters.temperature = 0;
  return parameters;
}
SamplingParameters GreedyWithPenalties() {
  SamplingParameters parameters = Greedy();
  parameters.repeat_penalty = 1.1f;
  return parameters;
}
SamplingParameters TopP() {
  SamplingParameters parameters = Off();
  parameters.top_p = 0.95f;
  return parameters;
}
SamplingParameters MinP() {
  SamplingParameters parameters = Off();
  parameters.min_p = 0.05f;
  return parameters;
}

BENCHMARK_CAPTURE(Sample, greedy, Greedy())->Arg(32000)->Arg(128256);
BENCHMARK_CAPTURE(Sample, greedy_repeat_penalty, GreedyWithPenalties())->Arg(32000)->Arg(128256);
BENCHMARK_CAPTURE(Sample, defaults_top_k_40, SamplingParameters())->Arg(32000)->Arg(128256);
BENCHMARK_CAPTURE(Sample, min_p_only, MinP())->Arg(32000)->Arg(128256);
BENCHMARK_CAPTURE(Sample, top_p_only, TopP())->Arg(32000)->Arg(128256);
BENCHMARK_CAPTURE(Sample, temperature_only, Off())->Arg(32000)->Arg(128256);

void TopLogprobs20(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<float> logits = Logits(count);
  Logprobs logprobs(count, 20);
  for (auto _ : state) benchmark::DoNotOptimize(logprobs.Top(logits, TokenId{0}, 20));
}
BENCHMARK(TopLogprobs20)->Arg(32000)->Arg(128256);

}  // namespace
}  // namespace millrace
