// A conversation as the text, and the tokens, that a model was trained to continue.
//
//     MILLRACE_TRY(const ChatTemplate chat, ChatTemplate::Parse(source, "model", tokenizer));
//     MILLRACE_TRY(const std::string text, chat.Render({.messages = messages}));
//     const std::vector<TokenId> prompt = EncodeChat(tokenizer, text);
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "jinja/template.h"
#include "text/tokenizer.h"

namespace millrace {

// What a template is given, as Hugging Face's apply_chat_template gives it.
struct ChatInput {
  // [{"role": "user", "content": "..."}, ...]; what else a message may have is up to the template
  // (tool_calls, reasoning_content, ...).
  nlohmann::ordered_json messages = nlohmann::ordered_json::array();
  // Definitions of tools; null: none.
  nlohmann::ordered_json tools = {};
  // End with the beginning of the assistant's turn.
  bool add_generation_prompt = true;
  // Further variables ("enable_thinking": false); they win over the ones above.
  nlohmann::ordered_json more = nlohmann::ordered_json::object();
  // The clock at the wall, in seconds since 1970-01-01 00:00:00 on it.
  std::optional<std::int64_t> now_s = {};
};

class ChatTemplate {
 public:
  // From Jinja source; `name` begins error messages. The template sees the spelling of the
  // tokenizer's bos, eos, ... as bos_token, eos_token, ...
  static Result<ChatTemplate> Parse(std::string_view source, std::string name,
                                    const Tokenizer& tokenizer);

  // The text. kInvalid if the template refuses the conversation (roles that do not alternate, say),
  // kExhausted at one of its limits.
  Result<std::string> Render(const ChatInput& input) const;

  const std::string& name() const { return name_; }
  // Whether it has a place for tools.
  bool takes_tools() const { return template_.Mentions("tools"); }

 private:
  ChatTemplate(jinja::Template parsed, std::string name, nlohmann::ordered_json tokens)
      : template_(std::move(parsed)), name_(std::move(name)), tokens_(std::move(tokens)) {}

  jinja::Template template_;
  std::string name_;
  nlohmann::ordered_json tokens_;  // bos_token, eos_token, ...
};

// The name of the built-in template (text/built_in_templates.h) whose special tokens this
// vocabulary has, for a model that comes without a template. Nothing if it has none: then the model
// was probably not trained on conversations.
std::optional<std::string_view> GuessTemplate(const Tokenizer& tokenizer);

// The tokens of a rendered conversation: special tokens are recognised where they are spelled out,
// bos comes in front if the vocabulary wants it and the template did not write it, and eos not at
// the end.
std::vector<TokenId> EncodeChat(const Tokenizer& tokenizer, std::string_view text);

}  // namespace millrace
