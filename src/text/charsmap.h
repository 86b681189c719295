// SentencePiece's "precompiled charsmap": which character sequences a text has replaced before it
// is cut into pieces (NFKC and more).
//
//     uint32 bytes of the trie | the trie, uint32 each | replacements, each ended by a zero byte
//
// All little-endian. The trie is a compact double array: the children of a unit are at its index
// xor its offset xor the byte; a unit holds its label in bits 0-7, whether a sequence ends in bit
// 8, the scale and size of its offset in bits 9-31. At the index xor the offset itself of such a
// unit lies, with bit 31 set, where the replacement begins. (Kanda et al., "Compressed double-array
// tries", 2017; as the darts-clone library writes it.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace {

class Charsmap {
 public:
  // Copies `bytes`. kInvalid if the sizes do not fit or the last replacement has no end; a trie
  // that points elsewhere is not found out here, and then matches nothing.
  static Result<Charsmap> Parse(std::string_view bytes);

  // `text` with the longest sequence replaced at each place, from left to right; what no sequence
  // begins at stays, and of ill-formed UTF-8 each byte becomes U+FFFD.
  std::string Apply(std::string_view text) const;

 private:
  struct Match {
    std::size_t bytes;
    std::string_view replacement;
  };
  std::optional<Match> LongestPrefix(std::string_view text) const;
  std::optional<std::uint32_t> Unit(std::uint32_t index) const;

  std::vector<std::uint32_t> units_;
  std::string replacements_;
};

}  // namespace millrace
