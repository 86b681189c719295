#include "text/tokenizer_json_steps.h"

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "text/json_fields.h"
#include "text/piece_table.h"
#include "text/utf8.h"

namespace millrace {
namespace {

// Real files have up to ten steps. Each costs time, and some make the text longer.
constexpr std::size_t kMaxSteps = 32;
constexpr int kMaxDepth = 8;

// Calls `read` for the component itself, or for all of a Sequence in turn. `member` is the name of
// the list in a Sequence.
template <typename Read>
Result<void> ForEachStep(const nlohmann::json& json, const std::string& where,
                         std::string_view member, int depth, std::size_t& steps, Read read) {
  if (json.is_null()) return {};
  MILLRACE_TRY(const JsonFields object, JsonFields::Of(json, where));
  MILLRACE_TRY(const std::string type, object.GetString("type"));
  if (type != "Sequence") {
    if (++steps > kMaxSteps) return Unsupported("{}: more than {} steps", where, kMaxSteps);
    return read(object, type);
  }
  if (depth == kMaxDepth) return Unsupported("{}: sequences too deep in each other", where);
  MILLRACE_TRY(const nlohmann::json* const list, object.GetArray(member));
  for (const nlohmann::json& step : *list) {
    MILLRACE_TRY_VOID(ForEachStep(step, where, member, depth + 1, steps, read));
  }
  return {};
}

template <typename Read>
Result<void> ForEachStep(const nlohmann::json& json, const std::string& where,
                         std::string_view member, Read read) {
  std::size_t steps = 0;
  return ForEachStep(json, where, member, 0, steps, std::move(read));
}

// {"String": "..."} or {"Regex": "..."}
struct Pattern {
  std::string text;
  bool is_expression;
};
Result<Pattern> ReadPattern(const JsonFields& step) {
  MILLRACE_TRY(const JsonFields pattern, step.GetObject("pattern"));
  const bool is_expression = pattern.Has("Regex");
  MILLRACE_TRY(std::string text, pattern.GetString(is_expression ? "Regex" : "String"));
  if (text.empty()) return Invalid("{}: an empty pattern", step.where());
  return Pattern{std::move(text), is_expression};
}

Result<std::string> DecodeBase64(std::string_view text, const std::string& where) {
  std::string bytes;
  bytes.reserve(text.size() / 4 * 3);
  while (text.ends_with('=')) text.remove_suffix(1);
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    std::uint32_t value = 0;
    if (c >= 'A' && c <= 'Z') {
      value = static_cast<std::uint32_t>(c - 'A');
    } else if (c >= 'a' && c <= 'z') {
      value = static_cast<std::uint32_t>(c - 'a') + 26;
    } else if (c >= '0' && c <= '9') {
      value = static_cast<std::uint32_t>(c - '0') + 52;
    } else if (c == '+' || c == '/') {
      value = c == '+' ? 62 : 63;
    } else {
      return Invalid("{}: precompiled_charsmap is no base64", where);
    }
    bits = (bits << 6) | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>((bits >> count) & 0xFF);
  }
  return bytes;
}

Result<NormalizerStep> ReadBertNormalizer(const JsonFields& step) {
  CleanForWordPiece clean;
  MILLRACE_TRY(clean.clean, step.GetBool("clean_text", true));
  MILLRACE_TRY(clean.isolate_han, step.GetBool("handle_chinese_chars", true));
  MILLRACE_TRY(clean.lowercase, step.GetBool("lowercase", true));
  MILLRACE_TRY(clean.drop_accents, step.GetBool("strip_accents", clean.lowercase));
  return NormalizerStep(clean);
}

Result<NormalizerStep> ReadNormalizerStep(const JsonFields& step, const std::string& type) {
  if (type == "NFC") return NormalizerStep(ToNormalForm{NormalForm::kNfc});
  if (type == "NFD") return NormalizerStep(ToNormalForm{NormalForm::kNfd});
  if (type == "NFKC") return NormalizerStep(ToNormalForm{NormalForm::kNfkc});
  if (type == "NFKD") return NormalizerStep(ToNormalForm{NormalForm::kNfkd});
  if (type == "Lowercase") return NormalizerStep(ToLowercase{});
  if (type == "StripAccents") return NormalizerStep(DropMarks{Marks::kAll});
  if (type == "Nmt") return NormalizerStep(CleanForTranslation{});
  if (type == "BertNormalizer") return ReadBertNormalizer(step);
  if (type == "Prepend") {
    MILLRACE_TRY(std::string text, step.GetString("prepend"));
    return NormalizerStep(PrependText{std::move(text)});
  }
  if (type == "Replace") {
    MILLRACE_TRY(Pattern pattern, ReadPattern(step));
    MILLRACE_TRY(std::string content, step.GetString("content"));
    return NormalizerStep(
        ReplaceText{std::move(pattern.text), pattern.is_expression, std::move(content)});
  }
  if (type == "Precompiled") {
    MILLRACE_TRY(const std::string text, step.GetString("precompiled_charsmap"));
    MILLRACE_TRY(std::string charsmap, DecodeBase64(text, step.where()));
    return NormalizerStep(ApplyCharsmap{std::move(charsmap)});
  }
  if (type == "Strip") {
    StripSpace strip;
    MILLRACE_TRY(strip.left, step.GetBool("strip_left", true));
    MILLRACE_TRY(strip.right, step.GetBool("strip_right", true));
    return NormalizerStep(strip);
  }
  return Unsupported("{} of type {} is not known", step.where(), type);
}

Result<CutBehavior> ReadBehavior(const JsonFields& step) {
  MILLRACE_TRY(const std::string name, step.GetString("behavior", "Isolated"));
  if (name == "Removed") return CutBehavior::kRemoved;
  if (name == "Isolated") return CutBehavior::kIsolated;
  if (name == "MergedWithPrevious") return CutBehavior::kMergedWithPrevious;
  if (name == "MergedWithNext") return CutBehavior::kMergedWithNext;
  if (name == "Contiguous") return CutBehavior::kContiguous;
  return Unsupported("{}: behavior {} is not known", step.where(), name);
}

// The replacement of a Metaspace, which must be the usual one: decoding knows no other.
Result<void> CheckSpaceMark(const JsonFields& step) {
  MILLRACE_TRY(const std::string mark, step.GetString("replacement", kSpaceMark));
  if (mark == kSpaceMark) return {};
  return Unsupported("{}: replacement is '{}', known is U+2581", step.where(), mark);
}

// "prepend_scheme", or the older switch.
Result<MarkSpaces::Prepend> ReadPrepend(const JsonFields& step) {
  MILLRACE_TRY(const bool adds, step.GetBool("add_prefix_space", true));
  MILLRACE_TRY(const std::string scheme,
               step.GetString("prepend_scheme", adds ? "always" : "never"));
  if (scheme == "always") return MarkSpaces::Prepend::kAlways;
  if (scheme == "first") return MarkSpaces::Prepend::kAtStart;
  if (scheme == "never") return MarkSpaces::Prepend::kNever;
  return Unsupported("{}: prepend_scheme {} is not known", step.where(), scheme);
}

Result<CutStep> ReadSplit(const JsonFields& step) {
  MILLRACE_TRY(Pattern pattern, ReadPattern(step));
  CutAtPattern cut;
  cut.pattern = std::move(pattern.text);
  cut.is_expression = pattern.is_expression;
  MILLRACE_TRY(cut.behavior, ReadBehavior(step));
  MILLRACE_TRY(cut.invert, step.GetBool("invert", false));
  return CutStep(std::move(cut));
}

Result<CutStep> ReadMetaspace(const JsonFields& step) {
  MILLRACE_TRY_VOID(CheckSpaceMark(step));
  MarkSpaces mark;
  MILLRACE_TRY(mark.prepend, ReadPrepend(step));
  MILLRACE_TRY(mark.cut, step.GetBool("split", true));
  return CutStep(std::move(mark));
}

Result<void> ReadCutStep(const JsonFields& step, const std::string& type,
                         std::vector<CutStep>& cuts) {
  using Class = CutAtClass::Class;
  if (type == "ByteLevel") {
    SpellInAlphabet spell;
    MILLRACE_TRY(spell.add_space, step.GetBool("add_prefix_space", true));
    MILLRACE_TRY(spell.cut, step.GetBool("use_regex", true));
    cuts.emplace_back(spell);
  } else if (type == "Split") {
    MILLRACE_TRY(CutStep cut, ReadSplit(step));
    cuts.push_back(std::move(cut));
  } else if (type == "Metaspace") {
    MILLRACE_TRY(CutStep cut, ReadMetaspace(step));
    cuts.push_back(std::move(cut));
  } else if (type == "Digits") {
    MILLRACE_TRY(const bool individual, step.GetBool("individual_digits", false));
    cuts.emplace_back(
        CutAtClass{Class::kNumber, individual ? CutBehavior::kIsolated : CutBehavior::kContiguous});
  } else if (type == "Whitespace") {
    cuts.emplace_back(CutAtPattern{R"(\w+|[^\w\s]+)", true, CutBehavior::kRemoved, true});
  } else if (type == "WhitespaceSplit") {
    cuts.emplace_back(CutAtClass{Class::kSpace, CutBehavior::kRemoved});
  } else if (type == "Punctuation") {
    MILLRACE_TRY(const CutBehavior behavior, ReadBehavior(step));
    cuts.emplace_back(CutAtClass{Class::kPunctuation, behavior});
  } else if (type == "BertPreTokenizer") {
    cuts.emplace_back(CutAtClass{Class::kSpace, CutBehavior::kRemoved});
    cuts.emplace_back(CutAtClass{Class::kPunctuation, CutBehavior::kIsolated});
  } else if (type == "CharDelimiterSplit") {
    MILLRACE_TRY(std::string delimiter, step.GetString("delimiter"));
    if (delimiter.empty()) return Invalid("{}: an empty delimiter", step.where());
    cuts.emplace_back(CutAtPattern{std::move(delimiter), false, CutBehavior::kRemoved, false});
  } else {
    return Unsupported("{} of type {} is not known", step.where(), type);
  }
  return {};
}

// ["</s>", 2]
Result<Affixes::Token> ReadPair(const JsonFields& step, std::string_view key) {
  MILLRACE_TRY(const nlohmann::json* const pair, step.GetArray(key));
  if (pair->size() != 2 || !(*pair)[0].is_string() || !(*pair)[1].is_number_integer()) {
    return Invalid("{}: \"{}\" is not a spelling and an id", step.where(), key);
  }
  return Affixes::Token{(*pair)[0].get<std::string>(), {(*pair)[1].get<std::int64_t>()}};
}

// The token of {"SpecialToken": {"id": "<s>"}}, whose ids the list of special tokens has.
Result<Affixes::Token> ReadTemplateToken(const JsonFields& step, const JsonFields& element) {
  MILLRACE_TRY(const JsonFields special, element.GetObject("SpecialToken"));
  Affixes::Token token;
  MILLRACE_TRY(token.piece, special.GetString("id"));
  if (!step.Has("special_tokens")) return token;
  MILLRACE_TRY(const JsonFields all, step.GetObject("special_tokens"));
  if (!all.Has(token.piece)) return token;
  MILLRACE_TRY(const JsonFields entry, all.GetObject(token.piece));
  if (!entry.Has("ids")) return token;
  MILLRACE_TRY(const nlohmann::json* const ids, entry.GetArray("ids"));
  for (const nlohmann::json& id : *ids) {
    if (!id.is_number_integer()) return Invalid("{}: an id that is no integer", entry.where());
    token.ids.push_back(id.get<std::int64_t>());
  }
  return token;
}

Result<void> ReadTemplate(const JsonFields& step, Affixes& affixes) {
  MILLRACE_TRY(const nlohmann::json* const single, step.GetArray("single"));
  bool is_behind = false;
  std::vector<Affixes::Token> suffix;
  std::vector<Affixes::Token> prefix;
  for (const nlohmann::json& json : *single) {
    MILLRACE_TRY(const JsonFields element, JsonFields::Of(json, step.where() + ": single"));
    if (element.Has("Sequence")) {
      if (is_behind) return Unsupported("{}: the text twice", step.where());
      is_behind = true;
      continue;
    }
    MILLRACE_TRY(Affixes::Token token, ReadTemplateToken(step, element));
    (is_behind ? suffix : prefix).push_back(std::move(token));
  }
  affixes.prefix.insert(affixes.prefix.begin(), prefix.begin(), prefix.end());
  affixes.suffix.insert(affixes.suffix.end(), suffix.begin(), suffix.end());
  return {};
}

// A Replace in a decoder turns the mark into a space, or it is not read.
Result<void> ReadDecoderReplace(const JsonFields& step, DecoderTraits& traits) {
  MILLRACE_TRY(const Pattern pattern, ReadPattern(step));
  MILLRACE_TRY(const std::string content, step.GetString("content"));
  if (pattern.is_expression || pattern.text != kSpaceMark || content != " ") {
    return Unsupported("{}: Replace of '{}' by '{}', known is U+2581 by a space", step.where(),
                       pattern.text, content);
  }
  traits.has_space_marks = true;
  return {};
}

Result<void> ReadDecoderStrip(const JsonFields& step, DecoderTraits& traits) {
  MILLRACE_TRY(const std::string content, step.GetString("content"));
  MILLRACE_TRY(const std::int64_t start, step.GetInt("start"));
  MILLRACE_TRY(const std::int64_t stop, step.GetInt("stop"));
  if (start == 0 && stop == 0) return {};
  if (content != " " || start != 1 || stop != 0) {
    return Unsupported("{}: Strip of {} and {} times '{}', known is one space in front",
                       step.where(), start, stop, content);
  }
  traits.drops_first_space = true;
  return {};
}

Result<void> ReadDecoderStep(const JsonFields& step, const std::string& type,
                             DecoderTraits& traits) {
  if (type == "Fuse") return {};
  if (type == "Replace") return ReadDecoderReplace(step, traits);
  if (type == "Strip") return ReadDecoderStrip(step, traits);
  if (type == "ByteLevel") {
    traits.has_letters = true;
  } else if (type == "ByteFallback") {
    traits.has_bytes = true;
  } else if (type == "Metaspace") {
    MILLRACE_TRY_VOID(CheckSpaceMark(step));
    MILLRACE_TRY(const MarkSpaces::Prepend prepend, ReadPrepend(step));
    traits.has_space_marks = true;
    traits.drops_first_space = prepend != MarkSpaces::Prepend::kNever;
  } else if (type == "WordPiece") {
    traits.has_words = true;
    MILLRACE_TRY(traits.joins_words, step.GetBool("cleanup", true));
  } else {
    return Unsupported("{} of type {} is not known", step.where(), type);
  }
  return {};
}

}  // namespace

