// A prefix hit gives the bits of a computed prompt: for any type of cache, number of threads, size
// of step and company, and when blocks are evicted in between.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "engine/engine.h"
#include "engine/host_backend.h"
#include "random_transformer.h"

namespace millrace {
namespace {

constexpr std::int32_t kContext = 384;

struct Case {
  KvType kv_type;
  int threads;
  std::int32_t max_tokens, kv_blocks;
  std::int32_t window_blocks = 0;
};

HostBackend MakeHost(const Graph& graph, const Case& test) {
  auto host = HostExecutor::Build(graph, {.level = AvailableLevels().back(),
                                          .threads = test.threads,
                                          .context = kContext,
                                          .kv_blocks = test.kv_blocks,
                                          .window_blocks = test.window_blocks,
                                          .max_tokens = test.max_tokens,
                                          .max_logit_rows = 4,
                                          .kv_type = test.kv_type});
  MILLRACE_CHECK(host.ok());
  return HostBackend(std::move(host).value());
}

// Begins with `shared` tokens of one text, then goes its own way. With logprobs: they show a change
// of any bit of the logits that matters to anybody.
Request MakeRequest(std::int32_t text, std::int32_t shared, std::int32_t own, std::int32_t seed) {
  Request request;
  for (std::int32_t i = 0; i < shared; ++i)
    request.prompt.push_back(TokenId{(i * i + 31 * text) % 300});
  for (std::int32_t i = 0; i < own; ++i)
    request.prompt.push_back(TokenId{(7 * i + 13 * seed + 5) % 300});
  request.sampling.seed = static_cast<std::uint64_t>(seed);
  request.sampling.temperature = seed % 2 == 0 ? 0.0f : 0.8f;
  request.sampling.logprobs = 5;
  request.max_new_tokens = 6;
  return request;
}

std::vector<Request> Requests() {
  std::vector<Request> requests;
  for (std::int32_t round = 0; round < 3; ++round) {
    for (std::int32_t text = 0; text < 2; ++text) {
      requests.push_back(MakeRequest(text, 64, 1 + round, round));
      requests.push_back(MakeRequest(text, 128, 0, round));
      requests.push_back(MakeRequest(text, 200, 30 * round, round + 1));
      requests.push_back(MakeRequest(text, 300, 5, 7));
    }
  }
  return requests;
}

struct Outcome {
  std::vector<std::int32_t> tokens;
  std::vector<double> logprobs;  // of the chosen and the best tokens

  friend bool operator==(const Outcome&, const Outcome&) = default;
};

void Take(const TokenEvent& event, Outcome& outcome) {
  outcome.tokens.push_back(event.token.value);
  outcome.logprobs.push_back(event.logprob->logprob);
  for (const TokenLogprob& token : event.best) outcome.logprobs.push_back(token.logprob);
}

// Each request on an engine of its own, without a cache.
std::vector<Outcome> Alone(const Graph& graph, KvType kv_type,
                           const std::vector<Request>& requests) {
  HostBackend host = MakeHost(graph, {kv_type, 1, 512, kContext / 64});
  std::vector<Outcome> outcomes(requests.size());
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Engine engine(host, {.prefix_cache = false});
    MILLRACE_CHECK(engine.Add(requests[i]).ok());
    while (!engine.idle()) {
      for (const TokenEvent& event : engine.Step()) Take(event, outcomes[i]);
    }
  }
  return outcomes;
}

// All requests on one engine, two more with every step. Returns the tokens that were cached.
std::int32_t RunTogether(HostBackend& host, const std::vector<Request>& requests,
                         std::vector<Outcome>& outcomes) {
  Engine engine(host);
  std::map<SequenceId, std::size_t> ids;
  outcomes.assign(requests.size(), {});
  std::int32_t cached = 0;
  for (std::size_t next = 0; next < requests.size() || !engine.idle();) {
    for (int i = 0; i < 2 && next < requests.size(); ++i, ++next)
      ids[*engine.Add(requests[next])] = next;
    for (const TokenEvent& event : engine.Step()) {
      Take(event, outcomes[ids.at(event.sequence)]);
      if (event.finished.has_value()) cached += event.counts.cached_tokens;
    }
  }
  return cached;
}

TEST(EnginePrefixBits, AHitChangesNoBit) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ4_0, 9);
  const std::vector<Request> requests = Requests();
  for (const KvType kv_type : {KvType::kF16, KvType::kF32}) {
    const std::vector<Outcome> expected = Alone(model.graph, kv_type, requests);
    for (const Case& test : {Case{kv_type, 1, 512, 100}, Case{kv_type, 2, 48, 100},
                             Case{kv_type, 3, 130, 13}, Case{kv_type, 2, 512, 6}}) {
      SCOPED_TRACE(testing::Message() << test.threads << " threads, " << test.max_tokens
                                      << " tokens a step, " << test.kv_blocks << " blocks");
      HostBackend host = MakeHost(model.graph, test);
      std::vector<Outcome> outcomes;
      const std::int32_t cached = RunTogether(host, requests, outcomes);
      EXPECT_EQ(outcomes, expected);
      EXPECT_GT(cached, test.kv_blocks > 6 ? 1000 : 100) << "the test tests nothing";
    }
  }
}

// Layer 0 has a window, layer 1 sees everything.
TEST(EnginePrefixBits, BlocksBehindAWindowAreMissedByNobody) {
  const std::vector<Request> requests = Requests();
  for (const std::int32_t window : {20, 100}) {
    const RandomTransformer model = MakeRandomTransformer({.window = window}, DType::kQ4_0, 9);
    for (const KvType kv_type : {KvType::kF16, KvType::kQ8_0}) {
      const std::vector<Outcome> expected = Alone(model.graph, kv_type, requests);
      for (const std::int32_t spare : {0, 3, 20}) {
        constexpr std::int32_t kStep = 48;
        const KvWindow rule{.positions = window, .step = kStep};
        const std::int32_t blocks = rule.MostBlocks(kContext / 64) + spare;
        SCOPED_TRACE(testing::Message() << "window " << window << ", " << blocks << " blocks");
        HostBackend host = MakeHost(model.graph, {kv_type, 2, kStep, 40, blocks});
        std::vector<Outcome> outcomes;
        EXPECT_GT(RunTogether(host, requests, outcomes), 100);
        EXPECT_EQ(outcomes, expected);
      }
    }
  }
}

TEST(EnginePrefixBits, LayersWithAWindowTakeNoMoreMemoryThanTheirBlocks) {
  const RandomTransformer model = MakeRandomTransformer({.window = 20}, DType::kQ4_0, 9);
  constexpr std::int32_t kBlocks = 1000, kOfWindows = 10;  // one layer of two has a window
  const auto bytes = [&](std::int32_t window_blocks) {
    return MakeHost(model.graph, {KvType::kF16, 1, 48, kBlocks, window_blocks}).plan().kv_bytes();
  };
  constexpr std::size_t kRoundedTo = 2 << 20;
  const std::size_t block_of_a_layer = 2 * 64 * 2 * 64 * 2;  // k and v, positions, heads, F16
  EXPECT_GE(bytes(0), 2 * kBlocks * block_of_a_layer);
  EXPECT_LE(bytes(kOfWindows), (kBlocks + kOfWindows) * block_of_a_layer + kRoundedTo);
}

}  // namespace
}  // namespace millrace
