#include "text/pre_tokenizer.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cstddef>

#include "base/check.h"

namespace millrace {
namespace {

// In these expressions \s stands inside brackets only: it is written out as kSpaces before they are
// compiled, because PCRE2's own \s has one member, U+180E, that is no White_Space in Unicode. \S is
// written out as [^\s].
constexpr std::string_view kSpaces =
    R"(\x09-\x0D\x20\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";

// Words and numbers with the space before them, punctuation, runs of space but for the last.
#define GPT_2 R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|[\s]+(?!\S))"
#define CONTRACTION R"((?:'[sS]|'[tT]|'[rR][eE]|'[vV][eE]|'[mM]|'[lL][lL]|'[dD]))"
// Any one character but a line break, letter or number may come before a word, line breaks after
// punctuation.
#define WORD_AND_NUMBER(number) \
  CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|)" number R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
#define SPACE R"([\s]*[\r\n]+|[\s]+(?!\S)|[\s]+)"
// Words that begin at every change from small letters to capitals.
#define LEAD R"([^\r\n\p{L}\p{N}]?)"
#define CAPITAL R"([\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}])"
#define SMALL R"([\p{Ll}\p{Lm}\p{Lo}\p{M}])"
#define CASED_WORD(suffix) \
  LEAD CAPITAL "*" SMALL "+" suffix "|" LEAD CAPITAL "+" SMALL "*" suffix "|"
#define SLASHED R"( ?[^\s\p{L}\p{N}]+[\r\n/]*|)"

// Letters with a case, as the vocabulary of deepseek-llm knows them: an old and partial \p{LC}.
constexpr const char* kDeepSeekWord =
    R"([\s]?[A-Za-z\x{B5}\x{C0}-\x{D6}\x{D8}-\x{F6}\x{F8}-\x{1BA}\x{1BC}-\x{1BF}\x{1C4}-\x{293})"
    R"(\x{295}-\x{2AF}\x{370}-\x{373}\x{376}\x{377}\x{37B}-\x{37D}\x{37F}\x{386}\x{388}-\x{38A})"
    R"(\x{38C}\x{38E}-\x{3A1}\x{3A3}-\x{3F5}\x{3F7}-\x{481}\x{48A}-\x{52F}\x{531}-\x{556})"
    R"(\x{10A0}-\x{10C5}\x{13A0}-\x{13F5}\x{13F8}-\x{13FD}\x{1C90}-\x{1CBA}\x{1CBD}-\x{1CBF})"
    R"(\x{1D00}-\x{1D2B}\x{1D6B}-\x{1D77}\x{1D79}-\x{1D9A}\x{1E00}-\x{1F15}\x{1F18}-\x{1F1D})"
    R"(\x{1F20}-\x{1F45}\x{1F48}-\x{1F4D}\x{1F50}-\x{1F57}\x{1F59}\x{1F5B}\x{1F5D})"
    R"(\x{1F5F}-\x{1F7D}\x{1F80}-\x{1FB4}\x{1FB6}-\x{1FBC}\x{1FBE}\x{1FC2}-\x{1FC4})"
    R"(\x{1FC6}-\x{1FCC}\x{1FD0}-\x{1FD3}\x{1FD6}-\x{1FDB}\x{1FE0}-\x{1FEC}\x{1FF2}-\x{1FF4})"
    R"(\x{1FF6}-\x{1FFC}\x{2102}\x{2107}\x{210A}-\x{2113}\x{2115}\x{2119}-\x{211D}\x{2124}\x{2126})"
    R"(\x{2128}\x{212A}-\x{212D}\x{212F}-\x{2134}\x{2139}\x{213C}-\x{213F}\x{2145}-\x{2149})"
    R"(\x{214E}\x{2183}\x{2184}\x{2C00}-\x{2C7B}\x{2C7E}-\x{2CE4}\x{2CEB}-\x{2CEE}\x{2CF2}\x{2CF3})"
    R"(\x{A640}-\x{A66D}\x{A680}-\x{A69B}\x{A722}-\x{A76F}\x{A771}-\x{A787}\x{A78B}-\x{A78E})"
    R"(\x{AB70}-\x{ABBF}\x{FB00}-\x{FB06}\x{FB13}-\x{FB17}\x{FF21}-\x{FF3A}\x{FF41}-\x{FF5A})"
    R"(\x{10400}-\x{1044F}\x{104B0}-\x{104D3}\x{104D8}-\x{104FB}\x{10C80}-\x{10CB2})"
    R"(\x{10CC0}-\x{10CF2}\x{118A0}-\x{118DF}\x{1E900}-\x{1E943}]+)";
constexpr const char* kDeepSeekPunctuation =
    R"([\s]?[!-/:-~\x{FF01}-\x{FF0F}\x{FF1A}-\x{FF5E}\x{2018}-\x{201F}\x{3000}-\x{3002}]+)";
constexpr const char* kDeepSeekHan = R"([\x{4E00}-\x{9FA5}\x{800}-\x{4E00}\x{AC00}-\x{D7FF}]+)";
// A leftmost match of [\s]+$ begins where a run of space does. Saying so keeps an interpreter
// without JIT from trying every place of the run, which takes quadratic time.
constexpr const char* kTrailingSpace = R"((?<![\s])[\s]++$)";
constexpr const char* kDeepSeek3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+|)"
    R"( ?[\p{P}\p{S}]+[\r\n]*|)" SPACE;
