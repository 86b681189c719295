// How fast a simulated LPU runs: the stepped and the fast simulator beside the host executor, with
// the same model and threads.
//
//     lpu_simulators MODEL.gguf MACHINE[xN] [THREADS] [CONTEXT]
//
// Host and fast simulator take turns (A B A B, five rounds of 32 tokens); their ratio is taken in
// each round. Stepped is one thread. Compiling and verifying are timed once.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <numeric>
#include <vector>

#include "compiler/compile.h"
#include "engine/backend.h"
#include "engine/launch_inputs.h"
#include "isa/verify.h"
#include "machine/load_system.h"
#include "model/model.h"
#include "sim/stepped_simulator.h"

namespace millrace {
namespace {

constexpr int kRounds = 5, kTokens = 32, kSteppedTokens = 3;

double Seconds(const std::function<void()>& work) {
  const auto begin = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

// One sequence from position 0, a token a step.
double SecondsOfTokens(Executor& executor) {
  std::vector<std::int32_t> blocks(static_cast<std::size_t>(executor.limits().kv_blocks));
  std::iota(blocks.begin(), blocks.end(), 0);
  return Seconds([&] {
    for (std::int32_t position = 0; position < kTokens; ++position) {
      const TokenId token{3 + position};
      const StepSequence step{{&token, 1}, position, blocks, LogitsWanted::kLast};
      executor.Step({&step, 1});
    }
  });
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Result<void> CompareFast(const Model& model, BackendOptions options, const std::string& machine) {
  MILLRACE_TRY(const Backend host, MakeBackend(model, options));
  options.on = machine;
  MILLRACE_TRY(const Backend fast, MakeBackend(model, options));
  std::vector<double> host_s, fast_s, ratios;
  SecondsOfTokens(*host.executor);
  SecondsOfTokens(*fast.executor);
  for (int round = 0; round < kRounds; ++round) {
    host_s.push_back(SecondsOfTokens(*host.executor));
    fast_s.push_back(SecondsOfTokens(*fast.executor));
    ratios.push_back(host_s.back() / fast_s.back());
  }
  const auto [least, most] = std::minmax_element(ratios.begin(), ratios.end());
  fmt::print("host      {:10.1f} tok/s, {} threads\n", kTokens / Median(host_s), host.threads);
  fmt::print("fast      {:10.1f} tok/s: {:.2f} of the host ({:.2f} to {:.2f})\n",
             kTokens / Median(fast_s), Median(ratios), *least, *most);
  return {};
}

Result<void> TimeStepped(const Model& model, const std::string& machine, std::int32_t context) {
  MILLRACE_TRY(const System system, LoadSystem(machine));
  const auto begin = std::chrono::steady_clock::now();
  MILLRACE_TRY(const compiler::Compiled compiled,
               compiler::Compile(model.graph(), system, {.context = context}));
  const std::chrono::duration<double> compiling = std::chrono::steady_clock::now() - begin;
  fmt::print("compile   {:10.3f} s\n", compiling.count());
  bool valid = false;
  const double verifying = Seconds([&] { valid = !isa::Verify(compiled.program, system); });
  fmt::print("verify    {:10.3f} s, {}\n", verifying, valid ? "valid" : "NOT VALID");
  MILLRACE_TRY(auto simulator, sim::SteppedSimulator::Make(compiled.program, system));
  LaunchInputs inputs(model.graph(), compiled.program);
  std::vector<double> seconds;
  for (std::int32_t position = 0; position < kSteppedTokens; ++position) {
    const TokenId token{3 + position};
    seconds.push_back(Seconds([&] {
      (void)simulator.Step(inputs.For({&token, 1}, {&position, 1}));
    }));
  }
  fmt::print("stepped   {:10.3f} s a token\n", Median(seconds));
  return {};
}

Result<void> RunAll(int argc, char** argv) {
  if (argc < 3) return Invalid("wanted MODEL.gguf MACHINE[xN] [THREADS] [CONTEXT]");
  const std::int32_t context = argc > 4 ? std::atoi(argv[4]) : 256;
  MILLRACE_TRY(const Model model, Model::Load(argv[1], context));
  MILLRACE_TRY_VOID(TimeStepped(model, argv[2], context));
  return CompareFast(model, {.threads = argc > 3 ? std::atoi(argv[3]) : 0, .context = context},
                     argv[2]);
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  const auto done = millrace::RunAll(argc, argv);
  if (!done.ok()) fmt::print(stderr, "lpu_simulators: {}\n", done.error().message);
  return done.ok() ? 0 : 1;
}
