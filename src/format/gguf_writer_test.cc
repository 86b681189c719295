// What the writer writes, the reader gives back; and one small file is compared byte for byte with
// the format as docs/gguf.md states it, so that the two cannot be wrong together.
#include "format/gguf_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <utility>

#include "format/checkpoint.h"

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::ElementsAreArray;

// Byte i of tensor t, in the order of the file.
std::byte PatternByte(std::size_t tensor, std::uint64_t i) {
  return static_cast<std::byte>(tensor * 101 + i * 7 + i / 256);
}

GgufFill Pattern(const GgufWriter& writer) {
  return [&writer](const GgufRows& rows) -> Result<void> {
    const std::uint64_t first =
        static_cast<std::uint64_t>(rows.first_row) * writer.tensors()[rows.tensor].row_bytes();
    for (std::size_t i = 0; i < rows.bytes.size(); ++i)
      rows.bytes[i] = PatternByte(rows.tensor, first + i);
    return {};
  };
}

Result<void> LeaveZeros(const GgufRows&) { return {}; }

std::vector<std::byte> BytesOf(const GgufWriter& writer) {
  Result<std::vector<std::byte>> bytes = writer.Bytes(Pattern(writer));
  EXPECT_TRUE(bytes.ok());
  return std::move(bytes).value();
}

std::vector<std::byte> FileBytes(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}

std::string TempPath(const char* name) {
  return testing::TempDir() + "/" + std::to_string(getpid()) + "_" + name;
}

TEST(GgufWriter, SmallestFileWithAKeyAndATensorIsTheseBytes) {
  GgufWriter writer;
  writer.Set("k", std::uint16_t{0x1234});
  writer.AddTensor({"t", DType::kF16, {3, 1}});
  using namespace std::string_literals;
  const std::string header = "GGUF\x03\0\0\0"s +                // version
                             "\x01\0\0\0\0\0\0\0"s +            // tensors
                             "\x01\0\0\0\0\0\0\0"s +            // keys
                             "\x01\0\0\0\0\0\0\0k"s +           // a key
                             "\x02\0\0\0\x34\x12"s +            // uint16 and its value
                             "\x01\0\0\0\0\0\0\0t"s +           // a tensor
                             "\x02\0\0\0\x03\0\0\0\0\0\0\0"s +  // two dimensions, a row of 3
                             "\x01\0\0\0\0\0\0\0"s +            // one row
                             "\x01\0\0\0\0\0\0\0\0\0\0\0"s;     // F16, at offset 0
  ASSERT_EQ(header.size(), 80u);
  const std::string data = "\x00\x07\x0e\x15\x1c\x23"s;
  const std::string expected = header + std::string(16, 0) + data + std::string(26, 0);
  EXPECT_THAT(BytesOf(writer), ElementsAreArray(std::as_bytes(std::span(expected))));
}

TEST(GgufWriter, ScalarsOfEveryTypeComeBack) {
  GgufWriter writer;
  writer.Set("uint8", std::uint8_t{255});
  writer.Set("int8", std::int8_t{-128});
  writer.Set("uint16", std::uint16_t{65535});
  writer.Set("int16", std::int16_t{-32768});
  writer.Set("uint32", std::uint32_t{4294967295});
  writer.Set("int32", std::int32_t{-2147483647 - 1});
  writer.Set("uint64", std::uint64_t{1} << 62);
  writer.Set("int64", std::numeric_limits<std::int64_t>::min());
  writer.Set("float", 0.1f);
  writer.Set("double", 0.1);
  writer.Set("yes", true);
  writer.Set("no", false);
  writer.Set("text", "two words\n");
  writer.Set("empty", "");
  const std::vector<std::byte> bytes = BytesOf(writer);
  const Result<Checkpoint> file = Checkpoint::Parse(bytes, "test");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(file->metadata().size(), 14u);
  EXPECT_EQ(*file->GetUint("uint8"), 255u);
  EXPECT_EQ(*file->GetFloat("int8"), -128.0);
  EXPECT_EQ(*file->GetUint("uint16"), 65535u);
  EXPECT_EQ(*file->GetFloat("int16"), -32768.0);
  EXPECT_EQ(*file->GetUint("uint32"), 4294967295u);
  EXPECT_EQ(*file->GetFloat("int32"), -2147483648.0);
  EXPECT_EQ(*file->GetUint("uint64"), std::uint64_t{1} << 62);
  EXPECT_EQ(*file->GetFloat("int64"), -0x1p63);
  EXPECT_EQ(*file->GetFloat("float"), double{0.1f});
  EXPECT_EQ(*file->GetFloat("double"), 0.1);
  EXPECT_TRUE(*file->GetBool("yes"));
  EXPECT_FALSE(*file->GetBool("no"));
  EXPECT_EQ(*file->GetString("text"), "two words\n");
  EXPECT_EQ(*file->GetString("empty"), "");
}

