#include "engine/text_measurement.h"

#include <algorithm>
#include <chrono>

#include "base/check.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

double Median(std::vector<double> values) {
  MILLRACE_CHECK(!values.empty());
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : 0.5 * (values[middle - 1] + values[middle]);
}

struct TimedReply {
  std::vector<TokenId> tokens;
  double decode_s = 0;
  ReplyCounts counts;
};

Result<TimedReply> Run(Executor& executor, const EngineOptions& options, const Request& request) {
  Engine engine(executor, options);
  MILLRACE_TRY([[maybe_unused]] const SequenceId id, engine.Add(request));
  TimedReply reply;
  Clock::time_point first;
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.Step()) {
      if (reply.tokens.empty()) first = Clock::now();
      reply.tokens.push_back(event.token);
      reply.counts = event.counts;
    }
  }
  reply.decode_s = std::chrono::duration<double>(Clock::now() - first).count();
  return reply;
}

}  // namespace

double TextMeasurement::plain_tokens_per_s() const { return (generated - 1) / Median(plain_s); }
double TextMeasurement::guessed_tokens_per_s() const { return (generated - 1) / Median(guessed_s); }

double TextMeasurement::ratio() const {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < plain_s.size(); ++i) ratios.push_back(plain_s[i] / guessed_s[i]);
  return Median(std::move(ratios));
}

Result<TextMeasurement> MeasureText(Executor& executor, Proposer& proposer,
                                    const SpeculationOptions& speculation,
                                    std::span<const TokenId> prompt, std::int32_t generated,
                                    int repetitions) {
  MILLRACE_CHECK(generated >= 2 && repetitions >= 1);
  Request request;
  request.prompt.assign(prompt.begin(), prompt.end());
  request.sampling.temperature = 0;
  request.max_new_tokens = generated;
  const EngineOptions plain{.prefix_cache = false};
  const EngineOptions guessing{
      .prefix_cache = false, .proposer = &proposer, .speculation = speculation};
  TextMeasurement measurement;
  measurement.generated = generated;
  for (int i = -1; i < repetitions; ++i) {
    MILLRACE_TRY(const TimedReply without, Run(executor, plain, request));
    MILLRACE_TRY(const TimedReply with, Run(executor, guessing, request));
    MILLRACE_CHECK(with.tokens == without.tokens);
    if (i < 0) continue;
    measurement.plain_s.push_back(without.decode_s);
    measurement.guessed_s.push_back(with.decode_s);
    measurement.counts.proposed_tokens += with.counts.proposed_tokens;
    measurement.counts.accepted_tokens += with.counts.accepted_tokens;
  }
  return measurement;
}

}  // namespace millrace
