// Speculation gives the tokens and the logits that there would be without it: with a draft that is
// the target itself, another model, or the sequence's past; greedy and at random, with penalties,
// for any type of cache, number of threads, company, and behind prefix hits.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "engine/draft_model.h"
#include "engine/engine.h"
#include "engine/host_backend.h"
#include "engine/prompt_lookup.h"
#include "part_cases.h"
#include "random_transformer.h"

namespace millrace {
namespace {

constexpr std::int32_t kContext = 256, kSequences = 4;

struct Case {
  KvType kv_type = KvType::kF16;
  int threads = 1;
  std::int32_t max_tokens = 512, logit_rows = 40;
};

HostBackend MakeHost(const Graph& graph, const Case& test) {
  auto host = HostExecutor::Build(graph, {.level = AvailableLevels().back(),
                                          .threads = test.threads,
                                          .context = kContext,
                                          .kv_blocks = kSequences * kContext / 64,
                                          .max_tokens = test.max_tokens,
                                          .max_logit_rows = test.logit_rows,
                                          .kv_type = test.kv_type});
  MILLRACE_CHECK(host.ok());
  return HostBackend(std::move(host).value());
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

std::vector<Request> Requests(bool penalties) {
  std::vector<Request> requests;
  for (std::int32_t i = 0; i < 10; ++i) {
    Request request;
    for (std::int32_t t = 0; t < 5 + 23 * (i % 7); ++t)
      request.prompt.push_back(TokenId{(t * t + 7 * (i % 3)) % 300});
    request.sampling.seed = 42;
    request.sampling.temperature = i % 2 == 0 ? 0.0f : 0.3f * static_cast<float>(i);
    request.sampling.top_k = i % 4 == 1 ? 40 : 0;
    request.sampling.top_p = i % 4 == 3 ? 0.9f : 1.0f;
    request.sampling.logprobs = 3;
    if (penalties) {
      request.sampling.repeat_penalty = 1.2f;
      request.sampling.frequency_penalty = 0.1f;
    }
    request.random_stream = static_cast<std::uint64_t>(i);
    request.max_new_tokens = i == 9 ? -1 : 20 + 11 * (i % 4);
    requests.push_back(request);
  }
  return requests;
}

std::vector<Outcome> RunAll(Engine& engine, const std::vector<Request>& requests,
                            ReplyCounts* counts) {
  std::vector<Outcome> outcomes(requests.size());
  std::map<SequenceId, std::size_t> ids;
  for (std::size_t i = 0; i < requests.size(); ++i) ids[*engine.Add(requests[i])] = i;
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.Step()) {
      Take(event, outcomes[ids.at(event.sequence)]);
      if (!event.finished.has_value()) continue;
      counts->proposed_tokens += event.counts.proposed_tokens;
      counts->accepted_tokens += event.counts.accepted_tokens;
    }
  }
  return outcomes;
}

// Each request on an engine of its own, token after token.
std::vector<Outcome> Alone(const Graph& graph, KvType kv_type,
                           const std::vector<Request>& requests) {
  HostBackend host = MakeHost(graph, {.kv_type = kv_type});
  std::vector<Outcome> outcomes;
  ReplyCounts counts;
  for (const Request& request : requests) {
    Engine engine(host, {.prefix_cache = false});
    outcomes.push_back(RunAll(engine, {request}, &counts)[0]);
  }
  return outcomes;
}

constexpr SpeculationOptions kForced{.most = 6, .least = 1, .lengths = DraftLengths::kLongest};

const Case kCases[] = {{KvType::kF16, 1, 512, 40},
                       {KvType::kF16, 2, 20, 11},
                       {KvType::kF32, 3, 64, 40},
                       {KvType::kF32, 1, 512, 6}};

TEST(EngineSpeculationBits, ADraftThatIsTheTargetIsAlwaysRight) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ4_K, 3);
  const std::vector<Request> requests = Requests(/*penalties=*/false);
  for (const Case& test : kCases) {
    HostBackend host = MakeHost(model.graph, test), draft = MakeHost(model.graph, test);
    DraftModel proposer(draft, 300);
    Engine engine(host, {.proposer = &proposer, .speculation = kForced});
    ReplyCounts counts;
    EXPECT_EQ(RunAll(engine, requests, &counts), Alone(model.graph, test.kv_type, requests));
    EXPECT_GT(counts.proposed_tokens, 100);
    EXPECT_EQ(counts.accepted_tokens, counts.proposed_tokens);
  }
}