TEST(GgufWriter, ArraysOfEveryTypeComeBack) {
  GgufWriter writer;
  writer.Set("uint8", std::vector<std::uint8_t>{0, 255});
  writer.Set("int8", std::vector<std::int8_t>{-128, 127});
  writer.Set("uint16", std::vector<std::uint16_t>{0, 65535});
  writer.Set("int16", std::vector<std::int16_t>{-32768, 32767});
  writer.Set("uint32", std::vector<std::uint32_t>{0, 4294967295});
  writer.Set("int32", std::vector<std::int32_t>{-2, 2});
  writer.Set("uint64", std::vector<std::uint64_t>{0, std::uint64_t{1} << 62});
  writer.Set("int64", std::vector<std::int64_t>{-(std::int64_t{1} << 40), 1});
  writer.Set("float", std::vector<float>{0.1f, -2});
  writer.Set("double", std::vector<double>{0.5, 3});
  writer.Set("bool", std::vector<bool>{true, false, true});
  writer.Set("text", std::vector<std::string>{"", "a", "bc"});
  writer.Set("nothing", std::vector<std::string>{});
  const std::vector<std::byte> bytes = BytesOf(writer);
  const Result<Checkpoint> file = Checkpoint::Parse(bytes, "test");
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_THAT(*file->GetInts("uint8"), ElementsAre(0, 255));
  EXPECT_THAT(*file->GetInts("int8"), ElementsAre(-128, 127));
  EXPECT_THAT(*file->GetInts("uint16"), ElementsAre(0, 65535));
  EXPECT_THAT(*file->GetInts("int16"), ElementsAre(-32768, 32767));
  EXPECT_THAT(*file->GetInts("uint32"), ElementsAre(0, 4294967295));
  EXPECT_THAT(*file->GetInts("int32"), ElementsAre(-2, 2));
  EXPECT_THAT(*file->GetInts("uint64"), ElementsAre(0, std::int64_t{1} << 62));
  EXPECT_THAT(*file->GetInts("int64"), ElementsAre(-(std::int64_t{1} << 40), 1));
  EXPECT_THAT(*file->GetFloats("float"), ElementsAre(0.1f, -2));
  EXPECT_THAT(*file->GetFloats("double"), ElementsAre(0.5f, 3));
  EXPECT_THAT(*file->GetStrings("text"), ElementsAre("", "a", "bc"));
  EXPECT_THAT(*file->GetStrings("nothing"), testing::IsEmpty());
  const auto& bools = std::get<MetadataArray>(file->metadata().at("bool"));
  std::vector<bool> values;
  EXPECT_TRUE(bools.All([&](const MetadataScalar& scalar) {
    values.push_back(std::get<bool>(scalar));
    return true;
  }));
  EXPECT_THAT(values, ElementsAre(true, false, true));
}

