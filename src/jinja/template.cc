#include "jinja/template.h"

#include <algorithm>
#include <new>

#include "jinja/failure.h"
#include "jinja/interpreter.h"
#include "jinja/statement_parser.h"
#include "jinja/syntax_tree.h"

namespace millrace::jinja {
namespace {

constexpr std::size_t kMostSourceBytes = std::size_t{1} << 20;
constexpr std::size_t kLongestMessage = 500;  // of raise_exception, say

// The message on one line: a template chooses its own.
std::string OneLine(std::string message) {
  if (message.size() > kLongestMessage) message = message.substr(0, kLongestMessage) + "...";
  std::replace_if(
      message.begin(), message.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; },
      ' ');
  return message;
}

}  // namespace

Result<Template> Template::Parse(std::string_view source, std::string_view name) {
  if (source.size() > kMostSourceBytes) {
    return Invalid("{}:1: the template has {} bytes, wanted at most {}", name, source.size(),
                   kMostSourceBytes);
  }
  auto tree = std::make_shared<SyntaxTree>();
  tree->source = NormalizeLines(source);
  try {
    ParseTemplate(*tree);
  } catch (const SyntaxError& error) {
    return Invalid("{}:{}: {}", name, error.line, OneLine(error.message));
  }
  return Template(std::string(name), std::move(tree));
}

Result<std::string> Template::Render(const nlohmann::ordered_json& context,
                                     const RenderOptions& options) const {
  Interpreter interpreter(*tree_, options);
  try {
    return interpreter.Render(context);
  } catch (const Failure& failure) {
    return Error{failure.code,
                 fmt::format("{}:{}: {}", name_, interpreter.line(), OneLine(failure.message))};
  } catch (const std::bad_alloc&) {
    return Exhausted("{}:{}: the system refuses more memory", name_, interpreter.line());
  }
}

bool Template::Mentions(std::string_view variable) const {
  return std::any_of(
      tree_->expressions.begin(), tree_->expressions.end(), [&](const Expression& expression) {
        return expression.kind == Expression::Kind::kName && expression.name == variable;
      });
}

}  // namespace millrace::jinja
