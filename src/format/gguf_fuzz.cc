// Any bytes as a GGUF file, and a small sound file with any bytes changed: each is refused in one
// line, or gives a checkpoint in which every view can be read to its last byte.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "format/checkpoint.h"
#include "format/gguf_writer.h"

namespace millrace {
namespace {

// A file with every kind of value and tensors of several types, in about a kilobyte.
std::vector<std::byte> SoundFile() {
  GgufWriter writer;
  writer.Set("general.architecture", "llama");
  writer.Set("general.alignment", std::uint32_t{32});
  writer.Set("uint8", std::uint8_t{1});
  writer.Set("int8", std::int8_t{-1});
  writer.Set("uint16", std::uint16_t{2});
  writer.Set("int16", std::int16_t{-2});
  writer.Set("int32", std::int32_t{-3});
  writer.Set("uint64", std::uint64_t{4});
  writer.Set("int64", std::int64_t{-4});
  writer.Set("float", 0.5f);
  writer.Set("double", 0.25);
  writer.Set("bool", true);
  writer.Set("strings", std::vector<std::string>{"", "a", "bc"});
  writer.Set("floats", std::vector<float>{1, 2, 3});
  writer.Set("bools", std::vector<bool>{true, false});
  writer.Set("bytes", std::vector<std::uint8_t>{1, 2, 3});
  writer.AddTensor({"f32", DType::kF32, {3}});
  writer.AddTensor({"f16", DType::kF16, {2, 2, 2, 2}});
  writer.AddTensor({"q8_0", DType::kQ8_0, {32, 2}});
  writer.AddTensor({"q6_k", DType::kQ6_K, {256}});
  const auto file = writer.Bytes([](const GgufRows&) { return Result<void>(); });
  MILLRACE_CHECK(file.ok());
  return *file;
}

// Reads all of `bytes`, so that a sanitizer sees where they lie.
void Touch(std::span<const std::byte> bytes) {
  std::byte sum{};
  for (const std::byte byte : bytes) sum ^= byte;
  volatile std::byte sink = sum;
  (void)sink;
}

void Touch(std::string_view text) { Touch(std::as_bytes(std::span(text))); }

void TouchName(std::string_view name) {
  Touch(name);
  MILLRACE_CHECK(name.find('\n') == std::string_view::npos);
}

void TouchValue(const Checkpoint& checkpoint, std::string_view key) {
  TouchName(key);
  MILLRACE_CHECK(checkpoint.Has(key));
  (void)checkpoint.GetUint(key);
  (void)checkpoint.GetFloat(key);
  (void)checkpoint.GetBool(key);
  (void)checkpoint.GetFloats(key);
  (void)checkpoint.GetInts(key);
  if (const auto text = checkpoint.GetString(key); text.ok()) Touch(*text);
  if (const auto texts = checkpoint.GetStrings(key); texts.ok()) {
    for (const std::string_view text : *texts) Touch(text);
  }
}

void TouchTensor(const Checkpoint& checkpoint, const Tensor& tensor) {
  TouchName(tensor.name);
  Touch(tensor.bytes);
  MILLRACE_CHECK(checkpoint.Find(tensor.name) == &tensor);
  const auto columns = static_cast<std::size_t>(tensor.columns());
  const auto rows = static_cast<std::size_t>(tensor.rows());
  MILLRACE_CHECK(rows * RowBytes(tensor.dtype, columns) == tensor.bytes.size());
}

void Try(std::span<const std::byte> bytes) {
  // A copy of exactly this size: reading past its end is an error that the sanitizer sees.
  const std::vector<std::byte> file(bytes.begin(), bytes.end());
  const Result<Checkpoint> checkpoint = Checkpoint::Parse(file, "fuzz");
  if (!checkpoint.ok()) {
    const std::string& message = checkpoint.error().message;
    MILLRACE_CHECK(message.starts_with("fuzz: ") && message.find('\n') == std::string::npos);
    return;
  }
  for (const auto& [key, value] : checkpoint->metadata()) TouchValue(*checkpoint, key);
  for (const Tensor& tensor : checkpoint->tensors()) TouchTensor(*checkpoint, tensor);
}

// Bytes 4i .. 4i+3 of `edits` are a position (two bytes), an operation and its operand.
std::vector<std::byte> Edited(std::vector<std::byte> file, std::span<const std::uint8_t> edits) {
  for (std::size_t i = 0; i + 4 <= edits.size() && !file.empty(); i += 4) {
    const std::size_t at = (edits[i] | std::size_t{edits[i + 1]} << 8) % file.size();
    const std::byte operand{edits[i + 3]};
    switch (edits[i + 2] % 4) {
      case 0:
        file[at] = operand;
        break;
      case 1:
        file[at] ^= operand;
        break;
      case 2:
        file.insert(file.begin() + static_cast<std::ptrdiff_t>(at), operand);
        break;
      case 3:
        file.resize(at);
        break;
    }
  }
  return file;
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const std::vector<std::byte> sound = millrace::SoundFile();
  const std::span input(data, size);
  millrace::Try(std::as_bytes(input));
  millrace::Try(millrace::Edited(sound, input));
  return 0;
}
