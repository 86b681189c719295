// The logits of every architecture against those that others computed
// (tests/data/vectors/README.md), for every executor.
//
// An F32 model has to come within 1e-4 of the logits in double precision. F16, BF16 and quantised
// ones make an executor round its activations, as llama.cpp does: they have to come as near on
// average as llama.cpp's own logits, within a factor of 1.25. Both continue greedily with the ids
// of the double-precision reference.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graph/interpreter.h"
#include "host/host_executor.h"
#include "kernels/cpu_level.h"
#include "model/model.h"

namespace millrace {
namespace {

// Appends tokens to one sequence with an F32 cache and gives their logits [tokens, vocabulary].
using StepFunction = std::function<std::vector<float>(std::span<const TokenId> tokens)>;

// Something that executes graphs. The model outlives the function.
struct Executor {
  const char* name;
  StepFunction (*start)(const Model& model);
};

StepFunction StartInterpreter(const Model& model) {
  const auto interpreter = std::make_shared<Interpreter>(model.graph(), reference::CacheType::kF32);
  return [interpreter](std::span<const TokenId> tokens) { return interpreter->Step(tokens); };
}

// One sequence on the host, in the first of its KV blocks; logits are wanted for every token.
StepFunction StartHost(const Model& model) {
  static constexpr std::int32_t kBlocks[] = {0, 1, 2, 3};
  const HostOptions options = {.level = ChooseLevel({}).value(),
                               .threads = 2,
                               .context = 256,
                               .kv_blocks = 4,
                               .max_tokens = 64,
                               .max_logit_rows = 64,
                               .kv_type = KvType::kF32};
  Result<HostExecutor> built = HostExecutor::Build(model.graph(), options);
  MILLRACE_CHECK(built.ok());
  const auto executor = std::make_shared<HostExecutor>(std::move(built).value());
  const auto position = std::make_shared<std::int32_t>(0);
  return [executor, position](std::span<const TokenId> tokens) {
    const StepSequence sequence = {.tokens = tokens,
                                   .first_position = *position,
                                   .kv_blocks = kBlocks,
                                   .logits = LogitsWanted::kAll};
    executor->Step({&sequence, 1});
    *position += static_cast<std::int32_t>(tokens.size());
    std::vector<float> logits;
    for (std::size_t row = 0; row < tokens.size(); ++row) {
      const auto of_token = executor->logits(row);
      logits.insert(logits.end(), of_token.begin(), of_token.end());
    }
    return logits;
  };
}

constexpr Executor kExecutors[] = {{"Interpreter", StartInterpreter}, {"Host", StartHost}};

struct Vector {
  const char* name;
  bool rounds_activations;
};

constexpr Vector kVectors[] = {
    {"llama-F32", false},      {"llama31-ropefreqs", false},
    {"llama-yarn", false},     {"mistral-tied", false},
    {"mistral-untied", false}, {"llama-F16", true},
    {"llama-BF16", true},      {"llama-Q8_0", true},
    {"llama-Q4_0", true},      {"llama-Q4_K", true},
    {"llama-Q6_K", true},      {"llama-Q4_K_M", true},
    {"llama-Q4_1", true},      {"llama-Q5_0", true},
    {"llama-Q5_1", true},      {"llama-Q2_K", true},
    {"llama-Q3_K", true},      {"llama-Q5_K", true},
    {"llama-IQ4_NL", true},    {"llama-IQ4_XS", true},
    {"llama-MXFP4", true},     {"llama-moe", false},
    {"qwen2", false},          {"qwen3", false},
    {"qwen3moe", false},       {"gemma2", false},
    {"gemma3", false},         {"phi3", false},
    {"phi3-longrope", false},  {"gpt-oss", false},
    {"gpt-oss-MXFP4", true},   {"deepseek2-lite", false},
    {"deepseek2-v3", false},
};

std::string PathOf(const std::string& file) {
  return MILLRACE_SOURCE_DIR "/tests/data/vectors/" + file;
}

std::vector<float> ReadFloats(const std::string& file) {
  std::ifstream stream(PathOf(file), std::ios::binary);
  const std::string bytes(std::istreambuf_iterator<char>(stream), {});
  std::vector<float> floats(bytes.size() / sizeof(float));
  std::memcpy(floats.data(), bytes.data(), floats.size() * sizeof(float));
  return floats;
}

std::vector<TokenId> Ids(const nlohmann::json& ids) {
  std::vector<TokenId> tokens;
  for (const auto& id : ids) tokens.push_back(TokenId{id.get<std::int32_t>()});
  return tokens;
}

struct Distance {
  double mean = 0;
  double largest = 0;
};

Distance DistanceOf(std::span<const float> a, std::span<const float> b) {
  Distance distance;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::fabs(static_cast<double>(a[i]) - b[i]);
    distance.mean += difference / static_cast<double>(a.size());
    distance.largest = std::max(distance.largest, difference);
  }
  return distance;
}

// The id of the largest logit of the last row.
TokenId Greedy(std::span<const float> logits, std::size_t vocabulary) {
  const auto row = logits.last(vocabulary);
  const auto best = std::max_element(row.begin(), row.end()) - row.begin();
  return TokenId{static_cast<std::int32_t>(best)};
}

class Vectors : public testing::TestWithParam<std::tuple<Executor, Vector>> {};

TEST_P(Vectors, LogitsAreAsNearToExactAsTheyHaveToBe) {
  const auto& [executor, vector] = GetParam();
  const std::string name = vector.name;
  const Result<Model> model = Model::Load(PathOf(name + ".gguf"));
  ASSERT_TRUE(model.ok()) << model.error().message;
  const auto tokens = nlohmann::json::parse(std::ifstream(PathOf(name + ".tokens.json")));
  const std::vector<TokenId> prompt = Ids(tokens.at("prompt"));
  const std::vector<float> exact = ReadFloats(name + ".exact.f32");
  const std::vector<float> theirs = ReadFloats(name + ".logits.f32");

  const StepFunction step = executor.start(*model);
  std::vector<float> logits = step(prompt);
  ASSERT_EQ(exact.size(), prompt.size() * static_cast<std::size_t>(model->config().vocabulary));
  ASSERT_EQ(logits.size(), exact.size());
  ASSERT_EQ(theirs.size(), exact.size());
  const Distance ours_distance = DistanceOf(logits, exact);
  const Distance their_distance = DistanceOf(theirs, exact);
  std::printf("%s: mean %.3g largest %.3g; llama.cpp: mean %.3g largest %.3g\n", vector.name,
              ours_distance.mean, ours_distance.largest, their_distance.mean,
              their_distance.largest);
  if (vector.rounds_activations) {
    EXPECT_LE(ours_distance.mean, 1.25 * their_distance.mean);
  } else {
    EXPECT_LE(ours_distance.largest, 1e-4);
  }

  std::vector<TokenId> greedy;
  const std::vector<TokenId> wanted = Ids(tokens.at("greedy_exact"));
  while (greedy.size() < wanted.size()) {
    greedy.push_back(Greedy(logits, static_cast<std::size_t>(model->config().vocabulary)));
    logits = step({&greedy.back(), 1});
  }
  EXPECT_EQ(greedy, wanted);
}

std::string NameOf(const testing::TestParamInfo<std::tuple<Executor, Vector>>& info) {
  std::string name = std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param).name;
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

INSTANTIATE_TEST_SUITE_P(Models, Vectors,
                         testing::Combine(testing::ValuesIn(kExecutors),
                                          testing::ValuesIn(kVectors)),
                         NameOf);

}  // namespace
}  // namespace millrace
