#include "text/charsmap.h"

#include "text/utf8.h"

namespace millrace {
namespace {

std::uint32_t ReadUint32(std::string_view bytes) {
  std::uint32_t value = 0;
  for (std::size_t i = 4; i-- > 0;) value = (value << 8) | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

std::uint32_t OffsetOf(std::uint32_t unit) { return (unit >> 10) << ((unit & 0x200u) >> 6); }
bool HasReplacement(std::uint32_t unit) { return (unit & 0x100u) != 0; }
// Of a unit with a label; what is no such unit has bit 31 set, and equals no byte.
std::uint32_t LabelOf(std::uint32_t unit) { return unit & 0x800000FFu; }

}  // namespace

Result<Charsmap> Charsmap::Parse(std::string_view bytes) {
  if (bytes.size() < 4) {
    return Invalid("charsmap: {} bytes, wanted at least 4", bytes.size());
  }
  const std::uint32_t trie_bytes = ReadUint32(bytes);
  bytes.remove_prefix(4);
  if (trie_bytes % 4 != 0 || trie_bytes > bytes.size()) {
    return Invalid("charsmap: a trie of {} bytes, {} bytes are left", trie_bytes, bytes.size());
  }
  Charsmap map;
  map.units_.reserve(trie_bytes / 4);
  for (std::size_t i = 0; i < trie_bytes; i += 4) {
    map.units_.push_back(ReadUint32(bytes.substr(i, 4)));
  }
  map.replacements_ = bytes.substr(trie_bytes);
  if (!map.replacements_.empty() && map.replacements_.back() != '\0') {
    return Invalid("charsmap: the last replacement is not ended by a zero byte");
  }
  return map;
}

std::optional<std::uint32_t> Charsmap::Unit(std::uint32_t index) const {
  if (index >= units_.size()) return std::nullopt;
  return units_[index];
}

std::optional<Charsmap::Match> Charsmap::LongestPrefix(std::string_view text) const {
  std::optional<Match> longest;
  std::optional<std::uint32_t> unit = Unit(0);
  std::uint32_t index = 0;
  for (std::size_t i = 0; unit.has_value(); ++i) {
    index ^= OffsetOf(*unit);
    if (i > 0 && HasReplacement(*unit)) {
      const std::optional<std::uint32_t> leaf = Unit(index);
      if (!leaf.has_value() || (*leaf & 0x7FFFFFFFu) >= replacements_.size()) break;
      const std::size_t begin = *leaf & 0x7FFFFFFFu;
      const std::size_t end = replacements_.find('\0', begin);
      longest = Match{i, std::string_view(replacements_).substr(begin, end - begin)};
    }
    if (i == text.size()) break;
    const auto byte = static_cast<std::uint8_t>(text[i]);
    index ^= byte;
    unit = Unit(index);
    if (!unit.has_value() || LabelOf(*unit) != byte || byte == 0) break;
  }
  return longest;
}

std::string Charsmap::Apply(std::string_view text) const {
  std::string result;
  result.reserve(text.size());
  while (!text.empty()) {
    std::size_t bytes = 1;
    if (const auto match = LongestPrefix(text); match.has_value()) {
      result += match->replacement;
      bytes = match->bytes;
    } else if (const auto sequence = FirstUtf8Sequence(text);
               sequence.form == Utf8Form::kWellFormed) {
      bytes = sequence.bytes;
      result += text.substr(0, bytes);
    } else {
      result += kReplacementCharacter;
    }
    text.remove_prefix(bytes);
  }
  return result;
}

}  // namespace millrace
