#include "made_up_vocabulary.h"

#include <fmt/format.h>

#include <string_view>

#include "base/check.h"

namespace millrace {
namespace {

constexpr std::string_view kSpaceMark = "\xe2\x96\x81";  // U+2581
constexpr std::string_view kConsonants = "bcdfghjklmnpqrstvwxyz";
constexpr std::string_view kVowels = "aeiou";

// The word of number n: its digits, each a consonant and a vowel. Every number has its own word.
std::string Word(std::uint64_t n) {
  std::string word;
  const std::uint64_t base = kConsonants.size() * kVowels.size();
  do {
    const std::uint64_t digit = n % base;
    word += kConsonants[digit / kVowels.size()];
    word += kVowels[digit % kVowels.size()];
    n /= base;
  } while (n > 0);
  return word;
}

}  // namespace

MadeUpVocabulary MakeUpVocabulary(std::int64_t size) {
  MILLRACE_CHECK(size >= kFixedPieces);
  enum Kind : std::int32_t { kNormal = 1, kUnknown = 2, kControl = 3, kByte = 6 };
  const auto wanted = static_cast<std::size_t>(size);
  MadeUpVocabulary vocabulary;
  const auto add = [&](std::string piece, float score, Kind kind) {
    if (vocabulary.pieces.size() == wanted) return;
    vocabulary.pieces.push_back(std::move(piece));
    vocabulary.scores.push_back(score);
    vocabulary.kinds.push_back(kind);
  };
  add("<unk>", 0, kUnknown);
  add("<s>", 0, kControl);
  add("</s>", 0, kControl);
  for (int byte = 0; byte < 256; ++byte) add(fmt::format("<0x{:02X}>", byte), 0, kByte);
  MILLRACE_CHECK(vocabulary.pieces.size() == static_cast<std::size_t>(kFixedPieces));

  const auto add_normal = [&](std::string piece) {
    const auto rank = static_cast<std::int64_t>(vocabulary.pieces.size()) - kFixedPieces;
    add(std::move(piece), -static_cast<float>(rank), kNormal);
  };
  add_normal(std::string(kSpaceMark));
  for (char c = '!'; c <= '~'; ++c) add_normal(std::string(1, c));
  for (std::uint64_t n = 0; vocabulary.pieces.size() < wanted; ++n) {
    add_normal(Word(n));
    add_normal(std::string(kSpaceMark) + Word(n));
  }
  return vocabulary;
}

}  // namespace millrace
