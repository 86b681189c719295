// The types that llama.cpp's llama-quantize gives to tensors of these names and sizes: what it
// wrote from models of such shapes was compared once.
#include "format/quantise_recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "format/gguf_writer.h"

namespace millrace {
namespace {

struct ModelShape {
  std::string architecture = "llama";
  std::uint32_t layers = 4, experts = 0, kv_heads = 8;
  std::int64_t width = 256, inner = 512;
  bool tied = false;
};

// The header of a file with the tensors of a llama; the weights are zeros.
std::vector<std::byte> FileOf(const ModelShape& shape) {
  GgufWriter writer;
  const std::string prefix = shape.architecture + ".";
  writer.Set("general.architecture", shape.architecture);
  writer.Set(prefix + "block_count", shape.layers);
  writer.Set(prefix + "attention.head_count", std::uint32_t{8});
  writer.Set(prefix + "attention.head_count_kv", shape.kv_heads);
  if (shape.experts > 0) writer.Set(prefix + "expert_count", shape.experts);
  const auto add = [&](const std::string& name, std::vector<std::int64_t> extents) {
    writer.AddTensor({name, DType::kF32, std::move(extents)});
  };
  add("token_embd.weight", {shape.width, 4});
  if (!shape.tied) add("output.weight", {shape.width, 4});
  add("output_norm.weight", {shape.width});
  for (std::uint32_t layer = 0; layer < shape.layers; ++layer) {
    const std::string blk = "blk." + std::to_string(layer) + ".";
    add(blk + "attn_norm.weight", {shape.width});
    for (const char* name : {"attn_q", "attn_k", "attn_v", "attn_output"})
      add(blk + name + ".weight", {shape.width, 2});
    add(blk + "attn_q.bias", {shape.width});
    add(blk + "attn_q_norm.weight", {shape.width, 2});  // one a head
    const std::string experts = shape.experts > 0 ? "_exps" : "";
    if (shape.experts > 0) add(blk + "ffn_gate_inp.weight", {shape.width, shape.experts});
    add(blk + "ffn_up" + experts + ".weight", {shape.width, 2});
    add(blk + "ffn_down" + experts + ".weight", {shape.inner, 2});
  }
  return writer.Bytes([](const GgufRows&) { return Result<void>(); }).value();
}

// The name of the type that a tensor gets, and what it was meant to be: "Q5_0<Q4_K".
class Choices {
 public:
  Choices(const ModelShape& shape, std::string_view recipe)
      : bytes_(FileOf(shape)),
        file_(Checkpoint::Parse(bytes_, "test").value()),
        choices_(ChooseTypes(file_, *FindQuantiseRecipe(recipe)).value()) {}

  std::string operator[](std::string_view name) const {
    const Tensor* tensor = file_.Find(name);
    if (tensor == nullptr) return "none";
    const TypeChoice& choice = choices_[static_cast<std::size_t>(tensor - file_.tensors().data())];
    std::string text(Name(choice.dtype));
    if (choice.wanted) text += "<" + std::string(Name(*choice.wanted));
    return text;
  }

  // Of every layer's tensor of this name.
  std::vector<std::string> Layers(const std::string& name, int layers) const {
    std::vector<std::string> types;
    for (int layer = 0; layer < layers; ++layer)
      types.push_back((*this)["blk." + std::to_string(layer) + "." + name]);
    return types;
  }

