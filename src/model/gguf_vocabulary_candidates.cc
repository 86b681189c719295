#include "model/gguf_vocabulary_candidates.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "base/check.h"
#include "model/vocabulary_keys.h"
#include "text/piece_table.h"
#include "text/pre_tokenizer.h"

namespace millrace {
namespace {

namespace keys = vocabulary_keys;

// One name for each way of cutting, the more common first.
constexpr const char* kPreTokenizers[] = {
    "llama-bpe", "qwen2",     "gpt-4o",       "tekken",         "gpt-2",     "deepseek-v3",
    "qwen35",    "smaug-bpe", "deepseek-llm", "deepseek-coder", "starcoder", "falcon",
    "bloom",     "viking",    "bailingmoe",   "seed-coder",     "default"};

std::vector<std::string> PaddedPieces(const Vocabulary& vocabulary, std::size_t rows) {
  std::vector<std::string> pieces = vocabulary.pieces;
  pieces.resize(std::max(pieces.size(), rows));
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    if (pieces[i].empty()) pieces[i] = fmt::format("[PAD{}]", i);
  }
  return pieces;
}

std::vector<std::int32_t> PaddedKinds(const Vocabulary& vocabulary, std::size_t rows) {
  std::vector<std::int32_t> kinds;
  for (const PieceKind kind : vocabulary.kinds) kinds.push_back(static_cast<std::int32_t>(kind));
  kinds.resize(std::max(kinds.size(), rows), static_cast<std::int32_t>(PieceKind::kUnused));
  return kinds;
}

void SetId(const char* key, std::optional<TokenId> id, GgufKeys& to) {
  if (id.has_value()) to[key] = static_cast<std::uint32_t>(id->value);
}

GgufKeys CommonKeys(const Vocabulary& given, const Vocabulary& complete, std::size_t rows) {
  GgufKeys common;
  common[keys::kPieces] = PaddedPieces(complete, rows);
  common[keys::kKinds] = PaddedKinds(complete, rows);
  SetId(keys::kBos, given.bos, common);
  SetId(keys::kEos, given.eos, common);
  SetId(keys::kEot, given.eot, common);
  SetId(keys::kEom, given.eom, common);
  SetId(keys::kUnknown, given.unknown, common);
  SetId(keys::kPadding, given.pad, common);
  SetId(keys::kSeparator, given.separator, common);
  SetId(keys::kMask, given.mask, common);
  common[keys::kAddBos] = !complete.prefix->empty();
  common[keys::kAddEos] = !complete.suffix->empty();
  return common;
}

std::vector<std::string> MergeTexts(const Vocabulary& vocabulary) {
  std::vector<std::string> texts = vocabulary.merges;
  for (const auto& [left, right] : vocabulary.merge_pairs) texts.push_back(left + " " + right);
  return texts;
}

std::vector<GgufCandidate> NamedPreTokenizers(bool keeps_whole_words) {
  std::vector<GgufCandidate> candidates;
  for (const char* name : kPreTokenizers) {
    candidates.push_back({fmt::format("pre-tokenizer '{}'", name), {{keys::kPre, name}}});
  }
  // The same expressions may come with and without that habit, and texts hardly show it.
  std::stable_partition(candidates.begin(), candidates.end(), [&](const GgufCandidate& candidate) {
    const auto& name = std::get<std::string>(candidate.changes.at(keys::kPre));
    const auto pre_tokenizer = PreTokenizer::Build(name);
    MILLRACE_CHECK(pre_tokenizer.ok());
    return pre_tokenizer->keeps_whole_words() == keeps_whole_words;
  });
  return candidates;
}

// SentencePiece merges what has the highest score: that of the piece which the first merge makes.
std::vector<float> ScoresOfMerges(const Vocabulary& vocabulary) {
  constexpr float kNeverMade = -1e9f;
  std::unordered_map<std::string, float> made;
  for (const auto& [left, right] : vocabulary.merge_pairs) {
    made.emplace(left + right, -static_cast<float>(made.size() + 1));
  }
  std::vector<float> scores;
  for (std::size_t i = 0; i < vocabulary.pieces.size(); ++i) {
    const auto found = made.find(vocabulary.pieces[i]);
    const bool is_whole = vocabulary.kinds[i] != PieceKind::kNormal;
    scores.push_back(found != made.end() ? found->second : is_whole ? 0.0f : kNeverMade);
  }
  return scores;
}

// A user-defined piece that spells spaces as marks is found in a text only if it spells them as the
// text does; or it is a piece like any other, which merges make.
std::vector<GgufCandidate> SpellingsOfUserDefined(const Vocabulary& vocabulary, std::size_t rows) {
  std::vector<std::string> pieces = PaddedPieces(vocabulary, rows);
  std::vector<std::int32_t> kinds = PaddedKinds(vocabulary, rows);
  bool any = false;
  for (std::size_t i = 0; i < vocabulary.pieces.size(); ++i) {
    if (vocabulary.kinds[i] != PieceKind::kUserDefined) continue;
    std::string& piece = pieces[i];
    for (std::size_t at = piece.find(kSpaceMark); at != std::string::npos;
         at = piece.find(kSpaceMark)) {
      piece.replace(at, kSpaceMark.size(), " ");
      kinds[i] = static_cast<std::int32_t>(PieceKind::kNormal);
      any = true;
    }
  }
  if (!any) return {{"", {}}};
  return {{"", {{keys::kKinds, kinds}}}, {"", {{keys::kPieces, pieces}}}};
}

// Every combination of the switches, those of the vocabulary first.
std::vector<GgufCandidate> Switched(const Vocabulary& vocabulary, std::size_t rows) {
  const bool is_unigram = vocabulary.kind == VocabularyKind::kUnigram;
  bool merges_spaces = false;
  for (const NormalizerStep& step : vocabulary.normalizers) {
    if (std::holds_alternative<MergeSpaces>(step)) merges_spaces = true;
  }
  std::vector<GgufCandidate> candidates;
  for (const bool prefix : {true, false}) {
    for (const bool merges : {merges_spaces, !merges_spaces}) {
      if (merges && !is_unigram) continue;  // no reader of such files does it
      for (GgufCandidate candidate : SpellingsOfUserDefined(vocabulary, rows)) {
        candidate.label = prefix ? "a space in front" : "no space in front";
        candidate.changes[keys::kAddSpacePrefix] = prefix;
        if (is_unigram) candidate.changes[keys::kMergesSpaces] = merges;
        candidates.push_back(std::move(candidate));
      }
    }
  }
  return candidates;
}

std::optional<std::string> CharsmapOf(const Vocabulary& vocabulary) {
  for (const NormalizerStep& step : vocabulary.normalizers) {
    if (const auto* apply = std::get_if<ApplyCharsmap>(&step)) return apply->charsmap;
  }
  return std::nullopt;
}

void SetScores(std::vector<float> scores, std::size_t rows, GgufKeys& common) {
  constexpr float kPadding = -1000.0f;
  scores.resize(std::max(scores.size(), rows), kPadding);
  common[keys::kScores] = std::move(scores);
}

}  // namespace

