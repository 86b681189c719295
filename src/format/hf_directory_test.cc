// Directories that are incomplete, contradict themselves, or hold what is not known: one line each.
// That sound ones are the GGUF files of their models is tests/conformance/hf_directory_test.cc.
#include "format/hf_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

#include "numerics/half.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using testing::HasSubstr;

// A tensor of F32, BF16 or any other type of `size` bytes an element; element i has the value i, or
// the byte i.
struct Given {
  std::string type;
  std::vector<std::size_t> shape;
};

// A llama of one layer in a folder that is gone at the end; changed by a test before Write().
class HfDirectory : public testing::Test {
 protected:
  HfDirectory() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / fmt::format("hf_{}_{}", getpid(), test->name());
    fs::create_directories(folder_);
    const auto layer = [](const std::string& name) { return "model.layers.0." + name; };
    tensors = {{"model.embed_tokens.weight", {"F32", {6, 8}}},
               {"model.norm.weight", {"F32", {8}}},
               {layer("input_layernorm.weight"), {"BF16", {8}}},
               {layer("self_attn.q_proj.weight"), {"BF16", {8, 8}}},
               {layer("self_attn.k_proj.weight"), {"F32", {4, 8}}}};
  }
  ~HfDirectory() override { fs::remove_all(folder_); }

  static std::size_t ElementBytes(const std::string& type) {
    return type == "F32" ? 4 : type == "U8" ? 1 : 2;
  }

  void WriteText(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name) << text;
  }

  void WriteShard(const std::string& name, const std::map<std::string, Given>& given) const {
    json header = json::object();
    std::string data;
    for (const auto& [tensor, what] : given) {
      std::size_t count = 1;
      for (const std::size_t extent : what.shape) count *= extent;
      const std::size_t begin = data.size();
      for (std::size_t i = 0; i < count; ++i) {
        const auto value = static_cast<float>(i);
        const BFloat narrow = FloatToBFloat(value);
        const auto byte = static_cast<char>(i);
        const void* from = &value;
        if (ElementBytes(what.type) == 2) from = &narrow;
        if (ElementBytes(what.type) == 1) from = &byte;
        data.append(static_cast<const char*>(from), ElementBytes(what.type));
      }
      header[tensor] = {
          {"dtype", what.type}, {"shape", what.shape}, {"data_offsets", {begin, data.size()}}};
    }
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8 + misalign, ' ');
    const std::uint64_t length = text.size();
    std::ofstream file(folder_ / name, std::ios::binary);
    file.write(reinterpret_cast<const char*>(&length), sizeof(length));
    file << text << data;
  }

  Result<Checkpoint> Load() const {
    WriteText("config.json", config.dump());
    if (write_weights) WriteShard("model.safetensors", tensors);
    return Checkpoint::Load(folder_);
  }

  void ExpectError(ErrorCode code, const std::string& part) const {
    const Result<Checkpoint> checkpoint = Load();
    ASSERT_FALSE(checkpoint.ok()) << part;
    EXPECT_EQ(checkpoint.error().code, code) << checkpoint.error().message;
    EXPECT_THAT(checkpoint.error().message, HasSubstr(part));
    EXPECT_THAT(checkpoint.error().message, testing::StartsWith(folder_.string()));
    EXPECT_THAT(checkpoint.error().message, testing::Not(HasSubstr("\n")));
  }

  fs::path folder_;
  json config = {{"architectures", {"LlamaForCausalLM"}},
                 {"hidden_size", 8},
                 {"intermediate_size", 12},
                 {"num_attention_heads", 2},
                 {"num_key_value_heads", 1},
                 {"num_hidden_layers", 1},
                 {"vocab_size", 6}};
  std::map<std::string, Given> tensors;
  std::size_t misalign = 0;
  bool write_weights = true;
};

std::vector<float> Floats(const Tensor& tensor) {
  EXPECT_EQ(tensor.dtype, DType::kF32);
  std::vector<float> values(tensor.bytes.size() / sizeof(float));
  std::memcpy(values.data(), tensor.bytes.data(), tensor.bytes.size());
  return values;
}