 private:
  std::vector<std::byte> bytes_;
  Checkpoint file_;
  std::vector<TypeChoice> choices_;
};

TEST(ChooseTypes, NormsBiasesAndRoutersStay) {
  const Choices choices({.experts = 4}, "Q8_0");
  for (const char* name : {"output_norm.weight", "blk.0.attn_norm.weight", "blk.0.attn_q.bias",
                           "blk.0.attn_q_norm.weight", "blk.3.ffn_gate_inp.weight"}) {
    EXPECT_EQ(choices[name], "F32") << name;
  }
  EXPECT_EQ(choices["blk.3.ffn_down_exps.weight"], "Q8_0");
}

TEST(ChooseTypes, TypesAloneAreThoseOfEveryMatrix) {
  for (const char* name : {"F16", "BF16", "Q8_0", "Q6_K", "Q5_K", "Q4_K"}) {
    const Choices choices({}, name);
    for (const char* tensor : {"token_embd.weight", "output.weight", "blk.0.attn_v.weight",
                               "blk.3.ffn_down.weight", "blk.1.ffn_up.weight"}) {
      EXPECT_EQ(choices[tensor], name) << tensor;
    }
  }
}

TEST(ChooseTypes, OutputOfAMixtureIsQ6_K) {
  for (const char* name : {"Q4_0", "Q4_K_S", "Q4_K_M", "Q5_K_S", "Q5_K_M"}) {
    EXPECT_EQ(Choices({}, name)["output.weight"], "Q6_K") << name;
    EXPECT_NE(Choices({}, name)["token_embd.weight"], "Q6_K") << name;
    EXPECT_EQ(Choices({.tied = true}, name)["token_embd.weight"], "Q6_K") << name;
  }
  EXPECT_EQ(Choices({.width = 288}, "Q4_0")["output.weight"], "Q8_0<Q6_K");
  EXPECT_EQ(Choices({.width = 288}, "Q4_K_M")["output.weight"], "Q8_0");
}

TEST(ChooseTypes, MediumMixturesSpendMoreOnTheEndsAndOnEveryThirdLayer) {
  const Choices choices({.layers = 16}, "Q4_K_M");
  const std::vector<std::string> expected = {"Q6_K", "Q6_K", "Q4_K", "Q4_K", "Q6_K", "Q4_K",
                                             "Q4_K", "Q6_K", "Q4_K", "Q4_K", "Q6_K", "Q4_K",
                                             "Q4_K", "Q6_K", "Q6_K", "Q6_K"};
  EXPECT_EQ(choices.Layers("attn_v.weight", 16), expected);
  EXPECT_EQ(choices.Layers("ffn_down.weight", 16), expected);
  EXPECT_THAT(choices.Layers("attn_k.weight", 16), testing::Each("Q4_K"));
  EXPECT_EQ(Choices({.layers = 16}, "Q5_K_M")["blk.0.attn_v.weight"], "Q6_K");
  EXPECT_EQ(Choices({.layers = 16}, "Q5_K_M")["blk.2.attn_v.weight"], "Q5_K");
}

TEST(ChooseTypes, SmallMixtureSpendsMoreOnTheFirstLayers) {
  const Choices choices({.layers = 16}, "Q4_K_S");
  EXPECT_THAT(choices.Layers("attn_v.weight", 6),
              testing::ElementsAre("Q5_K", "Q5_K", "Q5_K", "Q5_K", "Q4_K", "Q4_K"));
  EXPECT_THAT(choices.Layers("ffn_down.weight", 4),
              testing::ElementsAre("Q5_K", "Q5_K", "Q4_K", "Q4_K"));
  EXPECT_THAT(Choices({.layers = 16}, "Q5_K_S").Layers("attn_v.weight", 16), testing::Each("Q5_K"));
}

TEST(ChooseTypes, EightExpertsAndTheShapeOf70BHaveTheirOwn) {
  const Choices eight({.experts = 8}, "Q4_K_M");
  EXPECT_EQ(eight["blk.1.attn_v.weight"], "Q8_0");
  EXPECT_EQ(eight["blk.1.attn_k.weight"], "Q8_0");
  EXPECT_EQ(eight["blk.1.attn_output.weight"], "Q5_K");
  EXPECT_EQ(eight["blk.1.attn_q.weight"], "Q4_K");
  EXPECT_EQ(Choices({.experts = 8}, "Q4_0")["blk.1.attn_k.weight"], "Q8_0");
  EXPECT_EQ(Choices({.experts = 8}, "Q4_0")["blk.1.attn_output.weight"], "Q4_0");
  EXPECT_EQ(Choices({.experts = 8}, "Q4_K")["blk.1.attn_k.weight"], "Q4_K");
  EXPECT_EQ(Choices({.experts = 4}, "Q4_K_M")["blk.1.attn_k.weight"], "Q4_K");
  EXPECT_EQ(Choices({.layers = 80, .kv_heads = 2}, "Q4_K_S")["blk.40.attn_v.weight"], "Q5_K");
  EXPECT_EQ(Choices({.layers = 80, .kv_heads = 8}, "Q4_K_S")["blk.40.attn_v.weight"], "Q4_K");
}

TEST(ChooseTypes, RowsThatABlockDoesNotDivideFallBack) {
  EXPECT_EQ(Choices({.inner = 288}, "Q4_K")["blk.0.ffn_down.weight"], "Q5_0<Q4_K");
  EXPECT_EQ(Choices({.inner = 288}, "Q5_K")["blk.0.ffn_down.weight"], "Q5_1<Q5_K");
  EXPECT_EQ(Choices({.inner = 288}, "Q6_K")["blk.0.ffn_down.weight"], "Q8_0<Q6_K");
  for (const char* name : {"Q4_0", "Q8_0", "Q4_K", "Q6_K"})
    EXPECT_EQ(Choices({.inner = 40}, name)["blk.0.ffn_down.weight"], std::string("F16<") + name);
}

TEST(FindQuantiseRecipe, KnowsOnlyItsNames) {
  for (const QuantiseRecipe& recipe : QuantiseRecipes())
    EXPECT_EQ(FindQuantiseRecipe(recipe.name)->name, recipe.name);
  EXPECT_FALSE(FindQuantiseRecipe("Q4_k").has_value());
  EXPECT_FALSE(FindQuantiseRecipe("").has_value());
}

}  // namespace
}  // namespace millrace
