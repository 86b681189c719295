// Any bytes as a template: it is refused in one line, or it renders within its limits, or it fails
// in one line. Bytes from 0x80 on stand for words of the language, so that random bytes are often
// nearly a template.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "jinja/template.h"

namespace millrace::jinja {
namespace {

constexpr std::string_view kWords[] = {"{{ ",
                                       " }}",
                                       "{% ",
                                       " %}",
                                       "{%- ",
                                       " -%}",
                                       "{# ",
                                       " #}",
                                       "for x in ",
                                       "endfor",
                                       "if ",
                                       "elif ",
                                       "else",
                                       "endif",
                                       "set ",
                                       "endset",
                                       "macro m(a, b=1)",
                                       "endmacro",
                                       "call m(1)",
                                       "endcall",
                                       "filter upper",
                                       "endfilter",
                                       "with a = 1",
                                       "endwith",
                                       "raw",
                                       "endraw",
                                       "generation",
                                       "endgeneration",
                                       "break",
                                       "continue",
                                       "recursive",
                                       "loop(",
                                       "loop.",
                                       "index",
                                       "last",
                                       "nextitem",
                                       "previtem",
                                       "length",
                                       "cycle(",
                                       "changed(",
                                       "caller()",
                                       "varargs",
                                       "kwargs",
                                       "namespace(a=1)",
                                       "range(9)",
                                       "dict(",
                                       "joiner()",
                                       "cycler(1, 2)",
                                       "raise_exception(",
                                       "strftime_now('%Y-%m-%d %j %U %c')",
                                       "messages",
                                       "tools",
                                       "text",
                                       "number",
                                       "real",
                                       "none",
                                       "true",
                                       "false",
                                       "x",
                                       "a",
                                       " = ",
                                       " == ",
                                       " != ",
                                       " < ",
                                       " in ",
                                       " not in ",
                                       " is ",
                                       " not ",
                                       " and ",
                                       " or ",
                                       " ~ ",
                                       " + ",
                                       " - ",
                                       " * ",
                                       " ** ",
                                       " // ",
                                       " / ",
                                       " % ",
                                       "defined",
                                       "string",
                                       "mapping",
                                       "sequence",
                                       "divisibleby",
                                       "|tojson",
                                       "|tojson(indent=2)",
                                       "|from_json",
                                       "|join(",
                                       "|map(",
                                       "|select(",
                                       "|selectattr(",
                                       "|sort",
                                       "|groupby(",
                                       "|unique",
                                       "|batch(2)",
                                       "|slice(2)",
                                       "|replace(",
                                       "|indent",
                                       "|truncate(3)",
                                       "|title",
                                       "|round(1)",
                                       "|int",
                                       "|float",
                                       "|format(",
                                       "|default(",
                                       "|items",
                                       "|dictsort",
                                       "|list",
                                       "|reverse",
                                       "|sum",
                                       "|min",
                                       ".split(",
                                       ".strip(",
                                       ".format(",
                                       ".join(",
                                       ".append(",
                                       ".pop(",
                                       ".update(",
                                       ".get(",
                                       ".items()",
                                       ".find(",
                                       ".center(",
                                       ".title()",
                                       "'{0:>{1}} {}'",
                                       "'%-5.2f%s%(a)d'",
                                       "[::-1]",
                                       "[1:"};

std::string Source(const std::uint8_t* data, std::size_t size) {
  std::string source;
  for (std::size_t i = 0; i < size; ++i) {
    if (data[i] < 0x80) {
      source += static_cast<char>(data[i]);
    } else if (data[i] - 0x80 < static_cast<int>(std::size(kWords))) {
      source += kWords[data[i] - 0x80];
    } else {
      source += static_cast<char>(data[i]);
    }
  }
  return source;
}

void CheckError(const Error& error) {
  MILLRACE_CHECK(error.message.starts_with("fuzz:"));
  MILLRACE_CHECK(error.message.find('\n') == std::string::npos);
}

void Try(std::string_view source) {
  static const auto context = nlohmann::ordered_json::parse(R"({
    "messages": [{"role": "user", "content": "Grüße\n {\"a\": [1, 2.5, null]} "},
                 {"role": "assistant", "content": null, "tool_calls": [{"name": "f"}]}],
    "tools": [{"name": "f", "parameters": {"type": "object", "required": ["x"]}}],
    "text": "It's 中文 😀, <b>", "number": -7, "real": 2.5e-7})");
  const auto parsed = Template::Parse(source, "fuzz");
  if (!parsed.ok()) return CheckError(parsed.error());
  RenderOptions options{.now_s = 1769864709};
  options.limits.most_steps = 100'000;
  options.limits.most_memory_bytes = std::size_t{8} << 20;
  options.limits.most_output_bytes = std::size_t{1} << 20;
  const auto text = parsed->Render(context, options);
  if (!text.ok()) return CheckError(text.error());
  MILLRACE_CHECK(text->size() <= options.limits.most_output_bytes);
}

}  // namespace
}  // namespace millrace::jinja

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  millrace::jinja::Try(millrace::jinja::Source(data, size));
  millrace::jinja::Try(bytes);
  return 0;
}
