"""Chooses and cleans the books: a folder of them becomes train.txt and held_out.txt.

A book holds one paragraph a line and a blank line before each chapter or tale. In the output a
document (one tale or chapter, without its title) ends with a line that holds only DOCUMENT_END.
"""

import argparse
import re
from pathlib import Path

from books import HELD_OUT, TRAINING
from quotes import speaks_in_single_quotes, to_double

DOCUMENT_END = "<<<end>>>"

# Period language, and words that changed their meaning: the paragraph that holds one is left out.
UNWANTED = re.compile(
    r"\b(?:savages?|heathens?|negro\w*|nigg\w*|dark(?:y|ies)|mamm(?:y|ies)|gips(?:y|ies)|"
    r"gyps(?:y|ies)|jew(?:s|ish|ess)?|blackamoors?|moors|moorish|turks?|turkish|chinam[ae]n|"
    r"redskins?|squaws?|injuns?|indians?|hindoos?|cannibals?|infidels?|pagans?|mahomet\w*|"
    r"moslems?|arabs?|eskimos?|mulattos?|slaver?y?|slaves|black (?:man|men|woman|women|boy|girl)|"
    r"idiots?|idiotic|crippled?s?|lunatics?|ass|asses|cocks?|puss(?:y|ies)|fagg?ots?|ejaculat\w*|"
    r"intercourse|rapes?|damn\w*|bastards?|hell|coons?|christian\w*|priests?|crucifix\w*|"
    r"suicide|hanged himself|hanged herself)\b", re.IGNORECASE)

ALLOWED = re.compile(r"""[A-Za-z0-9 .,;:!?'"()-]+""")
SHORTEST_PARAGRAPH = 12
SHORTEST_DOCUMENT = 400


def is_title(line):
    return len(line) <= 90 and line[-1] not in ".,;:\"'-"


def documents_of(text):
    """Lists of paragraphs; a block of lines without a title goes on with the document before."""
    documents = []
    for block in re.split(r"\n\s*\n", text.strip()):
        lines = [line.strip() for line in block.split("\n") if line.strip()]
        if is_title(lines[0]) or not documents:
            documents.append([])
            lines = lines[1:] if is_title(lines[0]) else lines
        documents[-1] += lines
    return documents


def is_acceptable(paragraph):
    letters = sum(character.isalpha() for character in paragraph)
    capitals = sum(character.isupper() for character in paragraph)
    return (len(paragraph) >= SHORTEST_PARAGRAPH
            and ALLOWED.fullmatch(paragraph) is not None
            and paragraph[-1] in ".,;:!?\"'-)"
            and letters > 0.6 * len(paragraph)
            and capitals < 0.2 * letters
            and not UNWANTED.search(paragraph))


def clean(paragraphs, single_quotes):
    """The paragraphs that may stay, their speech in double quotes."""
    kept = []
    for at, paragraph in enumerate(paragraphs):
        following = paragraphs[at + 1] if at + 1 < len(paragraphs) else ""
        if single_quotes:
            converted = to_double(paragraph)
            if converted is None:
                continue
            paragraph, left_open = converted
        else:
            left_open = paragraph.count('"') % 2 == 1
        if left_open and not following.startswith(("'", '"')):
            continue
        if is_acceptable(paragraph):
            kept.append(paragraph)
    return kept


def prepare(folder, names):
    documents, paragraphs_read, paragraphs_kept = [], 0, 0
    for name in names:
        text = (folder / f"{name}.txt").read_text()
        single_quotes = speaks_in_single_quotes(text)
        for paragraphs in documents_of(text):
            kept = clean(paragraphs, single_quotes)
            paragraphs_read += len(paragraphs)
            paragraphs_kept += len(kept)
            if sum(map(len, kept)) >= SHORTEST_DOCUMENT:
                documents.append("\n".join(kept))
    print(f"{len(names)} books, {len(documents)} documents, {sum(map(len, documents))} bytes, "
          f"{paragraphs_kept} of {paragraphs_read} paragraphs kept")
    return documents


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("books", type=Path, help="folder with one <name>.txt a book")
    parser.add_argument("out", type=Path)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    for part, names in (("train", TRAINING), ("held_out", HELD_OUT)):
        documents = prepare(arguments.books, names)
        text = "".join(f"{document}\n{DOCUMENT_END}\n" for document in documents)
        (arguments.out / f"{part}.txt").write_text(text)


if __name__ == "__main__":
    main()
