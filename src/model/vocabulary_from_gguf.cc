#include "model/vocabulary_from_gguf.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace millrace {
namespace {

constexpr const char* kModel = "tokenizer.ggml.model";
constexpr const char* kPieces = "tokenizer.ggml.tokens";
constexpr const char* kScores = "tokenizer.ggml.scores";
constexpr const char* kKinds = "tokenizer.ggml.token_type";
constexpr const char* kMerges = "tokenizer.ggml.merges";
constexpr const char* kCharsmap = "tokenizer.ggml.precompiled_charsmap";

Result<VocabularyKind> ReadKind(const Checkpoint& checkpoint) {
  MILLRACE_TRY(const std::string_view model, checkpoint.GetString(kModel));
  if (model == "llama") return VocabularyKind::kSentencePiece;
  if (model == "gpt2") return VocabularyKind::kByteLevelBpe;
  if (model == "bert") return VocabularyKind::kWordPiece;
  if (model == "t5") return VocabularyKind::kUnigram;
  return Unsupported("{}: {} is '{}', known are 'llama', 'gpt2', 'bert' and 't5'",
                     checkpoint.name(), kModel, model);
}

Result<std::vector<std::string>> ReadStrings(const Checkpoint& checkpoint, std::string_view key) {
  MILLRACE_TRY(const std::vector<std::string_view> views, checkpoint.GetStrings(key));
  return std::vector<std::string>(views.begin(), views.end());
}

Result<std::vector<PieceKind>> ReadKinds(const Checkpoint& checkpoint) {
  std::vector<PieceKind> kinds;
  if (!checkpoint.Has(kKinds)) return kinds;
  MILLRACE_TRY(const std::vector<std::int64_t> values, checkpoint.GetInts(kKinds));
  kinds.reserve(values.size());
  for (const std::int64_t value : values) {
    const std::optional<PieceKind> kind = PieceKindFromFile(value);
    if (!kind.has_value()) {
      return Invalid("{}: {}[{}] is {}, wanted 0 to 6", checkpoint.name(), kKinds, kinds.size(),
                     value);
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
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.bos_token_id", vocabulary.bos));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.eos_token_id", vocabulary.eos));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.eot_token_id", vocabulary.eot));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.eom_token_id", vocabulary.eom));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.unknown_token_id", vocabulary.unknown));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.padding_token_id", vocabulary.pad));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.seperator_token_id", vocabulary.separator));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.mask_token_id", vocabulary.mask));
  MILLRACE_TRY_VOID(ReadSwitch(file, "tokenizer.ggml.add_sep_token", vocabulary.add_separator));
  MILLRACE_TRY_VOID(ReadSwitch(file, "tokenizer.ggml.add_bos_token", vocabulary.add_bos));
  MILLRACE_TRY_VOID(ReadSwitch(file, "tokenizer.ggml.add_eos_token", vocabulary.add_eos));
  return ReadSwitch(file, "tokenizer.ggml.add_space_prefix", vocabulary.add_space_prefix);
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
  if (file.Has(kCharsmap)) {
    MILLRACE_TRY(const std::vector<std::int64_t> bytes, file.GetInts(kCharsmap));
    ApplyCharsmap apply;
    apply.charsmap.reserve(bytes.size());
    for (const std::int64_t byte : bytes) apply.charsmap += static_cast<char>(byte);
    vocabulary.normalizers.emplace_back(std::move(apply));
  }
  std::optional<bool> merges;
  MILLRACE_TRY_VOID(ReadSwitch(file, "tokenizer.ggml.remove_extra_whitespaces", merges));
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
  MILLRACE_TRY(vocabulary.pieces, ReadStrings(checkpoint, kPieces));
  MILLRACE_TRY(vocabulary.kinds, ReadKinds(checkpoint));
  if (vocabulary.kind == VocabularyKind::kByteLevelBpe) {
    MILLRACE_TRY(vocabulary.merges, ReadStrings(checkpoint, kMerges));
  } else if (checkpoint.Has(kScores)) {
    MILLRACE_TRY(vocabulary.scores, checkpoint.GetFloats(kScores));
  }
  if (vocabulary.kind == VocabularyKind::kWordPiece) {
    MILLRACE_TRY_VOID(ReadWordPieceNormalizer(checkpoint, vocabulary));
  } else if (vocabulary.kind == VocabularyKind::kUnigram) {
    MILLRACE_TRY_VOID(ReadUnigramNormalizer(checkpoint, vocabulary));
  }
  MILLRACE_TRY(vocabulary.pre_tokenizer, checkpoint.GetString("tokenizer.ggml.pre", ""));
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
