#include "model/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "model/test_gguf.h"

namespace millrace {
namespace {

Result<ModelConfig> ConfigOf(const TestGguf& file) {
  const std::vector<std::byte> bytes = file.Bytes();
  const Result<Checkpoint> checkpoint = Checkpoint::Parse(bytes, "test.gguf");
  MILLRACE_CHECK(checkpoint.ok());
  return ParseConfig(*checkpoint);
}

// The error of the small llama with one key set to something else.
Error ErrorWith(const std::string& key, TestGguf::Value value) {
  TestGguf file = SmallLlama();
  file.metadata[key] = std::move(value);
  const Result<ModelConfig> config = ConfigOf(file);
  return config.ok() ? Error{ErrorCode::kIo, "no error"} : config.error();
}

TEST(ParseConfig, ReadsWhatTheFileSays) {
  TestGguf file = SmallLlama();
  file.metadata["general.name"] = "Small";
  file.metadata["llama.attention.key_length"] = 16u;
  file.metadata["llama.rope.dimension_count"] = 12u;
  file.metadata["llama.rope.freq_base"] = 5e5f;
  const Result<ModelConfig> config = ConfigOf(file);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->architecture, "llama");
  EXPECT_EQ(config->name, "Small");
  EXPECT_EQ(config->context_length, 64);
  EXPECT_EQ(config->layers, 1);
  EXPECT_EQ(config->hidden, 32);
  EXPECT_EQ(config->heads, 4);
  EXPECT_EQ(config->kv_heads, 2);
  EXPECT_EQ(config->head_dim, 16);
  EXPECT_EQ(config->ffn, 48);
  EXPECT_EQ(config->vocabulary, 20);
  EXPECT_EQ(config->norm_eps, 1e-5f);
  EXPECT_EQ(config->rope.dimensions, 12);
  EXPECT_EQ(config->rope.base, 5e5);
}

TEST(ParseConfig, MissingKeysHaveTheMeaningOfTheFormat) {
  TestGguf file = SmallLlama();
  file.metadata.erase("llama.attention.head_count_kv");
  const Result<ModelConfig> config = ConfigOf(file);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->name, "");
  EXPECT_EQ(config->kv_heads, 4);
  EXPECT_EQ(config->head_dim, 8);
  EXPECT_EQ(config->rope.dimensions, 8);
  EXPECT_EQ(config->rope.base, 10000);
  EXPECT_EQ(config->rope.factor, 1);
  EXPECT_EQ(config->rope.attention_factor, 1);
  EXPECT_EQ(config->rope.original_context_length, 64);
}

TEST(ParseConfig, ReadsRopeScaling) {
  TestGguf file = SmallLlama();
  file.metadata["llama.rope.scaling.factor"] = 4.0f;
  EXPECT_EQ(ConfigOf(file)->rope.scaling, RopeScaling::kLinear);  // a factor alone
  EXPECT_EQ(ConfigOf(file)->rope.factor, 4);
  file.metadata["llama.rope.scaling.type"] = "none";
  EXPECT_EQ(ConfigOf(file)->rope.scaling, RopeScaling::kNone);
  file.metadata["llama.rope.scaling.type"] = "yarn";
  file.metadata["llama.rope.scaling.original_context_length"] = 16u;
  file.metadata["llama.rope.scaling.attn_factor"] = 0.5f;
  file.metadata["llama.rope.scaling.yarn_beta_fast"] = 16.0f;
  file.metadata["llama.rope.scaling.yarn_beta_slow"] = 2.0f;
  file.metadata["llama.rope.scaling.yarn_ext_factor"] = 0.25f;
  const RopeConfig rope = ConfigOf(file)->rope;
  EXPECT_EQ(rope.scaling, RopeScaling::kYarn);
  EXPECT_EQ(rope.original_context_length, 16);
  EXPECT_EQ(rope.attention_factor, 0.5);
  EXPECT_EQ(rope.beta_fast, 16);
  EXPECT_EQ(rope.beta_slow, 2);
  EXPECT_EQ(rope.extrapolation, 0.25);
}

TEST(ParseConfig, OldFilesNameTheLinearFactorDifferently) {
  TestGguf file = SmallLlama();
  file.metadata["llama.rope.scale_linear"] = 2.0f;
  EXPECT_EQ(ConfigOf(file)->rope.factor, 2);
  file.metadata["llama.rope.scaling.factor"] = 0.0f;  // none
  EXPECT_EQ(ConfigOf(file)->rope.factor, 1);
}

TEST(ParseConfig, EveryRequiredKeyIsNamedWhenItIsMissing) {
  for (const auto& [key, value] : SmallLlama().metadata) {
    if (key == "llama.attention.head_count_kv") continue;
    TestGguf file = SmallLlama();
    file.metadata.erase(key);
    const Result<ModelConfig> config = ConfigOf(file);
    ASSERT_FALSE(config.ok()) << key;
    EXPECT_EQ(config.error().code, ErrorCode::kNotFound);
    EXPECT_THAT(config.error().message, testing::HasSubstr(key));
    EXPECT_THAT(config.error().message, testing::StartsWith("test.gguf: "));
  }
}

