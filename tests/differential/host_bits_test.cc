// The bits never move: one prompt gives the same logits bytes with any number of threads, any
// instruction set, any division into chunks, alone or in a batch of mixed sequences.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>
#include <vector>

#include <fmt/format.h>

#include "graph/interpreter.h"
#include "host/host_executor.h"
#include "part_cases.h"
#include "random_transformer.h"

namespace millrace {
namespace {

constexpr std::int32_t kContext = 640;
constexpr std::int32_t kBlocks = 8 * kContext / 64;

std::vector<TokenId> Prompt(std::size_t length, std::int32_t seed) {
  std::vector<TokenId> tokens(length);
  for (std::size_t i = 0; i < length; ++i) {
    tokens[i] = TokenId{static_cast<std::int32_t>(
        (i * i * 31 + i * 7 + static_cast<std::size_t>(seed) * 13) % 300)};
  }
  return tokens;
}

// The KV blocks of sequence `slot`; scattered, so that nothing may rely on their order.
std::vector<std::int32_t> BlocksOf(int slot) {
  std::vector<std::int32_t> blocks;
  for (std::int32_t i = 0; i < kContext / 64; ++i) blocks.push_back((i * 8 + slot * 3) % kBlocks);
  return blocks;
}

HostExecutor Build(const Graph& graph, CpuLevel level, int threads, KvType kv_type) {
  auto executor = HostExecutor::Build(graph, {.level = level,
                                              .threads = threads,
                                              .context = kContext,
                                              .kv_blocks = kBlocks,
                                              .max_tokens = 700,
                                              .max_logit_rows = 700,
                                              .kv_type = kv_type});
  MILLRACE_CHECK(executor.ok());
  return std::move(executor).value();
}

// Logits [tokens, vocabulary] of a prompt fed in chunks.
std::vector<float> Logits(HostExecutor& executor, const std::vector<TokenId>& prompt,
                          std::size_t chunk) {
  const auto blocks = BlocksOf(0);
  std::vector<float> logits;
  for (std::size_t at = 0; at < prompt.size(); at += chunk) {
    const std::size_t count = std::min(chunk, prompt.size() - at);
    const StepSequence step{std::span(prompt).subspan(at, count), static_cast<std::int32_t>(at),
                            blocks, LogitsWanted::kAll};
    executor.Step({&step, 1});
    for (std::size_t i = 0; i < count; ++i) {
      logits.insert(logits.end(), executor.logits(i).begin(), executor.logits(i).end());
    }
  }
  return logits;
}

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// Finite, and not all the same: equal bits of nothing would prove nothing.
bool LooksLikeLogits(const std::vector<float>& logits) {
  float least = logits[0], most = logits[0];
  for (const float logit : logits) {
    if (!std::isfinite(logit)) return false;
    least = std::min(least, logit);
    most = std::max(most, logit);
  }
  return most - least > 0.1f && most - least < 1e4f;
}

const PartCase kCases[] = {
    {"grouped", {}},
    {"odd_heads",
     {.hidden = 256, .heads = 3, .kv_heads = 3, .head_dim = 48, .ffn = 256, .rotary = 48}},
    {"partial_rotary_one_kv_head",
     {.hidden = 256, .heads = 5, .kv_heads = 1, .head_dim = 80, .ffn = 256, .rotary = 32}},
};

reference::CacheType CacheOf(KvType type) {
  return type == KvType::kF32   ? reference::CacheType::kF32
         : type == KvType::kF16 ? reference::CacheType::kF16
                                : reference::CacheType::kQ8_0;
}

void ExpectBitsOfTheInterpreter(const PartCase& c, DType dtype, KvType kv_type) {
  const RandomTransformer model = MakeRandomTransformer(c.shape, dtype, 7);
  const auto prompt = Prompt(70, 1);  // the second KV block is begun
  const auto expected = Interpreter(model.graph, CacheOf(kv_type)).Step(prompt);
  ASSERT_TRUE(LooksLikeLogits(expected)) << c.name;
  for (const CpuLevel level : AvailableLevels()) {
    for (const int threads : {1, 2, 3}) {
      if (threads == 3 && level == CpuLevel::kPortable) continue;  // slow, and nothing new
      HostExecutor executor = Build(model.graph, level, threads, kv_type);
      for (const std::size_t chunk : {1u, 7u, 64u, 512u}) {
        EXPECT_TRUE(SameBits(Logits(executor, prompt, chunk), expected))
            << c.name << ", " << Name(level) << ", " << threads << " threads, chunks of " << chunk;
      }
    }
  }
}

class HostBits : public testing::TestWithParam<std::tuple<DType, KvType>> {};

TEST_P(HostBits, AreThoseOfTheInterpreterForAnyThreadsLevelAndChunks) {
  const auto [dtype, kv_type] = GetParam();
  for (const PartCase& c : kCases) {
    // Columns of K types come in blocks of 256; odd head counts leave the attention output short of
    // one.
    const std::int64_t columns = c.shape.heads * c.shape.head_dim;
    if (columns % static_cast<std::int64_t>(BlockElements(dtype)) != 0) continue;
    ExpectBitsOfTheInterpreter(c, dtype, kv_type);
  }
}

std::string TypesName(const testing::TestParamInfo<std::tuple<DType, KvType>>& types) {
  return fmt::format("{}_{}_cache", Name(std::get<0>(types.param)), Name(std::get<1>(types.param)));
}

INSTANTIATE_TEST_SUITE_P(EveryType, HostBits,
                         testing::Combine(testing::ValuesIn(kAllDTypes),
                                          testing::Values(KvType::kF32, KvType::kF16)),
                         TypesName);
INSTANTIATE_TEST_SUITE_P(EightBitCache, HostBits,
                         testing::Combine(testing::Values(DType::kQ8_0),
                                          testing::Values(KvType::kQ8_0)),
                         TypesName);

class HostPartBits : public testing::TestWithParam<std::tuple<DType, KvType>> {};

TEST_P(HostPartBits, AreThoseOfTheInterpreterForAnyThreadsLevelAndChunks) {
  const auto [dtype, kv_type] = GetParam();
  for (const PartCase& c : kPartCases) ExpectBitsOfTheInterpreter(c, dtype, kv_type);
}

INSTANTIATE_TEST_SUITE_P(EveryForm, HostPartBits,
                         testing::Values(std::tuple(DType::kF32, KvType::kF32),
                                         std::tuple(DType::kBF16, KvType::kF16),
                                         std::tuple(DType::kQ8_0, KvType::kQ8_0),
                                         std::tuple(DType::kQ4_K, KvType::kF16)),
                         TypesName);

class HostBatch : public testing::TestWithParam<PartCase> {};

TEST_P(HostBatch, OfEightMixedSequencesGivesTheBitsOfEachAlone) {
  const RandomTransformer model = MakeRandomTransformer(GetParam().shape, DType::kQ8_0, 11);
  HostExecutor executor = Build(model.graph, AvailableLevels().back(), 2, KvType::kF16);
  // Sequences at different depths; each then takes one step of a different length, all together.
  const std::size_t depths[8] = {0, 1, 63, 64, 65, 200, 10, 300},
                    lengths[8] = {5, 1, 1, 1, 70, 1, 33, 1};
  std::vector<std::vector<TokenId>> prompts;
  std::vector<std::vector<float>> expected;
  for (int s = 0; s < 8; ++s) {
    prompts.push_back(Prompt(depths[s] + lengths[s], s));
    const auto all = Logits(executor, prompts.back(), 64);
    expected.emplace_back(all.end() - 300, all.end());
  }
  std::vector<std::vector<std::int32_t>> blocks;
  std::int32_t next = 0;
  for (int s = 0; s < 8; ++s) {
    blocks.emplace_back(kContext / 64);
    std::iota(blocks.back().begin(), blocks.back().end(), next);
    next += kContext / 64;
    if (depths[s] == 0) continue;
    const StepSequence before{std::span(prompts[s]).first(depths[s]), 0, blocks[s],
                              LogitsWanted::kNone};
    executor.Step({&before, 1});
  }
  std::vector<StepSequence> steps;
  for (std::size_t s = 0; s < 8; ++s) {
    steps.push_back({std::span(prompts[s]).subspan(depths[s]), static_cast<std::int32_t>(depths[s]),
                     blocks[s], LogitsWanted::kLast});
  }
  executor.Step(steps);
  for (std::size_t s = 0; s < 8; ++s) {
    EXPECT_EQ(std::memcmp(executor.logits(s).data(), expected[s].data(), 300 * sizeof(float)), 0)
        << "sequence " << s;
  }
}

INSTANTIATE_TEST_SUITE_P(Plain, HostBatch, testing::Values(PartCase{"plain", {}}), CaseName);
INSTANTIATE_TEST_SUITE_P(EveryPart, HostBatch, testing::ValuesIn(kPartCases), CaseName);

}  // namespace
}  // namespace millrace
