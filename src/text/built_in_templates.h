// Chat templates for models that come without one: how families of models write a conversation.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace millrace {

// The names that BuiltInTemplate() knows, in the order of their documentation. Where llama.cpp has
// a template of the same name, both make the same text.
std::vector<std::string_view> BuiltInTemplateNames();

// The Jinja source of a template. None of them writes bos: the tokenizer puts it in front, if the
// vocabulary wants it.
std::optional<std::string_view> BuiltInTemplate(std::string_view name);

}  // namespace millrace