TEST(ParseConfig, ImpossibleValuesAreNamed) {
  const struct {
    const char* key;
    TestGguf::Value value;
    const char* message;
  } kCases[] = {
      {"llama.block_count", 0u, "llama.block_count is 0, wanted 1 to 2147483647"},
      {"llama.embedding_length", 0x80000000u,
       "llama.embedding_length is 2147483648, wanted 1 to 2147483647"},
      {"llama.attention.head_count", 5u, "5 heads share 2 key-value heads, wanted a multiple"},
      {"llama.attention.head_count", 6u,
       "hidden size 32 is not a multiple of 6 heads, and llama.attention.key_length is missing"},
      {"llama.attention.key_length", 7u, "the head size is 7, wanted an even number"},
      {"llama.rope.dimension_count", 10u,
       "llama.rope.dimension_count is 10, wanted an even number up to the head size 8"},
      {"llama.rope.dimension_count", 3u,
       "llama.rope.dimension_count is 3, wanted an even number up to the head size 8"},
      {"llama.rope.freq_base", 0.0f, "llama.rope.freq_base is 0, wanted a number above 0"},
      {"llama.rope.scaling.factor", -1.0f, "llama.rope.scaling.factor is -1, wanted 0 or more"},
      {"llama.rope.scaling.factor", std::numeric_limits<float>::infinity(),
       "llama.rope.scaling.factor is inf, wanted 0 or more"},
      {"llama.attention.layer_norm_rms_epsilon", std::numeric_limits<float>::quiet_NaN(),
       "llama.attention.layer_norm_rms_epsilon is nan, wanted 0 or more"},
  };
  for (const auto& [key, value, message] : kCases) {
    const Error error = ErrorWith(key, value);
    EXPECT_EQ(error.code, ErrorCode::kInvalid) << key;
    EXPECT_THAT(error.message, testing::HasSubstr(message)) << key;
  }
}

TEST(ParseConfig, YarnNeedsABaseAboveOne) {
  TestGguf file = SmallLlama();
  file.metadata["llama.rope.freq_base"] = 1.0f;
  EXPECT_TRUE(ConfigOf(file).ok());
  file.metadata["llama.rope.scaling.type"] = "yarn";
  const Result<ModelConfig> config = ConfigOf(file);
  ASSERT_FALSE(config.ok());
  EXPECT_EQ(config.error().message,
            "test.gguf: metadata key llama.rope.freq_base is 1, wanted more than 1 for YaRN");
}

TEST(ParseConfig, WhatIsNotKnownIsUnsupported) {
  const struct {
    const char* key;
    TestGguf::Value value;
    const char* message;
  } kCases[] = {
      {"llama.rope.scaling.type", "dynamic",
       "llama.rope.scaling.type is 'dynamic', supported: none, linear, yarn, longrope"},
  };
  for (const auto& [key, value, message] : kCases) {
    const Error error = ErrorWith(key, value);
    EXPECT_EQ(error.code, ErrorCode::kUnsupported) << key;
    EXPECT_THAT(error.message, testing::HasSubstr(message)) << key;
  }
}

// The small llama with four experts, two of them chosen.
TestGguf WithExperts() {
  TestGguf file = SmallLlama();
  file.metadata["llama.expert_count"] = 4u;
  file.metadata["llama.expert_used_count"] = 2u;
  return file;
}

TEST(ParseConfig, ExpertsAreAsWideAsTheFeedForwardPartUnlessTheyHaveAWidth) {
  TestGguf file = WithExperts();
  EXPECT_EQ(ConfigOf(file)->experts.count, 4);
  EXPECT_EQ(ConfigOf(file)->experts.chosen, 2);
  EXPECT_EQ(ConfigOf(file)->experts.ffn, 48);
  EXPECT_EQ(ConfigOf(file)->experts.scale, 1);
  EXPECT_EQ(ConfigOf(file)->experts.groups, 1);
  file.metadata["llama.expert_feed_forward_length"] = 16u;
  file.metadata.erase("llama.feed_forward_length");
  EXPECT_EQ(ConfigOf(file)->experts.ffn, 16);
  file.metadata["llama.expert_weights_scale"] = 0.0f;  // none
  EXPECT_EQ(ConfigOf(file)->experts.scale, 1);
}

TEST(ParseConfig, ReadsHowExpertsAreChosen) {
  TestGguf file = WithExperts();
  file.metadata["llama.expert_shared_count"] = 3u;
  file.metadata["llama.expert_group_count"] = 2u;
  file.metadata["llama.expert_group_used_count"] = 1u;
  file.metadata["llama.leading_dense_block_count"] = 1u;
  file.metadata["llama.expert_gating_func"] = 2u;
  file.metadata["llama.expert_weights_scale"] = 2.5f;
  const Result<ModelConfig> config = ConfigOf(file);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->experts.shared, 3);
  EXPECT_EQ(config->experts.groups, 2);
  EXPECT_EQ(config->experts.chosen_groups, 1);
  EXPECT_EQ(config->experts.leading_dense, 1);
  EXPECT_EQ(config->experts.weights, RouteWeights::kSigmoid);
  EXPECT_EQ(config->experts.scale, 2.5f);
}

