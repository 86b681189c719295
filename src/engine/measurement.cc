#include "engine/measurement.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <numeric>

#include "base/check.h"

namespace millrace {
namespace {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::time_point begin, Clock::time_point end) {
  return std::chrono::duration<double>(end - begin).count();
}

class Runner {
 public:
  Runner(Executor& executor, const Workload& workload)
      : executor_(executor),
        workload_(workload),
        blocks_(static_cast<std::size_t>(executor.limits().kv_blocks)) {
    std::iota(blocks_.begin(), blocks_.end(), 0);
    std::uint32_t random = 1;
    for (std::int32_t i = 0; i < workload.depth + workload.tokens(); ++i) {
      random = random * 1664525u + 1013904223u;  // Numerical Recipes; any tokens will do
      tokens_.push_back(TokenId{static_cast<std::int32_t>(
          (random >> 8) % static_cast<std::uint32_t>(executor.limits().vocabulary))});
    }
  }

  void FillCache() { Chunks(0, workload_.depth, LogitsWanted::kNone); }

  void Run(std::vector<double>* token_s) {
    if (workload_.prompt > 0) return Chunks(workload_.depth, workload_.prompt, LogitsWanted::kLast);
    for (std::int32_t i = 0; i < workload_.generated; ++i) {
      const auto begin = Clock::now();
      Step(workload_.depth + i, 1, LogitsWanted::kLast);
      if (token_s != nullptr) token_s->push_back(Seconds(begin, Clock::now()));
    }
  }

 private:
  void Chunks(std::int32_t first, std::int32_t count, LogitsWanted logits) {
    for (std::int32_t at = 0; at < count; at += executor_.limits().max_tokens) {
      const std::int32_t size = std::min(executor_.limits().max_tokens, count - at);
      Step(first + at, size, at + size == count ? logits : LogitsWanted::kNone);
    }
  }

  void Step(std::int32_t first, std::int32_t count, LogitsWanted logits) {
    const StepSequence step{std::span(tokens_).subspan(static_cast<std::size_t>(first),
                                                       static_cast<std::size_t>(count)),
                            first, blocks_, logits};
    executor_.Step({&step, 1});
  }

  Executor& executor_;
  const Workload& workload_;
  std::vector<std::int32_t> blocks_;
  std::vector<TokenId> tokens_;
};

}  // namespace

std::string Workload::name() const {
  const std::string work =
      prompt > 0 ? fmt::format("pp{}", prompt) : fmt::format("tg{}", generated);
  return depth > 0 ? fmt::format("{} @ d{}", work, depth) : work;
}

double Measurement::mean_tokens_per_s() const {
  double sum = 0;
  for (const double s : run_s) sum += workload.tokens() / s;
  return sum / static_cast<double>(run_s.size());
}

double Measurement::median_tokens_per_s() const {
  std::vector<double> sorted = run_s;
  std::sort(sorted.begin(), sorted.end());
  const std::size_t middle = sorted.size() / 2;
  const double median =
      sorted.size() % 2 == 1 ? sorted[middle] : 0.5 * (sorted[middle - 1] + sorted[middle]);
  return workload.tokens() / median;
}

double Measurement::deviation_tokens_per_s() const {
  if (run_s.size() < 2) return 0;
  const double mean = mean_tokens_per_s();
  double sum = 0;
  for (const double s : run_s) sum += std::pow(workload.tokens() / s - mean, 2);
  return std::sqrt(sum / static_cast<double>(run_s.size() - 1));
}

double Measurement::token_percentile_s(double share) const {
  MILLRACE_CHECK(!token_s.empty());
  std::vector<double> sorted = token_s;
  std::sort(sorted.begin(), sorted.end());
  const double rank = std::ceil(share * static_cast<double>(sorted.size()));
  return sorted[static_cast<std::size_t>(std::max(1.0, rank)) - 1];
}

Measurement Measure(Executor& executor, const Workload& workload, int repetitions) {
  Runner runner(executor, workload);
  Measurement measurement{.workload = workload, .run_s = {}, .token_s = {}};
  constexpr std::int64_t kMostReserved = 1 << 20;  // what is more grows between two tokens
  measurement.token_s.reserve(static_cast<std::size_t>(
      std::min(std::int64_t{workload.generated} * repetitions, kMostReserved)));
  runner.FillCache();
  runner.Run(nullptr);
  for (int i = 0; i < repetitions; ++i) {
    const auto begin = Clock::now();
    runner.Run(&measurement.token_s);
    measurement.run_s.push_back(Seconds(begin, Clock::now()));
  }
  return measurement;
}

}  // namespace millrace
