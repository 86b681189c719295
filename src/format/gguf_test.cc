// Damaged files: each gives an error of one line that says where, or a checkpoint that is still
// consistent; never a crash, and never memory for what a file merely claims to hold.
#include "format/gguf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "format/gguf_writer.h"

namespace millrace {
namespace {

using testing::HasSubstr;

// A file to be damaged. Numbers are found relative to the name that stands before them.
class File {
 public:
  explicit File(const GgufWriter& writer) {
    Result<std::vector<std::byte>> written =
        writer.Bytes([](const GgufRows&) { return Result<void>(); });
    bytes = std::move(written).value();
  }

  // Where the bytes after the first occurrence of `name` begin.
  std::size_t After(std::string_view name) const {
    const auto text = std::as_bytes(std::span(name));
    const auto found = std::search(bytes.begin(), bytes.end(), text.begin(), text.end());
    EXPECT_NE(found, bytes.end()) << name;
    return static_cast<std::size_t>(found - bytes.begin()) + name.size();
  }

  template <typename T>
  File& Put(std::size_t at, T value) {
    std::memcpy(&bytes.at(at + sizeof(T) - 1) - (sizeof(T) - 1), &value, sizeof(T));
    return *this;
  }
  template <typename T>
  File& PutAfter(std::string_view name, std::size_t distance, T value) {
    return Put(After(name) + distance, value);
  }

  Result<Checkpoint> Parse() const { return Checkpoint::Parse(bytes, "m.gguf"); }

