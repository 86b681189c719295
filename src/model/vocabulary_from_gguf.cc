#include "model/vocabulary_from_gguf.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/vocabulary_keys.h"

namespace millrace {
namespace {

namespace keys = vocabulary_keys;

Result<VocabularyKind> ReadKind(const Checkpoint& checkpoint) {
  MILLRACE_TRY(const std::string_view model, checkpoint.GetString(keys::kModel));
  if (model == keys::kSentencePiece) return VocabularyKind::kSentencePiece;
  if (model == keys::kByteLevelBpe) return VocabularyKind::kByteLevelBpe;
  if (model == keys::kWordPiece) return VocabularyKind::kWordPiece;
  if (model == keys::kUnigram) return VocabularyKind::kUnigram;
  return Unsupported("{}: {} is '{}', known are 'llama', 'gpt2', 'bert' and 't5'",
                     checkpoint.name(), keys::kModel, model);
}

Result<std::vector<std::string>> ReadStrings(const Checkpoint& checkpoint, std::string_view key) {
  MILLRACE_TRY(const std::vector<std::string_view> views, checkpoint.GetStrings(key));
  return std::vector<std::string>(views.begin(), views.end());
}

Result<std::vector<PieceKind>> ReadKinds(const Checkpoint& checkpoint) {
  std::vector<PieceKind> kinds;
  if (!checkpoint.Has(keys::kKinds)) return kinds;
  MILLRACE_TRY(const std::vector<std::int64_t> values, checkpoint.GetInts(keys::kKinds));
  kinds.reserve(values.size());
  for (const std::int64_t value : values) {
    const std::optional<PieceKind> kind = PieceKindFromFile(value);
    if (!kind.has_value()) {
      return Invalid("{}: {}[{}] is {}, wanted 0 to 6", checkpoint.name(), keys::kKinds,
                     kinds.size(), value);
    }
    kinds.push_back(*kind);
  }
  return kinds;
}

Result<void> ReadId(const Checkpoint& checkpoint, std::string_view key,
                    std::optional<TokenId>& id) {
  if (!checkpoint.Has(key)) return {};
  MILLRACE_TRY(const std::uint64_t value, checkpoint.GetUint(key));
  if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int32_t>::max())) {
    return Invalid("{}: {} is {}, wanted the id of a token", checkpoint.name(), key, value);
  }
  id = TokenId{static_cast<std::int32_t>(value)};
  return {};
}

Result<void> ReadSwitch(const Checkpoint& checkpoint, std::string_view key,
                        std::optional<bool>& value) {
  if (!checkpoint.Has(key)) return {};
  MILLRACE_TRY(value, checkpoint.GetBool(key));
  return {};
}

Result<void> ReadIdsAndSwitches(const Checkpoint& file, Vocabulary& vocabulary) {
  if (vocabulary.kind == VocabularyKind::kWordPiece) {
    MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.cls_token_id", vocabulary.bos));
  }
  MILLRACE_TRY_VOID(ReadId(file, keys::kBos, vocabulary.bos));
  MILLRACE_TRY_VOID(ReadId(file, keys::kEos, vocabulary.eos));
  MILLRACE_TRY_VOID(ReadId(file, keys::kEot, vocabulary.eot));
  MILLRACE_TRY_VOID(ReadId(file, keys::kEom, vocabulary.eom));
  MILLRACE_TRY_VOID(ReadId(file, keys::kUnknown, vocabulary.unknown));
  MILLRACE_TRY_VOID(ReadId(file, keys::kPadding, vocabulary.pad));
  MILLRACE_TRY_VOID(ReadId(file, keys::kSeparator, vocabulary.separator));
  MILLRACE_TRY_VOID(ReadId(file, keys::kMask, vocabulary.mask));
  MILLRACE_TRY_VOID(ReadSwitch(file, keys::kAddSeparator, vocabulary.add_separator));
  MILLRACE_TRY_VOID(ReadSwitch(file, keys::kAddBos, vocabulary.add_bos));
  MILLRACE_TRY_VOID(ReadSwitch(file, keys::kAddEos, vocabulary.add_eos));
  return ReadSwitch(file, keys::kAddSpacePrefix, vocabulary.add_space_prefix);
}