TEST_F(HfDirectory, ViewsTheFileWhereNothingChanges) {
  const Result<Checkpoint> checkpoint = Load();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->directory(), folder_.string());
  EXPECT_EQ(checkpoint->name(), folder_.string());
  EXPECT_EQ(checkpoint->file_bytes(), fs::file_size(folder_ / "model.safetensors"));
  EXPECT_EQ(checkpoint->GetString("general.architecture").value(), "llama");
  EXPECT_EQ(checkpoint->GetString("general.name").value(), folder_.filename().string());
  const Tensor* embedding = checkpoint->Find("token_embd.weight");
  ASSERT_NE(embedding, nullptr);
  EXPECT_THAT(embedding->shape, testing::ElementsAre(8, 6));
  // Between the two lie the bytes of the file: it is no copy.
  const Tensor* norm = checkpoint->Find("output_norm.weight");
  ASSERT_NE(norm, nullptr);
  const auto distance = reinterpret_cast<std::uintptr_t>(norm->bytes.data()) -
                        reinterpret_cast<std::uintptr_t>(embedding->bytes.data());
  EXPECT_LT(distance, checkpoint->file_bytes());
  EXPECT_THAT(Floats(*norm), testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST_F(HfDirectory, NormsBecomeF32AndHeadsHaveTheirPairsSideBySide) {
  const Result<Checkpoint> checkpoint = Load();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_THAT(Floats(*checkpoint->Find("blk.0.attn_norm.weight")),
              testing::ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
  EXPECT_EQ(checkpoint->Find("blk.0.attn_q.weight")->dtype, DType::kBF16);
  const std::vector<float> keys = Floats(*checkpoint->Find("blk.0.attn_k.weight"));
  for (int row = 0; row < 4; ++row) {  // a head of four: rows 0 and 2, then 1 and 3
    const int from[] = {0, 2, 1, 3};
    EXPECT_EQ(keys[static_cast<std::size_t>(8 * row)], static_cast<float>(8 * from[row]));
  }
}

TEST_F(HfDirectory, TensorsThatAreNotAlignedAreCopied) {
  misalign = 1;
  const Result<Checkpoint> checkpoint = Load();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  for (const Tensor& tensor : checkpoint->tensors()) {
    const std::size_t alignment = tensor.dtype == DType::kF32 ? 4 : 2;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(tensor.bytes.data()) % alignment, 0u) << tensor.name;
  }
  EXPECT_EQ(Floats(*checkpoint->Find("token_embd.weight"))[47], 47);
}

TEST_F(HfDirectory, APathMayEndInASlash) {
  ASSERT_TRUE(Load().ok());
  const Result<Checkpoint> checkpoint = Checkpoint::Load(folder_.string() + "/");
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->name(), folder_.string());
}

TEST_F(HfDirectory, ADirectoryThatIsNoModelIsTold) {
  const Result<Checkpoint> checkpoint = Checkpoint::Load(folder_);
  ASSERT_FALSE(checkpoint.ok());
  EXPECT_THAT(checkpoint.error().message, HasSubstr("is a directory without config.json"));
  write_weights = false;
  ExpectError(ErrorCode::kNotFound, "holds neither model.safetensors nor");
}

TEST_F(HfDirectory, AnUnknownArchitectureListsTheKnownOnes) {
  config["architectures"] = {"MambaForCausalLM"};
  ExpectError(ErrorCode::kUnsupported,
              "architecture 'MambaForCausalLM' is not supported; supported: ");
  for (const char* known :
       {"LlamaForCausalLM", "MistralForCausalLM", "MixtralForCausalLM", "Qwen2ForCausalLM",
        "Qwen3ForCausalLM", "Qwen3MoeForCausalLM", "Gemma2ForCausalLM", "Gemma3ForCausalLM",
        "Gemma3ForConditionalGeneration", "Phi3ForCausalLM", "GptOssForCausalLM",
        "DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM"}) {
    ExpectError(ErrorCode::kUnsupported, known);
  }
  config.erase("architectures");
  ExpectError(ErrorCode::kInvalid, "has no architectures");
}

