// A directory of Hugging Face and the GGUF file of the same model are one checkpoint:
// hf_from_gguf.py writes the directory that a vector could have been converted from, and what is
// read from it is the vector again, every byte and every key.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "format/checkpoint.h"
#include "graph/interpreter.h"
#include "graph/print.h"
#include "model/model.h"
#include "model/tokenizer_of_checkpoint.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;

// A vector, and how the directory is written.
struct Case {
  std::string vector;
  std::string options;
};

// Of the quantised vectors a hub has none but gpt-oss.
bool IsOfHub(const std::string& name) {
  return name == "gpt-oss-MXFP4" ||
         (name.find("-Q") == std::string::npos && name.find("-IQ") == std::string::npos &&
          name.find("-MXFP4") == std::string::npos);
}

std::vector<Case> Cases() {
  std::vector<Case> cases;
  for (const auto& entry : fs::directory_iterator(MILLRACE_VECTORS)) {
    if (entry.path().extension() != ".gguf" || !IsOfHub(entry.path().stem())) continue;
    cases.push_back({entry.path().stem(), ""});
    cases.push_back({entry.path().stem(), "--shards 3 --narrow BF16 --fused"});
  }
  cases.push_back({"llama-F16", "--narrow F16"});
  if (fs::exists(MILLRACE_VECTORS "/gemma2.gguf")) cases.push_back({"gemma2", "--narrow F16"});
  std::sort(cases.begin(), cases.end(), [](const Case& a, const Case& b) {
    return std::pair(a.vector, a.options) < std::pair(b.vector, b.options);
  });
  return cases;
}

class HfDirectory : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    std::string name = fmt::format("hf_{}_{}", getpid(), test->name());
    std::replace(name.begin(), name.end(), '/', '_');
    folder_ = fs::path(testing::TempDir()) / name;
    const std::string command =
        fmt::format("{} {}/hf_from_gguf.py {}/{}.gguf {} {}", MILLRACE_PYTHON, MILLRACE_SCRIPTS,
                    MILLRACE_VECTORS, GetParam().vector, folder_.string(), GetParam().options);
    ASSERT_EQ(std::system(command.c_str()), 0) << command;
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string expected() const { return folder_ / "expected.gguf"; }

  fs::path folder_;
};

Checkpoint LoadSound(const std::string& path) {
  Result<Checkpoint> checkpoint = Checkpoint::Load(path);
  EXPECT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  return std::move(checkpoint).value();
}

TEST_P(HfDirectory, HoldsTheTensorsOfTheGgufFile) {
  const Checkpoint directory = LoadSound(folder_), file = LoadSound(expected());
  EXPECT_EQ(directory.tensors().size(), file.tensors().size());
  for (const Tensor& wanted : file.tensors()) {
    const Tensor* found = directory.Find(wanted.name);
    ASSERT_NE(found, nullptr) << wanted.name;
    EXPECT_EQ(Name(found->dtype), Name(wanted.dtype)) << wanted.name;
    EXPECT_EQ(found->shape, wanted.shape) << wanted.name;
    ASSERT_EQ(found->bytes.size(), wanted.bytes.size()) << wanted.name;
    EXPECT_EQ(std::memcmp(found->bytes.data(), wanted.bytes.data(), wanted.bytes.size()), 0)
        << wanted.name;
  }
}

// Keys of the vocabulary, which stays in its files, and the name, which is the directory's.
bool IsElsewhere(std::string_view key) {
  static const std::set<std::string_view> kKeys = {
      "general.name",          "tokenizer.ggml.model",      "tokenizer.ggml.pre",
      "tokenizer.ggml.tokens", "tokenizer.ggml.token_type", "tokenizer.ggml.scores",
      "tokenizer.ggml.merges", "general.file_type",         "general.quantization_version",
      "general.type"};
  return kKeys.contains(key);
}

// What the converter of llama.cpp writes too, and whoever made the vectors left out or wrote
// although it says nothing.
bool SaysNothing(std::string_view key) {
  return key.ends_with(".attention.q_lora_rank") || key.ends_with(".attention.key_length") ||
         key.ends_with(".attention.value_length") || key.ends_with(".rope.dimension_count") ||
         key == "tokenizer.ggml.add_space_prefix";
}

TEST_P(HfDirectory, HasTheKeysOfTheGgufFile) {
  const Checkpoint directory = LoadSound(folder_), file = LoadSound(expected());
  for (const auto& [key, wanted] : file.metadata()) {
    if (IsElsewhere(key)) continue;
    const auto found = directory.metadata().find(key);
    if (found == directory.metadata().end()) {
      EXPECT_TRUE(SaysNothing(key)) << key;
      continue;
    }
    ASSERT_TRUE(std::holds_alternative<MetadataScalar>(wanted)) << key;
    EXPECT_EQ(std::get<MetadataScalar>(found->second), std::get<MetadataScalar>(wanted)) << key;
  }
  for (const auto& [key, value] : directory.metadata()) {
    if (IsElsewhere(key) || file.Has(key)) continue;
    EXPECT_TRUE(SaysNothing(key)) << key;
  }
}

TEST_P(HfDirectory, ComputesTheLogitsOfTheGgufFile) {
  const Result<Model> directory = Model::Load(folder_), file = Model::Load(expected());
  ASSERT_TRUE(directory.ok()) << directory.error().message;
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(Print(directory->graph()), Print(file->graph()));
  const std::vector<TokenId> tokens = {TokenId{1}, TokenId{300}, TokenId{77}, TokenId{501}};
  const auto logits = [&](const Model& model) {
    return Interpreter(model.graph(), reference::CacheType::kF32).Step(tokens);
  };
  const std::vector<float> found = logits(*directory), wanted = logits(*file);
  ASSERT_EQ(found.size(), wanted.size());
  EXPECT_EQ(std::memcmp(found.data(), wanted.data(), found.size() * sizeof(float)), 0);
}

std::string NameOf(const testing::TestParamInfo<Case>& tested) {
  std::string name = tested.param.vector + tested.param.options;
  std::erase_if(name, [](char c) { return c == ' '; });
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

TEST_P(HfDirectory, HasTheTokenizerOfTheGgufFile) {
  const Result<Tokenizer> directory = TokenizerOf(LoadSound(folder_));
  const Result<Tokenizer> file = TokenizerOf(LoadSound(expected()));
  ASSERT_TRUE(directory.ok()) << directory.error().message;
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(directory->vocabulary_size(), file->vocabulary_size());
  for (const char* text : {"The fox said", " two  spaces, \n\t and lines ",
                           "na\xc3\xafve \xf0\x9f\xa6\x8a", "", "<s>text</s>", "\xff"}) {
    for (const bool special : {false, true}) {
      const EncodeOptions options = {.add_special = special, .parse_special = special};
      EXPECT_EQ(directory->Encode(text, options), file->Encode(text, options)) << text;
    }
    EXPECT_EQ(directory->Decode(directory->Encode(text)), file->Decode(file->Encode(text)));
  }
}

INSTANTIATE_TEST_SUITE_P(Vectors, HfDirectory, testing::ValuesIn(Cases()), NameOf);

}  // namespace
}  // namespace millrace
