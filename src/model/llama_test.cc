#include "model/llama.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/print.h"
#include "graph/verify.h"
#include "model/test_gguf.h"

namespace millrace {
namespace {

// A file, its checkpoint and what was built from it.
struct Built {
  explicit Built(const TestGguf& file)
      : bytes(file.Bytes()), checkpoint(Checkpoint::Parse(bytes, "test.gguf")) {
    MILLRACE_CHECK(checkpoint.ok());
    const Result<ModelConfig> config = ParseConfig(*checkpoint);
    MILLRACE_CHECK(config.ok());
    graph = BuildLlama(*config, *checkpoint);
  }
  std::string message() const { return graph.ok() ? "no error" : graph.error().message; }

  std::vector<std::byte> bytes;
  Result<Checkpoint> checkpoint;
  Result<Graph> graph = Error{};
};

TEST(Llama, IsThisGraph) {
  const Built built(SmallLlama());
  ASSERT_TRUE(built.graph.ok()) << built.message();
  EXPECT_EQ(Print(*built.graph),
            "weight token_embd.weight F32 [20, 32]\n"
            "weight blk.0.attn_norm.weight F32 [1, 32]\n"
            "weight blk.0.attn_q.weight F32 [32, 32]\n"
            "weight blk.0.attn_k.weight F32 [16, 32]\n"
            "weight blk.0.attn_v.weight F32 [16, 32]\n"
            "weight blk.0.attn_output.weight F32 [32, 32]\n"
            "weight blk.0.ffn_norm.weight F32 [1, 32]\n"
            "weight blk.0.ffn_gate.weight F32 [48, 32]\n"
            "weight blk.0.ffn_up.weight F32 [48, 32]\n"
            "weight blk.0.ffn_down.weight F32 [32, 48]\n"
            "weight output_norm.weight F32 [1, 32]\n"
            "weight output.weight F32 [20, 32]\n"
            "rope_table 0 magnitude 1 frequencies [1, 0.1, 0.01, 0.001]\n"
            "%0 = embed token_embd.weight : 32\n"
            "%1 = rms_norm %0, blk.0.attn_norm.weight, eps 1e-05 : 32\n"
            "%2 = linear %1, blk.0.attn_q.weight : 32\n"
            "%3 = linear %1, blk.0.attn_k.weight : 16\n"
            "%4 = linear %1, blk.0.attn_v.weight : 16\n"
            "%5 = rope %2, table 0, head_dim 8 : 32\n"
            "%6 = rope %3, table 0, head_dim 8 : 16\n"
            "%7 = attention query %5, key %6, value %4, layer 0, heads 4, kv_heads 2, head_dim 8, "
            "scale 0.35355338 : 32\n"
            "%8 = linear %7, blk.0.attn_output.weight : 32\n"
            "%9 = add %0, %8 : 32\n"
            "%10 = rms_norm %9, blk.0.ffn_norm.weight, eps 1e-05 : 32\n"
            "%11 = linear %10, blk.0.ffn_gate.weight : 48\n"
            "%12 = linear %10, blk.0.ffn_up.weight : 48\n"
            "%13 = silu_mul gate %11, up %12 : 48\n"
            "%14 = linear %13, blk.0.ffn_down.weight : 32\n"
            "%15 = add %9, %14 : 32\n"
            "%16 = rms_norm %15, output_norm.weight, eps 1e-05 : 32\n"
            "%17 = linear %16, output.weight : 20\n"
            "logits %17\n");
}

TEST(Llama, WeightsViewTheFile) {
  const Built built(SmallLlama());
  for (const Weight& weight : built.graph->weights) {
    EXPECT_EQ(weight.bytes.data(), built.checkpoint->Find(weight.name)->bytes.data());
  }
}

TEST(Llama, WithoutAnOutputMatrixTheEmbeddingServes) {
  TestGguf file = SmallLlama();
  file.tensors.erase("output.weight");
  const Built built(file);
  ASSERT_TRUE(built.graph.ok()) << built.message();
  const auto& last = std::get<Linear>(built.graph->operations.back());
  EXPECT_EQ(built.graph->weight(last.weight).name, "token_embd.weight");
  EXPECT_EQ(built.graph->weights.size(), 11u);  // the embedding once
}

TEST(Llama, HeadsNeedNotAddUpToTheHiddenSize) {
  TestGguf file = SmallLlama();
  file.metadata["llama.attention.key_length"] = 16u;
  file.tensors["blk.0.attn_q.weight"].shape = {32, 64};
  file.tensors["blk.0.attn_k.weight"].shape = {32, 32};
  file.tensors["blk.0.attn_v.weight"].shape = {32, 32};
  file.tensors["blk.0.attn_output.weight"].shape = {64, 32};
  const Built built(file);
  EXPECT_TRUE(built.graph.ok()) << built.message();
}

TEST(Llama, EveryTensorIsNamedWhenItIsMissing) {
  for (const auto& [name, tensor] : SmallLlama().tensors) {
    if (name == "token_embd.weight" || name == "output.weight") continue;
    TestGguf file = SmallLlama();
    file.tensors.erase(name);
    const Built built(file);
    EXPECT_EQ(built.message(),
              fmt::format("test.gguf: tensor {} is missing, wanted with shape [{}]", name,
                          fmt::join(tensor.shape, ", ")));
  }
}

TEST(Llama, EveryTensorIsNamedWhenItIsMisshapen) {
  for (const auto& [name, tensor] : SmallLlama().tensors) {
    if (name == "token_embd.weight") continue;
    TestGguf file = SmallLlama();
    std::vector<std::uint64_t>& shape = file.tensors[name].shape;
    shape.back() += 1;
    const Built built(file);
    EXPECT_EQ(built.message(), fmt::format("test.gguf: tensor {} has shape [{}], wanted [{}]", name,
                                           fmt::join(shape, ", "), fmt::join(tensor.shape, ", ")));
  }
}

TEST(Llama, TheEmbeddingHasRowsOfTheHiddenSize) {
  TestGguf file = SmallLlama();
  file.tensors["token_embd.weight"].shape = {31, 20};
  EXPECT_EQ(Built(file).message(),
            "test.gguf: tensor token_embd.weight has shape [31, 20], wanted [32, 20]");
}

TEST(Llama, TrailingDimensionsOfOneSayNothing) {
  TestGguf file = SmallLlama();
  file.tensors["blk.0.attn_norm.weight"].shape = {32, 1, 1};
  file.tensors["blk.0.attn_q.weight"].shape = {32, 32, 1};
  EXPECT_TRUE(Built(file).graph.ok());
}

TEST(Llama, TensorsWithoutAPartAreUnsupported) {
  for (const char* name :
       {"blk.0.attn_q_norm.weight", "blk.1.attn_norm.weight", "blk.0.exp_probs_b.bias"}) {
    TestGguf file = SmallLlama();
    file.tensors[name].shape = {32};
    const Built built(file);
    ASSERT_FALSE(built.graph.ok());
    EXPECT_EQ(built.graph.error().code, ErrorCode::kUnsupported);
    EXPECT_THAT(built.message(), testing::HasSubstr(fmt::format("tensor {} has no part", name)));
  }
}

TEST(Llama, NormsAreF32) {
  TestGguf file = SmallLlama();
  file.tensors["blk.0.ffn_norm.weight"].dtype = DType::kF16;
  const Built built(file);
  EXPECT_EQ(built.message(),
            "test.gguf: tensor blk.0.ffn_norm.weight has type F16, supported: F32");
}

TEST(Llama, RopeFrequenciesAreDividedByTheirTensor) {
  TestGguf file = SmallLlama();
  file.tensors["rope_freqs.weight"].shape = {4};
  const Built zeros(file);
  EXPECT_EQ(zeros.message(), "test.gguf: tensor rope_freqs.weight holds 0, wanted numbers above 0");
  file.tensors["rope_freqs.weight"].shape = {5};
  EXPECT_EQ(Built(file).message(), "test.gguf: tensor rope_freqs.weight has shape [5], wanted [4]");
}

}  // namespace
}  // namespace millrace
