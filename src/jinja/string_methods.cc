// Methods of strings.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/format.h"
#include "jinja/methods.h"
#include "jinja/named_functions.h"
#include "jinja/parameters.h"
#include "jinja/texts.h"

namespace millrace::jinja {
namespace {

using std::string_view;

template <std::string (*function)(string_view)>
Value Mapped(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("a method of str", arguments, {});
  interpreter.heap().WorkOnText(8 * self.string().size());
  return interpreter.heap().NewString(function(self.string()));
}

template <Side side>
Value StripMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("strip", arguments, {"chars"});
  return Strip(interpreter.heap(), self.string(), side, parameters.Get(0));
}

Value Split(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("split", arguments, {"sep", "maxsplit"});
  return SplitText(interpreter.heap(), self.string(), parameters.Get(0), parameters.Int(1, -1));
}

Value RightSplit(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("rsplit", arguments, {"sep", "maxsplit"});
  return SplitTextFromRight(interpreter.heap(), self.string(), parameters.Get(0),
                            parameters.Int(1, -1));
}

Value SplitLines(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("splitlines", arguments, {"keepends"});
  const bool keep = parameters.Bool(0, false);
  List* lines = interpreter.heap().NewList();
  string_view text = self.string();
  interpreter.heap().WorkOnText(text.size());
  constexpr char32_t kEnds[] = {'\n', '\r', 0xB, 0xC, 0x1C, 0x1D, 0x1E, 0x85, 0x2028, 0x2029};
  std::size_t at = 0;
  while (at < text.size()) {
    const Character character = FirstCharacter(text.substr(at));
    if (std::find(std::begin(kEnds), std::end(kEnds), character.code) == std::end(kEnds)) {
      at += character.bytes;
      continue;
    }
    const std::size_t end = text.substr(at).starts_with("\r\n") ? 2 : character.bytes;
    interpreter.heap().Append(*lines, Value::String(text.substr(0, keep ? at + end : at)));
    text.remove_prefix(at + end);
    at = 0;
  }
  if (!text.empty()) interpreter.heap().Append(*lines, Value::String(text));
  return Value::Of(lines);
}

Value JoinMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("join", arguments, {"iterable"}, 1);
  TextBuilder text(interpreter.heap());
  bool first = true;
  for (const Value& item : interpreter.Items(*parameters.Get(0)).items) {
    if (!item.is_string()) Fail("join() wants a list of str, found '{}'", TypeName(item));
    if (!first) text.Add(self.string());
    first = false;
    text.Add(item.string());
  }
  return text.Finish();
}

Value ReplaceMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("replace", arguments, {"old", "new", "count"}, 2);
  return Replace(interpreter.heap(), self.string(), parameters.String(0, ""),
                 parameters.String(1, ""), parameters.Int(2, -1));
}

// text[begin:end] in characters, for the methods that look at a part; nothing, not even an empty
// text, where it begins behind the end.
std::optional<string_view> Part(Heap& heap, string_view text, const Parameters& parameters,
                                std::size_t begin, std::size_t end) {
  if (!parameters.Has(begin) && !parameters.Has(end)) return text;
  heap.WorkOnText(text.size());
  const auto size = static_cast<std::int64_t>(CountCharacters(text));
  const auto position = [&](std::int64_t index) {
    const std::int64_t from_begin = index < 0 ? std::max(index, -size) + size : index;
    return ByteOffset(text, static_cast<std::size_t>(std::min(from_begin, size)));
  };
  if (parameters.Int(begin, 0) > size) return std::nullopt;
  const std::size_t first = position(parameters.Int(begin, 0));
  const std::size_t last = position(parameters.Int(end, size));
  if (first > last) return std::nullopt;
  return text.substr(first, last - first);
}

template <bool at_begin>
Value StartsOrEndsWith(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const string_view name = at_begin ? "startswith" : "endswith";
  const Parameters parameters(name, arguments, {"prefix", "start", "end"}, 1);
  const auto part = Part(interpreter.heap(), self.string(), parameters, 1, 2);
  const string_view text = part.value_or("");
  const auto matches = [&](const Value& affix) {
    if (!affix.is_string()) {
      Fail("{} first arg must be str or a tuple of str, not {}", name, TypeName(affix));
    }
    if (!part.has_value()) return false;
    return at_begin ? text.starts_with(affix.string()) : text.ends_with(affix.string());
  };
  const Value& affix = *parameters.Get(0);
  if (!affix.is_list()) return Value::Bool(matches(affix));
  const auto& items = affix.list().items;
  interpreter.heap().Work(items.size());
  return Value::Bool(std::any_of(items.begin(), items.end(), matches));
}

