// Files of safetensors: sound ones give views, every contradiction is one line that says where.
#include "format/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <string>
#include <vector>

namespace millrace {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// The file with this header and so many bytes of data: 0, 1, 2, ...
std::vector<std::byte> File(const std::string& header, std::size_t data_bytes) {
  const std::uint64_t length = header.size();
  std::vector<std::byte> bytes(sizeof(length) + header.size() + data_bytes);
  std::memcpy(bytes.data(), &length, sizeof(length));
  std::memcpy(bytes.data() + sizeof(length), header.data(), header.size());
  for (std::size_t i = 0; i < data_bytes; ++i) {
    bytes[sizeof(length) + header.size() + i] = static_cast<std::byte>(i);
  }
  return bytes;
}

std::string Tensor(const std::string& name, const std::string& type, const std::string& shape,
                   int begin, int end) {
  return fmt::format(R"("{}":{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", name, type,
                     shape, begin, end);
}

// In memory of exactly that size, so that a sanitizer sees a read beyond it.
Result<std::vector<SafetensorsTensor>> Parse(const std::vector<std::byte>& bytes) {
  static std::unique_ptr<std::byte[]> exact;
  exact = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), exact.get());
  return ParseSafetensors({exact.get(), bytes.size()}, "m.safetensors");
}

void ExpectError(const std::vector<std::byte>& bytes, ErrorCode code, const std::string& part) {
  const auto tensors = Parse(bytes);
  ASSERT_FALSE(tensors.ok()) << part;
  EXPECT_EQ(tensors.error().code, code) << tensors.error().message;
  EXPECT_THAT(tensors.error().message, testing::StartsWith("m.safetensors: "));
  EXPECT_THAT(tensors.error().message, HasSubstr(part));
  EXPECT_THAT(tensors.error().message, testing::Not(HasSubstr("\n")));
}

void ExpectInvalid(const std::string& header, std::size_t data_bytes, const std::string& part) {
  ExpectError(File(header, data_bytes), ErrorCode::kInvalid, part);
}

TEST(Safetensors, GivesTensorsInTheOrderOfTheirBytes) {
  const std::string header = "{" + Tensor("b", "BF16", "2,3", 4, 16) +
                             R"(,"__metadata__":{"format":"pt"},)" + Tensor("a", "F32", "", 0, 4) +
                             "}  ";
  const auto tensors = Parse(File(header, 16));
  ASSERT_TRUE(tensors.ok()) << tensors.error().message;
  ASSERT_EQ(tensors->size(), 2u);
  const SafetensorsTensor &a = (*tensors)[0], &b = (*tensors)[1];
  EXPECT_EQ(a.name, "a");
  EXPECT_EQ(a.type, "F32");
  EXPECT_EQ(a.dtype, DType::kF32);
  EXPECT_THAT(a.shape, IsEmpty());
  EXPECT_THAT(a.bytes, ElementsAre(std::byte{0}, std::byte{1}, std::byte{2}, std::byte{3}));
  EXPECT_EQ(b.name, "b");
  EXPECT_EQ(b.dtype, DType::kBF16);
  EXPECT_THAT(b.shape, ElementsAre(2, 3));
  EXPECT_EQ(b.bytes.size(), 12u);
  EXPECT_EQ(b.bytes[0], std::byte{4});
}

TEST(Safetensors, TypesThatAreNoWeightsHaveTheirSizes) {
  const std::pair<const char*, int> sizes[] = {
      {"F64", 8}, {"I64", 8}, {"U64", 8}, {"C64", 8},  {"I32", 4},     {"U32", 4},    {"I16", 2},
      {"U16", 2}, {"I8", 1},  {"U8", 1},  {"BOOL", 1}, {"F8_E4M3", 1}, {"F8_E5M2", 1}};
  for (const auto& [type, size] : sizes) {
    const auto tensors = Parse(
        File("{" + Tensor("a", type, "3", 0, 3 * size) + "}", static_cast<std::size_t>(3 * size)));
    ASSERT_TRUE(tensors.ok()) << tensors.error().message;
    EXPECT_EQ((*tensors)[0].dtype, std::nullopt);
    EXPECT_EQ((*tensors)[0].type, type);
  }
}

TEST(Safetensors, EmptyFilesAndEmptyTensorsAreSound) {
  EXPECT_TRUE(Parse(File("{}", 0)).ok());
  const auto tensors = Parse(
      File("{" + Tensor("a", "F32", "0,5", 0, 0) + "," + Tensor("b", "U8", "2", 0, 2) + "}", 2));
  ASSERT_TRUE(tensors.ok()) << tensors.error().message;
  EXPECT_EQ(tensors->size(), 2u);
}

TEST(Safetensors, TheHeadersLengthIsChecked) {
  ExpectError({}, ErrorCode::kInvalid, "has 0 bytes");
  ExpectError(std::vector<std::byte>(7), ErrorCode::kInvalid, "has 7 bytes");
  ExpectError(std::vector<std::byte>(8), ErrorCode::kInvalid, "header has 0 bytes");
  std::vector<std::byte> bytes = File("{}", 0);
  bytes[0] = std::byte{3};
  ExpectError(bytes, ErrorCode::kInvalid, "header has 3 bytes, the file has 2 left");
  std::fill_n(bytes.begin(), 8, std::byte{0xff});
  ExpectError(bytes, ErrorCode::kInvalid, "header has 18446744073709551615 bytes");
}

TEST(Safetensors, AFileOfAnotherKindIsTold) {
  ExpectInvalid("GGUF", 0, "is no safetensors file");
  ExpectInvalid("[]", 0, "is no safetensors file");
}

