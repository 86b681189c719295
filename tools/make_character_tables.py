#!/usr/bin/env python3
"""Writes src/jinja/character_tables.h: what Python's str knows of characters, as ranges.

    python3 tools/make_character_tables.py > src/jinja/character_tables.h

The facts are the Unicode Character Database's, as this Python has it (3.11: Unicode 14).
"""
import sys
import unicodedata

LAST = 0x110000


def ranges(test):
    """[(first, last)] of the code points that pass."""
    found = []
    for code in range(LAST):
        if not test(chr(code)):
            continue
        if found and found[-1][1] == code - 1:
            found[-1][1] = code
        else:
            found.append([code, code])
    return found


def mappings(function, unless):
    """[(first, last, step, delta)] of simple mappings, and {code: text} of the others.

    Left out are characters whose mapping is what `unless` says.
    """
    rows, others = [], {}
    for code in range(LAST):
        mapped = function(chr(code))
        if mapped == unless(chr(code)):
            continue
        if len(mapped) > 1:
            others[code] = mapped
            continue
        delta = ord(mapped) - code
        if rows and rows[-1][3] == delta:
            step = code - rows[-1][1]
            if step <= 2 and (rows[-1][2] in (0, step)):
                rows[-1][1], rows[-1][2] = code, step
                continue
        rows.append([code, code, 0, delta])
    return [(a, b, step or 1, delta) for a, b, step, delta in rows], others


def emit(line, entries):
    print(line)
    row = "   "
    for entry in entries:
        if len(row) + len(entry) + 2 > 98:
            print(row)
            row = "   "
        row += f" {entry},"
    print(row)
    print("};\n")


def emit_ranges(name, test):
    emit(f"inline constexpr CharacterRange {name}[] = {{", 
         [f"{{{a:#x}, {b:#x}}}" for a, b in ranges(test)])


def emit_mapping(name, function, unless=lambda c: c):
    rows, others = mappings(function, unless)
    emit(f"inline constexpr CharacterMapping {name}[] = {{", 
         [f"{{{a:#x}, {b:#x}, {s}, {d}}}" for a, b, s, d in rows])
    escape = lambda text: "".join(f"\\x{byte:02x}" for byte in text.encode())
    emit(f"inline constexpr CharacterExpansion {name}Longer[] = {{",
         [f'{{{code:#x}, "{escape(text)}"}}' for code, text in others.items()])


def main():
    print(f"""// What Python's str knows of characters, from the Unicode Character Database {unicodedata.unidata_version}.
// Written by tools/make_character_tables.py; included by characters.cc alone.
// clang-format off
#pragma once

#include <cstdint>

namespace millrace::jinja {{

struct CharacterRange {{
  char32_t first, last;
}};
struct CharacterMapping {{  // of every `step`-th character from `first` to `last`
  char32_t first, last, step;
  std::int32_t delta;
}};
struct CharacterExpansion {{  // to several characters
  char32_t code;
  const char* text;
}};
""")
    emit_ranges("kSpaces", str.isspace)
    emit_ranges("kLetters", str.isalpha)
    emit_ranges("kDecimals", str.isdecimal)
    emit_ranges("kDigits", str.isdigit)
    emit_ranges("kNumerics", str.isnumeric)
    emit_ranges("kNotPrintable", lambda c: not c.isprintable())
    emit_ranges("kLowerCase", str.islower)
    emit_ranges("kUpperCase", str.isupper)
    emit_ranges("kTitleCase", lambda c: unicodedata.category(c) == "Lt")
    emit_mapping("kToUpper", str.upper)
    emit_mapping("kToLower", str.lower)
    emit_mapping("kToTitle", str.title, unless=str.upper)
    print("}  // namespace millrace::jinja")


if __name__ == "__main__":
    sys.exit(main())
