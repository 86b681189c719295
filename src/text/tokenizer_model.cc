#include "text/tokenizer_model.h"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "text/piece_table.h"
#include "text/protobuf_reader.h"

namespace millrace {
namespace {

using Type = ProtobufField::Type;

// Calls `take` with every field of a message.
template <typename Take>
Result<void> ForEachField(std::string_view message, Take take) {
  ProtobufReader reader(message);
  while (!reader.AtEnd()) {
    MILLRACE_TRY(const ProtobufField field, reader.Next());
    MILLRACE_TRY_VOID(take(field));
  }
  return {};
}

bool IsText(const ProtobufField& field, std::uint32_t number) {
  return field.number == number && field.type == Type::kBytes;
}
bool IsNumber(const ProtobufField& field, std::uint32_t number) {
  return field.number == number && field.type == Type::kVarint;
}

// TrainerSpec, with the defaults of the .proto file.
struct Trainer {
  enum class Model : std::uint64_t { kUnigram = 1, kBpe = 2 };
  std::uint64_t model = static_cast<std::uint64_t>(Model::kUnigram);
  bool space_is_suffix = false;
  std::int64_t bos = 1;
  std::int64_t eos = 2;
  std::int64_t pad = -1;
};

// NormalizerSpec.
struct Normalization {
  std::string charsmap;
  bool add_dummy_prefix = true;
  bool remove_extra_spaces = true;
  bool escape_spaces = true;
};

class Reader {
 public:
  Result<Vocabulary> Read(std::string_view bytes) {
    vocabulary_.added_tokens.emplace();
    MILLRACE_TRY_VOID(ForEachField(bytes, [&](const ProtobufField& field) -> Result<void> {
      if (IsText(field, 1)) return ReadPiece(field.bytes);
      if (IsText(field, 2)) return ReadTrainer(field.bytes);
      if (IsText(field, 3)) return ReadNormalization(field.bytes);
      return {};
    }));
    MILLRACE_TRY_VOID(SetKind());
    SetIds();
    SetNormalization();
    return std::move(vocabulary_);
  }

 private:
  Result<void> ReadPiece(std::string_view message) {
    std::string_view piece;
    float score = 0.0f;
    std::uint64_t type = 1;
    MILLRACE_TRY_VOID(ForEachField(message, [&](const ProtobufField& field) -> Result<void> {
      if (IsText(field, 1)) piece = field.bytes;
      if (field.number == 2) score = field.AsFloat();
      if (IsNumber(field, 3)) type = field.value;
      return {};
    }));
    const std::size_t id = vocabulary_.pieces.size();
    if (piece.empty()) return Invalid("piece {} has no spelling", id);
    if (type < 1 || type > 6) return Invalid("piece {} is of type {}, wanted 1 to 6", id, type);
    const auto kind = static_cast<PieceKind>(type);
    vocabulary_.pieces.emplace_back(piece);
    vocabulary_.scores.push_back(score);
    vocabulary_.kinds.push_back(kind);
    const bool is_added = kind == PieceKind::kControl || kind == PieceKind::kUnknown ||
                          kind == PieceKind::kUserDefined;
    if (is_added) vocabulary_.added_tokens->push_back({TokenId{static_cast<std::int32_t>(id)}});
    if (kind == PieceKind::kUnknown && !vocabulary_.unknown.has_value()) {
      vocabulary_.unknown = TokenId{static_cast<std::int32_t>(id)};
    }
    if (kind == PieceKind::kByte) has_bytes_ = true;
    return {};
  }

  Result<void> ReadTrainer(std::string_view message) {
    return ForEachField(message, [&](const ProtobufField& field) -> Result<void> {
      if (field.type != Type::kVarint) return {};
      const auto id = static_cast<std::int64_t>(field.value);
      if (field.number == 3) trainer_.model = field.value;
      if (field.number == 24) trainer_.space_is_suffix = field.value != 0;
      if (field.number == 41) trainer_.bos = id;
      if (field.number == 42) trainer_.eos = id;
      if (field.number == 43) trainer_.pad = id;
      return {};
    });
  }

