#include "text/tokenizer_json.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "text/byte_alphabet.h"
#include "text/json_fields.h"
#include "text/tokenizer_json_steps.h"

namespace millrace {
namespace {

constexpr std::int64_t kMaxId = 10'000'000;
// Ids without a token are tolerated up to a part of all and some more: models leave room.
constexpr std::size_t kTolerableHoles = 1024;

// Pieces as they come, by id.
class Pieces {
 public:
  explicit Pieces(std::string where) : where_(std::move(where)) {}

  Result<void> Add(std::int64_t id, std::string piece) {
    if (id < 0 || id > kMaxId) {
      return Invalid("{}: token '{}' has id {}, wanted 0 to {}", where_, piece, id, kMaxId);
    }
    const auto index = static_cast<std::size_t>(id);
    // Checked only at the end is the number of holes, so nothing is laid out before.
    const auto [entry, is_new] = by_id_.emplace(index, piece);
    if (!is_new) {
      return Invalid("{}: tokens '{}' and '{}' have the same id {}", where_, entry->second, piece,
                     id);
    }
    size_ = std::max(size_, index + 1);
    by_piece_.emplace(std::move(piece), TokenId{static_cast<std::int32_t>(id)});
    return {};
  }

  std::optional<TokenId> Find(const std::string& piece) const {
    const auto found = by_piece_.find(piece);
    if (found == by_piece_.end()) return std::nullopt;
    return found->second;
  }

  // The pieces and kinds of a vocabulary: what has no id in between is unused.
  Result<void> Fill(Vocabulary& vocabulary) const {
    if (size_ - by_id_.size() > size_ / 8 + kTolerableHoles) {
      return Invalid("{}: {} tokens with ids up to {}, a vocabulary full of holes", where_,
                     by_id_.size(), size_ - 1);
    }
    vocabulary.pieces.resize(size_);
    vocabulary.kinds.assign(size_, PieceKind::kUnused);
    for (const auto& [index, piece] : by_id_) {
      vocabulary.pieces[index] = piece;
      vocabulary.kinds[index] = PieceKind::kNormal;
    }
    return {};
  }

 private:
  std::string where_;
  std::size_t size_ = 0;
  std::unordered_map<std::size_t, std::string> by_id_;
  std::unordered_map<std::string, TokenId> by_piece_;
};

struct ListedToken {
  AddedToken token;
  bool is_special = false;
};

// The fields of an added token but for its id.
Result<ListedToken> ReadAddedToken(const JsonFields& object) {
  ListedToken listed;
  MILLRACE_TRY(listed.is_special, object.GetBool("special", false));
  MILLRACE_TRY(listed.token.left_strip, object.GetBool("lstrip", false));
  MILLRACE_TRY(listed.token.right_strip, object.GetBool("rstrip", false));
  MILLRACE_TRY(listed.token.single_word, object.GetBool("single_word", false));
  MILLRACE_TRY(listed.token.normalized, object.GetBool("normalized", !listed.is_special));
  return listed;
}

class Reader {
 public:
  Reader(const JsonFields& root, std::string name)
      : root_(root), name_(std::move(name)), pieces_(name_) {}

  Result<Vocabulary> Read() {
    MILLRACE_TRY_VOID(ReadModel());
    MILLRACE_TRY_VOID(ReadAddedTokens());
    MILLRACE_TRY(traits_, ReadDecoder(Component("decoder"), name_));
    MILLRACE_TRY(vocabulary_.normalizers, ReadNormalizer(Component("normalizer"), name_));
    MILLRACE_TRY(vocabulary_.cuts, ReadPreTokenizer(Component("pre_tokenizer"), name_));
    MILLRACE_TRY_VOID(pieces_.Fill(vocabulary_));
    MILLRACE_TRY_VOID(FindUnknown());
    MarkKinds();
    MILLRACE_TRY_VOID(ReadAffixes());
    SetSpelling();
    if (vocabulary_.kind == VocabularyKind::kCharacterBpe) UseBytesIfPossible();
    if (vocabulary_.kind == VocabularyKind::kWordPiece) MarkWordBegins();
    return std::move(vocabulary_);
  }

 private:
  const nlohmann::json& Component(std::string_view key) const {
    static const nlohmann::json kNull;
    const nlohmann::json* const found = root_.Find(key);
    return found == nullptr ? kNull : *found;
  }

