// Looking things up in a checkpoint: each lookup takes the types it names, and says what is wrong
// with others.
#include "format/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>

#include "format/gguf_writer.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    GgufWriter writer;
    writer.Set("count", std::uint32_t{7});
    writer.Set("signed", std::int32_t{7});
    writer.Set("negative", std::int32_t{-7});
    writer.Set("huge", ~std::uint64_t{0});
    writer.Set("real", 0.5f);
    writer.Set("flag", true);
    writer.Set("text", "llama");
    writer.Set("integers", std::vector<std::int32_t>{-1, 2});
    writer.Set("reals", std::vector<float>{0.5f, 2});
    writer.Set("texts", std::vector<std::string>{"a", "b"});
    writer.AddTensor({"t", DType::kF32, {2, 3, 4}});
    writer.Set("general.alignment", std::uint32_t{32});
    bytes_ = writer.Bytes([](const GgufRows&) { return Result<void>(); }).value();
    Result<Checkpoint> parsed = Checkpoint::Parse(bytes_, "m.gguf");
    EXPECT_TRUE(parsed.ok());
    file_.emplace(std::move(parsed).value());
  }

  std::vector<std::byte> bytes_;
  std::optional<Checkpoint> file_;
};

template <typename T>
void ExpectError(const Result<T>& result, ErrorCode code, std::string_view message) {
  ASSERT_FALSE(result.ok()) << message;
  EXPECT_EQ(result.error().code, code);
  EXPECT_THAT(result.error().message, HasSubstr(message));
}

TEST_F(CheckpointTest, UintIsAnyIntegerFromZero) {
  EXPECT_EQ(*file_->GetUint("count"), 7u);
  EXPECT_EQ(*file_->GetUint("signed"), 7u);
  for (const char* key : {"negative", "real", "flag", "text", "integers"})
    ExpectError(file_->GetUint(key), ErrorCode::kInvalid, key);
}

TEST_F(CheckpointTest, FloatIsAnyNumber) {
  EXPECT_EQ(*file_->GetFloat("real"), 0.5);
  EXPECT_EQ(*file_->GetFloat("negative"), -7.0);
  for (const char* key : {"flag", "text", "reals"})
    ExpectError(file_->GetFloat(key), ErrorCode::kInvalid, key);
}

TEST_F(CheckpointTest, BoolAndStringAreThemselvesOnly) {
  EXPECT_TRUE(*file_->GetBool("flag"));
  EXPECT_EQ(*file_->GetString("text"), "llama");
  ExpectError(file_->GetBool("count"), ErrorCode::kInvalid, "count");
  ExpectError(file_->GetString("flag"), ErrorCode::kInvalid, "flag");
  ExpectError(file_->GetString("texts"), ErrorCode::kInvalid, "is an array, wanted one value");
}

TEST_F(CheckpointTest, ArraysHaveTheTypeAskedFor) {
  EXPECT_THAT(*file_->GetInts("integers"), ElementsAre(-1, 2));
  EXPECT_THAT(*file_->GetFloats("integers"), ElementsAre(-1.0f, 2.0f));
  EXPECT_THAT(*file_->GetFloats("reals"), ElementsAre(0.5f, 2.0f));
  EXPECT_THAT(*file_->GetStrings("texts"), ElementsAre("a", "b"));
  ExpectError(file_->GetInts("reals"), ErrorCode::kInvalid, "no array of integers");
  ExpectError(file_->GetFloats("texts"), ErrorCode::kInvalid, "no array of numbers");
  ExpectError(file_->GetStrings("reals"), ErrorCode::kInvalid, "no array of strings");
  ExpectError(file_->GetInts("count"), ErrorCode::kInvalid, "is one value, wanted an array");
}

TEST_F(CheckpointTest, MissingKeyIsNotFoundAndNamed) {
  EXPECT_FALSE(file_->Has("missing"));
  const std::string message = "m.gguf: metadata key missing is missing";
  ExpectError(file_->GetUint("missing"), ErrorCode::kNotFound, message);
  ExpectError(file_->GetFloat("missing"), ErrorCode::kNotFound, message);
  ExpectError(file_->GetBool("missing"), ErrorCode::kNotFound, message);
  ExpectError(file_->GetString("missing"), ErrorCode::kNotFound, message);
  ExpectError(file_->GetInts("missing"), ErrorCode::kNotFound, message);
}

TEST_F(CheckpointTest, FallbackIsForMissingKeysAndNotForWrongOnes) {
  EXPECT_EQ(*file_->GetUint("missing", 3), 3u);
  EXPECT_EQ(*file_->GetFloat("missing", 0.25), 0.25);
  EXPECT_TRUE(*file_->GetBool("missing", true));
  EXPECT_EQ(*file_->GetString("missing", "none"), "none");
  EXPECT_EQ(*file_->GetUint("count", 3), 7u);
  EXPECT_FALSE(file_->GetUint("negative", 3).ok());
  EXPECT_FALSE(file_->GetBool("text", true).ok());
}

TEST_F(CheckpointTest, TensorsAreFoundByName) {
  const Tensor* tensor = file_->Find("t");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->columns(), 2);
  EXPECT_EQ(tensor->rows(), 12);
  EXPECT_EQ(file_->Find("T"), nullptr);
}

TEST_F(CheckpointTest, ViewsOutliveAMove) {
  const std::string path = testing::TempDir() + "/moved_" + std::to_string(getpid()) + ".gguf";
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes_.data()),
             static_cast<std::streamsize>(bytes_.size()));
  Result<Checkpoint> loaded = Checkpoint::Load(path);
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const std::string_view text = *loaded->GetString("text");
  const Checkpoint moved = std::move(loaded).value();
  std::filesystem::remove(path);
  EXPECT_EQ(text, "llama");
  EXPECT_EQ(moved.name(), path);
  EXPECT_EQ(moved.file_bytes(), bytes_.size());
  EXPECT_EQ(moved.Find("t")->bytes.size(), 96u);
  EXPECT_EQ(*moved.GetUint("count"), 7u);
}

TEST(CheckpointLoad, PathsThatAreNoFilesAreTold) {
  ExpectError(Checkpoint::Load("/no/such.gguf"), ErrorCode::kNotFound, "/no/such.gguf");
  ExpectError(Checkpoint::Load("/"), ErrorCode::kInvalid, "/: is a directory");
  const std::string empty = testing::TempDir() + "/empty_" + std::to_string(getpid()) + ".gguf";
  std::ofstream(empty).flush();
  ExpectError(Checkpoint::Load(empty), ErrorCode::kInvalid, "is no GGUF file");
  std::filesystem::remove(empty);
}

}  // namespace
}  // namespace millrace
