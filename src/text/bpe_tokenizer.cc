#include "text/bpe_tokenizer.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <utility>

#include "base/check.h"
#include "text/byte_alphabet.h"
#include "text/utf8.h"

namespace millrace {
namespace {

constexpr std::int32_t kNone = -1;

std::uint64_t MergeKey(TokenId left, TokenId right) {
  return (static_cast<std::uint64_t>(left.value) << 32) | static_cast<std::uint32_t>(right.value);
}

}  // namespace

// Merges one word after another, keeping its buffers.
class BpeTokenizer::WordMerger {
 public:
  explicit WordMerger(const BpeTokenizer& tokenizer) : tokenizer_(tokenizer) {}

  void Run(std::string_view word, std::vector<TokenId>& tokens) {
    MILLRACE_CHECK(word.size() <
                   static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max()));
    symbols_.clear();
    if (tokenizer_.is_byte_level_) {
      SplitIntoBytes(word);
    } else {
      SplitIntoCharacters(word);
    }
    if (!symbols_.empty()) symbols_.back().next = kNone;
    for (std::int32_t i = 1; i < static_cast<std::int32_t>(symbols_.size()); ++i) Offer(i - 1, i);
    while (!queue_.empty()) {
      std::pop_heap(queue_.begin(), queue_.end());
      const Pair pair = queue_.back();
      queue_.pop_back();
      if (IsCurrent(pair)) MergePair(pair);
    }
    for (std::int32_t i = symbols_.empty() ? kNone : 0; i != kNone; i = At(i).next) {
      if (At(i).token.has_value()) tokens.push_back(*At(i).token);
    }
  }

 private:
  struct Symbol {
    std::optional<TokenId>
        token;  // none: a byte without a piece, or merged into its left neighbour
    std::int32_t previous;
    std::int32_t next;
  };
  struct Pair {
    std::int32_t rank;
    std::int32_t left;
    std::int32_t right;
    TokenId left_token;
    TokenId right_token;
    TokenId merged;

    // The top of a heap is the greatest: lower rank, then further left.
    bool operator<(const Pair& other) const {
      if (rank != other.rank) return rank > other.rank;
      return left > other.left;
    }
  };

  Symbol& At(std::int32_t i) { return symbols_[static_cast<std::size_t>(i)]; }

  void AddSymbol(std::optional<TokenId> token) {
    const auto index = static_cast<std::int32_t>(symbols_.size());
    symbols_.push_back({token, index - 1, index + 1});
  }

  void SplitIntoBytes(std::string_view word) {
    for (const char byte : word) {
      AddSymbol(tokenizer_.pieces_->OfByte(static_cast<std::uint8_t>(byte)));
    }
  }

  void SplitIntoCharacters(std::string_view word) {
    const PieceTable& pieces = *tokenizer_.pieces_;
    const bool fuses = *pieces.vocabulary().fuse_unknown;
    bool after_unknown = false;
    while (!word.empty()) {
      const std::string_view character = word.substr(0, FirstUtf8Sequence(word).bytes);
      word.remove_prefix(character.size());
      if (const auto token = pieces.Find(character); token.has_value()) {
        AddSymbol(token);
        after_unknown = false;
      } else if (AddBytes(character)) {
        after_unknown = false;
      } else if (const auto unknown = pieces.vocabulary().unknown; unknown.has_value()) {
        if (!after_unknown || !fuses) AddSymbol(unknown);
        after_unknown = true;
      }
    }
  }

  // The byte pieces of a character, if there are all of them.
  bool AddBytes(std::string_view character) {
    const PieceTable& pieces = *tokenizer_.pieces_;
    const bool has_all = std::all_of(character.begin(), character.end(), [&](char byte) {
      return pieces.OfByte(static_cast<std::uint8_t>(byte)).has_value();
    });
    if (!has_all) return false;
    SplitIntoBytes(character);
    return true;
  }

  void Offer(std::int32_t left, std::int32_t right) {
    if (left == kNone || right == kNone) return;
    const std::optional<TokenId> left_token = At(left).token;
    const std::optional<TokenId> right_token = At(right).token;
    if (!left_token.has_value() || !right_token.has_value()) return;
    const std::optional<Merge> merge = tokenizer_.FindMerge(*left_token, *right_token);
    if (!merge.has_value()) return;
    queue_.push_back({merge->rank, left, right, *left_token, *right_token, merge->merged});
    std::push_heap(queue_.begin(), queue_.end());
  }

  // Whether both sides still are what they were when the pair was queued. A symbol only grows to
  // the right, so equal tokens on both sides also mean that they are still neighbours.
  bool IsCurrent(const Pair& pair) {
    return At(pair.left).token == pair.left_token && At(pair.right).token == pair.right_token;
  }

