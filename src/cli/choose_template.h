// Which template a conversation with a model is written with.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/model.h"
#include "text/chat_template.h"

namespace millrace {

struct ChosenTemplate {
  std::optional<ChatTemplate> chat_template;  // nothing: the model has none
  std::string origin;  // "the model's own", "chatml, which its special tokens suggest", ...
};

// `given`: what --chat-template says: the name of a built-in template, a file, or Jinja. Without it
// the model's own template, else the built-in one that its special tokens suggest, else none.
Result<ChosenTemplate> ChooseTemplate(const Model& model, const std::optional<std::string>& given);

}  // namespace millrace
