// A quantised file holds what the other held, in the types of the recipe; the same bytes for any
// number of threads; and nothing is left of one that could not be written.
#include "format/quantise_checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <random>

#include "numerics/quantise_closely.h"
#include "numerics/reference.h"

namespace millrace {
namespace {

using testing::HasSubstr;

// A small model in memory: four tensors and a few keys.
class QuantiseCheckpointTest : public testing::Test {
 protected:
  QuantiseCheckpointTest() : path_(testing::TempDir() + "/" + std::to_string(getpid()) + ".gguf") {}
  ~QuantiseCheckpointTest() override { std::filesystem::remove(path_); }

  // `change` may alter values before they are stored.
  void Build(const std::function<void(const std::string&, std::vector<float>&)>& change = {},
             DType matrices = DType::kF32) {
    GgufWriter writer;
    writer.Set("general.architecture", "llama");
    writer.Set("general.alignment", std::uint32_t{64});
    writer.Set("general.file_type", std::uint32_t{0});
    writer.Set("split.count", std::uint16_t{2});
    writer.Set("tokenizer.ggml.scores", std::vector<float>{0.5f, -1.0f});
    writer.Set("llama.rope.freq_base", 10000.0f);
    writer.AddTensor({"token_embd.weight", matrices, {256, 40}});
    writer.AddTensor({"blk.0.ffn_up.weight", matrices, {512, 1100}});  // more than one chunk
    writer.AddTensor({"blk.0.ffn_down_exps.weight", matrices, {288, 5, 2}});
    writer.AddTensor({"output_norm.weight", DType::kF32, {256}});
    std::mt19937 random(1);
    std::normal_distribution<float> normal(0, 0.02f);
    const auto fill = [&](const GgufRows& rows) -> Result<void> {
      const GgufTensor& tensor = writer.tensors()[rows.tensor];
      const auto columns = static_cast<std::size_t>(tensor.shape[0]);
      for (std::size_t row = 0; row < static_cast<std::size_t>(rows.row_count); ++row) {
        std::vector<float> values(columns);
        for (float& value : values) value = normal(random);
        if (change) change(tensor.name, values);
        QuantiseRowClosely(tensor.dtype, values,
                           rows.bytes.subspan(row * tensor.row_bytes(), tensor.row_bytes()));
      }
      return {};
    };
    bytes_ = writer.Bytes(fill).value();
    model_.emplace(Checkpoint::Parse(bytes_, "in.gguf").value());
  }

  Result<std::vector<QuantisedTensor>> Quantise(const QuantiseOptions& options) {
    return QuantiseCheckpoint(*model_, path_, options);
  }

  static QuantiseOptions To(std::string_view recipe) {
    QuantiseOptions options;
    options.recipe = *FindQuantiseRecipe(recipe);
    return options;
  }