  Result<void> ReadModel() {
    MILLRACE_TRY(const JsonFields model, root_.GetObject("model"));
    MILLRACE_TRY(const std::string type, model.GetString("type", GuessType(model)));
    if (type == "BPE") return ReadBpe(model);
    if (type == "Unigram") return ReadUnigram(model);
    if (type == "WordPiece") return ReadWordPiece(model);
    return Unsupported("{}: model of type '{}', known are BPE, Unigram and WordPiece", name_, type);
  }

  // Older files do not name the type.
  static std::string_view GuessType(const JsonFields& model) {
    if (model.Has("merges")) return "BPE";
    if (model.Has("max_input_chars_per_word")) return "WordPiece";
    return model.Has("unk_id") ? "Unigram" : "";
  }

  // {"piece": id}
  Result<void> ReadIds(const JsonFields& model) {
    MILLRACE_TRY(const JsonFields vocab, model.GetObject("vocab"));
    for (const auto& [piece, id] : model.Find("vocab")->items()) {
      if (!id.is_number_integer()) {
        return Invalid("{}: the id of '{}' is {}, wanted an integer", vocab.where(), piece,
                       id.type_name());
      }
      MILLRACE_TRY_VOID(pieces_.Add(id.get<std::int64_t>(), piece));
    }
    return {};
  }

  Result<void> ReadBpe(const JsonFields& model) {
    vocabulary_.kind = VocabularyKind::kCharacterBpe;
    for (const std::string_view option : {"continuing_subword_prefix", "end_of_word_suffix"}) {
      MILLRACE_TRY(const std::string text, model.GetString(option, ""));
      if (!text.empty()) {
        return Unsupported("{}: {} is '{}', known is none", model.where(), option, text);
      }
    }
    if (model.Has("dropout") && *model.Find("dropout") != 0.0) {
      return Unsupported("{}: a dropout, which makes tokens random", model.where());
    }
    MILLRACE_TRY(vocabulary_.byte_fallback, model.GetBool("byte_fallback", false));
    MILLRACE_TRY(vocabulary_.fuse_unknown, model.GetBool("fuse_unk", false));
    MILLRACE_TRY(vocabulary_.keeps_whole_words, model.GetBool("ignore_merges", false));
    MILLRACE_TRY(unknown_, model.GetString("unk_token", ""));
    MILLRACE_TRY_VOID(ReadIds(model));
    return ReadMerges(model);
  }

  // "left right", or ["left", "right"], where spaces may be in both.
  Result<void> ReadMerges(const JsonFields& model) {
    MILLRACE_TRY(const nlohmann::json* const merges, model.GetArray("merges"));
    vocabulary_.merge_pairs.reserve(merges->size());
    for (const nlohmann::json& merge : *merges) {
      if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
        vocabulary_.merge_pairs.emplace_back(merge[0].get<std::string>(),
                                             merge[1].get<std::string>());
        continue;
      }
      const std::string* const text = merge.get_ptr<const std::string*>();
      const std::size_t space = text == nullptr ? std::string::npos : text->find(' ');
      if (space == std::string::npos) {
        return Invalid("{}: merge {} is not two pieces", model.where(),
                       vocabulary_.merge_pairs.size());
      }
      vocabulary_.merge_pairs.emplace_back(text->substr(0, space), text->substr(space + 1));
    }
    return {};
  }

  // [["piece", score], ...]
  Result<void> ReadUnigram(const JsonFields& model) {
    vocabulary_.kind = VocabularyKind::kUnigram;
    MILLRACE_TRY(vocabulary_.byte_fallback, model.GetBool("byte_fallback", false));
    MILLRACE_TRY(const nlohmann::json* const vocab, model.GetArray("vocab"));
    for (const nlohmann::json& entry : *vocab) {
      const auto id = static_cast<std::int64_t>(vocabulary_.scores.size());
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() ||
          !entry[1].is_number()) {
        return Invalid("{}: vocab[{}] is not a piece and a score", model.where(), id);
      }
      MILLRACE_TRY_VOID(pieces_.Add(id, entry[0].get<std::string>()));
      vocabulary_.scores.push_back(static_cast<float>(entry[1].get<double>()));
    }
    if (!model.Has("unk_id")) return {};
    MILLRACE_TRY(const std::int64_t id, model.GetInt("unk_id"));
    if (id < 0 || static_cast<std::size_t>(id) >= vocab->size()) {
      return Invalid("{}: unk_id is {}, there are {} pieces", model.where(), id, vocab->size());
    }
    unknown_ = (*vocab)[static_cast<std::size_t>(id)][0].get<std::string>();
    return {};
  }