  std::vector<std::byte> bytes;
};

// Where the parts of the entries of a two-dimensional tensor lie, after its name.
constexpr std::size_t kDimensions = 0, kColumns = 4, kRows = 12, kType = 20, kOffset = 24;
// And of a metadata key: an array has the type of its elements and their number first.
constexpr std::size_t kValueType = 0, kValue = 4, kElementType = 4, kCount = 8, kElements = 16;
constexpr std::size_t kVersion = 4, kTensorCount = 8, kKeyCount = 16;

GgufWriter SoundWriter() {
  GgufWriter writer;
  writer.Set("general.architecture", "llama");
  writer.Set("general.alignment", std::uint32_t{32});
  writer.Set("layers", std::uint32_t{2});
  writer.Set("tied", true);
  writer.Set("pieces", std::vector<std::string>{"<unk>", "a", "bc"});
  writer.Set("scores", std::vector<float>{0, -1, -2});
  writer.AddTensor({"blk.q", DType::kF32, {8, 4}});    // 128 bytes at offset 0
  writer.AddTensor({"blk.k", DType::kQ8_0, {32, 2}});  // 68 bytes at 128
  writer.AddTensor({"blk.v", DType::kF16, {4, 2}});    // 16 bytes at 224
  return writer;
}

File Sound() { return File(SoundWriter()); }

// Reads every byte that a checkpoint shows; fails if it is not consistent in itself.
std::uint64_t ReadAll(const Checkpoint& checkpoint) {
  std::uint64_t sum = 0;
  for (const Tensor& tensor : checkpoint.tensors()) {
    EXPECT_EQ(checkpoint.Find(tensor.name), &tensor);
    EXPECT_EQ(static_cast<std::uint64_t>(tensor.rows()) *
                  RowBytes(tensor.dtype, static_cast<std::size_t>(tensor.columns())),
              tensor.bytes.size());
    for (const std::byte byte : tensor.bytes) sum += static_cast<std::uint64_t>(byte);
  }
  for (const auto& [key, value] : checkpoint.metadata()) {
    if (const auto text = checkpoint.GetString(key); text.ok())
      sum += static_cast<std::uint64_t>(std::count(text->begin(), text->end(), 'a'));
    const auto texts = checkpoint.GetStrings(key);
    for (std::size_t i = 0; texts.ok() && i < texts->size(); ++i)
      sum += static_cast<std::uint64_t>(std::count((*texts)[i].begin(), (*texts)[i].end(), 'a'));
    if (const auto floats = checkpoint.GetFloats(key); floats.ok()) sum += floats->size();
    if (const auto ints = checkpoint.GetInts(key); ints.ok()) sum += ints->size();
  }
  return sum;
}

// Refused in one line, or consistent.
void ExpectHarmless(std::span<const std::byte> bytes) {
  // Exactly these bytes on the heap, so that a sanitizer sees a read past the end.
  const auto copy = std::make_unique<std::byte[]>(bytes.size());
  std::copy(bytes.begin(), bytes.end(), copy.get());
  const auto checkpoint = Checkpoint::Parse({copy.get(), bytes.size()}, "m.gguf");
  if (checkpoint.ok()) {
    ReadAll(*checkpoint);
    return;
  }
  const std::string& message = checkpoint.error().message;
  EXPECT_THAT(message, testing::StartsWith("m.gguf: "));
  EXPECT_EQ(std::count_if(message.begin(), message.end(), [](char c) { return c < ' '; }), 0)
      << message;
  EXPECT_LT(message.size(), 1000u);
}

void ExpectError(const File& file, std::string_view message, ErrorCode code = ErrorCode::kInvalid) {
  const Result<Checkpoint> checkpoint = file.Parse();
  ASSERT_FALSE(checkpoint.ok()) << "wanted: " << message;
  EXPECT_THAT(checkpoint.error().message, HasSubstr(message));
  EXPECT_EQ(checkpoint.error().code, code) << message;
  ExpectHarmless(file.bytes);
}

TEST(Gguf, SoundFileIsRead) {
  const File file = Sound();
  const Result<Checkpoint> checkpoint = file.Parse();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors().size(), 3u);
  ReadAll(*checkpoint);
}

TEST(Gguf, VersionTwoIsReadTheSame) {
  File file = Sound();
  EXPECT_TRUE(file.Put(kVersion, std::uint32_t{2}).Parse().ok());
}

TEST(Gguf, FileCutAnywhereIsRefused) {
  const File file = Sound();
  const std::size_t end = file.bytes.size() - 16;  // padding after the last tensor's 16 bytes
  for (std::size_t size = 0; size < end; ++size) {
    const std::span cut = std::span(file.bytes).first(size);
    EXPECT_FALSE(Checkpoint::Parse(cut, "m.gguf").ok()) << size;
    ExpectHarmless(cut);
  }
  EXPECT_TRUE(Checkpoint::Parse(std::span(file.bytes).first(end), "m.gguf").ok());
}

TEST(Gguf, FileWithAnyBitFlippedIsRefusedOrConsistent) {
  File file = Sound();
  for (std::size_t bit = 0; bit < file.bytes.size() * 8; ++bit) {
    const std::byte mask{static_cast<std::uint8_t>(1 << bit % 8)};
    file.bytes[bit / 8] ^= mask;
    ExpectHarmless(file.bytes);
    file.bytes[bit / 8] ^= mask;
  }
}

TEST(Gguf, FileWithAnyByteOrWordSetToAnExtremeIsRefusedOrConsistent) {
  const File sound = Sound();
  for (std::size_t at = 0; at + 8 <= sound.bytes.size(); ++at) {
    ExpectHarmless(File(sound).Put(at, std::uint8_t{0}).bytes);
    ExpectHarmless(File(sound).Put(at, std::uint8_t{'\n'}).bytes);
    ExpectHarmless(File(sound).Put(at, std::uint8_t{255}).bytes);
    ExpectHarmless(File(sound).Put(at, std::numeric_limits<std::uint32_t>::max()).bytes);
    ExpectHarmless(File(sound).Put(at, std::numeric_limits<std::uint64_t>::max()).bytes);
    ExpectHarmless(File(sound).Put(at, std::uint64_t{1} << 63).bytes);
    ExpectHarmless(File(sound).Put(at, std::uint64_t{1} << 40).bytes);
  }
}

TEST(Gguf, OtherFilesAreToldFromGguf) {
  File file = Sound();
  ExpectError(file.Put(0, 'g'), "m.gguf: is no GGUF file");
  file.bytes.clear();
  ExpectError(file, "m.gguf: is no GGUF file");
}

TEST(Gguf, OtherVersionsAreNotSupported) {
  for (const std::uint32_t version : {0u, 1u, 4u, 0x03000000u}) {
    ExpectError(Sound().Put(kVersion, version), "has GGUF version", ErrorCode::kUnsupported);
  }
}

TEST(Gguf, CountsBeyondTheFileAreRefused) {
  for (const std::uint64_t count : {std::uint64_t{1000}, ~std::uint64_t{0}}) {
    const std::string text = std::to_string(count);
    ExpectError(Sound().Put(kKeyCount, count), text + " metadata keys");
    ExpectError(Sound().Put(kTensorCount, count), text + " tensors");
    ExpectError(Sound().PutAfter("scores", kCount, count), "scores has " + text + " elements");
    ExpectError(Sound().PutAfter("pieces", kCount, count), "pieces has " + text + " elements");
  }
}

TEST(Gguf, StringsBeyondTheFileAreRefused) {
  for (const std::uint64_t length : {std::uint64_t{1} << 20, ~std::uint64_t{0}}) {
    const std::string text = std::to_string(length);
    ExpectError(Sound().PutAfter("general.architecture", kValue, length),
                "general.architecture at byte");
    ExpectError(Sound().PutAfter("pieces", kElements, length), "has " + text + " bytes");
    ExpectError(Sound().Put(Sound().After("layers") - 14, length), "a metadata key at byte");
    ExpectError(Sound().Put(Sound().After("blk.q") - 13, length), "a tensor's name at byte");
  }
}

TEST(Gguf, TypesOfMetadataThatDoNotExistAreRefused) {
  ExpectError(Sound().PutAfter("layers", kValueType, std::uint32_t{13}), "layers");
  ExpectError(Sound().PutAfter("layers", kValueType, ~std::uint32_t{0}), "layers");
  ExpectError(Sound().PutAfter("scores", kElementType, std::uint32_t{13}), "scores");
  ExpectError(Sound().PutAfter("scores", kElementType, std::uint32_t{9}), "array of arrays",
              ErrorCode::kUnsupported);
}

TEST(Gguf, BoolsAreZeroOrOne) {
  ExpectError(Sound().PutAfter("tied", kValue, std::uint8_t{2}), "tied has a bool of value 2");
}

TEST(Gguf, KeyThatOccursTwiceIsRefused) {
  GgufWriter writer;
  writer.Set("key.a", true);
  writer.Set("key.b", true);
  ExpectError(File(writer).PutAfter("key.", 18, 'a'), "metadata key key.a occurs twice");
}

TEST(Gguf, TensorThatOccursTwiceIsRefused) {
  File file = Sound();
  ExpectError(file.Put(file.After("blk.k") - 1, 'q'), "tensor blk.q occurs twice");
}

TEST(Gguf, AlignmentsAreUsablePowersOfTwo) {
  for (const std::uint32_t alignment : {0u, 1u, 4u, 24u, 1u << 21, ~0u}) {
    ExpectError(Sound().PutAfter("general.alignment", kValue, alignment),
                "general.alignment is " + std::to_string(alignment));
  }
}

TEST(Gguf, TensorsHaveOneToFourDimensions) {
  for (const std::uint32_t dimensions : {0u, 5u, ~0u}) {
    ExpectError(Sound().PutAfter("blk.q", kDimensions, dimensions),
                "tensor blk.q has " + std::to_string(dimensions) + " dimensions");
  }
}

TEST(Gguf, ExtentsOfZeroAndAbsurdOnesAreRefused) {
  for (const std::uint64_t extent :
       {std::uint64_t{0}, (std::uint64_t{1} << 40) + 1, ~std::uint64_t{0}}) {
    const std::string text = "tensor blk.q has extent " + std::to_string(extent);
    ExpectError(Sound().PutAfter("blk.q", kColumns, extent), text + " in dimension 0");
    ExpectError(Sound().PutAfter("blk.q", kRows, extent), text + " in dimension 1");
  }
}

TEST(Gguf, SizesThatOverflowAreRefused) {
  const std::uint64_t large = std::uint64_t{1} << 40;
  ExpectError(Sound().PutAfter("blk.q", kColumns, large).PutAfter("blk.q", kRows, large),
              "tensor blk.q is larger than any file");
  // The size fits 64 bits, and the offset or the end in the file does not.
  ExpectError(Sound().PutAfter("blk.q", kOffset, ~std::uint64_t{0} - 31), "ends beyond any file");
  ExpectError(Sound()
                  .PutAfter("blk.q", kColumns, std::uint64_t{1} << 20)
                  .PutAfter("blk.q", kRows, std::uint64_t{1} << 39)
                  .PutAfter("blk.q", kOffset, std::uint64_t{7} << 61),
              "tensor blk.q at offset 16140901064495857664 ends beyond any file");
}

TEST(Gguf, TypesThatAreKnownButNotSupportedAreNamed) {
  ExpectError(Sound().PutAfter("blk.q", kType, std::uint32_t{21}),
              "m.gguf: tensor blk.q has type IQ3_S, which is not supported; supported: F32, F16, "
              "BF16, Q8_0, Q4_0, Q4_K, Q6_K",
              ErrorCode::kUnsupported);
}

TEST(Gguf, TypesThatDoNotExistAreRefused) {
  for (const std::uint32_t type : {4u, 31u, 40u, 1000u, ~0u}) {
    ExpectError(Sound().PutAfter("blk.q", kType, type),
                "tensor blk.q has type " + std::to_string(type));
  }
}

TEST(Gguf, RowsAreWholeBlocks) {
  ExpectError(Sound().PutAfter("blk.k", kColumns, std::uint64_t{48}),
              "tensor blk.k has rows of 48, wanted a multiple of 32 for Q8_0");
}

TEST(Gguf, OffsetsAreMultiplesOfTheAlignment) {
  ExpectError(Sound().PutAfter("blk.k", kOffset, std::uint64_t{136}),
              "tensor blk.k begins at offset 136, wanted a multiple of 32");
}

TEST(Gguf, TensorPastTheEndOfTheFileIsRefused) {
  const File file = Sound();
  const std::size_t data = file.bytes.size() - 256;
  ExpectError(Sound().PutAfter("blk.v", kOffset, std::uint64_t{256}),
              fmt::format("m.gguf: tensor blk.v ends at byte {}, the file has {}", data + 256 + 16,
                          file.bytes.size()));
}

TEST(Gguf, TensorsThatOverlapAreRefused) {
  ExpectError(Sound().PutAfter("blk.k", kOffset, std::uint64_t{96}),
              "tensors blk.q and blk.k overlap");
  ExpectError(Sound().PutAfter("blk.v", kOffset, std::uint64_t{0}), "overlap");
  ExpectError(Sound().PutAfter("blk.v", kOffset, std::uint64_t{192}),
              "tensors blk.k and blk.v overlap");
}

TEST(Gguf, TensorsMayLieInAnyOrderWithGaps) {
  File file = Sound();
  file.PutAfter("blk.q", kOffset, std::uint64_t{128}).PutAfter("blk.k", kOffset, std::uint64_t{0});
  file.PutAfter("blk.k", kRows, std::uint64_t{1}).PutAfter("blk.v", kOffset, std::uint64_t{64});
  const Result<Checkpoint> checkpoint = file.Parse();
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.error().message;
  EXPECT_EQ(checkpoint->tensors()[0].name, "blk.q");
  EXPECT_EQ(checkpoint->tensors()[0].bytes.data() - checkpoint->tensors()[1].bytes.data(), 128);
}

TEST(Gguf, NamesWithControlCharactersAreRefused) {
  for (const char control : {'\n', '\0', '\x1b', '\x7f'}) {
    File tensor = Sound();
    tensor.Put(tensor.After("blk.q") - 1, control);
    ExpectError(tensor, "a tensor's name at byte");
    File key = Sound();
    key.Put(key.After("layers") - 1, control);
    ExpectError(key, "a metadata key at byte");
  }
}

TEST(Gguf, OddNamesAppearInMessagesAsOneShortLine) {
  GgufWriter writer;
  writer.AddTensor({"\xff\xc2\xa0" + std::string(500, 'x'), DType::kF32, {1}});
  ExpectHarmless(File(writer).PutAfter("xxx", 497 + 12, std::uint32_t{31}).bytes);
  File file(writer);
  ExpectError(file.PutAfter("xxx", 497, std::uint32_t{5}),
              "tensor \\xff\\xc2\\xa0" + std::string(97, 'x') + "... has 5 dimensions");
}

}  // namespace
}  // namespace millrace
