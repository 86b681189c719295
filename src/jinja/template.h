// Jinja templates as models ship them: what Hugging Face transformers renders with Jinja2 and the
// environment it sets up, here without Python.
//
//     MILLRACE_TRY(const Template chat, Template::Parse(source, "tokenizer_config.json"));
//     MILLRACE_TRY(const std::string prompt, chat.Render({{"messages", messages}}, {.now_s =
//     now}));
//
// The environment: trim_blocks and lstrip_blocks; break and continue; raise_exception(message);
// strftime_now(format); tojson as transformers has it; {% generation %} blocks. Values behave as in
// Python (docs/templates.md says where not). Templates of other files (include, import, extends)
// are not supported.
//
// A template is not trusted: it can neither reach anything outside its input nor run, grow or nest
// without bound.
#pragma once

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace::jinja {

// Beyond any of these a rendering is an error (kExhausted).
struct Limits {
  std::uint64_t most_steps = 20'000'000;  // about a second
  std::size_t most_output_bytes = std::size_t{64} << 20;
  std::size_t most_memory_bytes = std::size_t{256} << 20;  // of all values ever made
  int deepest = 600;  // expressions, statements and calls within each other
};

struct RenderOptions {
  // What strftime_now takes for the present: seconds since 1970-01-01 00:00:00 on the clock that
  // the reader of the text has at the wall. Without it, strftime_now is an error.
  std::optional<std::int64_t> now_s;
  Limits limits = {};
};

struct SyntaxTree;

// Immutable: may be rendered by several threads at once.
class Template {
 public:
  // The errors here and of Render begin "NAME:LINE: ".
  static Result<Template> Parse(std::string_view source, std::string_view name);

  // The text that the template makes of the variables in `context`, an object. An error is the
  // template's own (raise_exception), Python's (a missing attribute, a wrong type) or a limit's.
  Result<std::string> Render(const nlohmann::ordered_json& context,
                             const RenderOptions& options = {}) const;

  // Whether the template mentions a variable, for example "tools".
  bool Mentions(std::string_view variable) const;

 private:
  Template(std::string name, std::shared_ptr<const SyntaxTree> tree)
      : name_(std::move(name)), tree_(std::move(tree)) {}

  std::string name_;
  std::shared_ptr<const SyntaxTree> tree_;
};

}  // namespace millrace::jinja
