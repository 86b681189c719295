"""Causal attention that keeps no score matrix: the backward pass computes the scores again.

Training on a CPU is bound by memory here: [heads, positions, positions] for a few sequences already
overflows the cache. Queries go in chunks, each against the keys up to its own end only.
"""

import torch

CHUNK = 128


def probabilities(q, k, low, high, mask):
    scores = q[:, :, low:high] @ k[:, :, :high].transpose(-1, -2)
    scores[..., low:high] += mask[:high - low, :high - low]
    return scores.softmax(-1)


class CausalAttention(torch.autograd.Function):
    """q (already scaled), k, v: [batch, heads, positions, head_width], one dtype."""

    @staticmethod
    def forward(context, q, k, v, mask):
        context.save_for_backward(q, k, v, mask)
        out = torch.empty_like(q)
        for low in range(0, q.shape[2], CHUNK):
            high = min(low + CHUNK, q.shape[2])
            out[:, :, low:high] = probabilities(q, k, low, high, mask) @ v[:, :, :high]
        return out

    @staticmethod
    def backward(context, d_out):
        q, k, v, mask = context.saved_tensors
        d_q, d_k, d_v = torch.empty_like(q), torch.zeros_like(k), torch.zeros_like(v)
        for low in range(0, q.shape[2], CHUNK):
            high = min(low + CHUNK, q.shape[2])
            p = probabilities(q, k, low, high, mask)
            d_chunk = d_out[:, :, low:high]
            d_v[:, :, :high] += p.transpose(-1, -2) @ d_chunk
            d_p = d_chunk @ v[:, :, :high].transpose(-1, -2)
            d_scores = torch._softmax_backward_data(d_p, p, -1, p.dtype)
            d_q[:, :, low:high] = d_scores @ k[:, :, :high]
            d_k[:, :, :high] += d_scores.transpose(-1, -2) @ q[:, :, low:high]
        return d_q, d_k, d_v, None
