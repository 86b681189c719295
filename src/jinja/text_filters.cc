// Filters that make a text of a text.
#include <algorithm>
#include <string>

#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/filters.h"
#include "jinja/format.h"
#include "jinja/named_functions.h"
#include "jinja/parameters.h"
#include "jinja/print.h"
#include "jinja/texts.h"

namespace millrace::jinja {
namespace {

using std::string_view;

template <std::string (*function)(string_view)>
Value Mapped(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("this filter", arguments, {});
  const string_view text = Str(interpreter.heap(), value).string();
  interpreter.heap().WorkOnText(8 * text.size());
  return interpreter.heap().NewString(function(text));
}

// Words begin after blanks and after - ( { [ <, unlike in str.title().
std::string TitleFilter(string_view text) {
  const auto is_between = [](char32_t code) {
    return IsSpace(code) ||
           (code < 0x80 && string_view("-({[<").find(static_cast<char>(code)) != string_view::npos);
  };
  std::string result;
  while (!text.empty()) {
    const std::size_t first = FirstCharacter(text).bytes;
    std::size_t end = first;  // of the word, if this is one
    while (end < text.size() && !is_between(FirstCharacter(text.substr(end)).code)) {
      end += FirstCharacter(text.substr(end)).bytes;
    }
    if (is_between(FirstCharacter(text).code)) end = first;
    result += Upper(text.substr(0, first)) + Lower(text.substr(first, end - first));
    text.remove_prefix(end);
  }
  return result;
}

std::string Escape(string_view text) {
  std::string escaped;
  for (const char c : text) {
    switch (c) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&#34;";
        break;
      case '\'':
        escaped += "&#39;";
        break;
      default:
        escaped += c;
    }
  }
  return escaped;
}

std::string EncodeUrl(string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool stays = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       string_view("-._~/").find(c) != string_view::npos;
    encoded += stays ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return encoded;
}

// The text that a filter insists on, which it is about to read.
string_view TextOf(Heap& heap, string_view filter, const Value& value) {
  if (!value.is_string()) Fail("{}() wants a str, not '{}'", filter, TypeName(value));
  heap.WorkOnText(value.string().size());
  return value.string();
}

Value UrlEncode(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("urlencode", arguments, {});
  if (value.is_list() || value.is_dict()) FailUnsupported("urlencode of a list or a dict");
  return interpreter.heap().NewString(EncodeUrl(Str(interpreter.heap(), value).string()));
}

Value Trim(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("trim", arguments, {"chars"});
  const Value text = Str(interpreter.heap(), value);
  return Strip(interpreter.heap(), text.string(), Side::kBoth, parameters.Get(0));
}

Value ReplaceFilter(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("replace", arguments, {"old", "new", "count"}, 2);
  Heap& heap = interpreter.heap();
  return Replace(heap, Str(heap, value).string(), Str(heap, *parameters.Get(0)).string(),
                 Str(heap, *parameters.Get(1)).string(), parameters.Int(2, -1));
}

Value Format(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  Heap& heap = interpreter.heap();
  const Value text = Str(heap, value);
  if (!arguments.named.empty()) {
    if (!arguments.positional.empty()) Fail("format() takes values by place or by name, not both");
    Dict* values = heap.NewDict();
    for (const auto& [name, given] : arguments.named) heap.Set(*values, Value::String(name), given);
    return FormatPercent(heap, text.string(), Value::Of(values));
  }
  List* values = heap.NewList(Sequence::kTuple);
  for (const Value& given : arguments.positional) heap.Append(*values, given);
  return FormatPercent(heap, text.string(), Value::Of(values));
}

// Each line after the first, if it is not empty, begins with the indent.
Value Indent(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("indent", arguments, {"width", "first", "blank"});
  Heap& heap = interpreter.heap();
  const bool is_text = parameters.Has(0) && parameters.Get(0)->is_string();
  const std::int64_t width = is_text ? 0 : std::max<std::int64_t>(parameters.Int(0, 4), 0);
  const auto add_indent = [&](TextBuilder& text) {
    if (is_text) return text.Add(parameters.Get(0)->string());
    text.Add(static_cast<std::size_t>(width), ' ');
  };
  const bool blank = parameters.Bool(2, false);
  string_view rest = TextOf(heap, "indent", value);
  TextBuilder result(heap);
  if (parameters.Bool(1, false)) add_indent(result);
  for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    result.Add(rest.substr(0, end + 1));
    rest.remove_prefix(end + 1);
    if (blank || (!rest.empty() && rest[0] != '\n')) add_indent(result);
  }
  result.Add(rest);
  return result.Finish();
}