enum class Direction { kForward, kBackward };

// The character at which `wanted` stands.
std::optional<std::int64_t> Find(Interpreter& interpreter, string_view name, const Value& self,
                                 const Arguments& arguments, Direction direction) {
  const Parameters parameters(name, arguments, {"sub", "start", "end"}, 1);
  const string_view whole = self.string();
  interpreter.heap().WorkOnText(whole.size());
  const auto part = Part(interpreter.heap(), whole, parameters, 1, 2);
  if (!part.has_value()) return std::nullopt;
  const string_view text = *part;
  const string_view wanted = parameters.String(0, "");
  const std::size_t at = direction == Direction::kForward
                             ? FindText(interpreter.heap(), text, wanted)
                             : FindLastText(interpreter.heap(), text, wanted);
  if (at == text.npos) return std::nullopt;
  const auto byte = static_cast<std::size_t>(text.data() - whole.data()) + at;
  return static_cast<std::int64_t>(CountCharacters(whole.substr(0, byte)));
}

template <Direction direction>
Value FindMethodOf(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return Value::Int(Find(interpreter, "find", self, arguments, direction).value_or(-1));
}

template <Direction direction>
Value IndexMethod(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const auto found = Find(interpreter, "index", self, arguments, direction);
  if (!found.has_value()) Fail("substring not found");
  return Value::Int(*found);
}

Value Count(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("count", arguments, {"sub", "start", "end"}, 1);
  const auto part = Part(interpreter.heap(), self.string(), parameters, 1, 2);
  if (!part.has_value()) return Value::Int(0);
  string_view text = *part;
  const string_view wanted = parameters.String(0, "");
  interpreter.heap().WorkOnText(text.size());
  if (wanted.empty()) return Value::Int(static_cast<std::int64_t>(CountCharacters(text)) + 1);
  std::int64_t count = 0;
  for (std::size_t at = 0; (at = FindText(interpreter.heap(), text, wanted)) != text.npos;
       ++count) {
    text.remove_prefix(at + wanted.size());
  }
  return Value::Int(count);
}

Value Format(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  return FormatBraces(interpreter, self.string(), arguments);
}

// Whether there is a character, and every one passes.
template <bool (*test)(char32_t)>
Value All(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("a method of str", arguments, {});
  interpreter.heap().WorkOnText(self.string().size());
  for (string_view rest = self.string(); !rest.empty();) {
    const Character character = FirstCharacter(rest);
    if (!test(character.code)) return Value::Bool(false);
    rest.remove_prefix(character.bytes);
  }
  return Value::Bool(!self.string().empty());
}

bool IsLetterOrNumeric(char32_t code) { return IsLetter(code) || IsNumeric(code); }

Value IsAscii(Interpreter& interpreter, const Value& self, const Arguments&) {
  const string_view text = self.string();
  interpreter.heap().WorkOnText(text.size());
  return Value::Bool(std::all_of(text.begin(), text.end(),
                                 [](char c) { return static_cast<unsigned char>(c) < 0x80; }));
}

Value IsUpperMethod(Interpreter& interpreter, const Value& self, const Arguments&) {
  interpreter.heap().WorkOnText(self.string().size());
  return Value::Bool(IsUpper(self.string()));
}

Value IsLowerMethod(Interpreter& interpreter, const Value& self, const Arguments&) {
  interpreter.heap().WorkOnText(self.string().size());
  return Value::Bool(IsLower(self.string()));
}

template <Alignment alignment>
Value Justify(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("a method of str", arguments, {"width", "fillchar"}, 1);
  const string_view fill = parameters.String(1, " ");
  if (CountCharacters(fill) != 1) Fail("the fill character must be exactly one character long");
  return Pad(interpreter.heap(), self.string(), parameters.Int(0, 0), fill, alignment);
}

