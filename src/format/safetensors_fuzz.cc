// Any bytes as a safetensors file, and a small sound file with any bytes changed: each is refused
// in one line, or gives tensors that can be read to their last byte and cover the data exactly.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <vector>

#include "base/check.h"
#include "format/safetensors.h"

namespace millrace {
namespace {

std::vector<std::byte> SoundFile() {
  std::string header = R"({"__metadata__":{"format":"pt"},)"
                       R"("a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
                       R"("b":{"dtype":"BF16","shape":[4],"data_offsets":[24,32]},)"
                       R"("c":{"dtype":"U8","shape":[0,7],"data_offsets":[32,32]},)"
                       R"("d":{"dtype":"I64","shape":[],"data_offsets":[32,40]}})";
  header.resize((header.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = header.size();
  std::vector<std::byte> bytes(sizeof(length) + header.size() + 40);
  std::memcpy(bytes.data(), &length, sizeof(length));
  std::memcpy(bytes.data() + sizeof(length), header.data(), header.size());
  return bytes;
}

void Check(std::span<const std::byte> bytes) {
  const auto tensors = ParseSafetensors(bytes, "fuzz.safetensors");
  if (!tensors.ok()) {
    const std::string& message = tensors.error().message;
    MILLRACE_CHECK(!message.empty() && message.find('\n') == std::string::npos);
    return;
  }
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), sizeof(header_bytes));
  std::size_t covered = sizeof(header_bytes) + header_bytes;
  std::byte sum{};
  for (const SafetensorsTensor& tensor : *tensors) {
    MILLRACE_CHECK(tensor.name.find('\n') == std::string::npos);
    MILLRACE_CHECK(tensor.bytes.data() == bytes.data() + covered);
    covered += tensor.bytes.size();
    for (const std::byte byte : tensor.bytes) sum ^= byte;
  }
  MILLRACE_CHECK(covered == bytes.size());
  volatile std::byte sink = sum;
  (void)sink;
}

// The first byte chooses: the rest as it is, or as changes (where, what) of a sound file.
void Fuzz(std::span<const std::byte> input) {
  if (input.empty()) return;
  const std::span<const std::byte> rest = input.subspan(1);
  if (input[0] == std::byte{0}) return Check(rest);
  if (input[0] == std::byte{1}) {  // a header, with its length before it
    const std::uint64_t length = rest.size();
    std::vector<std::byte> bytes(sizeof(length) + rest.size());
    std::memcpy(bytes.data(), &length, sizeof(length));
    std::copy(rest.begin(), rest.end(), bytes.begin() + sizeof(length));
    return Check(bytes);
  }
  static const std::vector<std::byte> kSound = SoundFile();
  std::vector<std::byte> bytes = kSound;
  for (std::size_t i = 0; i + 1 < rest.size(); i += 2) {
    bytes[std::to_integer<std::size_t>(rest[i]) * 2 % bytes.size()] = rest[i + 1];
  }
  Check(bytes);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::Fuzz(std::as_bytes(std::span(data, size)));
  return 0;
}