  Result<void> ReadNormalization(std::string_view message) {
    return ForEachField(message, [&](const ProtobufField& field) -> Result<void> {
      if (IsText(field, 2)) normalization_.charsmap = field.bytes;
      if (field.type != Type::kVarint) return {};
      if (field.number == 3) normalization_.add_dummy_prefix = field.value != 0;
      if (field.number == 4) normalization_.remove_extra_spaces = field.value != 0;
      if (field.number == 5) normalization_.escape_spaces = field.value != 0;
      return {};
    });
  }

  Result<void> SetKind() {
    if (vocabulary_.pieces.empty()) return Invalid("no pieces");
    if (trainer_.model == static_cast<std::uint64_t>(Trainer::Model::kBpe)) {
      vocabulary_.kind = VocabularyKind::kSentencePiece;
    } else if (trainer_.model == static_cast<std::uint64_t>(Trainer::Model::kUnigram)) {
      vocabulary_.kind = VocabularyKind::kUnigram;
    } else {
      return Unsupported("a model of type {}, known are 1 (Unigram) and 2 (BPE)", trainer_.model);
    }
    if (trainer_.space_is_suffix) return Unsupported("treat_whitespace_as_suffix");
    if (!normalization_.escape_spaces) return Unsupported("white space that is not escaped");
    vocabulary_.byte_fallback = has_bytes_;
    vocabulary_.sums_in_float32 = true;
    return {};
  }

  // An id that names a piece; -1 and others mean that there is none.
  std::optional<TokenId> Id(std::int64_t id) const {
    if (id < 0 || static_cast<std::size_t>(id) >= vocabulary_.pieces.size()) return std::nullopt;
    return TokenId{static_cast<std::int32_t>(id)};
  }

  void SetIds() {
    vocabulary_.bos = Id(trainer_.bos);
    vocabulary_.eos = Id(trainer_.eos);
    vocabulary_.pad = Id(trainer_.pad);
    vocabulary_.prefix.emplace();
    vocabulary_.suffix.emplace();
    const bool is_bpe = vocabulary_.kind == VocabularyKind::kSentencePiece;
    if (is_bpe && vocabulary_.bos.has_value()) vocabulary_.prefix->push_back(*vocabulary_.bos);
    if (!is_bpe && vocabulary_.eos.has_value()) vocabulary_.suffix->push_back(*vocabulary_.eos);
  }

  void SetNormalization() {
    if (!normalization_.charsmap.empty()) {
      vocabulary_.normalizers.emplace_back(ApplyCharsmap{std::move(normalization_.charsmap)});
    }
    if (normalization_.remove_extra_spaces) vocabulary_.normalizers.emplace_back(MergeSpaces{});
    vocabulary_.add_space_prefix = normalization_.add_dummy_prefix;
    vocabulary_.space_after_user_defined = false;
  }

  Vocabulary vocabulary_;
  Trainer trainer_;
  Normalization normalization_;
  bool has_bytes_ = false;
};

}  // namespace

Result<Vocabulary> VocabularyFromTokenizerModel(std::string_view bytes, std::string_view name) {
  Result<Vocabulary> vocabulary = Reader().Read(bytes);
  if (vocabulary.ok()) return vocabulary;
  return Error{vocabulary.error().code, std::string(name) + ": " + vocabulary.error().message};
}

Result<Tokenizer> TokenizerFromTokenizerModel(std::string_view bytes, std::string_view name) {
  MILLRACE_TRY(Vocabulary vocabulary, VocabularyFromTokenizerModel(bytes, name));
  Result<Tokenizer> tokenizer = Tokenizer::Build(std::move(vocabulary));
  if (tokenizer.ok()) return tokenizer;
  return Error{tokenizer.error().code, std::string(name) + ": " + tokenizer.error().message};
}

}  // namespace millrace
