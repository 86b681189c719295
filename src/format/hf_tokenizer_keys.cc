#include "format/hf_tokenizer_keys.h"

#include <charconv>
#include <filesystem>
#include <map>
#include <optional>
#include <vector>

#include "base/mapped_file.h"

namespace millrace {
namespace {

using nlohmann::json;
using TokenIds = std::map<std::string, std::uint32_t, std::less<>>;  // by text

struct SpecialToken {
  const char* text_key;  // in tokenizer_config.json
  const char* id_key;    // in config.json and generation_config.json
  const char* gguf_key;
};
constexpr SpecialToken kSpecialTokens[] = {
    {"bos_token", "bos_token_id", "tokenizer.ggml.bos_token_id"},
    {"eos_token", "eos_token_id", "tokenizer.ggml.eos_token_id"},
    {"unk_token", "unk_token_id", "tokenizer.ggml.unknown_token_id"},
    {"sep_token", "sep_token_id", "tokenizer.ggml.seperator_token_id"},  // GGUF's spelling
    {"pad_token", "pad_token_id", "tokenizer.ggml.padding_token_id"},
    {"mask_token", "mask_token_id", "tokenizer.ggml.mask_token_id"},
};

// The object of a file, or an empty one if there is no such file.
Result<json> LoadIfThere(const std::string& path) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return json::object();
  return LoadJson(path);
}

std::optional<std::uint32_t> AsId(const json& value) {
  if (!value.is_number_unsigned()) return std::nullopt;
  const auto id = value.get<std::uint64_t>();
  return id <= 0x7fffffff ? std::optional(static_cast<std::uint32_t>(id)) : std::nullopt;
}

// The text of a token, which is that or an object that has it as its content.
std::optional<std::string> AsText(const json* value) {
  if (value != nullptr && value->is_object()) {
    const auto content = value->find("content");
    value = content == value->end() ? nullptr : &*content;
  }
  if (value == nullptr || !value->is_string()) return std::nullopt;
  return value->get<std::string>();
}

// {"128000": {"content": "<|begin_of_text|>", ...}, ...}
TokenIds IdsOfDecoder(const json& decoder) {
  TokenIds ids;
  for (const auto& [key, token] : decoder.items()) {
    std::uint32_t id = 0;
    const auto [end, error] = std::from_chars(key.data(), key.data() + key.size(), id);
    const auto text = AsText(&token);
    if (error == std::errc() && end == key.data() + key.size() && text) ids.emplace(*text, id);
  }
  return ids;
}

// [{"id": 128000, "content": "<|begin_of_text|>", ...}, ...]
TokenIds IdsOfList(const json& list) {
  TokenIds ids;
  for (const json& token : list) {
    const auto text = AsText(&token);
    if (!text || !token.contains("id")) continue;
    if (const auto id = AsId(token["id"])) ids.emplace(*text, *id);
  }
  return ids;
}

Result<TokenIds> AddedTokens(const std::string& directory, const HfObject& tokenizer_config) {
  const json* decoder = tokenizer_config.Find("added_tokens_decoder");
  if (decoder != nullptr && decoder->is_object()) return IdsOfDecoder(*decoder);
  MILLRACE_TRY(const json tokenizer, LoadIfThere(directory + "/tokenizer.json"));
  const auto added = tokenizer.find("added_tokens");
  return added != tokenizer.end() && added->is_array() ? IdsOfList(*added) : TokenIds();
}

// The ids under a key, one or an array of them.
std::vector<std::uint32_t> Ids(const HfObject& object, std::string_view key) {
  std::vector<std::uint32_t> ids;
  const json* value = object.Find(key);
  if (value == nullptr) return ids;
  const json list = value->is_array() ? *value : json::array({*value});
  for (const json& element : list) {
    if (const auto id = AsId(element)) ids.push_back(*id);
  }
  return ids;
}

// What tokenizer_config.json names, else the number in config.json, else generation_config.json's.
std::optional<std::uint32_t> FindId(const SpecialToken& token, const TokenIds& added,
                                    const HfObject& tokenizer_config, const HfObject& config,
                                    const HfObject& generation) {
  if (const auto text = AsText(tokenizer_config.Find(token.text_key))) {
    const auto found = added.find(*text);
    if (found != added.end()) return found->second;
  }
  for (const HfObject* object : {&config, &generation}) {
    const std::vector<std::uint32_t> ids = Ids(*object, token.id_key);
    if (!ids.empty()) return ids.front();
  }
  return std::nullopt;
}

// Further tokens that end a reply: GGUF has a place for two.
void SetFurtherEnds(const HfObject& generation, std::optional<std::uint32_t> eos, HfKeys& keys) {
  const char* const places[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id"};
  std::size_t used = 0;
  for (const std::uint32_t id : Ids(generation, "eos_token_id")) {
    if (id != eos && used < std::size(places)) keys.SetPlain(places[used++], id);
  }
}

Result<std::string> LoadText(const std::string& path) {
  MILLRACE_TRY(const MappedFile file, MappedFile::Open(path));
  const auto* first = reinterpret_cast<const char*>(file.bytes().data());
  return std::string(first, file.bytes().size());
}

// One template, or several of which one is the default.
void SetTemplates(const json& given, HfKeys& keys) {
  constexpr const char* kKey = "tokenizer.chat_template";
  if (given.is_string()) keys.SetPlain(kKey, given.get<std::string>());
  if (!given.is_array()) return;
  for (const json& entry : given) {
    if (!entry.is_object() || !entry.contains("name") || !entry.contains("template")) continue;
    const json &name = entry["name"], &text = entry["template"];
    if (!name.is_string() || !text.is_string()) continue;
    const bool is_default = name == "default";
    const bool is_word = name.get_ref<const std::string&>().find_first_not_of(
                             "abcdefghijklmnopqrstuvwxyz0123456789_") == std::string::npos;
    if (!is_word) continue;
    keys.SetPlain(is_default ? kKey : fmt::format("{}.{}", kKey, name.get<std::string>()),
                  text.get<std::string>());
  }
}

Result<void> SetChatTemplate(const std::string& directory, const HfObject& tokenizer_config,
                             HfKeys& keys) {
  if (const json* given = tokenizer_config.Find("chat_template")) {
    SetTemplates(*given, keys);
    return {};
  }
  const std::string file = directory + "/chat_template.jinja";
  std::error_code ignored;
  if (std::filesystem::exists(file, ignored)) {
    MILLRACE_TRY(const std::string text, LoadText(file));
    SetTemplates(text, keys);
    return {};
  }
  MILLRACE_TRY(const json old, LoadIfThere(directory + "/chat_template.json"));
  if (old.contains("chat_template")) SetTemplates(old["chat_template"], keys);
  return {};
}

Result<void> SetFlag(const HfObject& tokenizer_config, const char* key, const char* gguf_key,
                     HfKeys& keys) {
  if (!tokenizer_config.Has(key)) return {};
  MILLRACE_TRY(const bool flag, tokenizer_config.Flag(key, false));
  keys.SetPlain(gguf_key, flag);
  return {};
}

}  // namespace

Result<void> SetTokenizerKeys(const std::string& directory, const HfObject& config, HfKeys& keys) {
  const std::string tokenizer_path = directory + "/tokenizer_config.json";
  const std::string generation_path = directory + "/generation_config.json";
  MILLRACE_TRY(const json tokenizer_json, LoadIfThere(tokenizer_path));
  MILLRACE_TRY(const json generation_json, LoadIfThere(generation_path));
  const HfObject tokenizer_config(tokenizer_json, tokenizer_path);
  const HfObject generation(generation_json, generation_path);
  MILLRACE_TRY(const TokenIds added, AddedTokens(directory, tokenizer_config));
  for (const SpecialToken& token : kSpecialTokens) {
    const auto id = FindId(token, added, tokenizer_config, config, generation);
    if (id) keys.SetPlain(token.gguf_key, *id);
    if (std::string_view(token.text_key) == "eos_token") SetFurtherEnds(generation, id, keys);
  }
  MILLRACE_TRY_VOID(
      SetFlag(tokenizer_config, "add_bos_token", "tokenizer.ggml.add_bos_token", keys));
  MILLRACE_TRY_VOID(
      SetFlag(tokenizer_config, "add_eos_token", "tokenizer.ggml.add_eos_token", keys));
  return SetChatTemplate(directory, tokenizer_config, keys);
}

}  // namespace millrace
