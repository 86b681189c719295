"""Continues a prompt, one token at a time, from a checkpoint as it would be after Q8_0."""

import argparse
from pathlib import Path

import torch

from checkpoint import load_model, load_tokenizer


def pick(logits, temperature, top_p):
    """One of the likeliest tokens that together hold `top_p`; the best one if temperature is 0."""
    if temperature == 0:
        return int(logits.argmax())
    chances, tokens = (logits / temperature).softmax(-1).sort(descending=True)
    chances[chances.cumsum(0) - chances > top_p] = 0
    return int(tokens[torch.multinomial(chances, 1)])


@torch.no_grad()
def continue_text(model, tokenizer, prompt, length, temperature, top_p):
    ids = [tokenizer.bos_id(), *tokenizer.encode(prompt)]
    for _ in range(length):
        logits = model(torch.tensor([ids[-model.shape.context:]]))[0, -1]
        token = pick(logits, temperature, top_p)
        if token == tokenizer.eos_id():
            break
        ids.append(token)
    return tokenizer.decode(ids[1:])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("prompt", nargs="?", default="Once upon a time there was")
    parser.add_argument("--length", type=int, default=160)
    parser.add_argument("--temperature", type=float, default=0.7)
    parser.add_argument("--top-p", type=float, default=0.9)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    torch.manual_seed(arguments.seed)
    print(continue_text(load_model(arguments.checkpoint, quantised=True),
                        load_tokenizer(arguments.tokenizer), arguments.prompt, arguments.length,
                        arguments.temperature, arguments.top_p))


if __name__ == "__main__":
    main()