TEST_F(HfDirectory, ConfigurationsAreChecked) {
  const std::pair<const char*, json> changes[] = {{"hidden_size", 0},
                                                  {"hidden_size", -8},
                                                  {"hidden_size", "8"},
                                                  {"hidden_size", 8.5},
                                                  {"hidden_size", 1e300},
                                                  {"num_hidden_layers", nullptr},
                                                  {"num_attention_heads", 0},
                                                  {"num_attention_heads", json::array({2})},
                                                  {"num_key_value_heads", 0},
                                                  {"rms_norm_eps", "small"},
                                                  {"rope_theta", true},
                                                  {"rope_scaling", "yarn"},
                                                  {"head_dim", 0},
                                                  {"tie_word_embeddings", 1}};
  for (const auto& [key, value] : changes) {
    const json before = config;
    config[key] = value;
    const Result<Checkpoint> checkpoint = Load();
    ASSERT_FALSE(checkpoint.ok()) << key << " " << value;
    EXPECT_THAT(checkpoint.error().message, HasSubstr(fmt::format("config.json: key {} is", key)));
    config = before;
  }
}

TEST_F(HfDirectory, RotationsThatGgufCannotSayAreUnsupported) {
  config["rope_scaling"] = {{"rope_type", "dynamic"}, {"factor", 2}};
  ExpectError(ErrorCode::kUnsupported, "the rope type is 'dynamic'");
  config["rope_scaling"] = {{"rope_type", "linear"}};
  ExpectError(ErrorCode::kNotFound, "rope_scaling: key factor is missing");
  config["rope_scaling"] = {
      {"rope_type", "llama3"}, {"low_freq_factor", 4}, {"high_freq_factor", 1}};
  ExpectError(ErrorCode::kInvalid, "high_freq_factor above low_freq_factor");
}

TEST_F(HfDirectory, QuantisedWeightsAreUnsupported) {
  config["quantization_config"] = {{"quant_method", "gptq"}};
  ExpectError(ErrorCode::kUnsupported, "quantised by 'gptq'");
}

TEST_F(HfDirectory, TensorsThatNoLlamaHasAreNamed) {
  for (const char* name : {"model.layers.0.self_attn.sinks", "model.layers.1.mlp.up_proj.weight",
                           "model.layers.x.mlp.up_proj.weight", "self_attn.q_proj.weight",
                           ".self_attn.q_proj.weight", "model.layers.0.model.norm.weight"}) {
    const auto before = tensors;
    tensors[name] = {"F32", {2}};
    ExpectError(ErrorCode::kUnsupported, std::string("tensor ") + name + " is none of a Llama");
    tensors = before;
  }
}

TEST_F(HfDirectory, OtherTypesAreUnsupportedAndNamed) {
  tensors["model.norm.weight"].type = "I16";
  ExpectError(ErrorCode::kUnsupported,
              "tensor model.norm.weight has type I16, supported: F32, F16, BF16");
}

TEST_F(HfDirectory, ShapesThatCannotBeAreTold) {
  tensors["model.norm.weight"].shape = {};
  ExpectError(ErrorCode::kInvalid, "tensor output_norm.weight has 0 dimensions");
  tensors["model.norm.weight"].shape = {0};
  ExpectError(ErrorCode::kInvalid, "tensor output_norm.weight is empty");
  tensors["model.norm.weight"].shape = {8};
  tensors["model.layers.0.self_attn.q_proj.weight"].shape = {6, 8};
  ExpectError(ErrorCode::kInvalid, "has 6 rows, wanted a multiple of 2 for each of 2 heads");
}

TEST_F(HfDirectory, ExpertsAreAllThereAndAlike) {
  config["architectures"] = {"MixtralForCausalLM"};
  config["num_local_experts"] = 2;
  const std::string prefix = "model.layers.0.block_sparse_moe.experts.";
  tensors[prefix + "0.w1.weight"] = {"F32", {12, 8}};
  ExpectError(ErrorCode::kInvalid, "tensor blk.0.ffn_gate_exps.weight is missing expert 1 of 2");
  tensors[prefix + "1.w1.weight"] = {"F32", {8, 12}};
  ExpectError(ErrorCode::kInvalid, "has another shape or type than those of other experts");
  tensors[prefix + "1.w1.weight"] = {"F32", {12, 8}};
  EXPECT_TRUE(Load().ok());
  tensors[prefix + "2.w1.weight"] = {"F32", {12, 8}};
  ExpectError(ErrorCode::kInvalid, "is of expert 2, the configuration has 2");
  config["num_local_experts"] = 4000000000u;
  ExpectError(ErrorCode::kInvalid, "the configuration has 4000000000 experts, the files have");
}