Value ZeroFill(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("zfill", arguments, {"width"}, 1);
  string_view text = self.string();
  const bool has_sign = text.starts_with('-') || text.starts_with('+');
  const string_view sign = text.substr(0, has_sign ? 1 : 0);
  text.remove_prefix(sign.size());
  const std::int64_t width = parameters.Int(0, 0) - (has_sign ? 1 : 0);
  const Value padded = Pad(interpreter.heap(), text, width, "0", Alignment::kRight);
  return interpreter.heap().Concatenate(sign, padded.string());
}

template <bool at_begin>
Value RemoveAffix(Interpreter&, const Value& self, const Arguments& arguments) {
  const Parameters parameters(at_begin ? "removeprefix" : "removesuffix", arguments, {"affix"}, 1);
  const string_view text = self.string(), affix = parameters.String(0, "");
  if (at_begin && text.starts_with(affix)) return Value::String(text.substr(affix.size()));
  if (!at_begin && text.ends_with(affix)) {
    return Value::String(text.substr(0, text.size() - affix.size()));
  }
  return self;
}

template <Direction direction>
Value Partition(Interpreter& interpreter, const Value& self, const Arguments& arguments) {
  const Parameters parameters("partition", arguments, {"sep"}, 1);
  const string_view text = self.string(), separator = parameters.String(0, "");
  if (separator.empty()) Fail("empty separator");
  interpreter.heap().WorkOnText(text.size());
  const bool forward = direction == Direction::kForward;
  const std::size_t at = forward ? FindText(interpreter.heap(), text, separator)
                                 : FindLastText(interpreter.heap(), text, separator);
  const Value none = Value::String("");
  if (at == text.npos) {
    return forward ? interpreter.heap().NewTuple({self, none, none})
                   : interpreter.heap().NewTuple({none, none, self});
  }
  return interpreter.heap().NewTuple({Value::String(text.substr(0, at)), Value::String(separator),
                                      Value::String(text.substr(at + separator.size()))});
}

}  // namespace

Method FindStringMethod(string_view name) {
  static const NamedFunctions<Method> methods = {{"upper", Mapped<Upper>},
                                                 {"lower", Mapped<Lower>},
                                                 {"casefold", Mapped<Lower>},
                                                 {"capitalize", Mapped<Capitalize>},
                                                 {"title", Mapped<Title>},
                                                 {"swapcase", Mapped<SwapCase>},
                                                 {"strip", StripMethod<Side::kBoth>},
                                                 {"lstrip", StripMethod<Side::kLeft>},
                                                 {"rstrip", StripMethod<Side::kRight>},
                                                 {"split", Split},
                                                 {"rsplit", RightSplit},
                                                 {"splitlines", SplitLines},
                                                 {"join", JoinMethod},
                                                 {"replace", ReplaceMethod},
                                                 {"startswith", StartsOrEndsWith<true>},
                                                 {"endswith", StartsOrEndsWith<false>},
                                                 {"find", FindMethodOf<Direction::kForward>},
                                                 {"rfind", FindMethodOf<Direction::kBackward>},
                                                 {"index", IndexMethod<Direction::kForward>},
                                                 {"rindex", IndexMethod<Direction::kBackward>},
                                                 {"count", Count},
                                                 {"format", Format},
                                                 {"isspace", All<IsSpace>},
                                                 {"isalpha", All<IsLetter>},
                                                 {"isdigit", All<IsDigit>},
                                                 {"isdecimal", All<IsDecimal>},
                                                 {"isnumeric", All<IsNumeric>},
                                                 {"isalnum", All<IsLetterOrNumeric>},
                                                 {"isascii", IsAscii},
                                                 {"isupper", IsUpperMethod},
                                                 {"islower", IsLowerMethod},
                                                 {"center", Justify<Alignment::kCenter>},
                                                 {"ljust", Justify<Alignment::kLeft>},
                                                 {"rjust", Justify<Alignment::kRight>},
                                                 {"zfill", ZeroFill},
                                                 {"removeprefix", RemoveAffix<true>},
                                                 {"removesuffix", RemoveAffix<false>},
                                                 {"partition", Partition<Direction::kForward>},
                                                 {"rpartition", Partition<Direction::kBackward>}};
  return methods.Find(name);
}

}  // namespace millrace::jinja
