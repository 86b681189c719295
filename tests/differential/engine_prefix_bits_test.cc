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
};

HostBackend MakeHost(const Graph& graph, const Case& test) {
  auto host = HostExecutor::Build(graph, {.level = AvailableLevels().back(),
                                          .threads = test.threads,
                                          .context = kContext,
                                          .kv_blocks = test.kv_blocks,
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
      Engine engine(host);
      std::map<SequenceId, std::size_t> ids;
      std::vector<Outcome> outcomes(requests.size());
      std::int32_t cached = 0;
      for (std::size_t next = 0; next < requests.size() || !engine.idle();) {
        for (int i = 0; i < 2 && next < requests.size(); ++i, ++next)
          ids[*engine.Add(requests[next])] = next;
        for (const TokenEvent& event : engine.Step()) {
          Take(event, outcomes[ids.at(event.sequence)]);
          if (event.finished.has_value()) cached += event.counts.cached_tokens;
        }
      }
      EXPECT_EQ(outcomes, expected);
      EXPECT_GT(cached, test.kv_blocks > 6 ? 1000 : 100) << "the test tests nothing";
    }
  }
}

}  // namespace
}  // namespace millrace
