#include "text/chat_template.h"

#include <utility>

namespace millrace {
namespace {

using Json = nlohmann::ordered_json;

void AddToken(Json& tokens, const char* name, const Tokenizer& tokenizer,
              std::optional<TokenId> token) {
  if (!token.has_value() || !tokenizer.Contains(*token)) return;
  tokens[name] = std::string(tokenizer.Piece(*token));
}

}  // namespace

Result<ChatTemplate> ChatTemplate::Parse(std::string_view source, std::string name,
                                         const Tokenizer& tokenizer) {
  MILLRACE_TRY(jinja::Template parsed, jinja::Template::Parse(source, name));
  Json tokens = Json::object();
  AddToken(tokens, "bos_token", tokenizer, tokenizer.bos());
  AddToken(tokens, "eos_token", tokenizer, tokenizer.eos());
  AddToken(tokens, "pad_token", tokenizer, tokenizer.pad());
  return ChatTemplate(std::move(parsed), std::move(name), std::move(tokens));
}

Result<std::string> ChatTemplate::Render(const ChatInput& input) const {
  Json context = tokens_;
  context["messages"] = input.messages;
  context["tools"] = input.tools;
  context["documents"] = nullptr;
  context["add_generation_prompt"] = input.add_generation_prompt;
  for (const auto& [name, value] : input.more.items()) context[name] = value;
  return template_.Render(context, {.now_s = input.now_s});
}

std::optional<std::string_view> GuessTemplate(const Tokenizer& tokenizer) {
  const auto has = [&](std::string_view piece) { return tokenizer.Find(piece).has_value(); };
  if (has("<|im_start|>")) return has("<|im_sep|>") ? "phi4" : "chatml";
  if (has("<|start_header_id|>")) return "llama3";
  if (has("<start_of_turn>")) return "gemma";
  if (has("<|start_of_role|>")) return "granite";
  if (has("<｜User｜>")) return "deepseek3";
  if (has("<|assistant|>")) return has("<|end|>") ? "phi3" : "zephyr";
  if (has("[INST]")) return has("[SYSTEM_PROMPT]") ? "mistral-v7" : "mistral-v3";
  return std::nullopt;
}

std::vector<TokenId> EncodeChat(const Tokenizer& tokenizer, std::string_view text) {
  std::vector<TokenId> tokens =
      tokenizer.Encode(text, {.add_special = false, .parse_special = true});
  const auto bos = tokenizer.bos();
  if (!tokenizer.adds_bos() || !bos.has_value()) return tokens;
  if (tokens.empty() || tokens.front() != *bos) tokens.insert(tokens.begin(), *bos);
  return tokens;
}

}  // namespace millrace
