#include "jinja/json.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/check.h"
#include "jinja/characters.h"
#include "jinja/failure.h"
#include "jinja/print.h"

namespace millrace::jinja {
namespace {

using Json = nlohmann::ordered_json;
using std::string_view;

class Writer {
 public:
  Writer(Heap& heap, const JsonStyle& style) : heap_(heap), style_(style), text_(heap) {}

  void Add(const Value& value, int depth) {
    if (depth > kDeepestValue) Fail("a value for tojson is nested too deeply");
    switch (value.kind()) {
      case Kind::kNone:
        return text_.Add("null");
      case Kind::kBool:
        return text_.Add(value.boolean() ? "true" : "false");
      case Kind::kInt:
        return text_.Add(std::to_string(value.integer()));
      case Kind::kFloat:
        return text_.Add(Number(value.real()));
      case Kind::kString:
        return AddString(value.string());
      case Kind::kList:
        return AddList(value.list(), depth);
      case Kind::kDict:
        return AddDict(value.dict(), depth);
      case Kind::kUndefined:
      case Kind::kNamespace:
      case Kind::kFunction:
      case Kind::kLoop:
        Fail("Object of type {} is not JSON serializable", TypeName(value));
    }
    MILLRACE_CHECK(false);
  }

  Value Finish() const { return text_.Finish(); }

 private:
  static std::string Number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value < 0 ? "-Infinity" : "Infinity";
    return FloatText(value);
  }

  void AddEscape(char32_t unit) {
    text_.Add(fmt::format("\\u{:04x}", static_cast<unsigned>(unit)));
  }

  // A character that does not stand for itself.
  void AddEscaped(char32_t code) {
    constexpr string_view kFrom = "\"\\\n\r\t\b\f", kTo = "\"\\nrtbf";
    if (const auto at = code < 0x80 ? kFrom.find(static_cast<char>(code)) : kFrom.npos;
        at != kFrom.npos) {
      const char escape[] = {'\\', kTo[at]};
      return text_.Add(string_view(escape, 2));
    }
    if (code >= kRawByte) code = 0xDC00 + (code - kRawByte);  // as Python keeps such a byte
    if (code < 0x10000) return AddEscape(code);
    AddEscape(0xD800 + ((code - 0x10000) >> 10));
    AddEscape(0xDC00 + ((code - 0x10000) & 0x3FF));
  }

  void AddString(string_view text) {
    text_.Add("\"");
    std::size_t plain = 0;  // bytes at the beginning of `text` that stand for themselves
    while (plain < text.size()) {
      const Character character = FirstCharacter(text.substr(plain));
      const bool stays = character.code >= 0x20 && character.code != '"' &&
                         character.code != '\\' &&
                         (character.code < 0x7F || !style_.ensure_ascii || character.code == 0x7F);
      if (stays) {
        plain += character.bytes;
        continue;
      }
      text_.Add(text.substr(0, plain));
      AddEscaped(character.code);
      text.remove_prefix(plain + character.bytes);
      plain = 0;
    }
    text_.Add(text);
    text_.Add("\"");
  }

  void AddLine(int depth) {
    if (!style_.has_indent) return;
    text_.Add("\n");
    for (int i = 0; i < depth; ++i) text_.Add(style_.indent);
  }

  void AddList(const List& list, int depth) {
    text_.Add("[");
    for (std::size_t i = 0; i < list.items.size(); ++i) {
      if (i > 0) text_.Add(style_.item_separator);
      AddLine(depth + 1);
      Add(list.items[i], depth + 1);
    }
    if (!list.items.empty()) AddLine(depth);
    text_.Add("]");
  }

  void AddKey(const Value& key) {
    if (key.is_string()) return AddString(key.string());
    if (key.is(Kind::kInt) || key.is(Kind::kBool) || key.is(Kind::kFloat) || key.is_none()) {
      text_.Add("\"");
      Add(key, 0);
      return text_.Add("\"");
    }
    Fail("keys must be str, int, float, bool or None, not {}", TypeName(key));
  }

  void AddDict(const Dict& dict, int depth) {
    auto entries = dict.entries;
    heap_.Work(entries.size());
    if (style_.sort_keys) {
      std::stable_sort(entries.begin(), entries.end(),
                       [&](const auto& a, const auto& b) { return Less(heap_, a.first, b.first); });
    }
    text_.Add("{");
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) text_.Add(style_.item_separator);
      AddLine(depth + 1);
      AddKey(entries[i].first);
      text_.Add(style_.key_separator);
      Add(entries[i].second, depth + 1);
    }
    if (!entries.empty()) AddLine(depth);
    text_.Add("}");
  }

  Heap& heap_;
  const JsonStyle& style_;
  TextBuilder text_;
};

}  // namespace

Value FromJson(Heap& heap, const Json& json, JsonText text, int depth) {
  if (depth > kDeepestValue) Fail("the JSON is nested deeper than {}", kDeepestValue);
  const auto string = [&](const std::string& bytes) {
    return text == JsonText::kOutlives ? Value::String(bytes) : heap.NewString(bytes);
  };
  switch (json.type()) {
    case Json::value_t::null:
      return Value::None();
    case Json::value_t::boolean:
      return Value::Bool(json.get<bool>());
    case Json::value_t::number_integer:
      return Value::Int(json.get<std::int64_t>());
    case Json::value_t::number_unsigned: {
      const auto number = json.get<std::uint64_t>();
      if (number > std::uint64_t{std::numeric_limits<std::int64_t>::max()}) {
        Fail("the integer {} in the JSON does not fit in 64 bits", number);
      }
      return Value::Int(static_cast<std::int64_t>(number));
    }
    case Json::value_t::number_float:
      return Value::Float(json.get<double>());
    case Json::value_t::string:
      return string(json.get_ref<const std::string&>());
    case Json::value_t::array: {
      List* list = heap.NewList();
      for (const Json& item : json) heap.Append(*list, FromJson(heap, item, text, depth + 1));
      return Value::Of(list);
    }
    case Json::value_t::object: {
      Dict* dict = heap.NewDict();
      for (const auto& [key, value] : json.get_ref<const Json::object_t&>()) {
        heap.Set(*dict, string(key), FromJson(heap, value, text, depth + 1));
      }
      return Value::Of(dict);
    }
    case Json::value_t::binary:
    case Json::value_t::discarded:
      Fail("the JSON holds binary data");
  }
  MILLRACE_CHECK(false);
  return {};
}

Value ToJson(Heap& heap, const Value& value, const JsonStyle& style) {
  Writer writer(heap, style);
  writer.Add(value, 0);
  return writer.Finish();
}

Value ParseJson(Heap& heap, string_view text) {
  heap.WorkOnText(8 * text.size());
  heap.Charge(8 * text.size());  // while it is read
  const Json json = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (json.is_discarded()) Fail("from_json found a text that is no JSON");
  return FromJson(heap, json, JsonText::kCopied);
}

}  // namespace millrace::jinja
