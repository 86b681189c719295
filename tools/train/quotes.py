"""Turns 'British' dialogue into "American" dialogue, one paragraph at a time.

An apostrophe and a closing quote are the same character, so the rule refuses whatever it cannot
read: a paragraph whose quotes do not open and close in turn gives None.
"""

import re

# Words that begin with an apostrophe.
ELIDED = re.compile(
    r"'(?:tis|twas|twere|twould|twill|twixt|em|un|im|er|ere|ave|ad|as|ow|ouse|orse|bout|cause|"
    r"stute|satiable|til|neath|gainst|fore|cos|ead|eard|and|e|is|ill)\b", re.IGNORECASE)


def mark_of(text, at, is_open):
    """'open', 'close' or 'apostrophe' for the single quote at `at`."""
    before = text[at - 1] if at else " "
    after = text[at + 1] if at + 1 < len(text) else " "
    if before.isalnum() and after.isalnum():
        return "apostrophe"
    if before in ' (-"' and (after.isalnum() or after in '"-(.' + "'") and not is_open:
        return "open"
    if before in ' (-"' and ELIDED.match(text, at):
        return "apostrophe"
    if before == " " and after.isalnum():
        return "open"
    plural_possessive = before == "s" and re.match(r" [a-z]", text[at + 1:at + 3])
    if plural_possessive or not is_open:
        return "apostrophe"
    return "close"


def to_double(text):
    """(converted, left_open), or None if the marks do not pair up."""
    out, is_open, inner_open = [], False, False
    for at, character in enumerate(text):
        if character == "'":
            mark = mark_of(text, at, is_open)
            if mark == "open" and is_open or mark == "close" and inner_open:
                return None
            is_open = {"open": True, "close": False, "apostrophe": is_open}[mark]
            out.append("'" if mark == "apostrophe" else '"')
        elif character == '"':
            if not is_open:
                return None
            inner_open = not inner_open
            out.append("'")
        else:
            out.append(character)
    if inner_open:
        return None
    return "".join(out), is_open


def speaks_in_single_quotes(text):
    return len(re.findall(r"(?:^|\s)'", text)) > len(re.findall(r'(?:^|\s)"', text))
