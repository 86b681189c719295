"""Learns the vocabulary (SentencePiece BPE) and turns the texts into token ids."""

import argparse
from pathlib import Path

import numpy
import sentencepiece

from prepare import DOCUMENT_END

VOCABULARY = 3072
UNKNOWN, BEGIN, END = 0, 1, 2


def learn(text_file, prefix):
    sentencepiece.SentencePieceTrainer.train(
        input=str(text_file), model_prefix=str(prefix), model_type="bpe", vocab_size=VOCABULARY,
        unk_id=UNKNOWN, bos_id=BEGIN, eos_id=END, byte_fallback=True, character_coverage=1.0,
        normalization_rule_name="identity", remove_extra_whitespaces=False, add_dummy_prefix=True,
        split_digits=True, max_sentence_length=1 << 20, input_sentence_size=0, num_threads=2)


def encode(tokenizer, text_file):
    """One long run of ids; every document is BEGIN, its tokens, END."""
    ids = []
    for document in text_file.read_text().split(f"\n{DOCUMENT_END}\n"):
        if document:
            ids += [BEGIN, *tokenizer.encode(document), END]
    return numpy.array(ids, dtype=numpy.uint16)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder that prepare.py wrote")
    out = parser.parse_args().out
    sentences = out / "sentences.txt"
    sentences.write_text((out / "train.txt").read_text().replace(f"{DOCUMENT_END}\n", ""))
    learn(sentences, out / "tokenizer")
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(out / "tokenizer.model"))
    for part in ("train", "held_out"):
        ids = encode(tokenizer, out / f"{part}.txt")
        ids.tofile(out / f"{part}.ids")
        print(part, len(ids), "tokens")


if __name__ == "__main__":
    main()
