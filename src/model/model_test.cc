#include "model/model.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/interpreter.h"
#include "model/architectures.h"
#include "model/test_gguf.h"

namespace millrace {
namespace {

Result<Model> ModelOf(std::span<const std::byte> bytes) {
  MILLRACE_TRY(Checkpoint checkpoint, Checkpoint::Parse(bytes, "test.gguf"));
  return Model::FromCheckpoint(std::move(checkpoint));
}

TEST(Model, WithoutAVocabularyStillComputesLogits) {
  const std::vector<std::byte> bytes = SmallLlama().Bytes();
  const Result<Model> model = ModelOf(bytes);
  ASSERT_TRUE(model.ok()) << model.error().message;
  ASSERT_FALSE(model->tokenizer().ok());
  EXPECT_EQ(model->tokenizer().error().code, ErrorCode::kNotFound);
  Interpreter interpreter(model->graph(), reference::CacheType::kF16);
  const std::vector<TokenId> tokens = {TokenId{19}};
  EXPECT_EQ(interpreter.Step(tokens), std::vector<float>(20, 0.0f));
}

TEST(Model, SurvivesAMove) {
  Result<Model> loaded = Model::Load(MILLRACE_SOURCE_DIR "/tests/data/vectors/llama-Q4_0.gguf");
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  Model first = std::move(loaded).value();
  const std::vector<TokenId> tokens = {TokenId{1}, TokenId{7}};
  const auto before = Interpreter(first.graph(), reference::CacheType::kF32).Step(tokens);
  const Model moved = std::move(first);
  EXPECT_EQ(Interpreter(moved.graph(), reference::CacheType::kF32).Step(tokens), before);
}

TEST(Model, LoadsItsTokenizer) {
  const Result<Model> model =
      Model::Load(MILLRACE_SOURCE_DIR "/tests/data/vectors/mistral-tied.gguf");
  ASSERT_TRUE(model.ok()) << model.error().message;
  ASSERT_TRUE(model->tokenizer().ok()) << model->tokenizer().error().message;
  EXPECT_EQ(model->tokenizer()->vocabulary_size(), 512u);
}

TEST(Model, ATokenizerWithMoreTokensThanTheEmbeddingHasRowsIsRefused) {
  TestGguf file = SmallLlama();
  std::vector<std::string> pieces = {"<unk>", "<s>", "</s>"};
  for (int byte = 0; byte < 256; ++byte) pieces.push_back(fmt::format("<0x{:02X}>", byte));
  file.metadata["tokenizer.ggml.model"] = "llama";
  file.metadata["tokenizer.ggml.tokens"] = pieces;
  const std::vector<std::byte> bytes = file.Bytes();
  const Result<Model> model = ModelOf(bytes);
  ASSERT_TRUE(model.ok()) << model.error().message;
  ASSERT_FALSE(model->tokenizer().ok());
  EXPECT_EQ(model->tokenizer().error().message,
            "test.gguf: the vocabulary has 259 tokens, token_embd.weight has 20 rows");
}

TEST(Model, UnknownArchitecturesAreToldTheKnownOnes) {
  TestGguf file = SmallLlama();
  file.metadata["general.architecture"] = "mamba";
  const std::vector<std::byte> bytes = file.Bytes();
  const Result<Model> model = ModelOf(bytes);
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kUnsupported);
  EXPECT_EQ(model.error().message,
            "test.gguf: architecture 'mamba' is not supported; supported: llama, qwen2, qwen3, "
            "qwen3moe, gemma2, gemma3, phi3, gpt-oss, deepseek2");
}

TEST(Model, MissingFilesAreNotFound) {
  const Result<Model> model = Model::Load("/nowhere/model.gguf");
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace millrace