  Result<void> ReadWordPiece(const JsonFields& model) {
    vocabulary_.kind = VocabularyKind::kWordPiece;
    vocabulary_.longest_word = 100;
    if (model.Has("max_input_chars_per_word")) {
      MILLRACE_TRY(const std::int64_t longest, model.GetInt("max_input_chars_per_word"));
      vocabulary_.longest_word = static_cast<std::size_t>(std::max<std::int64_t>(longest, 1));
    }
    MILLRACE_TRY(unknown_, model.GetString("unk_token", "[UNK]"));
    MILLRACE_TRY(continuation_, model.GetString("continuing_subword_prefix", "##"));
    return ReadIds(model);
  }

  Result<void> ReadAddedTokens() {
    if (!root_.Has("added_tokens")) return {};
    MILLRACE_TRY(const nlohmann::json* const list, root_.GetArray("added_tokens"));
    for (std::size_t i = 0; i < list->size(); ++i) {
      MILLRACE_TRY(const JsonFields object,
                   JsonFields::Of((*list)[i], name_ + ": added_tokens[" + std::to_string(i) + "]"));
      MILLRACE_TRY(const std::int64_t id, object.GetInt("id"));
      MILLRACE_TRY(const std::string content, object.GetString("content"));
      MILLRACE_TRY(ListedToken listed, ReadAddedToken(object));
      if (content.empty()) continue;  // never found in a text
      // The model's own id counts, whatever the list says.
      if (!pieces_.Find(content).has_value()) MILLRACE_TRY_VOID(pieces_.Add(id, content));
      listed.token.id = *pieces_.Find(content);
      added_.push_back(listed);
    }
    return {};
  }

  Result<void> FindUnknown() {
    if (unknown_.empty()) return {};
    vocabulary_.unknown = pieces_.Find(unknown_);
    if (vocabulary_.unknown.has_value()) return {};
    return Invalid("{}: the unknown token is '{}', but no token is spelled so", name_, unknown_);
  }

  void MarkKinds() {
    const bool has_bytes = traits_.has_bytes || vocabulary_.byte_fallback.value_or(false);
    for (std::size_t i = 0; has_bytes && i < vocabulary_.pieces.size(); ++i) {
      if (ByteOfHexSpelling(vocabulary_.pieces[i]).has_value()) {
        vocabulary_.kinds[i] = PieceKind::kByte;
      }
    }
    vocabulary_.added_tokens.emplace();
    for (const ListedToken& listed : added_) {
      vocabulary_.kinds[listed.token.id.index()] = !listed.is_special ? PieceKind::kUserDefined
                                                   : listed.token.id == vocabulary_.unknown
                                                       ? PieceKind::kUnknown
                                                       : PieceKind::kControl;
      vocabulary_.added_tokens->push_back(listed.token);
    }
    if (!vocabulary_.scores.empty()) vocabulary_.scores.resize(vocabulary_.pieces.size(), 0.0f);
  }

  Result<void> AppendAffix(const Affixes::Token& token, std::vector<TokenId>& ids) const {
    for (const std::int64_t id : token.ids) {
      if (id < 0 || static_cast<std::size_t>(id) >= vocabulary_.pieces.size()) {
        return Invalid("{}: post_processor: token '{}' has id {}, there are {}", name_, token.piece,
                       id, vocabulary_.pieces.size());
      }
      ids.push_back(TokenId{static_cast<std::int32_t>(id)});
    }
    if (!token.ids.empty()) return {};
    const std::optional<TokenId> found = pieces_.Find(token.piece);
    if (!found.has_value()) {
      return Invalid("{}: post_processor: no token is spelled '{}'", name_, token.piece);
    }
    ids.push_back(*found);
    return {};
  }

  Result<void> ReadAffixes() {
    MILLRACE_TRY(const Affixes affixes, ReadPostProcessor(Component("post_processor"), name_));
    vocabulary_.prefix.emplace();
    vocabulary_.suffix.emplace();
    for (const auto& token : affixes.prefix) {
      MILLRACE_TRY_VOID(AppendAffix(token, *vocabulary_.prefix));
    }
    for (const auto& token : affixes.suffix) {
      MILLRACE_TRY_VOID(AppendAffix(token, *vocabulary_.suffix));
    }
    if (!vocabulary_.prefix->empty()) vocabulary_.bos = vocabulary_.prefix->front();
    return {};
  }

