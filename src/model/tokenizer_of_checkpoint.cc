#include "model/tokenizer_of_checkpoint.h"

#include <filesystem>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/mapped_file.h"
#include "model/vocabulary_from_gguf.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_model.h"

namespace millrace {
namespace {

bool Exists(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

std::string_view Text(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

Result<Vocabulary> ReadVocabulary(const std::string& directory) {
  const std::string json = directory + "/tokenizer.json", model = directory + "/tokenizer.model";
  if (Exists(json)) {
    MILLRACE_TRY(const MappedFile file, MappedFile::Open(json));
    return VocabularyFromTokenizerJson(Text(file), json);
  }
  if (!Exists(model)) {
    return NotFound("{}: holds neither tokenizer.json nor tokenizer.model", directory);
  }
  MILLRACE_TRY(const MappedFile file, MappedFile::Open(model));
  return VocabularyFromTokenizerModel(Text(file), model);
}

// An id that the configuration of the model names, if the tokenizer's files name none.
Result<void> Complete(const Checkpoint& checkpoint, std::string_view key,
                      std::size_t vocabulary_size, std::optional<TokenId>& id) {
  if (id.has_value() || !checkpoint.Has(key)) return {};
  MILLRACE_TRY(const std::uint64_t value, checkpoint.GetUint(key));
  // Configurations name the padding of rows that the vocabulary does not have.
  if (value < vocabulary_size) id = TokenId{static_cast<std::int32_t>(value)};
  return {};
}

Result<Vocabulary> VocabularyFromDirectory(const Checkpoint& checkpoint) {
  MILLRACE_TRY(Vocabulary vocabulary, ReadVocabulary(checkpoint.directory()));
  const std::string config = checkpoint.directory() + "/tokenizer_config.json";
  if (Exists(config)) {
    MILLRACE_TRY(const MappedFile file, MappedFile::Open(config));
    MILLRACE_TRY_VOID(ApplyTokenizerConfig(Text(file), config, vocabulary));
  }
  const std::pair<std::string_view, std::optional<TokenId>*> ids[] = {
      {"tokenizer.ggml.bos_token_id", &vocabulary.bos},
      {"tokenizer.ggml.eos_token_id", &vocabulary.eos},
      {"tokenizer.ggml.eot_token_id", &vocabulary.eot},
      {"tokenizer.ggml.eom_token_id", &vocabulary.eom},
      {"tokenizer.ggml.padding_token_id", &vocabulary.pad}};
  for (const auto& [key, id] : ids) {
    MILLRACE_TRY_VOID(Complete(checkpoint, key, vocabulary.pieces.size(), *id));
  }
  return vocabulary;
}

}  // namespace

Result<Vocabulary> VocabularyOf(const Checkpoint& checkpoint) {
  return checkpoint.directory().empty() ? VocabularyFromGguf(checkpoint)
                                        : VocabularyFromDirectory(checkpoint);
}

Result<Tokenizer> TokenizerOf(const Checkpoint& checkpoint) {
  MILLRACE_TRY(Vocabulary vocabulary, VocabularyOf(checkpoint));
  Result<Tokenizer> tokenizer = Tokenizer::Build(std::move(vocabulary));
  if (tokenizer.ok()) return tokenizer;
  return Error{tokenizer.error().code, checkpoint.name() + ": " + tokenizer.error().message};
}

}  // namespace millrace
