// What choosing a token costs, for the vocabularies of Llama 2 (32,000) and Llama 3 (128,256). The
// floor is one read of the logits: 128 KB and 513 KB.
#include "engine/sampler.h"

#include <benchmark/benchmark.h>

#include <cmath>
#include <vector>

#include "engine/logprobs.h"

namespace millrace {
namespace {

// Zipf's law: the token of rank r, from 1, has a probability in proportion to r^-exponent.
// With 1.6, 90 tokens have 95 % of it, as in running text. The ranks are strewn over the ids.
std::vector<float> Logits(std::size_t count, double exponent) {
  std::vector<float> logits(count);
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t rank = 1 + i * 7919 % count;  // 7919 is a prime that divides neither size
    logits[i] = static_cast<float>(15 - exponent * std::log(static_cast<double>(rank)));
  }
  return logits;
}

void Sample(benchmark::State& state, const SamplingParameters& parameters, double exponent = 1.6) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<float> logits = Logits(count, exponent);
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
BENCHMARK_CAPTURE(Sample, top_p_only_flat, TopP(), 0.5)->Arg(32000)->Arg(128256);
BENCHMARK_CAPTURE(Sample, temperature_only, Off())->Arg(32000)->Arg(128256);

void TopLogprobs20(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  const std::vector<float> logits = Logits(count, 1.6);
  Logprobs logprobs(count, 20);
  for (auto _ : state) benchmark::DoNotOptimize(logprobs.Top(logits, TokenId{0}, 20));
}
BENCHMARK(TopLogprobs20)->Arg(32000)->Arg(128256);

}  // namespace
}  // namespace millrace
