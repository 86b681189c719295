// The models that make_model writes are models: they load, have the shape that was asked for, and
// weights that neither vanish nor explode.
#include "random_llama.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <vector>

#include "made_up_vocabulary.h"
#include "model/model.h"
#include "numerics/reference.h"

namespace millrace {
namespace {

using testing::HasSubstr;

const LlamaShape kSmall = {.name = "small",
                           .hidden = 256,
                           .layers = 2,
                           .heads = 8,
                           .kv_heads = 2,
                           .ffn = 512,
                           .vocabulary = 600,
                           .tied = true,
                           .context = 128};

// Written for one test, gone afterwards.
class WrittenModel {
 public:
  WrittenModel(const LlamaShape& shape, DType dtype, std::uint64_t seed = 0)
      : path_(testing::TempDir() + "/random_llama_" + std::to_string(getpid()) + ".gguf") {
    const Result<void> written = WriteRandomLlama(shape, dtype, seed, path_);
    EXPECT_TRUE(written.ok()) << written.error().message;
  }
  ~WrittenModel() { std::filesystem::remove(path_); }

  Result<Model> Load() const { return Model::Load(path_); }
  std::string Bytes() const {
    std::ifstream file(path_, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(file), {});
  }

 private:
  std::string path_;
};

TEST(RandomLlama, EveryTypeLoadsAsAModelOfTheShape) {
  for (const DType dtype : kAllDTypes) {
    const Result<Model> model = WrittenModel(kSmall, dtype).Load();
    ASSERT_TRUE(model.ok()) << model.error().message;
    const ModelConfig& config = model->config();
    EXPECT_EQ(config.hidden, 256);
    EXPECT_EQ(config.layers, 2);
    EXPECT_EQ(config.heads, 8);
    EXPECT_EQ(config.kv_heads, 2);
    EXPECT_EQ(config.head_dim, 32);
    EXPECT_EQ(config.ffn, 512);
    EXPECT_EQ(config.vocabulary, 600);
    EXPECT_EQ(config.context_length, 128);
    for (const Tensor& tensor : model->checkpoint().tensors())
      EXPECT_EQ(tensor.dtype, tensor.shape.size() == 1 ? DType::kF32 : dtype) << tensor.name;
  }
}

TEST(RandomLlama, OutputIsThereIfNotTied) {
  LlamaShape untied = kSmall;
  untied.tied = false;
  const Result<Model> with = WrittenModel(untied, DType::kQ8_0).Load();
  const Result<Model> without = WrittenModel(kSmall, DType::kQ8_0).Load();
  ASSERT_TRUE(with.ok() && without.ok());
  EXPECT_NE(with->checkpoint().Find("output.weight"), nullptr);
  EXPECT_EQ(without->checkpoint().Find("output.weight"), nullptr);
}

TEST(RandomLlama, WeightsHaveAVarianceOfOneOverTheLengthOfARow) {
  for (const DType dtype : {DType::kF32, DType::kQ4_K}) {
    const Result<Model> model = WrittenModel(kSmall, dtype).Load();
    ASSERT_TRUE(model.ok()) << model.error().message;
    for (const char* name : {"token_embd.weight", "blk.1.ffn_down.weight"}) {
      const Tensor& tensor = *model->checkpoint().Find(name);
      const auto columns = static_cast<std::size_t>(tensor.columns());
      std::vector<float> values(columns * static_cast<std::size_t>(tensor.rows()));
      reference::DequantiseRow(dtype, tensor.bytes.data(), values);
      double sum = 0, squares = 0, neighbours = 0;
      for (std::size_t i = 0; i < values.size(); ++i) {
        sum += values[i];
        squares += double{values[i]} * values[i];
        neighbours += double{values[i]} * values[(i + columns) % values.size()];
      }
      const double deviation = 5 / std::sqrt(static_cast<double>(values.size()));
      EXPECT_NEAR(squares / static_cast<double>(tensor.rows()), 1, 0.03) << name;
      EXPECT_LT(std::fabs(sum) / std::sqrt(squares), 5) << name;
      EXPECT_LT(std::fabs(neighbours) / squares, deviation) << name << ": rows are alike";
    }
  }
}

TEST(RandomLlama, SeedDecidesTheBytes) {
  const std::string zero = WrittenModel(kSmall, DType::kQ4_0, 0).Bytes();
  EXPECT_EQ(zero, WrittenModel(kSmall, DType::kQ4_0, 0).Bytes());
  EXPECT_NE(zero, WrittenModel(kSmall, DType::kQ4_0, 1).Bytes());
}

TEST(RandomLlama, TextIsEncodedAndDecoded) {
  const Result<Model> model = WrittenModel(kSmall, DType::kQ8_0).Load();
  ASSERT_TRUE(model.ok()) << model.error().message;
  ASSERT_TRUE(model->tokenizer().ok()) << model->tokenizer().error().message;
  const Tokenizer& tokenizer = *model->tokenizer();
  const std::string text = "The bacon, 12 \xc3\xa4pfel & \xf0\x9f\x8d\x8f";
  EXPECT_EQ(tokenizer.Decode(tokenizer.Encode(text)), text);
}

TEST(RandomLlama, ShapesWithoutAModelAreRefused) {
  const auto refused = [](LlamaShape shape, DType dtype, const char* message) {
    const Result<void> checked = CheckShape(shape, dtype);
    ASSERT_FALSE(checked.ok()) << message;
    EXPECT_THAT(checked.error().message, HasSubstr(message));
  };
  LlamaShape shape = *FindShape("15M");
  refused(shape, DType::kQ4_K, "dim is 288, wanted a multiple of 256 for Q4_K");
  shape = kSmall;
  shape.layers = 0;
  refused(shape, DType::kQ8_0, "layers is 0");
  shape = kSmall;
  shape.heads = 3;
  refused(shape, DType::kQ8_0, "dim 256 over 3 heads");
  shape = kSmall;
  shape.kv_heads = 3;
  refused(shape, DType::kQ8_0, "8 heads over 3 kv-heads");
  shape = kSmall;
  shape.vocabulary = 258;
  refused(shape, DType::kQ8_0, "vocab is 258, wanted at least 259");
  shape = kSmall;
  shape.context = -1;
  refused(shape, DType::kQ8_0, "context is -1");
}

TEST(RandomLlama, NamedShapesCanBeWritten) {
  for (const LlamaShape& shape : NamedShapes()) {
    EXPECT_TRUE(CheckShape(shape, DType::kQ8_0).ok()) << shape.name;
    EXPECT_TRUE(CheckShape(shape, DType::kQ4_0).ok()) << shape.name;
    if (shape.name != "15M") {
      EXPECT_TRUE(CheckShape(shape, DType::kQ4_K).ok()) << shape.name;
    }
  }
}

TEST(MadeUpVocabulary, PiecesOfTheLargestAreAllDifferent) {
  for (const std::int64_t size : {kFixedPieces, kFixedPieces + 1, std::int64_t{128256}}) {
    const MadeUpVocabulary vocabulary = MakeUpVocabulary(size);
    const auto count = static_cast<std::size_t>(size);
    EXPECT_EQ(vocabulary.pieces.size(), count);
    EXPECT_EQ(vocabulary.scores.size(), count);
    EXPECT_EQ(vocabulary.kinds.size(), count);
    const std::set<std::string> different(vocabulary.pieces.begin(), vocabulary.pieces.end());
    EXPECT_EQ(different.size(), count);
  }
}

}  // namespace
}  // namespace millrace
