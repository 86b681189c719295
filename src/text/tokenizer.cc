#include "text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "text/known_specials.h"
#include "text/pre_tokenizer.h"

namespace millrace {

Result<Tokenizer> Tokenizer::Build(Vocabulary vocabulary) {
  if (vocabulary.kind == VocabularyKind::kSentencePiece) {
    MILLRACE_TRY(PieceTable table,
                 PieceTable::Build(std::move(vocabulary), /*add_bos_default=*/true));
    auto pieces = std::make_unique<const PieceTable>(std::move(table));
    SentencePieceTokenizer algorithm(*pieces);
    return Tokenizer(std::move(pieces), algorithm);
  }
  MILLRACE_TRY(PreTokenizer pre_tokenizer, PreTokenizer::Build(vocabulary.pre_tokenizer));
  MILLRACE_TRY(PieceTable table,
               PieceTable::Build(std::move(vocabulary), pre_tokenizer.adds_bos()));
  auto pieces = std::make_unique<const PieceTable>(std::move(table));
  MILLRACE_TRY(BpeTokenizer algorithm, BpeTokenizer::Build(*pieces, std::move(pre_tokenizer)));
  return Tokenizer(std::move(pieces), std::move(algorithm));
}

Tokenizer::Tokenizer(std::unique_ptr<const PieceTable> pieces, Algorithm algorithm)
    : pieces_(std::move(pieces)),
      algorithm_(std::move(algorithm)),
      specials_(*pieces_),
      end_of_generation_(EndOfGenerationTokens(pieces_->vocabulary())) {}

void Tokenizer::AppendText(std::string_view text, std::vector<TokenId>& tokens) const {
  std::visit([&](const auto& algorithm) { algorithm.Append(text, tokens); }, algorithm_);
}

std::vector<TokenId> Tokenizer::Encode(std::string_view text, EncodeOptions options) const {
  std::vector<TokenId> tokens;
  if (options.add_special && adds_bos()) tokens.push_back(*bos());
  bool after_special = true;  // so is the beginning
  const ParseSpecial parse = options.parse_special ? ParseSpecial::kYes : ParseSpecial::kNo;
  for (const TextFragment& fragment : specials_.Split(text, parse)) {
    if (fragment.token.has_value()) {
      tokens.push_back(*fragment.token);
    } else if (after_special && adds_space_prefix()) {
      AppendText(" " + std::string(fragment.text), tokens);
    } else {
      AppendText(fragment.text, tokens);
    }
    after_special = fragment.token.has_value();
  }
  if (options.add_special && adds_eos()) tokens.push_back(*eos());
  return tokens;
}

std::string Tokenizer::Decode(std::span<const TokenId> tokens, ShowSpecial show) const {
  std::string text;
  bool is_first = true;
  for (const TokenId token : tokens) {
    if (!Contains(token) || (show == ShowSpecial::kNo && IsSpecial(token))) continue;
    std::string_view bytes = Bytes(token);
    if (is_first && adds_space_prefix() && bytes.starts_with(' ')) bytes.remove_prefix(1);
    is_first = false;
    text += bytes;
  }
  return text;
}

std::string_view Tokenizer::Bytes(TokenId token, ShowSpecial show) const {
  if (!Contains(token) || (show == ShowSpecial::kNo && IsSpecial(token))) return {};
  return pieces_->Bytes(token);
}

std::string_view Tokenizer::Piece(TokenId token) const {
  MILLRACE_CHECK(Contains(token));
  return vocabulary().pieces[token.index()];
}

bool Tokenizer::IsEndOfGeneration(TokenId token) const {
  return std::binary_search(end_of_generation_.begin(), end_of_generation_.end(), token);
}

bool Tokenizer::IsSpecial(TokenId token) const {
  if (!Contains(token)) return false;
  const PieceKind kind = pieces_->kind(token);
  return kind == PieceKind::kControl || kind == PieceKind::kUnknown;
}

}  // namespace millrace
