// GGUF models in several files: whole ones load as one, what is missing or contradicts is told.
#include "format/gguf_split.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <optional>
#include <string>

#include "format/gguf_writer.h"

namespace millrace {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

struct Part {
  std::optional<std::uint16_t> number, count;
  std::optional<std::int32_t> tensors;
  std::vector<std::string> names;  // of its tensors
};

// A folder of parts that is gone at the end.
class GgufSplit : public testing::Test {
 protected:
  GgufSplit() {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::path(testing::TempDir()) / fmt::format("split_{}_{}", getpid(), test->name());
    fs::create_directories(folder_);
  }
  ~GgufSplit() override { fs::remove_all(folder_); }

  std::string Path(int part, int parts) const {
    return folder_ / fmt::format("m-{:05}-of-{:05}.gguf", part, parts);
  }

  // Every element of a tensor is the length of its name.
  static void Write(const std::string& path, const Part& part) {
    GgufWriter writer;
    if (part.number == 0) writer.Set("general.architecture", "llama");
    if (part.number) writer.Set("split.no", *part.number);
    if (part.count) writer.Set("split.count", *part.count);
    if (part.tensors) writer.Set("split.tensors.count", *part.tensors);
    for (const std::string& name : part.names) writer.AddTensor({name, DType::kF32, {4, 2}});
    const auto fill = [&](const GgufRows& rows) -> Result<void> {
      const auto value = static_cast<float>(part.names[rows.tensor].size());
      for (std::size_t at = 0; at < rows.bytes.size(); at += sizeof(value)) {
        std::memcpy(&rows.bytes[at], &value, sizeof(value));
      }
      return {};
    };
    ASSERT_TRUE(writer.Write(path, fill).ok());
  }

  // Three parts of 1, 0 and 2 tensors.
  void WriteThree() const {
    Write(Path(1, 3), {0, 3, 3, {"a"}});
    Write(Path(2, 3), {1, 3, 3, {}});
    Write(Path(3, 3), {2, 3, 3, {"bb", "ccc"}});
  }

  static void ExpectError(const std::string& path, ErrorCode code, const std::string& part) {
    const Result<Checkpoint> checkpoint = Checkpoint::Load(path);
    ASSERT_FALSE(checkpoint.ok()) << part;
    EXPECT_EQ(checkpoint.error().code, code) << checkpoint.error().message;
    EXPECT_THAT(checkpoint.error().message, HasSubstr(part));
  }

  fs::path folder_;
};

TEST_F(GgufSplit, TheFirstPartLoadsAll) {
  WriteThree();
  Result<Checkpoint> loaded = Checkpoint::Load(Path(1, 3));
  ASSERT_TRUE(loaded.ok()) << loaded.error().message;
  const Checkpoint moved = std::move(loaded).value();  // views stay valid
  EXPECT_EQ(moved.GetString("general.architecture").value(), "llama");
  ASSERT_EQ(moved.tensors().size(), 3u);
  std::uint64_t size = 0;
  for (int part = 1; part <= 3; ++part) size += fs::file_size(Path(part, 3));
  EXPECT_EQ(moved.file_bytes(), size);
  for (const char* name : {"a", "bb", "ccc"}) {
    const Tensor* tensor = moved.Find(name);
    ASSERT_NE(tensor, nullptr) << name;
    float last = 0;
    std::memcpy(&last, &tensor->bytes[tensor->bytes.size() - sizeof(last)], sizeof(last));
    EXPECT_EQ(last, static_cast<float>(std::string(name).size()));
  }
}

TEST_F(GgufSplit, OnePartOfOneIsAFileLikeOthers) {
  Write(folder_ / "any name.gguf", {0, 1, 1, {"a"}});
  EXPECT_TRUE(Checkpoint::Load(folder_ / "any name.gguf").ok());
}

TEST_F(GgufSplit, APartThatIsNotTheFirstIsTold) {
  WriteThree();
  ExpectError(Path(3, 3), ErrorCode::kInvalid,
              "is part 3 of 3, give the first: its name ends in -00001-of-00003.gguf");
}

TEST_F(GgufSplit, AMissingPartIsNamed) {
  WriteThree();
  fs::remove(Path(2, 3));
  ExpectError(Path(1, 3), ErrorCode::kNotFound, "m-00002-of-00003.gguf: no such file");
}

TEST_F(GgufSplit, ADamagedPartIsNamed) {
  WriteThree();
  fs::resize_file(Path(3, 3), fs::file_size(Path(3, 3)) - 16);
  ExpectError(Path(1, 3), ErrorCode::kInvalid, "m-00003-of-00003.gguf: tensor ccc ends at byte");
}

TEST_F(GgufSplit, AFirstPartOfAnotherNameIsTold) {
  WriteThree();
  fs::rename(Path(1, 3), folder_ / "first.gguf");
  ExpectError(folder_ / "first.gguf", ErrorCode::kInvalid,
              "is the first of 3 parts, wanted a name that ends in -00001-of-00003.gguf");
}

TEST_F(GgufSplit, PartsThatContradictTheFirstAreTold) {
  WriteThree();
  Write(Path(2, 3), {2, 3, 3, {}});
  ExpectError(Path(1, 3), ErrorCode::kInvalid, "says that it is part 3 of 3, wanted part 2 of 3");
  Write(Path(2, 3), {1, 4, 3, {}});
  ExpectError(Path(1, 3), ErrorCode::kInvalid, "says that it is part 2 of 4, wanted part 2 of 3");
  Write(Path(2, 3), {{}, {}, {}, {}});
  ExpectError(Path(1, 3), ErrorCode::kNotFound, "metadata key split.no is missing");
}

TEST_F(GgufSplit, TheNumberOfTensorsIsChecked) {
  WriteThree();
  Write(Path(2, 3), {1, 3, 3, {"dddd"}});
  ExpectError(Path(1, 3), ErrorCode::kInvalid, "hold 4 tensors, split.tensors.count says 3");
}

TEST_F(GgufSplit, ATensorInTwoPartsIsTold) {
  WriteThree();
  Write(Path(2, 3), {1, 3, 3, {"a"}});
  ExpectError(Path(1, 3), ErrorCode::kInvalid, "tensor a occurs twice");
}

TEST_F(GgufSplit, CountsThatCannotBeAreTold) {
  Write(Path(1, 3), {3, 3, 3, {"a"}});
  ExpectError(Path(1, 3), ErrorCode::kInvalid, "says that it is part 4 of 3");
  Write(Path(1, 3), {1, {}, 3, {"a"}});
  ExpectError(Path(1, 3), ErrorCode::kInvalid, "says that it is part 2 of 0");
}

}  // namespace
}  // namespace millrace