constexpr const char* kBloom =
    R"( ?[^(\s|.,!?\x{2026}\x{3002}\x{FF0C}\x{3001}\x{964}\x{6D4}\x{60C})]+)";

struct Definition {
  std::vector<const char*> expressions;
  std::vector<std::string_view> names;
  bool keeps_whole_words = false;
  bool adds_bos = false;
};

const std::vector<Definition>& Definitions() {
  static const auto* const definitions = new std::vector<Definition>{
      {{R"([\p{P}$+<=>^~|]+)", GPT_2, R"(\p{N}+)", "[0-9][0-9][0-9]"}, {"", "default"}},
      {{GPT_2},
       {"gpt-2", "phi-2", "mpt", "olmo", "jais", "trillion", "granite-docling", "exaone4",
        "gigachat", "a.x-4.0", "mellum", "modern-bert", "jina-es", "jina-de", "jina-v2-es",
        "jina-v2-de"}},
      {{R"([\p{P}$+<=>^~|`]+)", GPT_2, "[0-9][0-9][0-9]"}, {"falcon"}},
      {{R"(\p{N})", GPT_2},
       {"starcoder", "refact", "command-r", "smollm", "codeshell", "exaone", "minerva-7b",
        "mellum2"}},
      {{WORD_AND_NUMBER(R"(\p{N}{1,3})") SPACE},
       {"llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2",
        "jina-v5-nano"},
       /*keeps_whole_words=*/true,
       /*adds_bos=*/true},
      {{WORD_AND_NUMBER(R"(\p{N}{1,3})") SPACE}, {"smaug-bpe", "dbrx", "glm4", "chatglm-bpe"}},
      {{WORD_AND_NUMBER(R"(\p{N})") SPACE},
       {"qwen2", "deepseek-r1-qwen", "stablelm2", "hunyuan", "megrez", "solar-open", "grok-2",
        "kormo", "f2llmv2"}},
      {{CONTRACTION
        R"(|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|)" SPACE},
       {"qwen35"}},
      {{R"([\r\n])", kDeepSeekWord, kDeepSeekPunctuation, kTrailingSpace, kDeepSeekHan,
        R"(\p{N}+)"},
       {"deepseek-llm"}},
      {{R"([\r\n])", R"([\s]?\p{L}+)", R"([\s]?\p{P}+)", kDeepSeekHan, R"(\p{N})"},
       {"deepseek-coder"}},
      {{R"(\p{N}{1,3})", R"([\x{4E00}-\x{9FA5}\x{3040}-\x{309F}\x{30A0}-\x{30FF}]+)", kDeepSeek3},
       {"deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"}},
      {{CASED_WORD("") R"(\p{N}|)" SLASHED SPACE},
       {"tekken"},
       /*keeps_whole_words=*/true,
       /*adds_bos=*/true},
      {{CASED_WORD(CONTRACTION "?") R"(\p{N}{1,3}|)" SLASHED SPACE},
       {"gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"}},
      {{kBloom}, {"bloom", "poro-chat", "gpt3-finnish"}},
      {{kBloom, R"(\p{N})"}, {"viking"}},
      {{CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|)"
                    R"([\s]*[\r\n]|[\s]+(?!\S)|[\s]+)"},
       {"bailingmoe", "bailingmoe2", "llada-moe"}},
      {{CONTRACTION R"(|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}\r\n]+|)" SPACE},
       {"seed-coder"}},
  };
  return *definitions;
}