Value Center(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("center", arguments, {"width"});
  const Value text = Str(interpreter.heap(), value);
  return Pad(interpreter.heap(), text.string(), parameters.Int(0, 80), " ", Alignment::kCenter);
}

Value Truncate(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("truncate", arguments, {"length", "killwords", "end", "leeway"});
  Heap& heap = interpreter.heap();
  const std::int64_t length = parameters.Int(0, 255);
  const string_view end = parameters.String(2, "...");
  const auto end_size = static_cast<std::int64_t>(CountCharacters(end));
  const std::int64_t leeway = parameters.Int(3, 5);
  if (length < end_size) Fail("expected length >= {}, got {}", end_size, length);
  if (leeway < 0) Fail("expected leeway >= 0, got {}", leeway);
  if (value.is_undefined()) return value;
  // What has a length and is short enough stays as it is.
  const std::int64_t size =
      value.is_list() ? static_cast<std::int64_t>(value.list().items.size())
      : value.is_dict()
          ? static_cast<std::int64_t>(value.dict().entries.size())
          : static_cast<std::int64_t>(CountCharacters(TextOf(heap, "truncate", value)));
  if (size - length <= leeway) return value;
  const string_view text = TextOf(heap, "truncate", value);
  string_view kept = text.substr(0, ByteOffset(text, static_cast<std::size_t>(length - end_size)));
  if (!parameters.Bool(1, false)) kept = kept.substr(0, std::min(kept.rfind(' '), kept.size()));
  return heap.Concatenate(kept, end);
}

Value WordCount(Interpreter& interpreter, const Value& value, const Arguments&) {
  const string_view text = Str(interpreter.heap(), value).string();
  interpreter.heap().WorkOnText(text.size());
  std::int64_t count = 0;
  bool in_word = false;
  for (string_view rest = text; !rest.empty();) {
    const Character character = FirstCharacter(rest);
    const bool is_word =
        character.code == '_' || IsLetter(character.code) || IsDecimal(character.code);
    if (is_word && !in_word) ++count;
    in_word = is_word;
    rest.remove_prefix(character.bytes);
  }
  return Value::Int(count);
}

Value ToString(Interpreter& interpreter, const Value& value, const Arguments& arguments) {
  const Parameters parameters("string", arguments, {});
  return Str(interpreter.heap(), value);
}

}  // namespace

Filter FindTextFilter(string_view name) {
  static const NamedFunctions<Filter> filters = {{"upper", Mapped<Upper>},
                                                 {"lower", Mapped<Lower>},
                                                 {"capitalize", Mapped<Capitalize>},
                                                 {"title", Mapped<TitleFilter>},
                                                 {"escape", Mapped<Escape>},
                                                 {"e", Mapped<Escape>},
                                                 {"forceescape", Mapped<Escape>},
                                                 {"urlencode", UrlEncode},
                                                 {"trim", Trim},
                                                 {"replace", ReplaceFilter},
                                                 {"format", Format},
                                                 {"indent", Indent},
                                                 {"center", Center},
                                                 {"truncate", Truncate},
                                                 {"wordcount", WordCount},
                                                 {"string", ToString},
                                                 {"safe", ToString}};
  return filters.Find(name);
}

}  // namespace millrace::jinja