  std::string FileBytes() const {
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  const Checkpoint& model() const { return *model_; }
  std::string path_;

 private:
  std::vector<std::byte> bytes_;
  std::optional<Checkpoint> model_;
};

std::vector<float> Values(const Tensor& tensor) {
  const auto columns = static_cast<std::size_t>(tensor.columns());
  const std::size_t row_bytes = RowBytes(tensor.dtype, columns);
  std::vector<float> values(columns * static_cast<std::size_t>(tensor.rows()));
  for (std::size_t row = 0; row * columns < values.size(); ++row) {
    reference::DequantiseRow(tensor.dtype, tensor.bytes.data() + row * row_bytes,
                             std::span(values).subspan(row * columns, columns));
  }
  return values;
}

TEST_F(QuantiseCheckpointTest, EveryTensorIsThereInItsType) {
  Build();
  const auto tensors = Quantise(To("Q4_K"));
  ASSERT_TRUE(tensors.ok());
  const Checkpoint file = Checkpoint::Load(path_).value();
  ASSERT_EQ(file.tensors().size(), 4u);
  const DType expected[] = {DType::kQ4_K, DType::kQ4_K, DType::kQ5_0, DType::kF32};
  for (std::size_t i = 0; i < 4; ++i) {
    const Tensor &before = model().tensors()[i], &after = file.tensors()[i];
    EXPECT_EQ(after.name, before.name);
    EXPECT_EQ(after.shape, before.shape);
    EXPECT_EQ(after.dtype, expected[i]);
    const QuantisedTensor& report = tensors->at(i);
    EXPECT_EQ(report.name, before.name);
    EXPECT_EQ(report.to, expected[i]);
    EXPECT_EQ(report.bytes_before, before.bytes.size());
    EXPECT_EQ(report.bytes_after, after.bytes.size());
    EXPECT_EQ(report.wanted.has_value(), i == 2);
  }
  EXPECT_THAT(file.tensors()[3].bytes, testing::ElementsAreArray(model().tensors()[3].bytes));
}

TEST_F(QuantiseCheckpointTest, ReportedErrorsAreThoseOfTheFile) {
  Build();
  for (const char* recipe : {"Q8_0", "Q4_0", "Q4_K", "Q6_K", "F16", "F32"}) {
    const auto tensors = Quantise(To(recipe));
    ASSERT_TRUE(tensors.ok());
    const Checkpoint file = Checkpoint::Load(path_).value();
    for (std::size_t i = 0; i < 4; ++i) {
      const auto before = Values(model().tensors()[i]), after = Values(file.tensors()[i]);
      double error = 0, weight = 0;
      for (std::size_t k = 0; k < before.size(); ++k) {
        error += (double{after[k]} - before[k]) * (double{after[k]} - before[k]);
        weight += double{before[k]} * before[k];
      }
      EXPECT_NEAR(tensors->at(i).squared_error, error, 1e-9 * error) << recipe << " " << i;
      const double most = i == 3 ? 0 : recipe[1] == '4' ? 0.01 : 0.0005;
      EXPECT_LE(error, weight * most) << recipe << " " << i;
    }
  }
}

TEST_F(QuantiseCheckpointTest, MetadataAreKeptButForWhatThisFileIs) {
  Build();
  QuantiseOptions options = To("Q6_K");
  options.keys["tokenizer.ggml.model"] = std::string("llama");
  ASSERT_TRUE(Quantise(options).ok());
  const Checkpoint file = Checkpoint::Load(path_).value();
  EXPECT_EQ(*file.GetString("general.architecture"), "llama");
  EXPECT_EQ(*file.GetFloat("llama.rope.freq_base"), 10000.0);
  EXPECT_THAT(*file.GetFloats("tokenizer.ggml.scores"), testing::ElementsAre(0.5f, -1.0f));
  EXPECT_EQ(*file.GetString("tokenizer.ggml.model"), "llama");
  EXPECT_EQ(*file.GetUint("general.file_type"), 18u);
  EXPECT_EQ(*file.GetUint("general.quantization_version"), 2u);
  EXPECT_FALSE(file.Has("general.alignment"));
  EXPECT_FALSE(file.Has("split.count"));
}

TEST_F(QuantiseCheckpointTest, BytesAreTheSameForAnyNumberOfThreads) {
  Build();
  for (const char* recipe : {"Q8_0", "Q4_0", "Q4_K_M", "Q6_K", "BF16"}) {
    QuantiseOptions options = To(recipe);
    const auto one = Quantise(options);
    const std::string bytes = FileBytes();
    for (const int threads : {2, 3}) {
      options.threads = threads;
      const auto many = Quantise(options);
      EXPECT_EQ(FileBytes(), bytes) << recipe << " " << threads;
      for (std::size_t i = 0; i < 4; ++i)
        EXPECT_EQ(many->at(i).squared_error, one->at(i).squared_error) << recipe << " " << threads;
    }
  }
}

TEST_F(QuantiseCheckpointTest, ProgressEndsWithEveryWeight) {
  Build();
  QuantiseOptions options = To("F32");
  std::uint64_t last = 0, calls = 0;
  options.progress = [&](std::uint64_t done, std::uint64_t total) {
    EXPECT_GT(done, last);
    EXPECT_EQ(total, 256u * 40 + 512 * 1100 + 288 * 10 + 256);
    last = done, ++calls;
  };
  ASSERT_TRUE(Quantise(options).ok());
  EXPECT_EQ(last, 256u * 40 + 512 * 1100 + 288 * 10 + 256);
  EXPECT_GE(calls, 6u);  // 2 MB of ffn_up
}

TEST_F(QuantiseCheckpointTest, QuantisedMatricesAreTakenOnlyIfAllowed) {
  Build({}, DType::kQ8_0);
  QuantiseOptions options = To("Q4_K");
  const auto refused = Quantise(options);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kInvalid);
  EXPECT_THAT(refused.error().message,
              testing::AllOf(HasSubstr("in.gguf: tensor token_embd.weight is Q8_0"),
                             HasSubstr("allow-requantize")));
  EXPECT_FALSE(std::filesystem::exists(path_));
  options.allow_requantize = true;
  EXPECT_TRUE(Quantise(options).ok());
}

TEST_F(QuantiseCheckpointTest, MatricesThatAreOfTheTypeAlreadyAreCopied) {
  Build({}, DType::kQ8_0);
  ASSERT_TRUE(Quantise(To("Q8_0")).ok());
  const Checkpoint file = Checkpoint::Load(path_).value();
  for (std::size_t i = 0; i < 4; ++i)
    EXPECT_THAT(file.tensors()[i].bytes, testing::ElementsAreArray(model().tensors()[i].bytes));
}

TEST_F(QuantiseCheckpointTest, NumbersThatTheTypeCannotHoldAreNamedAndLeaveNoFile) {
  for (const float odd :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity(), 1e20f}) {
    int rows = 0;
    Build([&](const std::string& name, std::vector<float>& values) {
      if (name == "blk.0.ffn_up.weight" && rows++ == 1000) values[7] = odd;
    });
    const auto refused = Quantise(To("F16"));
    ASSERT_FALSE(refused.ok());
    EXPECT_THAT(refused.error().message,
                HasSubstr("in.gguf: tensor blk.0.ffn_up.weight, row 1000: holds a number"));
    EXPECT_FALSE(std::filesystem::exists(path_));
    EXPECT_FALSE(std::filesystem::exists(path_ + ".part"));
  }
}

TEST_F(QuantiseCheckpointTest, AFileThatCannotBeWrittenIsAnError) {
  Build();
  path_ = "/nowhere/at/all.gguf";
  const auto refused = Quantise(To("Q8_0"));
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kIo);
}

}  // namespace
}  // namespace millrace