TEST_F(HfDirectory, ATiedOutputIsLeftOut) {
  tensors["lm_head.weight"] = {"F32", {6, 8}};
  EXPECT_NE(Load().value().Find("output.weight"), nullptr);
  config["tie_word_embeddings"] = true;
  EXPECT_EQ(Load().value().Find("output.weight"), nullptr);
}

TEST_F(HfDirectory, PackedExpertsNeedTheirScales) {
  config["architectures"] = {"GptOssForCausalLM"};
  config["quantization_config"] = {{"quant_method", "mxfp4"}};
  const std::string stem = "model.layers.0.mlp.experts.down_proj_";
  tensors[stem + "blocks"] = {"U8", {2, 3, 1, 16}};
  ExpectError(ErrorCode::kInvalid, "down_proj_scales is missing");
  tensors[stem + "scales"] = {"U8", {2, 2, 1}};
  ExpectError(ErrorCode::kInvalid, "and its scales are no U8 of fitting shapes");
  tensors[stem + "scales"] = {"U8", {2, 3, 1}};
  const Result<Checkpoint> checkpoint = Load();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  const Tensor* down = checkpoint->Find("blk.0.ffn_down_exps.weight");
  ASSERT_NE(down, nullptr);
  EXPECT_EQ(down->dtype, DType::kMXFP4);
  EXPECT_THAT(down->shape, testing::ElementsAre(32, 3, 2));
  // Packed bytes 0x10, 0x11, ... 0x1f are the second block: elements 0 1 1 1 2 1 3 1 ...
  EXPECT_EQ(down->bytes[17], std::byte{1});
  EXPECT_EQ(down->bytes[18], std::byte{0x80});  // element 0, and 16 in the high half
  EXPECT_EQ(down->bytes[19], std::byte{0x11});  // element 1, and 17
  EXPECT_EQ(down->bytes[20], std::byte{0x91});  // element 2, and 18
}

class HfShards : public HfDirectory {
 protected:
  HfShards() {
    write_weights = false;
    first = {{"model.norm.weight", {"F32", {8}}}};
    second = {{"model.embed_tokens.weight", {"F32", {6, 8}}}};
    map = {{"model.norm.weight", "1.safetensors"}, {"model.embed_tokens.weight", "2.safetensors"}};
  }
  void Write() const {
    WriteShard("1.safetensors", first);
    WriteShard("2.safetensors", second);
    WriteText("model.safetensors.index.json", json{{"weight_map", map}}.dump());
  }
  std::map<std::string, Given> first, second;
  json map;
};

TEST_F(HfShards, TheIndexNamesTheFiles) {
  Write();
  const Result<Checkpoint> checkpoint = Load();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
}

TEST_F(HfShards, AMissingFileIsNamed) {
  Write();
  fs::remove(folder_ / "2.safetensors");
  ExpectError(ErrorCode::kNotFound, "2.safetensors: no such file");
}

TEST_F(HfShards, ATensorThatTheIndexDoesNotNameIsTold) {
  second["lm_head.weight"] = {"F32", {6, 8}};
  Write();
  ExpectError(ErrorCode::kInvalid, "2.safetensors: holds tensor lm_head.weight, which");
}

TEST_F(HfShards, ATensorInAnotherFileIsTold) {
  first["model.embed_tokens.weight"] = {"F32", {6, 8}};
  Write();
  ExpectError(ErrorCode::kInvalid, "index.json expects in 2.safetensors");
}

TEST_F(HfShards, ATensorThatIsNotThereIsTold) {
  map["lm_head.weight"] = "1.safetensors";
  Write();
  ExpectError(ErrorCode::kInvalid, "1.safetensors: does not hold tensor lm_head.weight");
}

TEST_F(HfShards, TheIndexLeadsNowhereElse) {
  for (const json& name : {json("../x.safetensors"), json("/etc/passwd"), json(".."), json(1)}) {
    map["lm_head.weight"] = name;
    Write();
    ExpectError(ErrorCode::kInvalid, "wanted the name of a file");
  }
  WriteText("model.safetensors.index.json", "{}");
  ExpectError(ErrorCode::kInvalid, "has no weight_map");
  WriteText("model.safetensors.index.json", "[1");
  ExpectError(ErrorCode::kInvalid, "index.json: is no JSON");
  WriteText("model.safetensors.index.json", "{\"a\":" + std::string(100000, '['));
  ExpectError(ErrorCode::kInvalid, "index.json: nests deeper than 64");
}