GgufCandidates CandidatesFor(const Vocabulary& given, const Vocabulary& complete,
                             std::size_t rows) {
  GgufCandidates result{CommonKeys(given, complete, rows), {}};
  GgufKeys& common = result.common;
  switch (given.kind) {
    case VocabularyKind::kByteLevelBpe:
      common[keys::kModel] = keys::kByteLevelBpe;
      common[keys::kMerges] = MergeTexts(complete);
      result.candidates = NamedPreTokenizers(complete.keeps_whole_words.value_or(false));
      return result;
    case VocabularyKind::kCharacterBpe:
    case VocabularyKind::kSentencePiece:
      common[keys::kModel] = keys::kSentencePiece;
      common[keys::kPre] = "default";
      SetScores(
          given.kind == VocabularyKind::kSentencePiece ? complete.scores : ScoresOfMerges(complete),
          rows, common);
      result.candidates = Switched(complete, rows);
      return result;
    case VocabularyKind::kUnigram:
      common[keys::kModel] = keys::kUnigram;
      common[keys::kPre] = "default";
      SetScores(complete.scores, rows, common);
      if (const auto charsmap = CharsmapOf(complete)) {
        common[keys::kCharsmap] = std::vector<std::uint8_t>(charsmap->begin(), charsmap->end());
      }
      result.candidates = Switched(complete, rows);
      return result;
    case VocabularyKind::kWordPiece:
      return result;
  }
  MILLRACE_CHECK(false);
}

}  // namespace millrace
