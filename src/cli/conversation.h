// What was said so far, and the prompt that continues it.
//
// With a template it is a list of messages. A model without one was not trained to talk: then it is
// one text, a story, that both sides continue.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "text/chat_template.h"

namespace millrace {

class Conversation {
 public:
  // `variables`: more of them for the template (ChatInput::more).
  Conversation(const Tokenizer& tokenizer, std::optional<ChatTemplate> chat_template,
               nlohmann::ordered_json variables);

  bool is_story() const { return !template_.has_value(); }

  // What the system says, from the beginning of the conversation; empty: nothing.
  void SetSystem(std::string text) { system_ = std::move(text); }
  const std::string& system() const { return system_; }

  // The user's turn. In a story a text of its own, on a new line; an empty one lets the model go
  // on where it stopped.
  void AddUser(const std::string& text);
  // The model's turn, of which nothing may have come.
  void AddReply(const std::string& text);
  // Takes back the last turn of the user, to which no reply came.
  void TakeBackUser();
  // Takes back the last reply, so that another one can be made; false if there is none.
  bool TakeBackReply();
  // Forgets everything but the system.
  void Reset();

  std::size_t turns() const { return turns_.size(); }

  // The tokens that the model is to continue. Errors are those of the template. A template that
  // refuses a system message gets it as the beginning of the first user's turn.
  Result<std::vector<TokenId>> Prompt() const;

  // As JSON: {"messages": [{"role": ..., "content": ...}, ...]}, or {"story": [...]}, the turns.
  std::string ToJson() const;
  // The same back. kInvalid if it is something else, or of the other kind.
  Result<void> FromJson(const std::string& text, const std::string& name);

 private:
  struct Turn {
    bool is_user;
    std::string text;
  };

  nlohmann::ordered_json Messages(bool system_apart) const;
  std::string Story() const;

  const Tokenizer& tokenizer_;
  std::optional<ChatTemplate> template_;
  nlohmann::ordered_json variables_;
  std::string system_;
  std::vector<Turn> turns_;
};

}  // namespace millrace
