#include "text/special_tokens.h"

#include <algorithm>

namespace millrace {
namespace {

bool IsAsciiSpace(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// The tokens that leave the space behind them alone, in vocabularies whose other special tokens
// swallow it.
bool LeavesSpace(std::string_view text) {
  return text == "<unk>" || text == "<s>" || text == "<|endoftext|>";
}

std::uint64_t EdgeKey(std::uint32_t node, char byte) {
  return (std::uint64_t{node} << 8) | static_cast<std::uint8_t>(byte);
}

}  // namespace

SpecialTokens::SpecialTokens(const PieceTable& pieces) : ends_(1), root_edges_(256, 0) {
  const Vocabulary& vocabulary = pieces.vocabulary();
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const PieceKind kind = vocabulary.kinds[i];
    if (kind != PieceKind::kControl && kind != PieceKind::kUnknown &&
        kind != PieceKind::kUserDefined) {
      continue;
    }
    const std::string& text = vocabulary.pieces[i];
    specials_.push_back({text, TokenId{static_cast<std::int32_t>(i)},
                         kind == PieceKind::kUserDefined,
                         vocabulary.specials_swallow_space && !LeavesSpace(text)});
  }
  std::stable_sort(specials_.begin(), specials_.end(), [](const Special& a, const Special& b) {
    return a.text.size() > b.text.size();
  });
  for (std::uint32_t i = 0; i < specials_.size(); ++i) AddToTrie(i);
}

void SpecialTokens::AddToTrie(std::uint32_t special) {
  std::uint32_t node = 0;
  for (const char byte : specials_[special].text) {
    const auto next = static_cast<std::uint32_t>(ends_.size());
    const auto [edge, is_new] = edges_.emplace(EdgeKey(node, byte), next);
    if (is_new) ends_.emplace_back();
    if (node == 0) root_edges_[static_cast<std::uint8_t>(byte)] = edge->second;
    node = edge->second;
  }
  ends_[node] = special;
}

// Indices into specials_, ascending, of those that occur in `text` and may be taken.
std::vector<std::uint32_t> SpecialTokens::Occurring(std::string_view text,
                                                    ParseSpecial parse) const {
  std::vector<std::uint32_t> occurring;
  std::vector<bool> seen(specials_.size());
  for (std::size_t begin = 0; begin < text.size(); ++begin) {
    std::uint32_t node = root_edges_[static_cast<std::uint8_t>(text[begin])];
    for (std::size_t i = begin + 1; node != 0; ++i) {
      if (const std::optional<std::uint32_t> end = ends_[node]; end.has_value() && !seen[*end]) {
        seen[*end] = true;
        const bool taken = parse == ParseSpecial::kYes || specials_[*end].is_user_defined;
        if (taken) occurring.push_back(*end);
      }
      if (i == text.size()) break;
      const auto edge = edges_.find(EdgeKey(node, text[i]));
      node = edge == edges_.end() ? 0 : edge->second;
    }
  }
  std::sort(occurring.begin(), occurring.end());
  return occurring;
}

std::vector<SpecialTokens::Match> SpecialTokens::FindMatches(std::string_view text,
                                                             ParseSpecial parse) const {
  std::vector<Match> matches;
  const std::vector<std::uint32_t> occurring = Occurring(text, parse);
  if (occurring.empty()) return matches;
  std::vector<bool> taken(text.size());  // by an earlier, so at least as long, match
  for (const std::uint32_t index : occurring) {
    const Special& special = specials_[index];
    std::size_t begin = text.find(special.text);
    while (begin != std::string_view::npos) {
      std::size_t end = begin + special.text.size();
      // What is taken is nowhere shorter than this match, so an overlap covers its first or its
      // last byte.
      if (taken[begin] || taken[end - 1]) {
        begin = text.find(special.text, begin + 1);
        continue;
      }
      if (special.swallows_space) {
        while (end < text.size() && IsAsciiSpace(text[end]) && !taken[end]) ++end;
      }
      for (std::size_t i = begin; i < end; ++i) taken[i] = true;
      matches.push_back({begin, end, special.token});
      begin = text.find(special.text, end);
    }
  }
  std::sort(matches.begin(), matches.end(),
            [](const Match& a, const Match& b) { return a.begin < b.begin; });
  return matches;
}

std::vector<TextFragment> SpecialTokens::Split(std::string_view text, ParseSpecial parse) const {
  std::vector<TextFragment> fragments;
  std::size_t done = 0;
  for (const Match& match : FindMatches(text, parse)) {
    if (match.begin > done) {
      fragments.push_back({text.substr(done, match.begin - done), std::nullopt});
    }
    fragments.push_back({text.substr(match.begin, match.end - match.begin), match.token});
    done = match.end;
  }
  if (done < text.size()) fragments.push_back({text.substr(done), std::nullopt});
  return fragments;
}

}  // namespace millrace
