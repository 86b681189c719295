"""Trains the model on the CPU: bfloat16 products, float32 weights, Muon and AdamW.

The learning rate rises, stays, and falls to zero in a straight line. The fall begins DECAY_SHARE of
the steps before the end, or at once if a file OUT/finish appears.
"""

import argparse
import os
import time
from pathlib import Path

import torch
from torch.nn import functional

import corpus
from model import Shape, Transformer
from muon import Muon

WARMUP_STEPS = 60
DECAY_SHARE = 0.2  # decay steps per step before the decay
BATCH, MICRO_BATCH, LENGTH = 16, 8, 512
MATRIX_RATE, OTHER_RATE = 0.02, 0.003
PRINT_EVERY, SAVE_EVERY, CHECK_EVERY = 10, 50, 200


class Trapezoid:
    """The learning rate's share of its maximum at each step."""

    def __init__(self, steps):
        self.decay_from = round(steps / (1 + DECAY_SHARE))
        self.steps = steps

    def finish_from(self, step):
        if step < self.decay_from:
            self.decay_from = step
            self.steps = step + max(1, round(DECAY_SHARE * step))

    def share(self, step):
        falling = (self.steps - step) / max(1, self.steps - self.decay_from)
        return min(1.0, (step + 1) / WARMUP_STEPS, falling)


def optimizers_of(model):
    matrices = [p for p in model.blocks.parameters() if p.ndim == 2]
    vectors = [p for p in model.parameters() if p.ndim == 1]
    adam = torch.optim.AdamW(
        [{"params": [model.embedding.weight], "weight_decay": 0.02},
         {"params": vectors, "weight_decay": 0.0}], lr=OTHER_RATE, betas=(0.9, 0.95))
    return [Muon(matrices, lr=MATRIX_RATE), adam]


def loss_of(model, rows):
    with torch.autocast("cpu", torch.bfloat16):
        logits = model(rows[:, :-1])
    return functional.cross_entropy(logits.float().flatten(0, 1), rows[:, 1:].flatten())


def take_step(model, optimizers, rows, share):
    parts = rows.split(MICRO_BATCH)
    total = 0.0
    for part in parts:
        loss = loss_of(model, part) / len(parts)
        loss.backward()
        total += loss.item()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    for optimizer, rate in zip(optimizers, (MATRIX_RATE, OTHER_RATE)):
        for group in optimizer.param_groups:
            group["lr"] = rate * share
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
    return total


@torch.no_grad()
def held_out_loss(model, ids, windows=96):
    """A quick look at evenly spread windows; evaluate.py measures all of the text."""
    model.eval()
    starts = torch.linspace(0, len(ids) - LENGTH - 1, windows).long()
    losses = [loss_of(model, torch.from_numpy(ids[s:s + LENGTH + 1])[None]).item() for s in starts]
    model.train()
    return sum(losses) / len(losses)


def save(path, model, optimizers, step, schedule):
    state = {"model": model.state_dict(), "shape": model.shape, "step": step,
             "decay_from": schedule.decay_from, "steps": schedule.steps,
             "optimizers": [optimizer.state_dict() for optimizer in optimizers]}
    torch.save(state, f"{path}.part")
    os.replace(f"{path}.part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, help="the folder that prepare.py and tokenizer.py wrote")
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--resume", action="store_true")
    arguments = parser.parse_args()
    out = arguments.out
    torch.set_num_threads(arguments.threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(arguments.seed)

    train_ids, held_out_ids = corpus.load(out / "train.ids"), corpus.load(out / "held_out.ids")
    model = Transformer(Shape())
    optimizers = optimizers_of(model)
    schedule = Trapezoid(arguments.steps)
    step = 0
    if arguments.resume:
        state = torch.load(out / "checkpoint.pt")
        model.load_state_dict(state["model"])
        for optimizer, saved in zip(optimizers, state["optimizers"]):
            optimizer.load_state_dict(saved)
        step, schedule.decay_from, schedule.steps = (
            state["step"], state["decay_from"], state["steps"])

    recent, began = [], time.time()
    for rows in corpus.batches(train_ids, LENGTH, BATCH, arguments.seed, skip_steps=step):
        if (out / "finish").exists():
            schedule.finish_from(step)
        if step >= schedule.steps:
            break
        recent.append(take_step(model, optimizers, rows, schedule.share(step)))
        step += 1
        if step % PRINT_EVERY == 0:
            seconds = (time.time() - began) / len(recent)
            print(f"step {step} of {schedule.steps}  loss {sum(recent) / len(recent):.4f}  "
                  f"{BATCH * LENGTH / seconds:.0f} tokens/s", flush=True)
            recent, began = [], time.time()
        if step % CHECK_EVERY == 0:
            print(f"step {step}  held-out {held_out_loss(model, held_out_ids):.4f}", flush=True)
        if step % SAVE_EVERY == 0:
            save(out / "checkpoint.pt", model, optimizers, step, schedule)
    print(f"step {step}  held-out {held_out_loss(model, held_out_ids):.4f}", flush=True)
    save(out / "final.pt", model, optimizers, step, schedule)


if __name__ == "__main__":
    main()
