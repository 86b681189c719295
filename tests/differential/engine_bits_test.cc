// Through the engine: a reply is the same alone, in company, with another number of threads, and
// with any room for prompts.
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "engine/engine.h"
#include "engine/host_backend.h"
#include "engine/interpreter_backend.h"
#include "random_transformer.h"

namespace millrace {
namespace {

constexpr std::int32_t kContext = 256;

std::vector<Request> Requests() {
  std::vector<Request> requests;
  for (std::int32_t i = 0; i < 8; ++i) {
    Request request;
    for (std::int32_t t = 0; t < 3 + 17 * i; ++t)
      request.prompt.push_back(TokenId{(t * t + 7 * i) % 300});
    request.sampling.seed = 42;
    request.sampling.temperature = i % 2 == 0 ? 0.0f : 1.0f;
    request.random_stream = static_cast<std::uint64_t>(i);
    request.max_new_tokens = 5 + 3 * (i % 3);
    requests.push_back(request);
  }
  return requests;
}

using Replies = std::map<std::size_t, std::vector<std::int32_t>>;  // by request

void Collect(Engine& engine, const std::map<SequenceId, std::size_t>& ids, Replies& replies) {
  while (!engine.idle()) {
    for (const TokenEvent& event : engine.Step())
      replies[ids.at(event.sequence)].push_back(event.token.value);
  }
}

HostBackend MakeHost(const Graph& graph, int threads, std::int32_t max_tokens) {
  auto host =
      HostExecutor::Build(graph, {.level = AvailableLevels().back(),
                                  .threads = threads,
                                  .context = kContext,
                                  .kv_blocks = 5 * kContext / 64,  // not enough for all at once
                                  .max_tokens = max_tokens,
                                  .max_logit_rows = 8,
                                  .kv_type = KvType::kF16});
  MILLRACE_CHECK(host.ok());
  return HostBackend(std::move(host).value());
}

TEST(EngineBits, RepliesAreThoseOfTheInterpreterWhateverTheCompany) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ4_K, 3);
  const auto requests = Requests();

  Replies expected;
  InterpreterBackend interpreter(model.graph, reference::CacheType::kF16,
                                 {.vocabulary = 300,
                                  .context = kContext,
                                  .kv_blocks = kContext / 64,
                                  .max_tokens = kContext,
                                  .max_logit_rows = 1});
  for (std::size_t i = 0; i < requests.size(); ++i) {
    Engine engine(interpreter);
    const SequenceId id = *engine.Add(requests[i]);
    Collect(engine, {{id, i}}, expected);
    EXPECT_EQ(expected[i].size(), static_cast<std::size_t>(requests[i].max_new_tokens));
  }
  for (const int threads : {1, 2}) {
    for (const std::int32_t max_tokens : {8, 50, 512}) {
      HostBackend host = MakeHost(model.graph, threads, max_tokens);
      Engine engine(host);
      std::map<SequenceId, std::size_t> ids;
      for (std::size_t i = 0; i < requests.size(); ++i) ids[*engine.Add(requests[i])] = i;
      Replies replies;
      Collect(engine, ids, replies);
      EXPECT_EQ(replies, expected) << threads << " threads, " << max_tokens << " tokens a step";
    }
  }
}

TEST(EngineBits, ALateComerChangesNothing) {
  const RandomTransformer model = MakeRandomTransformer({}, DType::kQ8_0, 5);
  const auto requests = Requests();
  HostBackend host = MakeHost(model.graph, 2, 64);
  Replies alone, together;
  for (const std::size_t i : {1u, 6u}) {
    Engine engine(host);
    Collect(engine, {{*engine.Add(requests[i]), i}}, alone);
  }
  Engine engine(host);
  std::map<SequenceId, std::size_t> ids{{*engine.Add(requests[1]), 1u}};
  for (int step = 0; step < 3; ++step) {
    for (const TokenEvent& event : engine.Step())
      together[ids.at(event.sequence)].push_back(event.token.value);
  }
  ids[*engine.Add(requests[6])] = 6u;
  Collect(engine, ids, together);
  EXPECT_EQ(together, alone);
}

}  // namespace
}  // namespace millrace