TEST_F(HfDirectory, TokensThatEndAReplyAndTheTemplateComeFromTheirFiles) {
  WriteText("generation_config.json", R"({"eos_token_id":[3,5,4,2],"bos_token_id":1})");
  WriteText("tokenizer_config.json",
            R"({"eos_token":{"content":"</s>"},"add_bos_token":true,"pad_token":"<none>",
                "added_tokens_decoder":{"5":{"content":"</s>"},"x":{"content":"<none>"}},
                "chat_template":[{"name":"default","template":"D"},{"name":"tool_use","template":"T"},
                                 {"name":"a\nb","template":"N"}]})");
  const Result<Checkpoint> checkpoint = Load();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->GetUint("tokenizer.ggml.bos_token_id").value(), 1u);
  EXPECT_EQ(checkpoint->GetUint("tokenizer.ggml.eos_token_id").value(), 5u);
  EXPECT_EQ(checkpoint->GetUint("tokenizer.ggml.eot_token_id").value(), 3u);
  EXPECT_EQ(checkpoint->GetUint("tokenizer.ggml.eom_token_id").value(), 4u);
  EXPECT_FALSE(checkpoint->Has("tokenizer.ggml.padding_token_id"));
  EXPECT_TRUE(checkpoint->GetBool("tokenizer.ggml.add_bos_token").value());
  EXPECT_EQ(checkpoint->GetString("tokenizer.chat_template").value(), "D");
  EXPECT_EQ(checkpoint->GetString("tokenizer.chat_template.tool_use").value(), "T");
}

TEST_F(HfDirectory, ATemplateMayBeAFileAndIdsTheConfigurations) {
  config["eos_token_id"] = json::array({2, 4});
  config["bos_token_id"] = 1;
  WriteText("chat_template.jinja", "{{ x }}\n");
  WriteText("tokenizer.json", R"({"added_tokens":[{"id":3,"content":"<s>"}]})");
  WriteText("tokenizer_config.json", R"({"bos_token":"<s>"})");
  const Result<Checkpoint> checkpoint = Load();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->GetUint("tokenizer.ggml.bos_token_id").value(), 3u);
  EXPECT_EQ(checkpoint->GetUint("tokenizer.ggml.eos_token_id").value(), 2u);
  EXPECT_EQ(checkpoint->GetString("tokenizer.chat_template").value(), "{{ x }}\n");
}

TEST_F(HfDirectory, DamagedFilesOfTheTokenizerAreTold) {
  WriteText("tokenizer_config.json", "{");
  ExpectError(ErrorCode::kInvalid, "tokenizer_config.json: is no JSON");
}

TEST_F(HfDirectory, TheTextPartOfAMultimodalModelIsRead) {
  const json text = config;
  config = {{"architectures", {"Gemma3ForConditionalGeneration"}}, {"text_config", text}};
  config["text_config"]["sliding_window"] = 4;
  config["text_config"]["head_dim"] = 4;
  tensors = {{"language_model.model.embed_tokens.weight", {"F32", {6, 8}}},
             {"model.language_model.norm.weight", {"F32", {8}}},
             {"vision_tower.vision_model.head.weight", {"F32", {3}}},
             {"multi_modal_projector.mm_input_projection_weight", {"F32", {3}}}};
  tensors["multi_modal_projector.mm_soft_emb_norm.weight"] = {"F32", {3}};
  const Result<Checkpoint> checkpoint = Load();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), 2u);
  EXPECT_EQ(Floats(*checkpoint->Find("output_norm.weight"))[7], 8);
  EXPECT_EQ(checkpoint->GetUint("gemma3.attention.sliding_window").value(), 4u);
  config["text_config"]["sliding_window_pattern"] = 2;
  ExpectError(ErrorCode::kUnsupported, "another pattern of layers");
  config["text_config"].erase("sliding_window_pattern");
  config["text_config"]["query_pre_attn_scalar"] = 5;
  ExpectError(ErrorCode::kUnsupported, "query_pre_attn_scalar is 5, supported: 4");
}

}  // namespace
}  // namespace millrace