// BERT's normalizer; without a key it makes small letters and drops marks.
Result<void> ReadWordPieceNormalizer(const Checkpoint& file, Vocabulary& vocabulary) {
  std::optional<bool> lowercase;
  std::optional<bool> strip;
  MILLRACE_TRY_VOID(ReadSwitch(file, "tokenizer.ggml.normalizer.lowercase", lowercase));
  MILLRACE_TRY_VOID(ReadSwitch(file, "tokenizer.ggml.normalizer.strip_accents", strip));
  CleanForWordPiece clean;
  clean.lowercase = lowercase.value_or(true);
  clean.drop_accents = strip.value_or(clean.lowercase);
  clean.like_llama_cpp = true;
  vocabulary.normalizers.emplace_back(clean);
  return {};
}

Result<void> ReadUnigramNormalizer(const Checkpoint& file, Vocabulary& vocabulary) {
  if (file.Has(keys::kCharsmap)) {
    MILLRACE_TRY(const std::vector<std::int64_t> bytes, file.GetInts(keys::kCharsmap));
    ApplyCharsmap apply;
    apply.charsmap.reserve(bytes.size());
    for (const std::int64_t byte : bytes) apply.charsmap += static_cast<char>(byte);
    vocabulary.normalizers.emplace_back(std::move(apply));
  }
  std::optional<bool> merges;
  MILLRACE_TRY_VOID(ReadSwitch(file, keys::kMergesSpaces, merges));
  if (merges.value_or(false)) vocabulary.normalizers.emplace_back(MergeSpaces{});
  return {};
}

bool Contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// What no key says, but the name of the model.
Result<void> ReadHabits(const Checkpoint& file, Vocabulary& vocabulary) {
  MILLRACE_TRY(const std::string_view name, file.GetString("general.name", ""));
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  vocabulary.specials_swallow_space = Contains(lower, "phi3") || Contains(lower, "phi-3");
  vocabulary.mask_swallows_space =
      Contains(lower, "modern-bert") || vocabulary.pre_tokenizer.starts_with("jina-v2-");
  return {};
}

}  // namespace

Result<Vocabulary> VocabularyFromGguf(const Checkpoint& checkpoint) {
  Vocabulary vocabulary;
  MILLRACE_TRY(vocabulary.kind, ReadKind(checkpoint));
  MILLRACE_TRY(vocabulary.pieces, ReadStrings(checkpoint, keys::kPieces));
  MILLRACE_TRY(vocabulary.kinds, ReadKinds(checkpoint));
  if (vocabulary.kind == VocabularyKind::kByteLevelBpe) {
    MILLRACE_TRY(vocabulary.merges, ReadStrings(checkpoint, keys::kMerges));
  } else if (checkpoint.Has(keys::kScores)) {
    MILLRACE_TRY(vocabulary.scores, checkpoint.GetFloats(keys::kScores));
  }
  if (vocabulary.kind == VocabularyKind::kWordPiece) {
    MILLRACE_TRY_VOID(ReadWordPieceNormalizer(checkpoint, vocabulary));
  } else if (vocabulary.kind == VocabularyKind::kUnigram) {
    MILLRACE_TRY_VOID(ReadUnigramNormalizer(checkpoint, vocabulary));
  }
  MILLRACE_TRY(vocabulary.pre_tokenizer, checkpoint.GetString(keys::kPre, ""));
  MILLRACE_TRY_VOID(ReadIdsAndSwitches(checkpoint, vocabulary));
  MILLRACE_TRY_VOID(ReadHabits(checkpoint, vocabulary));
  return vocabulary;
}

Result<Tokenizer> TokenizerFromGguf(const Checkpoint& checkpoint) {
  MILLRACE_TRY(Vocabulary vocabulary, VocabularyFromGguf(checkpoint));
  Result<Tokenizer> tokenizer = Tokenizer::Build(std::move(vocabulary));
  if (tokenizer.ok()) return tokenizer;
  return Error{tokenizer.error().code, checkpoint.name() + ": " + tokenizer.error().message};
}

}  // namespace millrace
