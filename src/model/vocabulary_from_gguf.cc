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

Result<VocabularyKind> ReadKind(const Checkpoint& checkpoint) {
  MILLRACE_TRY(const std::string_view model, checkpoint.GetString(kModel));
  if (model == "llama") return VocabularyKind::kSentencePiece;
  if (model == "gpt2") return VocabularyKind::kByteLevelBpe;
  return Unsupported("{}: {} is '{}', known are 'llama' and 'gpt2'", checkpoint.name(), kModel,
                     model);
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
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.bos_token_id", vocabulary.bos));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.eos_token_id", vocabulary.eos));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.eot_token_id", vocabulary.eot));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.eom_token_id", vocabulary.eom));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.unknown_token_id", vocabulary.unknown));
  MILLRACE_TRY_VOID(ReadId(file, "tokenizer.ggml.padding_token_id", vocabulary.pad));
  MILLRACE_TRY_VOID(ReadSwitch(file, "tokenizer.ggml.add_bos_token", vocabulary.add_bos));
  MILLRACE_TRY_VOID(ReadSwitch(file, "tokenizer.ggml.add_eos_token", vocabulary.add_eos));
  return ReadSwitch(file, "tokenizer.ggml.add_space_prefix", vocabulary.add_space_prefix);
}

bool IsPhi3(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  return lower.find("phi3") != std::string::npos || lower.find("phi-3") != std::string::npos;
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
  MILLRACE_TRY(vocabulary.pre_tokenizer, checkpoint.GetString("tokenizer.ggml.pre", ""));
  MILLRACE_TRY_VOID(ReadIdsAndSwitches(checkpoint, vocabulary));
  MILLRACE_TRY(const std::string_view name, checkpoint.GetString("general.name", ""));
  vocabulary.specials_swallow_space = IsPhi3(name);
  return vocabulary;
}

Result<Tokenizer> TokenizerFromGguf(const Checkpoint& checkpoint) {
  MILLRACE_TRY(Vocabulary vocabulary, VocabularyFromGguf(checkpoint));
  Result<Tokenizer> tokenizer = Tokenizer::Build(std::move(vocabulary));
  if (tokenizer.ok()) return tokenizer;
  return Error{tokenizer.error().code, checkpoint.name() + ": " + tokenizer.error().message};
}

}  // namespace millrace
