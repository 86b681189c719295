#include "text/word_piece_tokenizer.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "text/utf8.h"

namespace millrace {
namespace {

PieceTrie BuildTrie(const PieceTable& pieces) {
  std::vector<std::pair<std::string_view, std::int32_t>> texts;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const TokenId token{static_cast<std::int32_t>(i)};
    if (pieces.kind(token) != PieceKind::kNormal) continue;
    texts.emplace_back(pieces.vocabulary().pieces[i], token.value);
  }
  return PieceTrie(std::move(texts));
}

bool HasMoreCharacters(std::string_view text, std::size_t limit) {
  std::size_t count = 0;
  while (!text.empty() && count <= limit) {
    text.remove_prefix(FirstUtf8Sequence(text).bytes);
    ++count;
  }
  return count > limit;
}

// `text` without the spaces for which `drops(the text behind the space)` says so. A place is looked
// at once: the space itself is not dropped at the beginning of the text.
template <typename Drops>
std::string DropSpaces(std::string_view text, Drops drops) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ' && drops(text.substr(i + 1))) continue;
    result += text[i];
  }
  return result;
}

bool BeginsWithSentenceMark(std::string_view text) {
  return !text.empty() && std::string_view("?!.,").find(text[0]) != std::string_view::npos;
}

bool BeginsWithContraction(std::string_view text) {
  return text.starts_with("'s") || text.starts_with("'m") || text.starts_with("'re") ||
         text.starts_with("'ve");
}

// "a ' b" becomes "a'b".
std::string JoinSingleQuotes(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text.substr(i).starts_with(" ' ")) {
      result += '\'';
      i += 2;
    } else {
      result += text[i];
    }
  }
  return result;
}

}  // namespace

WordPieceTokenizer::WordPieceTokenizer(const PieceTable& pieces)
    : pieces_(&pieces), trie_(BuildTrie(pieces)) {}

void WordPieceTokenizer::Append(std::string_view word, std::vector<TokenId>& tokens) const {
  const std::size_t longest = pieces_->vocabulary().longest_word;
  const std::string marked = std::string(kSpaceMark) + std::string(word);
  const std::size_t first_token = tokens.size();
  std::string_view rest = marked;
  if (longest > 0 && HasMoreCharacters(word, longest)) rest = {};
  while (!rest.empty()) {
    const auto match = trie_.LongestPrefix(rest);
    if (!match.has_value()) {
      tokens.resize(first_token);
      break;
    }
    tokens.push_back(TokenId{match->value});
    rest.remove_prefix(match->bytes);
  }
  if (tokens.size() == first_token) tokens.push_back(*pieces_->vocabulary().unknown);
}

std::string JoinWords(std::string_view text) {
  std::string joined = DropSpaces(text, BeginsWithSentenceMark);
  joined = JoinSingleQuotes(joined);
  return DropSpaces(joined, BeginsWithContraction);
}

}  // namespace millrace
