"""Held-out loss per token and per byte, in float32, before and after Q8_0.

Every token of the text is predicted once. Windows are as long as the context and overlap by half,
so that past a document's beginning each prediction sees about half a context or more. END is not
counted.
"""

import argparse
import math
from pathlib import Path

import torch
from torch.nn import functional

from checkpoint import load_model, load_tokenizer
from prepare import DOCUMENT_END


def windows_of(ids, length):
    """(window, how many of its last tokens are to be predicted)"""
    stride, done = length // 2, 1
    while done < len(ids):
        end = min(len(ids), length if done == 1 else done + stride)
        yield ids[max(0, end - length):end], end - done
        done = end


@torch.no_grad()
def loss_of_document(model, ids):
    total = 0.0
    for window, predicted in windows_of(ids, model.shape.context):
        tokens = torch.tensor([window])
        logits = model(tokens[:, :-1])[0, -predicted:]
        total += functional.cross_entropy(logits, tokens[0, -predicted:], reduction="sum").item()
    return total


def measure(model, tokenizer, documents):
    loss, tokens, size = 0.0, 0, 0
    for document in documents:
        ids = [tokenizer.bos_id(), *tokenizer.encode(document)]
        loss += loss_of_document(model, ids)
        tokens += len(ids) - 1
        size += len(document.encode())
    return (f"{tokens} tokens, {size} bytes: {loss / tokens:.4f} nats per token, "
            f"{loss / size / math.log(2):.4f} bits per byte")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("text", type=Path)
    parser.add_argument("--documents", type=int, help="only the first so many")
    arguments = parser.parse_args()
    torch.set_num_threads(2)
    tokenizer = load_tokenizer(arguments.tokenizer)
    documents = arguments.text.read_text().split(f"\n{DOCUMENT_END}\n")[:-1][:arguments.documents]
    for quantised in (False, True):
        model = load_model(arguments.checkpoint, quantised)
        name = "Q8_0   " if quantised else "float32"
        print(name, measure(model, tokenizer, documents), flush=True)


if __name__ == "__main__":
    main()