  void MergePair(const Pair& pair) {
    Symbol& left = At(pair.left);
    Symbol& right = At(pair.right);
    left.token = pair.merged;
    right.token.reset();
    left.next = right.next;
    if (right.next != kNone) At(right.next).previous = pair.left;
    Offer(left.previous, pair.left);
    Offer(pair.left, left.next);
  }

  const BpeTokenizer& tokenizer_;
  std::vector<Symbol> symbols_;
  std::vector<Pair> queue_;  // a heap
};

BpeTokenizer::BpeTokenizer(const PieceTable& pieces, std::optional<PreTokenizer> pre_tokenizer)
    : pieces_(&pieces),
      pre_tokenizer_(std::move(pre_tokenizer)),
      is_byte_level_(pieces.vocabulary().kind == VocabularyKind::kByteLevelBpe),
      keeps_whole_words_(pieces.vocabulary().keeps_whole_words.value_or(
          pre_tokenizer_.has_value() && pre_tokenizer_->keeps_whole_words())) {}

Result<BpeTokenizer> BpeTokenizer::Build(const PieceTable& pieces,
                                         std::optional<PreTokenizer> pre_tokenizer) {
  BpeTokenizer tokenizer(pieces, std::move(pre_tokenizer));
  const std::vector<std::string>& merges = pieces.vocabulary().merges;
  const auto& pairs = pieces.vocabulary().merge_pairs;
  const std::size_t count = merges.size() + pairs.size();
  if (count > static_cast<std::size_t>(std::numeric_limits<std::int32_t>::max())) {
    return Invalid("vocabulary: {} merges, at most 2^31 - 1 can be ranked", count);
  }
  tokenizer.merges_.reserve(count);
  for (const std::string& merge : merges) MILLRACE_TRY_VOID(tokenizer.AddMerge(merge));
  for (const auto& [left, right] : pairs) MILLRACE_TRY_VOID(tokenizer.AddMerge(left, right));
  return tokenizer;
}

Result<void> BpeTokenizer::AddMerge(std::string_view merge) {
  const std::size_t space = merge.find(' ', 1);
  if (space == std::string_view::npos || space + 1 == merge.size()) {
    return Invalid("vocabulary: merge {} is '{}', wanted two pieces and a space between",
                   next_rank_, merge);
  }
  return AddMerge(merge.substr(0, space), merge.substr(space + 1));
}

Result<void> BpeTokenizer::AddMerge(std::string_view left_piece, std::string_view right_piece) {
  const std::string merged_piece = std::string(left_piece) + std::string(right_piece);
  const std::optional<TokenId> left = pieces_->Find(left_piece);
  const std::optional<TokenId> right = pieces_->Find(right_piece);
  const std::optional<TokenId> merged = pieces_->Find(merged_piece);
  if (!left.has_value() || !right.has_value() || !merged.has_value()) {
    const std::string_view missing = !left.has_value()    ? left_piece
                                     : !right.has_value() ? right_piece
                                                          : std::string_view(merged_piece);
    return Invalid("vocabulary: merge {} is '{} {}', but no token is spelled '{}'", next_rank_,
                   left_piece, right_piece, missing);
  }
  // The first of two alike holds.
  merges_.emplace(MergeKey(*left, *right), Merge{next_rank_++, *merged});
  return {};
}

std::optional<BpeTokenizer::Merge> BpeTokenizer::FindMerge(TokenId left, TokenId right) const {
  const auto found = merges_.find(MergeKey(left, right));
  if (found == merges_.end()) return std::nullopt;
  return found->second;
}

// Added tokens of a tokenizer.json are no part of the model.
bool BpeTokenizer::IsOfTheModel(TokenId token) const {
  if (!pieces_->vocabulary().added_tokens.has_value()) return true;
  return pieces_->kind(token) == PieceKind::kNormal || pieces_->kind(token) == PieceKind::kByte;
}

void BpeTokenizer::Append(std::string_view text, std::vector<TokenId>& tokens) const {
  std::string repaired;
  if (!IsWellFormedUtf8(text)) {
    repaired = ReplaceIllFormedBytes(text);
    text = repaired;
  }
  WordMerger merger(*this);
  std::vector<std::string_view> words = {text};
  if (pre_tokenizer_.has_value()) words = pre_tokenizer_->Split(text);
  for (const std::string_view word : words) {
    if (keeps_whole_words_) {
      const auto token = pieces_->Find(is_byte_level_ ? SpellBytes(word) : std::string(word));
      if (token.has_value() && IsOfTheModel(*token)) {
        tokens.push_back(*token);
        continue;
      }
    }
    merger.Run(word, tokens);
  }
}

}  // namespace millrace
