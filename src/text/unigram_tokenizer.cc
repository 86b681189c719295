#include "text/unigram_tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "text/utf8.h"

namespace millrace {
namespace {

constexpr std::int32_t kUnknown = -1;
constexpr double kUnknownPenalty = 10.0;

PieceTrie BuildTrie(const PieceTable& pieces) {
  std::vector<std::pair<std::string_view, std::int32_t>> texts;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const TokenId token{static_cast<std::int32_t>(i)};
    const PieceKind kind = pieces.kind(token);
    // Those of a tokenizer.json are no part of the model, and were cut out before.
    const bool is_added =
        kind == PieceKind::kUserDefined && pieces.vocabulary().added_tokens.has_value();
    if ((kind != PieceKind::kNormal && kind != PieceKind::kUserDefined) || is_added) continue;
    texts.emplace_back(pieces.vocabulary().pieces[i], token.value);
  }
  return PieceTrie(std::move(texts));
}

double LowestScore(const PieceTable& pieces) {
  double lowest = 0.0;
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const TokenId token{static_cast<std::int32_t>(i)};
    if (pieces.kind(token) != PieceKind::kNormal) continue;
    lowest = std::min(lowest, static_cast<double>(pieces.score(token)));
  }
  return lowest;
}

}  // namespace

UnigramTokenizer::UnigramTokenizer(const PieceTable& pieces)
    : pieces_(&pieces),
      trie_(BuildTrie(pieces)),
      unknown_score_(LowestScore(pieces) - kUnknownPenalty) {}

std::vector<UnigramTokenizer::Step> UnigramTokenizer::FindBest(std::string_view text) const {
  std::vector<Step> best(text.size() + 1, {-std::numeric_limits<double>::infinity(), 0, kUnknown});
  best[0].score = 0.0;
  const bool rounds = pieces_->vocabulary().sums_in_float32;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t character = FirstUtf8Sequence(text.substr(begin)).bytes;
    const auto offer = [&](std::size_t end, double score, std::int32_t token) {
      const double sum = best[begin].score + score;
      if (sum <= best[end].score) return;
      best[end] = {rounds ? static_cast<double>(static_cast<float>(sum)) : sum, begin, token};
    };
    bool has_single = false;
    std::uint32_t node = trie_.root();
    for (std::size_t end = begin + 1; end <= text.size(); ++end) {
      node = trie_.Next(node, text[end - 1]);
      if (node == PieceTrie::kNone) break;
      const auto token = trie_.ValueAt(node);
      if (!token.has_value()) continue;
      if (end == begin + character) has_single = true;
      offer(end, static_cast<double>(pieces_->score(TokenId{*token})), *token);
    }
    if (!has_single) offer(begin + character, unknown_score_, kUnknown);
    begin += character;
  }
  return best;
}

void UnigramTokenizer::AppendBytes(std::string_view text, std::vector<TokenId>& tokens) const {
  const bool has_all = std::all_of(text.begin(), text.end(), [&](char byte) {
    return pieces_->OfByte(static_cast<std::uint8_t>(byte)).has_value();
  });
  if (!has_all) {
    tokens.push_back(*pieces_->vocabulary().unknown);
    return;
  }
  for (const char byte : text) {
    tokens.push_back(*pieces_->OfByte(static_cast<std::uint8_t>(byte)));
  }
}

void UnigramTokenizer::Append(std::string_view text, std::vector<TokenId>& tokens) const {
  std::string escaped;
  if (!pieces_->vocabulary().cuts.has_value()) {
    escaped = EscapeSpaces(text);
    text = escaped;
  }
  const std::vector<Step> best = FindBest(text);
  std::vector<std::size_t> ends;
  for (std::size_t end = text.size(); end > 0; end = best[end].begin) ends.push_back(end);
  std::reverse(ends.begin(), ends.end());
  const bool fuses = *pieces_->vocabulary().fuse_unknown;
  for (std::size_t i = 0; i < ends.size();) {
    const Step& step = best[ends[i]];
    std::size_t last = i;
    if (step.token != kUnknown) {
      tokens.push_back(TokenId{step.token});
    } else {
      while (fuses && last + 1 < ends.size() && best[ends[last + 1]].token == kUnknown) ++last;
      AppendBytes(text.substr(step.begin, ends[last] - step.begin), tokens);
    }
    i = last + 1;
  }
}

}  // namespace millrace