std::string ReplaceAll(std::string text, std::string_view from, std::string_view to) {
  std::size_t at = text.find(from);
  while (at != std::string::npos) {
    text.replace(at, from.size(), to);
    at = text.find(from, at + to.size());
  }
  return text;
}

const Definition* FindDefinition(std::string_view name) {
  for (const Definition& definition : Definitions()) {
    const auto& names = definition.names;
    if (std::find(names.begin(), names.end(), name) != names.end()) return &definition;
  }
  return nullptr;
}

Regex Compile(std::string_view expression) {
  std::string pattern = ReplaceAll(std::string(expression), R"(\S)", R"([^\s])");
  pattern = ReplaceAll(std::move(pattern), R"(\s)", kSpaces);
  Result<Regex> regex = Regex::Compile(pattern, Regex::Origin::kOurs);
  MILLRACE_CHECK(regex.ok());
  return std::move(regex).value();
}

// Appends the pieces that one expression makes of `piece`. An empty match is a place to cut.
void Cut(RegexSearch& search, std::string_view piece, std::vector<std::string_view>& words) {
  std::size_t done = 0;
  bool after_match = false;
  while (done < piece.size()) {
    const auto match = search.FindNext(piece, done, after_match);
    if (!match.has_value()) break;
    if (match->begin > done) words.push_back(piece.substr(done, match->begin - done));
    if (match->end > match->begin) {
      words.push_back(piece.substr(match->begin, match->end - match->begin));
    }
    done = match->end;
    after_match = true;
  }
  if (done < piece.size()) words.push_back(piece.substr(done));
}

}  // namespace

Result<PreTokenizer> PreTokenizer::Build(std::string_view name) {
  const Definition* const definition = FindDefinition(name);
  if (definition == nullptr) {
    return Unsupported("pre-tokenizer '{}' is not known, known are: {}", name,
                       fmt::join(Names(), ", "));
  }
  PreTokenizer pre_tokenizer;
  for (const char* const expression : definition->expressions) {
    pre_tokenizer.expressions_.push_back(Compile(expression));
  }
  pre_tokenizer.keeps_whole_words_ = definition->keeps_whole_words;
  pre_tokenizer.adds_bos_ = definition->adds_bos;
  return pre_tokenizer;
}

std::vector<std::string_view> PreTokenizer::Names() {
  std::vector<std::string_view> names;
  for (const Definition& definition : Definitions()) {
    for (const std::string_view name : definition.names) {
      if (!name.empty()) names.push_back(name);
    }
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string_view> PreTokenizer::Split(std::string_view text) const {
  std::vector<std::string_view> pieces;
  if (!text.empty()) pieces.push_back(text);
  for (const Regex& expression : expressions_) {
    RegexSearch search(expression);
    std::vector<std::string_view> words;
    words.reserve(pieces.size());
    for (const std::string_view piece : pieces) Cut(search, piece, words);
    pieces = std::move(words);
  }
  return pieces;
}

}  // namespace millrace
