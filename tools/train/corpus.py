"""The token stream, and the windows that a training step sees."""

import numpy
import torch

from tokenizer import BEGIN


def load(path):
    return numpy.fromfile(path, dtype=numpy.uint16).astype(numpy.int64)


def document_starts(ids):
    return numpy.flatnonzero(ids == BEGIN)


def epoch_windows(ids, length, generator):
    """Starts of windows, shuffled: each document's first `length` tokens, since that is how a
    prompt begins, and then the whole document from a cut that differs in every epoch."""
    starts = document_starts(ids)
    ends = numpy.append(starts[1:], len(ids))
    windows = []
    for start, end in zip(starts, ends):
        windows.append(start)
        windows += range(start + generator.integers(1, length + 1), end - length // 8, length)
    windows = numpy.array([at for at in windows if at + length < len(ids)])
    return generator.permutation(windows)


def batches(ids, length, batch, seed, skip_steps=0):
    """Endless [batch, length + 1] windows. The same seed and step give the same batch."""
    epoch, step = 0, 0
    while True:
        windows = epoch_windows(ids, length, numpy.random.default_rng([seed, epoch]))
        for at in range(0, len(windows) - batch + 1, batch):
            if step >= skip_steps:
                rows = [ids[start:start + length + 1] for start in windows[at:at + batch]]
                yield torch.from_numpy(numpy.stack(rows))
            step += 1
        epoch += 1