TEST(ParseConfig, ImpossibleExpertsAreNamed) {
  const struct {
    const char* key;
    TestGguf::Value value;
    const char* message;
  } kCases[] = {
      {"llama.expert_used_count", 0u, "llama.expert_used_count is 0, wanted 1 to 2147483647"},
      {"llama.expert_used_count", 5u, "llama.expert_used_count is 5, wanted at most the 4"},
      {"llama.expert_count", 0x80000000u, "llama.expert_count is 2147483648, wanted 0 to"},
      {"llama.expert_feed_forward_length", 0u, "llama.expert_feed_forward_length is 0, wanted 1"},
      {"llama.expert_shared_count", 0x7fffffffu, "wanted fewer than 2^31 columns"},
      {"llama.leading_dense_block_count", 2u, "is 2, wanted at most 1 layers"},
      {"llama.expert_weights_scale", -1.0f, "llama.expert_weights_scale is -1, wanted 0 or more"},
      {"llama.expert_group_count", 3u, "llama.expert_group_count is 3, wanted a divisor of 4"},
  };
  for (const auto& [key, value, message] : kCases) {
    TestGguf file = WithExperts();
    file.metadata[key] = value;
    const Result<ModelConfig> config = ConfigOf(file);
    ASSERT_FALSE(config.ok()) << key;
    EXPECT_EQ(config.error().code, ErrorCode::kInvalid) << key;
    EXPECT_THAT(config.error().message, testing::HasSubstr(message)) << key;
  }
}

TEST(ParseConfig, TheChosenGroupsHaveExpertsEnough) {
  TestGguf file = WithExperts();
  file.metadata["llama.expert_group_count"] = 4u;
  EXPECT_EQ(ConfigOf(file).error().code, ErrorCode::kNotFound);  // how many of them
  for (const std::uint32_t groups : {1u, 5u}) {
    file.metadata["llama.expert_group_used_count"] = groups;
    EXPECT_THAT(ConfigOf(file).error().message,
                testing::HasSubstr("wanted at most 4, and groups enough for 2 experts"));
  }
  file.metadata["llama.expert_group_used_count"] = 2u;
  EXPECT_TRUE(ConfigOf(file).ok());
}

TEST(ParseConfig, UnknownRoutingIsUnsupported) {
  TestGguf file = WithExperts();
  file.metadata["llama.expert_gating_func"] = 4u;
  EXPECT_EQ(ConfigOf(file).error().code, ErrorCode::kUnsupported);
}

TEST(ParseConfig, ReadsWindowsAndCaps) {
  TestGguf file = SmallLlama();
  EXPECT_EQ(ConfigOf(file)->window, 0);
  file.metadata["llama.attention.sliding_window"] = 16u;
  file.metadata["llama.attention.sliding_window_pattern"] = 3u;
  file.metadata["llama.rope.freq_base_swa"] = 500.0f;
  file.metadata["llama.attn_logit_softcapping"] = 50.0f;
  file.metadata["llama.final_logit_softcapping"] = 30.0f;
  const Result<ModelConfig> config = ConfigOf(file);
  ASSERT_TRUE(config.ok()) << config.error().message;
  EXPECT_EQ(config->window, 16);
  EXPECT_EQ(config->window_period, 3);
  EXPECT_EQ(config->window_rope_base, 500);
  EXPECT_EQ(config->attention_softcap, 50);
  EXPECT_EQ(config->logit_softcap, 30);
}

TEST(ParseConfig, ImpossibleSizesAreNamed) {
  const struct {
    const char* key;
    TestGguf::Value value;
    const char* message;
  } kCases[] = {
      {"llama.attention.key_length", 0x7ffffffeu,
       "the head size is 2147483646, wanted at most 65536"},
      {"llama.attention.value_length", 0x40000000u, "4 heads of 1073741824 make more than"},
      {"llama.attention.sliding_window", 0xffffffffu, "is 4294967295, wanted 0 to 2147483647"},
      {"llama.attn_logit_softcapping", -1.0f, "llama.attn_logit_softcapping is -1, wanted 0 or"},
      {"llama.final_logit_softcapping", std::numeric_limits<float>::quiet_NaN(), "is nan, wanted"},
      {"llama.rope.freq_base_swa", 0.0f, "llama.rope.freq_base_swa is 0, wanted a number above 0"},
      {"llama.nextn_predict_layers", 1u, "llama.nextn_predict_layers is 1, wanted fewer than 1"},
  };
  for (const auto& [key, value, message] : kCases) {
    const Error error = ErrorWith(key, value);
    EXPECT_EQ(error.code, ErrorCode::kInvalid) << key;
    EXPECT_THAT(error.message, testing::HasSubstr(message)) << key;
  }
}

TEST(ParseConfig, AKeyOfAnotherTypeIsInvalid) {
  EXPECT_EQ(ErrorWith("llama.block_count", "two").code, ErrorCode::kInvalid);
  EXPECT_EQ(ErrorWith("llama.rope.scaling.type", 2u).code, ErrorCode::kInvalid);
}

}  // namespace
}  // namespace millrace
