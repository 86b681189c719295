// Any bytes become a small vocabulary and a text. Whatever the vocabulary: it is refused or it
// works, tokens are in range, and a stream says what Decode() says. If it is honest (every piece
// ordinary, every byte there), the text comes back.
#include <fuzzer/FuzzedDataProvider.h>

#include <cstdint>
#include <string>
#include <vector>

#include "base/check.h"
#include "text/pre_tokenizer.h"
#include "text/stream_decoder.h"
#include "text/tokenizer.h"
#include "text/utf8.h"
#include "text/vocabulary_examples.h"

namespace millrace {
namespace {

struct Case {
  Vocabulary vocabulary;
  bool is_honest = true;
};

std::optional<TokenId> SomeId(FuzzedDataProvider& bytes) {
  if (bytes.ConsumeBool()) return std::nullopt;
  return TokenId{bytes.ConsumeIntegralInRange<std::int32_t>(-2, 300)};
}

PieceKind SomeKind(FuzzedDataProvider& bytes) {
  return static_cast<PieceKind>(bytes.ConsumeIntegralInRange<std::int32_t>(-1, 8));
}

bool HasPiece(const Vocabulary& vocabulary, std::string_view piece) {
  for (const std::string& other : vocabulary.pieces) {
    if (other == piece) return true;
  }
  return false;
}

// Pieces and scores at random, but no piece twice.
void GrowSentencePiece(FuzzedDataProvider& bytes, Case& fuzzed) {
  for (int left = bytes.ConsumeIntegralInRange(0, 24); left > 0; --left) {
    const std::string piece = bytes.ConsumeRandomLengthString(8);
    if (piece.empty() || HasPiece(fuzzed.vocabulary, piece)) continue;
    examples::AddPiece(fuzzed.vocabulary, piece, PieceKind::kNormal);
    fuzzed.vocabulary.scores.back() = static_cast<float>(bytes.ConsumeIntegralInRange(-4, 4));
  }
}

// Merges of two pieces that are there.
void GrowByteLevelBpe(FuzzedDataProvider& bytes, Case& fuzzed) {
  Vocabulary& vocabulary = fuzzed.vocabulary;
  const std::vector<std::string_view> names = PreTokenizer::Names();
  vocabulary.pre_tokenizer = names[bytes.ConsumeIntegralInRange<std::size_t>(0, names.size() - 1)];
  vocabulary.add_bos = false;
  for (int left = bytes.ConsumeIntegralInRange(0, 24); left > 0; --left) {
    const auto pick = [&] {
      return bytes.ConsumeIntegralInRange<std::size_t>(0, vocabulary.pieces.size() - 1);
    };
    const std::string a = vocabulary.pieces[pick()];
    const std::string b = vocabulary.pieces[pick()];
    vocabulary.merges.push_back(a + " " + b);
    if (!HasPiece(vocabulary, a + b)) examples::AddPiece(vocabulary, a + b, PieceKind::kNormal);
  }
}

void Damage(FuzzedDataProvider& bytes, Case& fuzzed) {
  fuzzed.is_honest = false;
  Vocabulary& vocabulary = fuzzed.vocabulary;
  examples::AddPiece(vocabulary, bytes.ConsumeRandomLengthString(8), SomeKind(bytes));
  examples::AddPiece(vocabulary, bytes.ConsumeRandomLengthString(3), SomeKind(bytes));
  vocabulary.kinds[bytes.ConsumeIntegralInRange<std::size_t>(0, 255)] = SomeKind(bytes);
  vocabulary.specials_swallow_space = bytes.ConsumeBool();
  vocabulary.bos = SomeId(bytes);
  vocabulary.eot = SomeId(bytes);
  if (bytes.ConsumeBool()) vocabulary.add_bos = bytes.ConsumeBool();
  if (bytes.ConsumeBool()) vocabulary.add_space_prefix = bytes.ConsumeBool();
  if (bytes.ConsumeBool()) vocabulary.merges.push_back(bytes.ConsumeRandomLengthString(6));
  if (bytes.ConsumeBool())
    vocabulary.kinds.resize(bytes.ConsumeIntegralInRange<std::size_t>(0, 300));
  if (bytes.ConsumeBool())
    vocabulary.pieces.resize(bytes.ConsumeIntegralInRange<std::size_t>(0, 300));
  if (bytes.ConsumeBool()) vocabulary.pre_tokenizer = bytes.ConsumeRandomLengthString(12);
}

Case BuildCase(FuzzedDataProvider& bytes) {
  Case fuzzed;
  if (bytes.ConsumeBool()) {
    fuzzed.vocabulary = examples::SentencePiece({kSpaceMark});
    GrowSentencePiece(bytes, fuzzed);
  } else {
    fuzzed.vocabulary = examples::ByteLevelBpe({});
    GrowByteLevelBpe(bytes, fuzzed);
  }
  if (bytes.ConsumeBool()) Damage(bytes, fuzzed);
  return fuzzed;
}

void CheckStream(const Tokenizer& tokenizer, const std::vector<TokenId>& tokens, ShowSpecial show) {
  Utf8Stream whole;
  const std::string decoded = whole.Push(tokenizer.Decode(tokens, show)) + whole.Flush();
  StreamDecoder decoder(tokenizer, StreamStart::kText, show);
  std::string streamed;
  for (const TokenId token : tokens) {
    const std::string part = decoder.Push(token);
    MILLRACE_CHECK(IsWellFormedUtf8(part));
    streamed += part;
  }
  MILLRACE_CHECK(streamed + decoder.Flush() == decoded);
}

// Texts that could spell a special or byte token, or a space in two ways, need not come back.
bool MustComeBack(const Tokenizer& tokenizer, const std::string& text) {
  if (text.find('<') != std::string::npos) return false;
  const bool is_bpe = tokenizer.vocabulary().kind == VocabularyKind::kByteLevelBpe;
  return is_bpe ? IsWellFormedUtf8(text) : text.find(kSpaceMark) == std::string::npos;
}

void RunCase(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider bytes(data, size);
  Case fuzzed = BuildCase(bytes);
  const EncodeOptions options = {.add_special = bytes.ConsumeBool(),
                                 .parse_special = bytes.ConsumeBool()};
  const std::string text = bytes.ConsumeRemainingBytesAsString();

  const Result<Tokenizer> tokenizer = Tokenizer::Build(std::move(fuzzed.vocabulary));
  if (!tokenizer.ok()) {
    MILLRACE_CHECK(!tokenizer.error().message.empty());
    MILLRACE_CHECK(!fuzzed.is_honest);
    return;
  }
  const std::vector<TokenId> tokens = tokenizer->Encode(text, options);
  MILLRACE_CHECK(tokens.size() <= 3 * text.size() + 5);
  for (const TokenId token : tokens) MILLRACE_CHECK(tokenizer->Contains(token));
  CheckStream(*tokenizer, tokens, ShowSpecial::kYes);
  CheckStream(*tokenizer, tokens, ShowSpecial::kNo);
  if (fuzzed.is_honest && MustComeBack(*tokenizer, text)) {
    MILLRACE_CHECK(tokenizer->Decode(tokens) == text);
  }
}

}  // namespace
}  // namespace millrace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  millrace::RunCase(data, size);
  return 0;
}
