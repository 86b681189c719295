#include "text/known_specials.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace millrace {
namespace {

// These end a turn; the most specific come first, because FindEndOfTurn() takes the first that
// there is.
constexpr std::array<std::string_view, 11> kEndsOfTurn = {
    "<|eot_id|>",
    "<|im_end|>",
    "<|end|>",
    "<end_of_turn>",
    "<EOT>",
    "_<EOT>",
    "[EOT]",
    "<|end_of_text|>",
    "<end_of_utterance>",
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
    "<|endoftext|>"};

// These end generation without being the end of a turn. The last lines, from <|fim_pad|> on, are
// marks that a model writes when it leaves the file that it was asked to complete.
constexpr std::array<std::string_view, 21> kOtherEnds = {
    "<|return|>", "<|call|>",   "<|flush|>",   "<|calls|>",        "</s>",          "<|eom_id|>",
    "[EOS]",      "<eos>",      "<turn|>",     "<|tool_response>", "[e~[",          "<|fim_pad|>",
    "<fim-pad>",  "<fim_pad>",  "<PAD>",       "<|fim_repo|>",     "<|repo_name|>", "<fim-repo>",
    "<REPO>",     "<reponame>", "<|file_sep|>"};

constexpr std::array<std::string_view, 21> kFillInTheMiddle = {"<|fim_prefix|>",
                                                               "<fim-prefix>",
                                                               "<fim_prefix>",
                                                               "<PRE>",
                                                               "\xE2\x96\x81<PRE>",
                                                               "<|code_prefix|>",
                                                               "<|prefix|>",
                                                               "<|fim_suffix|>",
                                                               "<fim-suffix>",
                                                               "<fim_suffix>",
                                                               "<SUF>",
                                                               "\xE2\x96\x81<SUF>",
                                                               "<|code_suffix|>",
                                                               "<|suffix|>",
                                                               "<|fim_middle|>",
                                                               "<fim-middle>",
                                                               "<fim_middle>",
                                                               "<MID>",
                                                               "\xE2\x96\x81<MID>",
                                                               "<|code_middle|>",
                                                               "<|middle|>"};

// The harmony format shows the structure of a reply to whoever parses it.
constexpr std::array<std::string_view, 4> kVisibleMarks = {"<|channel|>", "<|message|>",
                                                           "<|start|>", "<|constrain|>"};

template <std::size_t N>
bool Contains(const std::array<std::string_view, N>& spellings, std::string_view piece) {
  return std::find(spellings.begin(), spellings.end(), piece) != spellings.end();
}

bool EndsGeneration(std::string_view piece) {
  return Contains(kEndsOfTurn, piece) || Contains(kOtherEnds, piece);
}

bool HasPiece(const Vocabulary& vocabulary, std::string_view piece) {
  return std::find(vocabulary.pieces.begin(), vocabulary.pieces.end(), piece) !=
         vocabulary.pieces.end();
}

// In vocabularies with calls and returns <|end|> closes one message of several, and is visible.
bool EndOnlyClosesMessages(const Vocabulary& vocabulary) {
  const bool calls = HasPiece(vocabulary, "<|call|>") || HasPiece(vocabulary, "<|calls|>");
  return calls && (HasPiece(vocabulary, "<|return|>") || HasPiece(vocabulary, "<|flush|>"));
}

}  // namespace

void CorrectKindsBySpelling(Vocabulary& vocabulary) {
  const bool end_is_visible = EndOnlyClosesMessages(vocabulary);
  for (std::size_t i = 0; i < vocabulary.pieces.size(); ++i) {
    const std::string_view piece = vocabulary.pieces[i];
    if (Contains(kVisibleMarks, piece) || (end_is_visible && piece == "<|end|>")) {
      vocabulary.kinds[i] = PieceKind::kUserDefined;
    } else if (EndsGeneration(piece) || Contains(kFillInTheMiddle, piece)) {
      vocabulary.kinds[i] = PieceKind::kControl;
    }
  }
}

std::vector<TokenId> EndOfGenerationTokens(const Vocabulary& vocabulary) {
  const bool end_is_visible = EndOnlyClosesMessages(vocabulary);
  std::vector<TokenId> tokens;
  for (const auto& id : {vocabulary.eos, vocabulary.eot, vocabulary.eom}) {
    if (id.has_value()) tokens.push_back(*id);
  }
  for (std::size_t i = 0; i < vocabulary.pieces.size(); ++i) {
    const std::string_view piece = vocabulary.pieces[i];
    if (!EndsGeneration(piece) || (end_is_visible && piece == "<|end|>")) continue;
    tokens.push_back(TokenId{static_cast<std::int32_t>(i)});
  }
  std::sort(tokens.begin(), tokens.end());
  tokens.erase(std::unique(tokens.begin(), tokens.end()), tokens.end());
  return tokens;
}

std::optional<TokenId> FindEndOfTurn(const Vocabulary& vocabulary) {
  const bool end_is_visible = EndOnlyClosesMessages(vocabulary);
  for (const std::string_view spelling : kEndsOfTurn) {
    if (end_is_visible && spelling == "<|end|>") continue;
    const auto found = std::find(vocabulary.pieces.begin(), vocabulary.pieces.end(), spelling);
    if (found == vocabulary.pieces.end()) continue;
    return TokenId{static_cast<std::int32_t>(found - vocabulary.pieces.begin())};
  }
  return std::nullopt;
}

}  // namespace millrace
