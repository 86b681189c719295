#include "text/added_tokens.h"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <utility>

#include "base/check.h"
#include "text/unicode.h"
#include "text/utf8.h"

namespace millrace {
namespace {

// The last character of well-formed text; 0 if there is none.
char32_t LastCharacter(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0 && (static_cast<unsigned char>(text[begin - 1]) & 0xC0) == 0x80) --begin;
  if (begin == 0) return 0;
  return FirstUtf8Sequence(text.substr(begin - 1)).code_point;
}

char32_t FirstCharacter(std::string_view text) {
  return text.empty() ? 0 : FirstUtf8Sequence(text).code_point;
}

std::size_t SpaceBytesAtEnd(std::string_view text) {
  const std::size_t size = text.size();
  while (!text.empty() && IsUnicodeSpace(LastCharacter(text))) {
    text.remove_suffix(EncodeUtf8(LastCharacter(text)).size());
  }
  return size - text.size();
}

std::size_t SpaceBytesAtBegin(std::string_view text) {
  const std::size_t size = text.size();
  while (!text.empty() && IsUnicodeSpace(FirstCharacter(text))) {
    text.remove_prefix(FirstUtf8Sequence(text).bytes);
  }
  return size - text.size();
}

}  // namespace

AddedTokens::AddedTokens(const PieceTable& pieces, const Normalizer& normalizer) {
  MILLRACE_CHECK(pieces.vocabulary().added_tokens.has_value());
  std::deque<std::string> normalized;
  std::array<std::vector<std::pair<std::string_view, std::int32_t>>, 2> texts;
  for (const AddedToken& token : *pieces.vocabulary().added_tokens) {
    const auto index = static_cast<std::int32_t>(added_.size());
    added_.push_back({token, pieces.kind(token.id) == PieceKind::kUserDefined});
    const std::string& piece = pieces.vocabulary().pieces[token.id.index()];
    if (token.normalized) {
      texts[1].emplace_back(normalized.emplace_back(normalizer.Apply(piece)), index);
    } else {
      texts[0].emplace_back(piece, index);
    }
  }
  tries_ = {PieceTrie(std::move(texts[0])), PieceTrie(std::move(texts[1]))};
}

std::vector<TextFragment> AddedTokens::Split(std::string_view text, ParseSpecial parse,
                                             When when) const {
  const PieceTrie& trie = tries_[static_cast<std::size_t>(when)];
  std::vector<TextFragment> fragments;
  std::size_t done = 0;  // what is before belongs to some fragment
  for (std::size_t at = 0; at < text.size();) {
    const auto match = trie.LongestPrefix(text.substr(at));
    if (!match.has_value()) {
      ++at;
      continue;
    }
    const Added& added = added_[static_cast<std::size_t>(match->value)];
    std::size_t begin = at;
    std::size_t end = at + match->bytes;
    at = end;
    if (begin < done) continue;
    if (parse == ParseSpecial::kNo && !added.is_user_defined) continue;
    if (added.token.single_word && (IsWordCharacter(LastCharacter(text.substr(0, begin))) ||
                                    IsWordCharacter(FirstCharacter(text.substr(end))))) {
      continue;
    }
    if (added.token.left_strip) begin -= SpaceBytesAtEnd(text.substr(done, begin - done));
    if (added.token.right_strip) end += SpaceBytesAtBegin(text.substr(end));
    if (begin > done) fragments.push_back({text.substr(done, begin - done), std::nullopt});
    fragments.push_back({text.substr(begin, end - begin), added.token.id});
    done = end;
  }
  if (done < text.size()) fragments.push_back({text.substr(done), std::nullopt});
  return fragments;
}

}  // namespace millrace
