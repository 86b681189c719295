#include "model/probe_texts.h"

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "base/philox.h"

namespace millrace {
namespace {

constexpr const char* kWritten[] = {
    "",
    " ",
    "Hello, world! I'm sure you'll say they've won; he'd agree, we're late, it's 'tis.",
    "HELLO WORLD'S IT'S I'M YOU'LL THEY'VE HE'D WE'RE DON'T",
    "camelCase PascalCase SCREAMING_CASE snake_case XMLHttpRequest iPhone13",
    "1 12 123 1234 12345 123456 1234567 3.14159 1,000,000 0x1F -42 +7 50% $9.99",
    "for (int i = 0; i < 10; ++i) {\n\tsum += a[i];  // add\n\n\n    return sum;\n}\r\n",
    "trailing spaces   \nleading\n   spaces \n \n\t\ttabs\t \n\n\n",
    "https://example.com/a/b?c=d&e=f#g user@host.org /usr/local/bin ../x //y\n/z",
    "\xe4\xb8\xad\xe6\x96\x87\xe5\xad\x97\xe7\xac\xa6\xef\xbc\x8c\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa"
    "\x9e\xe3\x81\xa8\xe3\x82\xab\xe3\x82\xbf\xe3\x82\xab\xe3\x83\x8a\xe3\x80\x82\xed\x95\x9c\xea"
    "\xb5\xad\xec\x96\xb4",
    "na\xc3\xafve caf\xc3\xa9 \xc3\x85ngstr\xc3\xb6m \xd0\x9f\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1"
    "\x82 \xce\x93\xce\xb5\xce\xb9\xce\xac \xd7\xa9\xd7\x9c\xd7\x95\xd7\x9d \xd9\x85\xd8\xb1\xd8"
    "\xad\xd8\xa8\xd8\xa7",
    "\xe0\xa4\xb9\xe0\xa4\xbf\xe0\xa4\xa8\xe0\xa5\x8d\xe0\xa4\xa6\xe0\xa5\x80 \xe0\xb8\xa0\xe0\xb8"
    "\xb2\xe0\xb8\xa9\xe0\xb8\xb2\xe0\xb9\x84\xe0\xb8\x97\xe0\xb8\xa2",
    "\xf0\x9f\xa6\x8a\xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x9a\x80 \xe2\x80\x9cquoted\xe2\x80\x9d "
    "it\xe2\x80\x99s \xe2\x80\x94 \xe2\x80\xa6",
};

// What random texts are put together from.
constexpr const char* kParts[] = {"a",
                                  "e",
                                  "the",
                                  "ing",
                                  "Th",
                                  "B",
                                  "NASA",
                                  "'",
                                  "'s",
                                  "'LL",
                                  "\xe2\x80\x99",
                                  " ",
                                  " ",
                                  " ",
                                  "  ",
                                  "\t",
                                  "\n",
                                  "\n\n",
                                  "\r\n",
                                  "0",
                                  "7",
                                  "42",
                                  "123",
                                  ".",
                                  ",",
                                  "!",
                                  "...",
                                  "/",
                                  "-",
                                  "_",
                                  "(",
                                  ")",
                                  "+",
                                  "=",
                                  "$",
                                  "|",
                                  "`",
                                  "#",
                                  "\xc2\xa0",           // no-break space
                                  "\xe3\x80\x80",       // ideographic space
                                  "\xc3\xa9",           // e with acute
                                  "\xc3\x89",           // E with acute
                                  "\xd0\xb6",           // Cyrillic
                                  "\xe4\xb8\xad",       // Han
                                  "\xe3\x81\x82",       // Hiragana
                                  "\xe3\x82\xab",       // Katakana
                                  "\xed\x95\x9c",       // Hangul
                                  "\xe0\xa4\x95",       // Devanagari letter
                                  "\xe0\xa4\xbf",       // its vowel sign, a spacing mark
                                  "\xe0\xa5\x81",       // another, a mark without space
                                  "\xe2\x83\x9d",       // enclosing circle, a mark
                                  "\xd9\xa3",           // Arabic digit three
                                  "\xc2\xb2",           // superscript two: a number, no digit
                                  "\xc7\x85",           // a titlecase letter
                                  "\xca\xb0",           // a modifier letter
                                  "\xef\xbc\x8c",       // fullwidth comma
                                  "\xe2\x82\xac",       // euro
                                  "\xf0\x9f\xa6\x8a"};  // fox

constexpr std::uint64_t kRandomTexts = 2000;

std::string RandomText(std::uint64_t number) {
  constexpr std::uint64_t kSeed = 0;
  std::string text;
  const std::uint32_t parts = 1 + Draw(kSeed, number, 0)[0] % 12;
  for (std::uint32_t i = 0; i < parts; ++i) {
    text += kParts[Draw(kSeed, number, 1 + i)[0] % std::size(kParts)];
  }
  return text;
}

}  // namespace

std::vector<std::string> ProbeTexts() {
  std::vector<std::string> texts(std::begin(kWritten), std::end(kWritten));
  for (std::uint64_t i = 0; i < kRandomTexts; ++i) texts.push_back(RandomText(i));
  return texts;
}

}  // namespace millrace