  void SetSpelling() {
    vocabulary_.add_space_prefix = false;  // the steps do it
    vocabulary_.drops_first_space = traits_.drops_first_space;
    vocabulary_.spelling = traits_.has_letters       ? Spelling::kByteAlphabet
                           : traits_.has_space_marks ? Spelling::kSpaceMark
                                                     : Spelling::kPlain;
  }

  // Where the words would be spelled in letters at last, and every letter is a piece, bytes are
  // looked up as such.
  void UseBytesIfPossible() {
    if (vocabulary_.cuts->empty()) return;
    auto* const last = std::get_if<SpellInAlphabet>(&vocabulary_.cuts->back());
    if (last == nullptr) return;
    for (unsigned byte = 0; byte < 256; ++byte) {
      const auto letter = LetterOfByte(static_cast<std::uint8_t>(byte));
      if (!pieces_.Find(std::string(letter)).has_value()) return;
    }
    last->spell = false;
    vocabulary_.kind = VocabularyKind::kByteLevelBpe;
  }

  // From "##" in front of what goes on to U+2581 in front of what begins.
  void MarkWordBegins() {
    vocabulary_.spelling = traits_.joins_words ? Spelling::kJoinedWords : Spelling::kWords;
    vocabulary_.drops_first_space = true;
    for (std::size_t i = 0; i < vocabulary_.pieces.size(); ++i) {
      if (vocabulary_.kinds[i] != PieceKind::kNormal) continue;
      std::string& piece = vocabulary_.pieces[i];
      if (piece.starts_with(continuation_) && piece.size() > continuation_.size()) {
        piece.erase(0, continuation_.size());
      } else {
        piece.insert(0, kSpaceMark);
      }
    }
  }

  const JsonFields& root_;
  std::string name_;
  Pieces pieces_;
  Vocabulary vocabulary_;
  std::vector<ListedToken> added_;
  DecoderTraits traits_;
  std::string unknown_;
  std::string continuation_;
};

// What a tokenizer_config.json changes in a vocabulary.
class Configurer {
 public:
  Configurer(const JsonFields& config, Vocabulary& vocabulary)
      : config_(config), vocabulary_(vocabulary) {}

  Result<void> Run() {
    MILLRACE_TRY_VOID(AddTokens());
    for (std::size_t i = 0; i < vocabulary_.pieces.size(); ++i) {
      by_piece_.emplace(vocabulary_.pieces[i], TokenId{static_cast<std::int32_t>(i)});
    }
    MILLRACE_TRY_VOID(SetId("bos_token", vocabulary_.bos));
    MILLRACE_TRY_VOID(SetId("eos_token", vocabulary_.eos));
    MILLRACE_TRY_VOID(SetId("pad_token", vocabulary_.pad));
    MILLRACE_TRY_VOID(SetId("unk_token", vocabulary_.unknown));
    MILLRACE_TRY_VOID(SetId("sep_token", vocabulary_.separator));
    MILLRACE_TRY_VOID(SetId("mask_token", vocabulary_.mask));
    MILLRACE_TRY_VOID(SetSwitch("add_bos_token", vocabulary_.bos, vocabulary_.add_bos, Front()));
    return SetSwitch("add_eos_token", vocabulary_.eos, vocabulary_.add_eos, Back());
  }

 private:
  using Affix = std::optional<std::vector<TokenId>>;
  struct End {
    Affix* affix;
    bool is_front;
  };
  End Front() { return {&vocabulary_.prefix, true}; }
  End Back() { return {&vocabulary_.suffix, false}; }

  // "<s>", or {"content": "<s>"}
  Result<std::string> Spelling(std::string_view key) const {
    if (config_.Has(key) && config_.Find(key)->is_object()) {
      MILLRACE_TRY(const JsonFields token, config_.GetObject(key));
      return token.GetString("content");
    }
    return config_.GetString(key, "");
  }

  Result<void> SetId(std::string_view key, std::optional<TokenId>& id) const {
    MILLRACE_TRY(const std::string spelling, Spelling(key));
    const auto found = by_piece_.find(spelling);
    if (!spelling.empty() && found != by_piece_.end()) id = found->second;
    return {};
  }

  Result<void> SetSwitch(std::string_view key, std::optional<TokenId> id,
                         std::optional<bool>& value, End end) const {
    if (!config_.Has(key)) return {};
    MILLRACE_TRY(value, config_.GetBool(key, false));
    if (!end.affix->has_value() || !id.has_value()) return {};
    std::vector<TokenId>& affix = **end.affix;
    const bool has = std::find(affix.begin(), affix.end(), *id) != affix.end();
    if (!*value) {
      std::erase(affix, *id);
    } else if (!has) {
      affix.insert(end.is_front ? affix.begin() : affix.end(), *id);
    }
    return {};
  }

