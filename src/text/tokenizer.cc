#include "text/tokenizer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "text/known_specials.h"
#include "text/pre_tokenizer.h"
#include "text/utf8.h"

namespace millrace {

namespace {

bool IsBpe(VocabularyKind kind) {
  return kind == VocabularyKind::kByteLevelBpe || kind == VocabularyKind::kCharacterBpe;
}

// BERT's words: runs of text between white space, punctuation apart.
std::vector<CutStep> WordPieceCuts() {
  return {CutAtClass{CutAtClass::Class::kSpace, CutBehavior::kRemoved},
          CutAtClass{CutAtClass::Class::kPunctuation, CutBehavior::kIsolated}};
}

bool AddsBos(VocabularyKind kind, const std::optional<PreTokenizer>& pre_tokenizer) {
  if (IsBpe(kind)) return pre_tokenizer.has_value() && pre_tokenizer->adds_bos();
  return kind != VocabularyKind::kUnigram;
}

}  // namespace

Result<Tokenizer> Tokenizer::Build(Vocabulary vocabulary) {
  const VocabularyKind kind = vocabulary.kind;
  if (kind == VocabularyKind::kWordPiece && !vocabulary.cuts.has_value()) {
    vocabulary.cuts = WordPieceCuts();
  }
  std::optional<PreTokenizer> pre_tokenizer;
  if (IsBpe(kind) && !vocabulary.cuts.has_value()) {
    MILLRACE_TRY(pre_tokenizer, PreTokenizer::Build(vocabulary.pre_tokenizer));
  }
  MILLRACE_TRY(Normalizer normalizer, Normalizer::Build(vocabulary.normalizers));
  std::optional<WordCutter> cutter;
  if (vocabulary.cuts.has_value() && !vocabulary.cuts->empty()) {
    MILLRACE_TRY(cutter, WordCutter::Build(*vocabulary.cuts));
  }
  const bool adds_bos = AddsBos(kind, pre_tokenizer);
  MILLRACE_TRY(PieceTable table, PieceTable::Build(std::move(vocabulary), adds_bos));
  auto pieces = std::make_unique<const PieceTable>(std::move(table));
  const auto finish = [&](Algorithm algorithm) {
    return Tokenizer(std::move(pieces), std::move(algorithm), std::move(normalizer),
                     std::move(cutter));
  };
  switch (kind) {
    case VocabularyKind::kSentencePiece:
      return finish(SentencePieceTokenizer(*pieces));
    case VocabularyKind::kUnigram:
      return finish(UnigramTokenizer(*pieces));
    case VocabularyKind::kWordPiece:
      return finish(WordPieceTokenizer(*pieces));
    case VocabularyKind::kByteLevelBpe:
    case VocabularyKind::kCharacterBpe:
      break;
  }
  MILLRACE_TRY(BpeTokenizer bpe, BpeTokenizer::Build(*pieces, std::move(pre_tokenizer)));
  return finish(std::move(bpe));
}

Tokenizer::Tokenizer(std::unique_ptr<const PieceTable> pieces, Algorithm algorithm,
                     Normalizer normalizer, std::optional<WordCutter> cutter)
    : pieces_(std::move(pieces)),
      algorithm_(std::move(algorithm)),
      normalizer_(std::move(normalizer)),
      cutter_(std::move(cutter)),
      specials_(*pieces_),
      end_of_generation_(EndOfGenerationTokens(pieces_->vocabulary())) {
  if (vocabulary().added_tokens.has_value()) added_.emplace(*pieces_, normalizer_);
}

std::vector<TextFragment> Tokenizer::Split(std::string_view text, ParseSpecial parse) const {
  if (!added_.has_value()) return specials_.Split(text, parse);
  return added_->Split(text, parse, AddedTokens::When::kBeforeNormalizer);
}

void Tokenizer::AppendText(std::string_view text, Around around,
                           std::vector<TokenId>& tokens) const {
  std::string prefixed;
  if (around.gets_space && adds_space_prefix()) {
    prefixed = " " + std::string(text);
    text = prefixed;
  }
  const auto append = [&](std::string_view word) {
    std::visit([&](const auto& algorithm) { algorithm.Append(word, tokens); }, algorithm_);
  };
  if (!cutter_.has_value()) return append(text);
  const CutWords cut = cutter_->Cut(text, around.is_start);
  for (const std::string_view word : cut.words) append(word);
}

// A stretch of text without tokens of Split().
bool Tokenizer::AppendFragment(std::string_view text, Around around, ParseSpecial parse,
                               std::vector<TokenId>& tokens) const {
  if (normalizer_.empty() && !added_.has_value()) {
    AppendText(text, around, tokens);
    return true;
  }
  const std::string normalized = normalizer_.Apply(text, around.ends);
  if (!added_.has_value()) {
    if (!normalized.empty()) AppendText(normalized, around, tokens);
    return !normalized.empty();
  }
  const auto fragments = added_->Split(normalized, parse, AddedTokens::When::kAfterNormalizer);
  for (const TextFragment& fragment : fragments) {
    if (fragment.token.has_value()) {
      tokens.push_back(*fragment.token);
    } else {
      AppendText(fragment.text, around, tokens);
    }
    around.is_start = false;
    around.gets_space = fragment.token.has_value();
  }
  return !fragments.empty();
}

bool Tokenizer::IsText(TokenId token) const {
  return !vocabulary().space_after_user_defined && !IsSpecial(token);
}

std::vector<TokenId> Tokenizer::Encode(std::string_view text, EncodeOptions options) const {
  std::vector<TokenId> tokens;
  if (options.add_special) tokens = *vocabulary().prefix;
  std::string repaired;
  const bool keeps_bytes =
      vocabulary().kind == VocabularyKind::kSentencePiece && vocabulary().normalizers.empty();
  if (!keeps_bytes && !IsWellFormedUtf8(text)) {
    repaired = ReplaceIllFormedBytes(text);
    text = repaired;
  }
  const ParseSpecial parse = options.parse_special ? ParseSpecial::kYes : ParseSpecial::kNo;
  const std::vector<TextFragment> fragments = Split(text, parse);
  Around around;
  for (std::size_t i = 0; i < fragments.size(); ++i) {
    const std::optional<TokenId> token = fragments[i].token;
    if (!token.has_value()) {
      const bool is_last = i + 1 == fragments.size() || !IsText(*fragments[i + 1].token);
      around.ends = {.has_begin = around.gets_space, .has_end = is_last};
      if (AppendFragment(fragments[i].text, around, parse, tokens)) around.gets_space = false;
    } else {
      if (IsText(*token) && around.gets_space) AppendText({}, around, tokens);
      tokens.push_back(*token);
      around.gets_space = !IsText(*token);
    }
    around.is_start = false;
  }
  if (options.add_special) {
    tokens.insert(tokens.end(), vocabulary().suffix->begin(), vocabulary().suffix->end());
  }
  return tokens;
}

std::string Tokenizer::Decode(std::span<const TokenId> tokens, ShowSpecial show) const {
  std::string text;
  bool is_first = true;
  for (const TokenId token : tokens) {
    if (!Contains(token) || (show == ShowSpecial::kNo && IsSpecial(token))) continue;
    std::string_view bytes = Bytes(token);
    if (is_first && drops_first_space() && bytes.starts_with(' ')) bytes.remove_prefix(1);
    is_first = false;
    text += bytes;
  }
  const bool joins = vocabulary().kind == VocabularyKind::kWordPiece &&
                     *vocabulary().spelling == Spelling::kSpaceMark;
  return joins ? JoinWords(text) : text;
}

std::string_view Tokenizer::Bytes(TokenId token, ShowSpecial show) const {
  if (!Contains(token) || (show == ShowSpecial::kNo && IsSpecial(token))) return {};
  return pieces_->Bytes(token);
}

std::string_view Tokenizer::Piece(TokenId token) const {
  MILLRACE_CHECK(Contains(token));
  return vocabulary().pieces[token.index()];
}

bool Tokenizer::adds_bos() const {
  const std::vector<TokenId>& prefix = *vocabulary().prefix;
  return bos().has_value() && !prefix.empty() && prefix.front() == *bos();
}

bool Tokenizer::adds_eos() const {
  const std::vector<TokenId>& suffix = *vocabulary().suffix;
  return eos().has_value() && !suffix.empty() && suffix.back() == *eos();
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
