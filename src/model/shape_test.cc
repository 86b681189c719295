#include "model/shape.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/print.h"

namespace millrace {
namespace {

using testing::HasSubstr;

std::int64_t Parameters(const Graph& graph) {
  std::int64_t parameters = 0;
  for (const Weight& weight : graph.weights) parameters += weight.rows * weight.columns;
  return parameters;
}

// Published: the parameters that the hubs count in the weights' files. deepseek-v3 without the
// layer that guesses further tokens; gemma without its vision part.
TEST(Shape, BuiltInShapesHaveThePublishedNumberOfParameters) {
  const std::pair<const char*, std::int64_t> kPublished[] = {
      {"llama-2-7b", 6738415616},       {"llama-2-70b", 68976648192},
      {"llama-3.1-8b", 8030261248},     {"llama-3.1-70b", 70553706496},
      {"llama-3.1-405b", 405853388800}, {"mixtral-8x7b", 46702792704},
      {"qwen3-0.6b", 596049920},        {"qwen3-1.7b", 1720574976},
      {"qwen3-4b", 4022468096},         {"qwen3-8b", 8190735360},
      {"qwen3-14b", 14768307200},       {"qwen3-32b", 32762123264},
      {"qwen3-30b-a3b", 30532122624},   {"qwen3-235b-a22b", 235093634560},
      {"deepseek-v3", 671026419200},    {"kimi-k2", 1026408232448},
  };
  for (const auto& [name, parameters] : kPublished) {
    const auto model = LoadShape(name);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_EQ(Parameters(model->graph()), parameters) << name;
  }
}

// Of these the makers publish rounded numbers.
TEST(Shape, OthersHaveThePublishedNumberRounded) {
  const std::pair<const char*, double> kPublished[] = {
      {"gemma-3-27b", 27.0e9}, {"gpt-oss-20b", 20.9e9}, {"gpt-oss-120b", 116.8e9}};
  for (const auto& [name, parameters] : kPublished) {
    const auto model = LoadShape(name);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_NEAR(static_cast<double>(Parameters(model->graph())) / parameters, 1, 0.015) << name;
  }
}

TEST(Shape, EveryBuiltInShapeIsAVerifiedGraphWithoutBytes) {
  EXPECT_GE(BuiltInShapeFiles().size(), 19u);
  for (const EmbeddedFile& file : BuiltInShapeFiles()) {
    const std::string_view name = file.name.substr(0, file.name.size() - 5);
    EXPECT_TRUE(IsShape(name));
    const auto model = LoadShape(name);
    ASSERT_TRUE(model.ok()) << model.error().message;
    EXPECT_FALSE(model->tokenizer().ok());
    for (const Weight& weight : model->graph().weights) ASSERT_TRUE(weight.bytes.empty());
    EXPECT_THAT(std::string(file.text), HasSubstr("\"source\": \""));
  }
}

TEST(Shape, MatricesHaveTheTypeThatIsAskedFor) {
  const auto type_of = [](const Model& model, std::string_view name) {
    for (const Weight& weight : model.graph().weights) {
      if (weight.name == name) return weight.dtype;
    }
    return DType::kBF16;
  };
  const Model q4 = LoadShape("qwen3-30b-a3b", DType::kQ4_0).value();
  EXPECT_EQ(type_of(q4, "blk.0.attn_q.weight"), DType::kQ4_0);
  EXPECT_EQ(type_of(q4, "blk.0.ffn_up_exps.weight"), DType::kQ4_0);
  EXPECT_EQ(type_of(q4, "blk.0.ffn_gate_inp.weight"), DType::kF32);
  EXPECT_EQ(type_of(q4, "blk.0.attn_q_norm.weight"), DType::kF32);
  const Model oss = LoadShape("gpt-oss-20b", DType::kQ4_K).value();  // 2880 is no multiple of 256
  EXPECT_EQ(type_of(oss, "blk.0.attn_q.weight"), DType::kQ8_0);
  EXPECT_EQ(type_of(oss, "blk.0.attn_sinks.weight"), DType::kF32);
}

// What the key says decides, as with a directory of weights.
TEST(Shape, OptionalTensorsFollowTheConfiguration) {
  constexpr std::string_view kSmall = R"({"architectures": ["LlamaForCausalLM"],
      "num_hidden_layers": 2, "hidden_size": 64, "intermediate_size": 128,
      "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100)";
  const auto text = [&](std::string_view more) {
    return Print(ParseShape(std::string(kSmall) + std::string(more) + "}", "c.json")->graph());
  };
  EXPECT_THAT(text(""), HasSubstr("weight output.weight"));
  EXPECT_THAT(text(R"(, "tie_word_embeddings": true)"),
              testing::Not(HasSubstr("weight output.weight")));
  EXPECT_THAT(text(R"(, "attention_bias": true)"), HasSubstr("weight blk.1.attn_output.bias"));
  EXPECT_THAT(text(R"(, "mlp_bias": true)"), HasSubstr("weight blk.1.ffn_down.bias"));
  EXPECT_THAT(text(""), testing::Not(HasSubstr(".bias")));
}

TEST(Shape, WrongConfigurationsAreErrors) {
  const auto error = [](std::string_view text) {
    const auto model = ParseShape(text, "c.json");
    return model.ok() ? "no error" : model.error().message;
  };
  EXPECT_THAT(error(""), HasSubstr("c.json: is no JSON"));
  EXPECT_THAT(error("[]"), HasSubstr("c.json: holds no object"));
  EXPECT_THAT(error("{}"), HasSubstr("c.json: found no architectures"));
  EXPECT_THAT(error(R"({"architectures": ["BertModel"]})"), HasSubstr("BertModel"));
  constexpr std::string_view kLlama = R"({"architectures": ["LlamaForCausalLM"], )";
  const auto llama = [&](std::string_view rest) {
    return error(std::string(kLlama) + std::string(rest) + "}");
  };
  EXPECT_THAT(llama(R"("num_hidden_layers": 4294967295)"), HasSubstr("wanted 1 to 4096"));
  EXPECT_THAT(llama(R"("num_hidden_layers": -1)"), HasSubstr("num_hidden_layers is -1"));
  EXPECT_THAT(llama(R"("num_hidden_layers": 2)"), HasSubstr("hidden_size is missing"));
  constexpr std::string_view kSizes = R"("num_hidden_layers": 2, "num_attention_heads": 4, )";
  const auto sizes = [&](std::string_view rest) {
    return llama(std::string(kSizes) + std::string(rest));
  };
  EXPECT_THAT(sizes(R"("hidden_size": 64, "intermediate_size": 128)"), HasSubstr("vocab_size"));
  EXPECT_THAT(sizes(R"("hidden_size": 2147483644, "intermediate_size": 2147483647,
                       "head_dim": 64, "vocab_size": 2147483647)"),
              HasSubstr("bytes of weights"));
  EXPECT_THAT(LoadShape("llama-9").error().message, HasSubstr("found 'llama-9'"));
  EXPECT_FALSE(IsShape("llama-9"));
  EXPECT_EQ(LoadShape("/nowhere/config.json").error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace millrace