// Tensors of every type and number of dimensions; none but the first begins where the data of the
// one before ends, unless that is aligned.
GgufWriter TensorsOfEveryType() {
  GgufWriter writer;
  for (const DType dtype : kAllDTypes) {
    const std::string name(Name(dtype));
    const auto columns = static_cast<std::int64_t>(BlockElements(dtype)) * 3;
    writer.AddTensor({name + ".1", dtype, {columns}});
    writer.AddTensor({name + ".2", dtype, {columns, 5}});
    writer.AddTensor({name + ".4", dtype, {columns, 3, 1, 2}});
  }
  return writer;
}

TEST(GgufWriter, TensorsComeBackInOrderWithTheirBytes) {
  const GgufWriter writer = TensorsOfEveryType();
  const std::vector<std::byte> bytes = BytesOf(writer);
  const Result<Checkpoint> file = Checkpoint::Parse(bytes, "test");
  ASSERT_TRUE(file.ok()) << file.error().message;
  ASSERT_EQ(file->tensors().size(), writer.tensors().size());
  for (std::size_t t = 0; t < writer.tensors().size(); ++t) {
    const GgufTensor& written = writer.tensors()[t];
    const Tensor& read = file->tensors()[t];
    EXPECT_EQ(read.name, written.name);
    EXPECT_EQ(read.dtype, written.dtype);
    EXPECT_EQ(read.shape, written.shape);
    EXPECT_EQ(file->Find(written.name), &read);
    ASSERT_EQ(read.bytes.size(), written.data_bytes());
    for (std::size_t i = 0; i < read.bytes.size(); ++i)
      ASSERT_EQ(read.bytes[i], PatternByte(t, i)) << read.name << " " << i;
  }
}

TEST(GgufWriter, TensorsBeginAtMultiplesOfTheAlignment) {
  for (const std::uint32_t alignment : {8u, 32u, 4096u}) {
    GgufWriter writer = TensorsOfEveryType();
    writer.Set("general.alignment", alignment);
    const std::vector<std::byte> bytes = BytesOf(writer);
    EXPECT_EQ(bytes.size(), writer.file_bytes());
    EXPECT_EQ(bytes.size() % alignment, 0u);
    const Result<Checkpoint> file = Checkpoint::Parse(bytes, "test");
    ASSERT_TRUE(file.ok()) << file.error().message;
    for (const Tensor& tensor : file->tensors())
      EXPECT_EQ(static_cast<std::size_t>(tensor.bytes.data() - bytes.data()) % alignment, 0u);
  }
}

TEST(GgufWriter, ZeroedRowsAreAskedForOnceInOrderAMegabyteAtATime) {
  GgufWriter writer;
  writer.AddTensor({"large", DType::kF32, {1000, 700}});  // 2.8 MB
  writer.AddTensor({"wide", DType::kF32, {1 << 19, 3}});  // rows of 2 MiB
  writer.AddTensor({"small", DType::kF32, {1}});
  std::vector<std::pair<std::size_t, std::int64_t>> asked;
  std::int64_t next_row = 0;
  const auto bytes = writer.Bytes([&](const GgufRows& rows) -> Result<void> {
    if (asked.empty() || asked.back().first != rows.tensor) next_row = 0;
    EXPECT_EQ(rows.first_row, next_row);
    EXPECT_EQ(rows.bytes.size(),
              static_cast<std::size_t>(rows.row_count) * writer.tensors()[rows.tensor].row_bytes());
    EXPECT_EQ(std::ranges::count(rows.bytes, std::byte{0}), std::ssize(rows.bytes));
    std::ranges::fill(rows.bytes, std::byte{1});
    next_row += rows.row_count;
    asked.emplace_back(rows.tensor, rows.row_count);
    return {};
  });
  ASSERT_TRUE(bytes.ok());
  EXPECT_EQ(bytes->size(), writer.file_bytes());
  using Asked = std::pair<std::size_t, std::int64_t>;
  EXPECT_THAT(asked, ElementsAre(Asked{0, 262}, Asked{0, 262}, Asked{0, 176}, Asked{1, 1},
                                 Asked{1, 1}, Asked{1, 1}, Asked{2, 1}));
}

