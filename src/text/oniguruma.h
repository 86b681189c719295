// Regular expressions of tokenizer.json in PCRE2's language.
//
// Those files are written for Oniguruma with Ruby's syntax and Unicode, which differs little:
//
//     \s \d \w \h      are classes of Unicode there (and \h a hexadecimal digit); written out here
//     \uFFFF \v        code points
//     [a[bc]&&[^d]]    sets within sets and intersections, here look-aheads before one character
//     x{1,3}+          the repetition repeated, not a possessive one
//     (?m:...)         '.' matches line breaks: (?s:...) here
//
// Everything else means the same in both, or is refused.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace millrace {

// kUnsupported for what has no translation (conditions, calls, verbs, POSIX brackets), naming it;
// also for an expression of more than 64 KiB or with more than 50 sets one in another. Whether the
// result is a valid expression is for PCRE2 to say.
Result<std::string> TranslateOniguruma(std::string_view pattern);

}  // namespace millrace
