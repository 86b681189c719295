// The bits never move, from one kind of processor to another either: the logits of these graphs
// have the digests that are written here. They are of the interpreter, on x86-64; every level of
// every machine has to give them.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <fstream>
#include <sstream>
#include <vector>

#include "golden_weights.h"
#include "graph/interpreter.h"
#include "graph/parse.h"
#include "graph/verify.h"
#include "host/host_executor.h"

namespace millrace {
namespace {

// Digests of the logits with a cache of F32, F16 and Q8_0.
struct Golden {
  const char* name;  // of the graph: tests/golden/NAME.txt
  std::uint64_t f32, f16, q8_0;
};

constexpr Golden kGoldens[] = {
    {"dense", 0x1a27df75c3e760bfu, 0x28b00b5220b60157u, 0x9044be60f3d44f21u},
    {"sinks_and_experts", 0x1507b4c096982c92u, 0xb791e310884b6d4cu, 0x02849a9a0c533030u},
    {"caps_and_windows", 0x33bdd414ac13ba20u, 0x8b5b31cf55e4437du, 0xa36941a3cc2e5daau},
    {"latent_attention", 0xb16bbacb513d4c5fu, 0xf9357a817cdc6f82u, 0x17f6061ea11c0fa5u},
};

constexpr std::size_t kTokens = 67;  // the second KV block is begun

struct GoldenModel {
  explicit GoldenModel(const std::string& name) {
    const std::string path = fmt::format("{}/tests/golden/{}.txt", MILLRACE_SOURCE_DIR, name);
    std::stringstream text;
    text << std::ifstream(path).rdbuf();
    auto parsed = Parse(text.str(), name);
    MILLRACE_CHECK(parsed.ok());
    graph = std::move(parsed).value();
    for (std::size_t i = 0; i < graph.weights.size(); ++i) {
      storage.push_back(GoldenWeight(graph.weights[i], i));
      graph.weights[i].bytes = storage.back();
    }
    MILLRACE_CHECK(Verify(graph).ok());
  }

  Graph graph;
  std::vector<std::vector<std::byte>> storage;
};

std::vector<TokenId> Tokens() {
  std::vector<TokenId> tokens(kTokens);
  for (std::size_t i = 0; i < kTokens; ++i) {
    tokens[i] = TokenId{static_cast<std::int32_t>((i * i * 31 + i * 7) % 96)};
  }
  return tokens;
}

// FNV-1a of the bytes, lowest first, by 64 bits.
std::uint64_t Digest(const std::vector<float>& logits) {
  std::uint64_t digest = 0xcbf29ce484222325u;
  for (const float logit : logits) {
    std::uint32_t bits;
    std::memcpy(&bits, &logit, sizeof(bits));
    for (int i = 0; i < 4; ++i) digest = (digest ^ (bits >> (8 * i) & 0xffu)) * 0x100000001b3u;
  }
  return digest;
}

std::vector<float> HostLogits(const Graph& graph, CpuLevel level, int threads, KvType kv_type,
                              std::size_t chunk) {
  auto executor = HostExecutor::Build(graph, {.level = level,
                                              .threads = threads,
                                              .context = 128,
                                              .kv_blocks = 2,
                                              .max_tokens = kTokens,
                                              .max_logit_rows = kTokens,
                                              .kv_type = kv_type});
  MILLRACE_CHECK(executor.ok());
  const std::vector<TokenId> tokens = Tokens();
  const std::int32_t blocks[] = {1, 0};
  std::vector<float> logits;
  for (std::size_t at = 0; at < kTokens; at += chunk) {
    const std::size_t count = std::min(chunk, kTokens - at);
    const StepSequence step{std::span(tokens).subspan(at, count), static_cast<std::int32_t>(at),
                            blocks, LogitsWanted::kAll};
    executor->Step({&step, 1});
    for (std::size_t i = 0; i < count; ++i) {
      logits.insert(logits.end(), executor->logits(i).begin(), executor->logits(i).end());
    }
  }
  return logits;
}

class GoldenBits : public testing::TestWithParam<Golden> {};

TEST_P(GoldenBits, AreThoseOfTheInterpreter) {
  const Golden& golden = GetParam();
  const GoldenModel model(golden.name);
  const auto logits = [&](reference::CacheType cache) {
    return Interpreter(model.graph, cache).Step(Tokens());
  };
  // Finite, and not all the same: equal bits of nothing would prove nothing.
  const std::vector<float> f16 = logits(reference::CacheType::kF16);
  const auto [least, most] = std::minmax_element(f16.begin(), f16.end());
  EXPECT_TRUE(std::all_of(f16.begin(), f16.end(), [](float x) { return std::isfinite(x); }));
  EXPECT_GT(*most - *least, 0.1f);
  EXPECT_LT(*most - *least, 1e4f);
  EXPECT_EQ(Digest(logits(reference::CacheType::kF32)), golden.f32);
  EXPECT_EQ(Digest(f16), golden.f16);
  EXPECT_EQ(Digest(logits(reference::CacheType::kQ8_0)), golden.q8_0);
}

TEST_P(GoldenBits, AreThoseOfTheHostAtEveryLevel) {
  const Golden& golden = GetParam();
  const GoldenModel model(golden.name);
  for (const CpuLevel level : AvailableLevels()) {
    SCOPED_TRACE(Name(level));
    EXPECT_EQ(Digest(HostLogits(model.graph, level, 2, KvType::kF32, kTokens)), golden.f32);
    EXPECT_EQ(Digest(HostLogits(model.graph, level, 2, KvType::kF16, 1)), golden.f16);
    EXPECT_EQ(Digest(HostLogits(model.graph, level, 1, KvType::kQ8_0, 5)), golden.q8_0);
  }
}

INSTANTIATE_TEST_SUITE_P(EveryGraph, GoldenBits, testing::ValuesIn(kGoldens),
                         [](const auto& golden) { return std::string(golden.param.name); });

}  // namespace
}  // namespace millrace