Result<std::vector<NormalizerStep>> ReadNormalizer(const nlohmann::json& json,
                                                   const std::string& name) {
  std::vector<NormalizerStep> steps;
  MILLRACE_TRY_VOID(
      ForEachStep(json, name + ": normalizer", "normalizers",
                  [&](const JsonFields& step, const std::string& type) -> Result<void> {
                    MILLRACE_TRY(NormalizerStep read, ReadNormalizerStep(step, type));
                    steps.push_back(std::move(read));
                    return {};
                  }));
  return steps;
}

Result<std::vector<CutStep>> ReadPreTokenizer(const nlohmann::json& json, const std::string& name) {
  std::vector<CutStep> cuts;
  MILLRACE_TRY_VOID(ForEachStep(json, name + ": pre_tokenizer", "pretokenizers",
                                [&](const JsonFields& step, const std::string& type) {
                                  return ReadCutStep(step, type, cuts);
                                }));
  std::size_t spellings = 0;
  for (const CutStep& cut : cuts) spellings += std::holds_alternative<SpellInAlphabet>(cut) ? 1 : 0;
  if (spellings > 1) return Unsupported("{}: pre_tokenizer: ByteLevel more than once", name);
  return cuts;
}

Result<Affixes> ReadPostProcessor(const nlohmann::json& json, const std::string& name) {
  Affixes affixes;
  const auto read = [&](const JsonFields& step, const std::string& type) -> Result<void> {
    if (type == "ByteLevel") return {};
    if (type == "TemplateProcessing") return ReadTemplate(step, affixes);
    if (type != "BertProcessing" && type != "RobertaProcessing") {
      return Unsupported("{} of type {} is not known", step.where(), type);
    }
    MILLRACE_TRY(Affixes::Token first, ReadPair(step, "cls"));
    MILLRACE_TRY(Affixes::Token last, ReadPair(step, "sep"));
    affixes.prefix.insert(affixes.prefix.begin(), std::move(first));
    affixes.suffix.push_back(std::move(last));
    return {};
  };
  MILLRACE_TRY_VOID(ForEachStep(json, name + ": post_processor", "processors", read));
  return affixes;
}

Result<DecoderTraits> ReadDecoder(const nlohmann::json& json, const std::string& name) {
  DecoderTraits traits;
  MILLRACE_TRY_VOID(ForEachStep(json, name + ": decoder", "decoders",
                                [&](const JsonFields& step, const std::string& type) {
                                  return ReadDecoderStep(step, type, traits);
                                }));
  return traits;
}

}  // namespace millrace
