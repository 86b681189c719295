#include "text/sentencepiece_tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "base/check.h"
#include "text/utf8.h"

namespace millrace {
namespace {

constexpr std::int32_t kNone = -1;

// A stretch of the text that is one piece so far. `bytes` is 0 once it was merged into its left
// neighbour.
struct Symbol {
  std::int32_t begin;
  std::int32_t bytes;
  std::int32_t previous;
  std::int32_t next;
};

struct Pair {
  float score;
  std::int32_t left;
  std::int32_t right;
  std::int32_t bytes;  // of both, when the pair was queued

  // The top of a heap is the greatest: higher score, then further left.
  bool operator<(const Pair& other) const {
    if (score != other.score) return score < other.score;
    return left > other.left;
  }
};

// Merges one text after another, keeping its buffers.
class Merger {
 public:
  explicit Merger(const PieceTable& pieces) : pieces_(pieces) {}

  void Run(std::string_view text, std::vector<TokenId>& tokens) {
    MILLRACE_CHECK(text.size() <
                   static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
    text_ = text;
    SplitIntoCharacters();
    for (std::int32_t i = 1; i < static_cast<std::int32_t>(symbols_.size()); ++i) Offer(i - 1, i);
    while (!queue_.empty()) {
      std::pop_heap(queue_.begin(), queue_.end());
      const Pair pair = queue_.back();
      queue_.pop_back();
      if (IsCurrent(pair)) Merge(pair);
    }
    for (std::int32_t i = symbols_.empty() ? kNone : 0; i != kNone; i = At(i).next) {
      Emit(At(i), tokens);
    }
  }

 private:
  Symbol& At(std::int32_t i) { return symbols_[static_cast<std::size_t>(i)]; }

  std::string_view Text(std::int32_t begin, std::int32_t bytes) const {
    return text_.substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(bytes));
  }

  void SplitIntoCharacters() {
    symbols_.clear();
    for (std::size_t begin = 0; begin < text_.size();) {
      const Utf8Sequence sequence = FirstUtf8Sequence(text_.substr(begin));
      const std::size_t bytes = sequence.form == Utf8Form::kWellFormed ? sequence.bytes : 1;
      const auto index = static_cast<std::int32_t>(symbols_.size());
      symbols_.push_back({static_cast<std::int32_t>(begin), static_cast<std::int32_t>(bytes),
                          index - 1, index + 1});
      begin += bytes;
    }
    if (!symbols_.empty()) symbols_.back().next = kNone;
  }

  // Queues two neighbours if together they are a piece.
  void Offer(std::int32_t left, std::int32_t right) {
    if (left == kNone || right == kNone) return;
    const std::int32_t bytes = At(left).bytes + At(right).bytes;
    if (static_cast<std::size_t>(bytes) > pieces_.longest_piece_bytes()) return;
    const std::optional<TokenId> token = pieces_.Find(Text(At(left).begin, bytes));
    if (!token.has_value()) return;
    queue_.push_back({pieces_.score(*token), left, right, bytes});
    std::push_heap(queue_.begin(), queue_.end());
  }

  // Whether neither side has been merged with something else since the pair was queued.
  bool IsCurrent(const Pair& pair) {
    const Symbol& left = At(pair.left);
    const Symbol& right = At(pair.right);
    return left.bytes != 0 && right.bytes != 0 && left.bytes + right.bytes == pair.bytes;
  }

  void Merge(const Pair& pair) {
    Symbol& left = At(pair.left);
    Symbol& right = At(pair.right);
    left.bytes += right.bytes;
    right.bytes = 0;
    left.next = right.next;
    if (right.next != kNone) At(right.next).previous = pair.left;
    Offer(left.previous, pair.left);
    Offer(pair.left, left.next);
  }

  // A merged symbol always is a piece; a single character may not be.
  void Emit(const Symbol& symbol, std::vector<TokenId>& tokens) const {
    const std::string_view text = Text(symbol.begin, symbol.bytes);
    if (const std::optional<TokenId> token = pieces_.Find(text); token.has_value()) {
      tokens.push_back(*token);
      return;
    }
    if (!*pieces_.vocabulary().byte_fallback) {
      const TokenId unknown = *pieces_.vocabulary().unknown;
      const bool is_same = symbol.begin > 0 && !tokens.empty() && tokens.back() == unknown;
      if (!is_same || !*pieces_.vocabulary().fuse_unknown) tokens.push_back(unknown);
      return;
    }
    for (const char byte : text) {
      const std::optional<TokenId> token = pieces_.OfByte(static_cast<std::uint8_t>(byte));
      MILLRACE_CHECK(token.has_value());
      tokens.push_back(*token);
    }
  }

  const PieceTable& pieces_;
  std::string_view text_;
  std::vector<Symbol> symbols_;
  std::vector<Pair> queue_;  // a heap
};

// Where the run of spaces begins that comes first after the first character of `escaped`; its end
// if there is none.
std::size_t NextRunOfSpaces(std::string_view escaped) {
  std::size_t begin = escaped.find(kSpaceMark);
  while (begin != std::string_view::npos) {
    if (begin > 0 && !escaped.substr(0, begin).ends_with(kSpaceMark)) return begin;
    begin = escaped.find(kSpaceMark, begin + kSpaceMark.size());
  }
  return escaped.size();
}

bool AnyPieceHoldsASpaceBehindText(const PieceTable& pieces) {
  for (const std::string& piece : pieces.vocabulary().pieces) {
    if (NextRunOfSpaces(piece) < piece.size()) return true;
  }
  return false;
}

}  // namespace

SentencePieceTokenizer::SentencePieceTokenizer(const PieceTable& pieces)
    : pieces_(&pieces), cuts_before_spaces_(!AnyPieceHoldsASpaceBehindText(pieces)) {}

void SentencePieceTokenizer::Append(std::string_view text, std::vector<TokenId>& tokens) const {
  const std::string escaped = EscapeSpaces(text);
  Merger merger(*pieces_);
  for (std::string_view rest = escaped; !rest.empty();) {
    const std::size_t bytes = cuts_before_spaces_ ? NextRunOfSpaces(rest) : rest.size();
    merger.Run(rest.substr(0, bytes), tokens);
    rest.remove_prefix(bytes);
  }
}

}  // namespace millrace