  // {"32000": {"content": "<|im_end|>", ...}, ...}
  Result<void> AddTokens() {
    if (!config_.Has("added_tokens_decoder")) return {};
    MILLRACE_TRY(const JsonFields all, config_.GetObject("added_tokens_decoder"));
    if (!vocabulary_.added_tokens.has_value()) vocabulary_.added_tokens.emplace();
    for (const AddedToken& added : *vocabulary_.added_tokens) known_.insert(added.id.value);
    const nlohmann::json& entries = *config_.Find("added_tokens_decoder");
    limit_ = vocabulary_.pieces.size() + entries.size() + kTolerableHoles;
    std::vector<std::pair<std::size_t, ListedToken>> listed;
    for (const auto& [key, value] : entries.items()) {
      MILLRACE_TRY(const JsonFields object, JsonFields::Of(value, all.where() + ": " + key));
      const bool is_id = !key.empty() && key.size() < 9 &&
                         key.find_first_not_of("0123456789") == std::string::npos;
      if (!is_id) return Invalid("{}: '{}' is no id", all.where(), key);
      const std::size_t index = std::stoul(key);
      MILLRACE_TRY(const std::string content, object.GetString("content"));
      MILLRACE_TRY(ListedToken token, ReadAddedToken(object));
      token.token.id = TokenId{static_cast<std::int32_t>(index)};
      MILLRACE_TRY(const bool is_new, Place(index, content, all.where()));
      if (is_new) listed.emplace_back(index, token);
    }
    Recognise(listed);
    return {};
  }

  // Whether the vocabulary has that token now, and did not say so itself that it is an added one.
  Result<bool> Place(std::size_t index, const std::string& content, const std::string& where) {
    std::vector<std::string>& pieces = vocabulary_.pieces;
    const TokenId id{static_cast<std::int32_t>(index)};
    if (known_.contains(id.value)) return false;
    if (index >= pieces.size()) {
      if (index >= limit_) {
        return Invalid("{}: token '{}' has id {}, wanted less than {}", where, content, index,
                       limit_);
      }
      pieces.resize(index + 1);
      vocabulary_.kinds.resize(index + 1, PieceKind::kUnused);
      if (!vocabulary_.scores.empty()) vocabulary_.scores.resize(index + 1, 0.0f);
    }
    if (pieces[index].empty()) pieces[index] = content;
    return pieces[index] == content;
  }

  void Recognise(const std::vector<std::pair<std::size_t, ListedToken>>& listed) {
    for (const auto& [index, token] : listed) {
      vocabulary_.kinds[index] = token.is_special ? PieceKind::kControl : PieceKind::kUserDefined;
      vocabulary_.added_tokens->push_back(token.token);
      vocabulary_.added_tokens->back().normalized = false;
    }
  }

  const JsonFields& config_;
  Vocabulary& vocabulary_;
  std::unordered_map<std::string, TokenId> by_piece_;
  std::size_t limit_ = 0;                   // of ids
  std::unordered_set<std::int32_t> known_;  // added tokens of the vocabulary itself
};

}  // namespace

Result<Vocabulary> VocabularyFromTokenizerJson(std::string_view bytes, std::string_view name) {
  MILLRACE_TRY(const nlohmann::json json, ParseJson(bytes, name));
  MILLRACE_TRY(const JsonFields root, JsonFields::Of(json, std::string(name)));
  return Reader(root, std::string(name)).Read();
}

Result<void> ApplyTokenizerConfig(std::string_view bytes, std::string_view name,
                                  Vocabulary& vocabulary) {
  MILLRACE_TRY(const nlohmann::json json, ParseJson(bytes, name));
  MILLRACE_TRY(const JsonFields config, JsonFields::Of(json, std::string(name)));
  return Configurer(config, vocabulary).Run();
}

Result<Tokenizer> TokenizerFromTokenizerJson(std::string_view bytes, std::string_view name) {
  MILLRACE_TRY(Vocabulary vocabulary, VocabularyFromTokenizerJson(bytes, name));
  Result<Tokenizer> tokenizer = Tokenizer::Build(std::move(vocabulary));
  if (tokenizer.ok()) return tokenizer;
  return Error{tokenizer.error().code, std::string(name) + ": " + tokenizer.error().message};
}

}  // namespace millrace