TEST(EngineSpeculationBits, AnotherModelAsDraftChangesNothing) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ8_0, 3);
  RandomShape small;
  small.layers = 1;
  small.ffn = 256;
  const RandomTransformer other = MakeRandomTransformer(small, DType::kQ4_0, 8);
  for (const bool penalties : {false, true}) {
    const std::vector<Request> requests = Requests(penalties);
    for (const Case& test : kCases) {
      HostBackend host = MakeHost(model.graph, test), draft = MakeHost(other.graph, test);
      DraftModel proposer(draft, 300);
      Engine engine(host, {.proposer = &proposer, .speculation = kForced});
      ReplyCounts counts;
      EXPECT_EQ(RunAll(engine, requests, &counts), Alone(model.graph, test.kv_type, requests));
      EXPECT_GT(counts.proposed_tokens, 100);
      EXPECT_LT(counts.accepted_tokens, counts.proposed_tokens);
    }
  }
}

// Some weights rounded otherwise: a draft that is mostly right, at a temperature too, because it
// draws with the numbers of the sequence.
TEST(EngineSpeculationBits, ANearlyEqualDraftIsMostlyRightEvenAtATemperature) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kF16, 3);
  std::vector<Request> requests = Requests(/*penalties=*/false);
  for (Request& request : requests) request.sampling.temperature = 1.0f;
  const Case test{KvType::kF16, 2, 512, 40};
  HostBackend host = MakeHost(model.graph, test);
  HostBackend draft = MakeHost(model.graph, {KvType::kF32, 2, 512, 40});
  DraftModel proposer(draft, 300);
  Engine engine(host, {.proposer = &proposer, .speculation = kForced});
  ReplyCounts counts;
  EXPECT_EQ(RunAll(engine, requests, &counts), Alone(model.graph, test.kv_type, requests));
  EXPECT_GT(counts.accepted_tokens, counts.proposed_tokens * 9 / 10);
}

TEST(EngineSpeculationBits, PromptLookupChangesNothingBehindPrefixHitsToo) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ4_0, 5);
  for (const bool penalties : {false, true}) {
    std::vector<Request> requests = Requests(penalties);
    for (Request& request : requests) {  // texts that repeat themselves
      for (std::size_t i = 0; i < request.prompt.size(); ++i)
        request.prompt[i] = TokenId{static_cast<std::int32_t>(i % 9)};
    }
    for (const Case& test : kCases) {
      HostBackend host = MakeHost(model.graph, test);
      PromptLookup proposer({.shortest = 1, .longest = 4});
      const std::vector<Outcome> expected = Alone(model.graph, test.kv_type, requests);
      for (const DraftLengths lengths : {DraftLengths::kLongest, DraftLengths::kMeasured}) {
        Engine engine(host, {.proposer = &proposer,
                             .speculation = {.most = 6, .least = 1, .lengths = lengths}});
        ReplyCounts counts;
        EXPECT_EQ(RunAll(engine, requests, &counts), expected);
        EXPECT_GT(counts.proposed_tokens, lengths == DraftLengths::kLongest ? 100 : 0);
        EXPECT_EQ(RunAll(engine, requests, &counts), expected) << "behind its own prefixes";
      }
    }
  }
}

// Every part of every architecture, cached prefixes and speculation together, against each request
// alone without either.
class EngineParts : public testing::TestWithParam<PartCase> {};

TEST_P(EngineParts, GiveTheSameBehindPrefixHitsAndWithSpeculation) {
  const RandomTransformer model = MakeRandomTransformer(GetParam().shape, DType::kQ8_0, 5);
  std::vector<Request> requests = Requests(false);
  for (Request& request : requests) {
    for (std::size_t i = 0; i < request.prompt.size(); ++i)
      request.prompt[i] = TokenId{static_cast<std::int32_t>(i % 9)};
  }
  const Case test{.kv_type = KvType::kQ8_0, .threads = 2};
  HostBackend host = MakeHost(model.graph, test);
  PromptLookup proposer({.shortest = 1, .longest = 4});
  Engine engine(host, {.proposer = &proposer, .speculation = {.most = 6, .least = 1}});
  const std::vector<Outcome> expected = Alone(model.graph, test.kv_type, requests);
  ReplyCounts counts;
  EXPECT_EQ(RunAll(engine, requests, &counts), expected);
  EXPECT_EQ(RunAll(engine, requests, &counts), expected) << "behind its own prefixes";
}

INSTANTIATE_TEST_SUITE_P(EveryPart, EngineParts, testing::ValuesIn(kPartCases), CaseName);

}  // namespace
}  // namespace millrace