TEST(Safetensors, TheHeaderIsJsonOfOneShape) {
  const std::pair<std::string, std::string> headers[] = {
      {"{", "is no JSON"},
      {"{} x", "is no JSON"},
      {R"({"a":1})", "a number in or after the declaration of tensor a"},
      {R"({"a":null})", "null in or after the declaration of tensor a"},
      {R"({"a":[]})", "an array in or after the declaration of tensor a"},
      {R"({"a":{}})", "tensor a wants dtype, shape and two data_offsets"},
      {R"({"a":{"dtype":"F32","shape":[1]}})", "tensor a wants dtype"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", "tensor a wants dtype"},
      {R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})", "more than 2 numbers"},
      {R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})", "a negative number"},
      {R"({"a":{"dtype":"F32","shape":[1.5],"data_offsets":[0,4]}})", "a number with a fraction"},
      {R"({"a":{"dtype":"F32","shape":[18446744073709551616],"data_offsets":[0,4]}})",
       "a number with a fraction"},
      {R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", "an array in or after"},
      {R"({"a":{"dtype":4,"shape":[1],"data_offsets":[0,4]}})", "a number in or after"},
      {R"({"a":{"dtype":"F32","shape":"1","data_offsets":[0,4]}})", "a text in or after"},
      {R"({"a":{"dtype":true}})", "true or false in or after"},
      {R"({"a":{"dtype":"F32","dtype":"F32"}})", "tensor a has dtype twice"},
      {R"({"a":{"strides":[1]}})", "tensor a has a field strides"},
      {R"({"__metadata__":{"a":1}})", "a number where tensors are declared"},
      {R"({"__metadata__":{"a":{}}})", "an object where tensors are declared"},
      {R"({"__metadata__":[]})", "an array where tensors are declared"},
      {R"({"a":{"dtype":{}}})", "an object in or after"}};
  for (const auto& [header, part] : headers) ExpectInvalid(header, 4, part);
}

TEST(Safetensors, DeepNestingIsRefusedAtOnce) {
  ExpectInvalid("{\"a\":" + std::string(1 << 20, '['), 0, "an array in or after");
  ExpectInvalid("{\"a\":{\"shape\":" + std::string(1 << 20, '['), 0, "an array in or after");
}

TEST(Safetensors, NamesAreFitToPrint) {
  ExpectInvalid("{" + Tensor("", "F32", "1", 0, 4) + "}", 4, "is empty, too long or");
  ExpectInvalid("{" + Tensor("a\\nb", "F32", "1", 0, 4) + "}", 4, "tensor name a\\x0ab is");
  ExpectInvalid("{" + Tensor(std::string(2000, 'a'), "F32", "1", 0, 4) + "}", 4, "too long");
}

TEST(Safetensors, ANameThatOccursTwiceIsSeen) {
  ExpectInvalid("{" + Tensor("a", "F32", "1", 0, 4) + "," + Tensor("a", "F32", "1", 4, 8) + "}", 8,
                "tensor a occurs twice");
}

TEST(Safetensors, ATypeThatIsNotKnownIsUnsupportedAndNamed) {
  ExpectError(File("{" + Tensor("a", "F4", "2", 0, 1) + "}", 1), ErrorCode::kUnsupported,
              "tensor a has type 'F4'");
}

TEST(Safetensors, SizesFitShapesAndTheFile) {
  ExpectInvalid("{" + Tensor("a", "F32", "2", 0, 4) + "}", 4,
                "has 4 bytes, its shape and type F32 want 8");
  ExpectInvalid("{" + Tensor("a", "F32", "1", 4, 0) + "}", 4, "has bytes 4 to 0");
  ExpectInvalid("{" + Tensor("a", "F32", "2", 0, 8) + "}", 4, "has bytes 0 to 8, the file has 4");
  ExpectInvalid("{" + Tensor("a", "F32", "1099511627777", 0, 4) + "}", 4, "larger than any file");
  ExpectInvalid("{" + Tensor("a", "F32", "1099511627776,1099511627776", 0, 4) + "}", 4,
                "larger than any file");
  ExpectInvalid("{" + Tensor("a", "F32", "1,1,1,1,1,1,1,1,1", 0, 4) + "}", 4,
                "more than 8 numbers");
}

TEST(Safetensors, EveryByteOfTheDataBelongsToOneTensor) {
  const std::string a = Tensor("a", "U8", "4", 0, 4);
  ExpectInvalid("{" + a + "," + Tensor("b", "U8", "4", 2, 6) + "}", 6,
                "tensor b begins at byte 2 of the data, the one before ends at 4");
  ExpectInvalid("{" + a + "," + Tensor("b", "U8", "2", 6, 8) + "}", 8,
                "bytes 4 to 6 of the data, before tensor b, belong to no tensor");
  ExpectInvalid("{" + a + "}", 5, "end at byte 4 of the data, the file has 5");
  ExpectInvalid("{" + a + "," + Tensor("b", "U8", "4", 0, 4) + "}", 4, "begins at byte 0");
}

TEST(Safetensors, AFileCutAnywhereIsRefused) {
  const std::vector<std::byte> whole = File(
      "{" + Tensor("a", "F32", "2,2", 0, 16) + "," + Tensor("b", "F16", "3", 16, 22) + "}", 22);
  ASSERT_TRUE(Parse(whole).ok());
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(Parse({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)}).ok());
  }
}

}  // namespace
}  // namespace millrace
