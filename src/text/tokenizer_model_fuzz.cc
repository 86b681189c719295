// Any bytes become a tokenizer.model, as they are or as the fields of a sound one, and a text.
// Whatever the file: it is refused in one line or it works, and tokens are in range.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "text/tokenizer_model.h"

namespace millrace {
namespace {

void AppendVarint(std::string& bytes, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(0x80 | (value & 0x7F));
  bytes += static_cast<char>(value);
}

void AppendBytes(std::string& message, unsigned field, std::string_view bytes) {
  AppendVarint(message, field << 3 | 2);
  AppendVarint(message, bytes.size());
  message += bytes;
}

void AppendNumber(std::string& message, unsigned field, std::uint64_t value) {
  AppendVarint(message, field << 3);
  AppendVarint(message, value);
}

std::string SomePiece(FuzzedDataProvider& bytes) {
  std::string piece;
  AppendBytes(piece, 1, bytes.ConsumeRandomLengthString(6));
  AppendVarint(piece, 2 << 3 | 5);
  for (int i = 0; i < 4; ++i) piece += bytes.ConsumeIntegral<char>();
  AppendNumber(piece, 3, bytes.ConsumeIntegralInRange<std::uint64_t>(0, 7));
  return piece;
}

std::string SomeFile(FuzzedDataProvider& bytes) {
  if (bytes.ConsumeBool()) return bytes.ConsumeRandomLengthString(2000);
  std::string unknown;
  AppendBytes(unknown, 1, "<unk>");
  AppendNumber(unknown, 3, 2);
  std::string file;
  AppendBytes(file, 1, unknown);
  for (int left = bytes.ConsumeIntegralInRange(0, 20); left > 0; --left) {
    AppendBytes(file, 1, SomePiece(bytes));
  }
  std::string trainer;
  AppendNumber(trainer, 3, bytes.ConsumeIntegralInRange<std::uint64_t>(0, 3));
  AppendNumber(trainer, 41, bytes.ConsumeIntegral<std::uint64_t>());
  AppendBytes(file, 2, trainer);
  std::string normalizer;
  AppendBytes(normalizer, 2, bytes.ConsumeRandomLengthString(100));
  AppendNumber(normalizer, 3, bytes.ConsumeBool() ? 1 : 0);
  AppendNumber(normalizer, 4, bytes.ConsumeBool() ? 1 : 0);
  AppendBytes(file, 3, normalizer);
  return file;
}

void RunCase(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider bytes(data, size);
  const Result<Tokenizer> tokenizer = TokenizerFromTokenizerModel(SomeFile(bytes), "f");
  if (!tokenizer.ok()) {
    MILLRACE_CHECK(tokenizer.error().message.starts_with("f: "));
    return;
  }
  const EncodeOptions options = {.add_special = bytes.ConsumeBool(),
                                 .parse_special = bytes.ConsumeBool()};
  const std::vector<TokenId> tokens =
      tokenizer->Encode(bytes.ConsumeRemainingBytesAsString(), options);
  for (const TokenId token : tokens) MILLRACE_CHECK(tokenizer->Contains(token));
  (void)tokenizer->Decode(tokens, ShowSpecial::kYes);
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::RunCase(data, size);
  return 0;
}