TEST(GgufWriter, FileOnDiskIsTheSameAsInMemory) {
  GgufWriter writer = TensorsOfEveryType();
  writer.Set("general.name", "on disk");
  const std::string path = TempPath("writer.gguf");
  ASSERT_TRUE(writer.Write(path, Pattern(writer)).ok());
  EXPECT_EQ(FileBytes(path), BytesOf(writer));
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  const Result<Checkpoint> file = Checkpoint::Load(path);
  ASSERT_TRUE(file.ok()) << file.error().message;
  EXPECT_EQ(*file->GetString("general.name"), "on disk");
  std::filesystem::remove(path);
}

TEST(GgufWriter, ErrorOfTheFillIsReturnedAndTheOldFileStays) {
  const GgufWriter writer = TensorsOfEveryType();
  const std::string path = TempPath("kept.gguf");
  ASSERT_TRUE(writer.Write(path, Pattern(writer)).ok());
  const Result<void> second = writer.Write(path, [](const GgufRows& rows) -> Result<void> {
    if (rows.tensor == 5) return Invalid("no such row");
    return {};
  });
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.error().message, "no such row");
  EXPECT_EQ(FileBytes(path), BytesOf(writer));
  EXPECT_FALSE(std::filesystem::exists(path + ".part"));
  std::filesystem::remove(path);
}

TEST(GgufWriter, PathThatCannotBeWrittenIsAnIoErrorOfOneLine) {
  const GgufWriter writer = TensorsOfEveryType();
  for (const std::string& path : {TempPath("no/such/folder.gguf"), testing::TempDir() + "/"}) {
    const Result<void> written = writer.Write(path, LeaveZeros);
    ASSERT_FALSE(written.ok()) << path;
    EXPECT_EQ(written.error().code, ErrorCode::kIo);
    EXPECT_THAT(written.error().message, testing::HasSubstr("cannot be written"));
  }
}

TEST(GgufWriter, FullDiskIsAnIoErrorOfOneLine) {
  GgufWriter writer;
  writer.AddTensor({"t", DType::kF32, {1 << 20}});
  // A link under the name of the unfinished file sends its bytes to the device that is always full.
  const std::string path = TempPath("full.gguf");
  std::filesystem::remove(path);
  std::filesystem::remove(path + ".part");
  std::filesystem::create_symlink("/dev/full", path + ".part");
  const Result<void> written = writer.Write(path, LeaveZeros);
  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
  EXPECT_THAT(written.error().message, testing::HasSubstr("No space left"));
  EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(GgufWriterDeathTest, FilesThatNoReaderWouldTakeAreRefused) {
  GgufWriter writer;
  writer.Set("k", true);
  writer.AddTensor({"t", DType::kF32, {1}});
  EXPECT_DEATH(writer.Set("k", false), "check failed");
  EXPECT_DEATH(writer.Set("", false), "check failed");
  EXPECT_DEATH(writer.Set("two\nlines", false), "check failed");
  EXPECT_DEATH(writer.Set("general.alignment", std::uint32_t{48}), "check failed");
  EXPECT_DEATH(writer.Set("general.alignment", std::uint64_t{64}), "check failed");
  EXPECT_DEATH(writer.AddTensor({"t", DType::kF32, {1}}), "check failed");
  EXPECT_DEATH(writer.AddTensor({"", DType::kF32, {1}}), "check failed");
  EXPECT_DEATH(writer.AddTensor({"u", DType::kF32, {}}), "check failed");
  EXPECT_DEATH(writer.AddTensor({"u", DType::kF32, {1, 0}}), "check failed");
  EXPECT_DEATH(writer.AddTensor({"u", DType::kQ4_K, {128}}), "check failed");
}

}  // namespace
}  // namespace millrace
