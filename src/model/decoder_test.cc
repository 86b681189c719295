// What forms and keys make of the small llama's tensors. That the architectures mean what they
// should is the business of tests/conformance.
#include "model/decoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "graph/print.h"
#include "model/architectures.h"
#include "model/model.h"
#include "model/test_gguf.h"

namespace millrace {
namespace {

using testing::HasSubstr;
using testing::Not;

// A file, and the text of the graph that is built from it, or the message of the error.
struct Built {
  explicit Built(const TestGguf& file, const DecoderForm& form = {}, std::int64_t context = 0)
      : bytes(file.Bytes()), checkpoint(Checkpoint::Parse(bytes, "test.gguf")) {
    MILLRACE_CHECK(checkpoint.ok());
    Result<ModelConfig> config = ParseConfig(*checkpoint);
    if (!config.ok()) {
      graph = config.error();
      return;
    }
    config->planned_context = context;
    graph = BuildDecoder(*config, *checkpoint, form);
  }
  std::string text() const { return graph.ok() ? Print(*graph) : graph.error().message; }

  std::vector<std::byte> bytes;
  Result<Checkpoint> checkpoint;
  Result<Graph> graph = Error{};
};

// The small llama with `layers` layers.
TestGguf Layers(std::uint32_t layers) {
  TestGguf file = SmallLlama();
  file.metadata["llama.block_count"] = layers;
  for (const auto& [name, tensor] : SmallLlama().tensors) {
    if (!name.starts_with("blk.0.")) continue;
    for (std::uint32_t layer = 1; layer < layers; ++layer) {
      file.tensors[fmt::format("blk.{}.{}", layer, name.substr(6))] = tensor;
    }
  }
  return file;
}

std::vector<std::int32_t> Windows(const Built& built) {
  std::vector<std::int32_t> windows;
  MILLRACE_CHECK(built.graph.ok());
  for (const Operation& operation : built.graph->operations) {
    if (const auto* attention = std::get_if<Attention>(&operation)) {
      windows.push_back(attention->window);
    }
  }
  return windows;
}

TEST(Decoder, ABiasIsAddedWhereTheFileHasOne) {
  TestGguf file = SmallLlama();
  file.tensors["blk.0.attn_k.bias"].shape = {16};
  file.tensors["blk.0.ffn_down.bias"].shape = {32};
  const std::string text = Built(file).text();
  EXPECT_THAT(text, HasSubstr("linear %1, blk.0.attn_q.weight : 32\n"));
  EXPECT_THAT(text, HasSubstr("linear %1, blk.0.attn_k.weight, bias blk.0.attn_k.bias : 16\n"));
  EXPECT_THAT(text, HasSubstr("blk.0.ffn_down.weight, bias blk.0.ffn_down.bias : 32\n"));
  file.tensors["blk.0.attn_k.bias"].shape = {15};
  EXPECT_EQ(Built(file).text(), "test.gguf: tensor blk.0.attn_k.bias has shape [15], wanted [16]");
}

TEST(Decoder, FusedTensorsAreRangesOfRows) {
  TestGguf file = SmallLlama();
  for (const char* name : {"attn_q", "attn_k", "attn_v", "ffn_gate"}) {
    file.tensors.erase(fmt::format("blk.0.{}.weight", name));
  }
  file.tensors["blk.0.attn_qkv.weight"].shape = {32, 64};
  file.tensors["blk.0.attn_qkv.bias"].shape = {64};
  file.tensors["blk.0.ffn_up.weight"].shape = {32, 96};
  const Built built(file, {.fused_gate = true});
  ASSERT_TRUE(built.graph.ok()) << built.text();
  EXPECT_THAT(built.text(), HasSubstr("weight blk.0.attn_qkv.weight@32+16 F32 [16, 32]\n"));
  EXPECT_THAT(built.text(), HasSubstr("linear %1, blk.0.attn_qkv.weight@48+16, bias "
                                      "blk.0.attn_qkv.bias@48+16 : 16\n"));
  const std::byte* fused = built.checkpoint->Find("blk.0.attn_qkv.weight")->bytes.data();
  const std::byte* up = built.checkpoint->Find("blk.0.ffn_up.weight")->bytes.data();
  int seen = 0;
  for (const Weight& weight : built.graph->weights) {
    const bool is_key = weight.name == "blk.0.attn_qkv.weight@32+16";
    const bool is_up = weight.name == "blk.0.ffn_up.weight@48+48";
    if (!is_key && !is_up) continue;
    EXPECT_EQ(weight.bytes.data(), is_key ? fused + 32 * 32 * 4 : up + 48 * 32 * 4);
    EXPECT_EQ(weight.bytes.size(), is_key ? 16u * 32 * 4 : 48u * 32 * 4);
    ++seen;
  }
  EXPECT_EQ(seen, 2);
  EXPECT_THAT(Built(file).text(), HasSubstr("tensor blk.0.ffn_gate.weight is missing"));
}

TEST(Decoder, WindowsComeOfTheFormUnlessTheFileHasAPattern) {
  TestGguf file = Layers(4);
  file.metadata["llama.attention.sliding_window"] = 16u;
  EXPECT_EQ(Windows(Built(file)), (std::vector{0, 0, 0, 0}));
  const DecoderForm form{.window_period = 2};
  EXPECT_EQ(Windows(Built(file, form)), (std::vector{16, 0, 16, 0}));
  file.metadata["llama.attention.sliding_window_pattern"] = 3u;
  EXPECT_EQ(Windows(Built(file, form)), (std::vector{16, 16, 0, 16}));
}

TEST(Decoder, LayersWithAWindowMayTurnByATableOfTheirOwn) {
  TestGguf file = Layers(2);
  file.metadata["llama.attention.sliding_window"] = 16u;
  DecoderForm form{.window_period = 2};
  form.window_rope = RopeConfig{.dimensions = 8, .base = 16};
  const std::string text = Built(file, form).text();
  EXPECT_THAT(text, HasSubstr("rope_table 1 magnitude 1 frequencies [1, 0.5, 0.25, 0.125]\n"));
  EXPECT_THAT(text, HasSubstr("%5 = rope %2, table 1, head_dim 8 : 32\n"));
  EXPECT_THAT(text, HasSubstr("rope %17, table 0, head_dim 8 : 32\n"));
}

TEST(Decoder, TheContextChoosesTheRopeFactors) {
  const std::string path = MILLRACE_SOURCE_DIR "/tests/data/vectors/phi3-longrope.gguf";
  const auto frequencies = [&](std::int64_t context) {
    const Result<Model> model = Model::Load(path, context);
    MILLRACE_CHECK(model.ok());
    return model->graph().rope_tables[0].frequencies;
  };
  EXPECT_EQ(frequencies(0), frequencies(512));  // the original context
  EXPECT_NE(frequencies(0), frequencies(513));
  EXPECT_EQ(frequencies(513), frequencies(16384));
}

TEST(Decoder, BothSetsOfRopeFactorsAreThere) {
  TestGguf file = SmallLlama();
  file.tensors["rope_factors_long.weight"].shape = {4};
  EXPECT_THAT(Built(file).text(), HasSubstr("tensor rope_factors_short.weight is missing"));
  file.tensors["rope_factors_short.weight"].shape = {4};
  EXPECT_EQ(Built(file).text(),
            "test.gguf: tensor rope_factors_short.weight holds 0, wanted numbers above 0");
  EXPECT_EQ(Built(file, {}, 65).text(),
            "test.gguf: tensor rope_factors_long.weight holds 0, wanted numbers above 0");
}

TestGguf WithExperts() {
  TestGguf file = Layers(2);
  file.metadata["llama.expert_count"] = 4u;
  file.metadata["llama.expert_used_count"] = 2u;
  file.metadata["llama.expert_feed_forward_length"] = 8u;
  file.metadata["llama.leading_dense_block_count"] = 1u;
  for (const char* name : {"ffn_gate", "ffn_up", "ffn_down"}) {
    file.tensors.erase(fmt::format("blk.1.{}.weight", name));
  }
  file.tensors["blk.1.ffn_gate_inp.weight"].shape = {32, 4};
  file.tensors["blk.1.ffn_gate_exps.weight"].shape = {32, 8, 4};
  file.tensors["blk.1.ffn_up_exps.weight"].shape = {32, 8, 4};
  file.tensors["blk.1.ffn_down_exps.weight"].shape = {8, 32, 4};
  return file;
}

TEST(Decoder, ExpertsFollowTheLeadingDenseLayers) {
  const Built built(WithExperts(), {.normalise_routes = true});
  ASSERT_TRUE(built.graph.ok()) << built.text();
  EXPECT_THAT(built.text(), HasSubstr("linear %13, blk.0.ffn_down.weight : 32\n"));
  EXPECT_THAT(built.text(), HasSubstr("weight blk.1.ffn_down_exps.weight F32 [128, 8]\n"));
  EXPECT_THAT(built.text(), HasSubstr("%26 = linear %25, blk.1.ffn_gate_inp.weight : 4\n"
                                      "%27 = route %26, chosen 2, softmax, normalise : 4\n"
                                      "%28 = experts %25, routes %27, silu_mul, gate "
                                      "blk.1.ffn_gate_exps.weight, up blk.1.ffn_up_exps.weight, "
                                      "down blk.1.ffn_down_exps.weight : 32\n"
                                      "%29 = add %24, %28 : 32\n"));
}

TEST(Decoder, ExpertsMayHaveBiasesAndSharedOnesBeside) {
  TestGguf file = WithExperts();
  file.metadata["llama.expert_shared_count"] = 2u;
  file.tensors["blk.1.ffn_gate_shexp.weight"].shape = {32, 16};
  file.tensors["blk.1.ffn_up_shexp.weight"].shape = {32, 16};
  file.tensors["blk.1.ffn_down_shexp.weight"].shape = {16, 32};
  file.tensors["blk.1.ffn_down_exps.bias"].shape = {32, 4};
  file.tensors["blk.1.exp_probs_b.bias"].shape = {4};
  const Built built(file);
  ASSERT_TRUE(built.graph.ok()) << built.text();
  EXPECT_THAT(built.text(), HasSubstr("chosen 2, softmax, selection_bias blk.1.exp_probs_b.bias"));
  EXPECT_THAT(built.text(), HasSubstr(", down_bias blk.1.ffn_down_exps.bias : 32\n"));
  EXPECT_THAT(built.text(), HasSubstr("%33 = add %28, %32 : 32\n%34 = add %24, %33 : 32\n"));
}

TEST(Decoder, LayersThatOnlyPredictAreLeftOut) {
  TestGguf file = Layers(2);
  file.metadata["llama.nextn_predict_layers"] = 1u;
  file.tensors["blk.1.nextn.eh_proj.weight"].shape = {64, 32};
  const Built built(file);
  ASSERT_TRUE(built.graph.ok()) << built.text();
  EXPECT_THAT(built.text(), Not(HasSubstr("blk.1.")));
}

// What an architecture makes of the small llama with some keys and tensors changed.
Result<Graph> GraphOf(TestGguf file, const std::string& architecture,
                      const std::vector<std::pair<std::string, std::uint32_t>>& keys,
                      std::vector<std::byte>& bytes) {
  std::map<std::string, TestGguf::Value> metadata = {{"general.architecture", architecture}};
  for (const auto& [key, value] : file.metadata) {
    if (key.starts_with("llama.")) metadata[architecture + key.substr(5)] = value;
  }
  for (const auto& [key, value] : keys) metadata[architecture + "." + key] = value;
  file.metadata = metadata;
  bytes = file.Bytes();
  MILLRACE_TRY(Checkpoint checkpoint, Checkpoint::Parse(bytes, "test.gguf"));
  MILLRACE_TRY(const Architecture found, FindArchitecture(checkpoint));
  MILLRACE_TRY(const ModelConfig config, ParseConfig(checkpoint));
  return found.build_graph(config, checkpoint);
}

TEST(Gemma, ScoresOfTheLargestAreScaledByHiddenOverHeads) {
  for (const auto& [architecture, layers] : {std::pair("gemma2", 46u), std::pair("gemma3", 62u)}) {
    for (const std::uint32_t count : {layers, 2u}) {
      TestGguf file = Layers(count);
      file.metadata["llama.attention.key_length"] = 16u;
      for (std::uint32_t layer = 0; layer < count; ++layer) {
        const auto shape = [&](const char* name) -> std::vector<std::uint64_t>& {
          return file.tensors[fmt::format("blk.{}.{}.weight", layer, name)].shape;
        };
        shape("attn_q") = {32, 64};
        shape("attn_k") = shape("attn_v") = {32, 32};
        shape("attn_output") = {64, 32};
        shape("post_attention_norm") = shape("post_ffw_norm") = {32};
        if (architecture == std::string("gemma3"))
          shape("attn_q_norm") = shape("attn_k_norm") = {16};
      }
      std::vector<std::byte> bytes;
      const Result<Graph> graph = GraphOf(file, architecture, {}, bytes);
      ASSERT_TRUE(graph.ok()) << graph.error().message;
      for (const Operation& operation : graph->operations) {
        if (const auto* attention = std::get_if<Attention>(&operation)) {
          EXPECT_EQ(attention->scale, count == 2 ? 0.25f : 1 / std::sqrt(8.0f)) << architecture;
        }
      }
    }
  }
}

TEST(GptOss, NeedsExpertsAndAWindow) {
  std::vector<std::byte> bytes;
  const Result<Graph> graph = GraphOf(SmallLlama(), "gpt-oss", {}, bytes);
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(graph.error().message, HasSubstr("gpt-oss.expert_count and"));
}

TEST(Qwen3Moe, NeedsExperts) {
  std::vector<std::byte> bytes;
  const Result<Graph> graph = GraphOf(SmallLlama(), "qwen3moe", {}, bytes);
  ASSERT_FALSE(graph.ok());
  EXPECT_THAT(graph.error().message, HasSubstr("qwen3moe.expert_count is missing or 0"));
}

TEST(Deepseek2, OldFilesWithOneTensorForKeysAndValuesAreUnsupported) {
  TestGguf file = SmallLlama();
  file.tensors["blk.0.attn_kv_b.weight"].shape = {32, 32};
  std::vector<std::byte> bytes;
  const Result<Graph> graph = GraphOf(file, "deepseek2", {}, bytes);
  ASSERT_FALSE(graph.ok());
  EXPECT_EQ(graph.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(graph.error().message, HasSubstr("supported: attn_k_b and attn_v_b"));
}

TEST(Deepseek2, SizesThatCannotBeAreNamed) {
  const std::vector<std::vector<std::pair<std::string, std::uint32_t>>> kCases = {
      {},
      {{"attention.kv_lora_rank", 16},
       {"attention.key_length_mla", 8},
       {"attention.value_length_mla", 8}},  // nothing but the rotated dimensions
      {{"attention.kv_lora_rank", 16}, {"attention.key_length_mla", 12}},
      {{"attention.kv_lora_rank", 0x7fffffff},
       {"attention.key_length_mla", 12},
       {"attention.value_length_mla", 8}},
      {{"attention.kv_lora_rank", 16},
       {"attention.key_length_mla", 0x7fffffff},
       {"attention.value_length_mla", 8}},
  };
  for (const auto& keys : kCases) {
    std::vector<std::byte> bytes;
    const Result<Graph> graph = GraphOf(SmallLlama(), "deepseek2", keys, bytes);
    ASSERT_FALSE(graph.ok());
    EXPECT_EQ(graph.error().code, ErrorCode::kInvalid);
    EXPECT_THAT(graph.error().message, HasSubstr("kv_lora_rank, key_length_mla and"));
  }
}

}  // namespace
}  // namespace millrace
