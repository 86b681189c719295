"""The transformer: architecture "llama" as GGUF means it (RoPE over the pairs (2i, 2i+1))."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from attention import CausalAttention


@dataclass(frozen=True)
class Shape:
    vocabulary: int = 3072
    context: int = 512
    width: int = 256
    layers: int = 8
    heads: int = 8
    kv_heads: int = 4
    feed_forward: int = 704
    norm_epsilon: float = 1e-5
    rope_base: float = 10000.0

    @property
    def head_width(self):
        return self.width // self.heads


class RMSNorm(nn.Module):
    def __init__(self, width, epsilon):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))
        self.epsilon = epsilon

    def forward(self, x):
        scale = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return x * scale * self.weight


def rope_table(shape):
    """cos and sin: [context, head_width / 2]."""
    half = torch.arange(0, shape.head_width, 2, dtype=torch.float64) / shape.head_width
    angles = torch.outer(torch.arange(shape.context, dtype=torch.float64), shape.rope_base**-half)
    return angles.cos().float(), angles.sin().float()


def rotate(x, cos, sin):
    """x: [batch, heads, positions, head_width]; each pair (2i, 2i+1) turns by its own angle."""
    even, odd = x[..., 0::2], x[..., 1::2]
    turned = torch.stack((even * cos - odd * sin, even * sin + odd * cos), dim=-1)
    return turned.flatten(-2)


class Attention(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        kv_width = shape.kv_heads * shape.head_width
        self.q = nn.Linear(shape.width, shape.width, bias=False)
        self.k = nn.Linear(shape.width, kv_width, bias=False)
        self.v = nn.Linear(shape.width, kv_width, bias=False)
        self.output = nn.Linear(shape.width, shape.width, bias=False)

    def forward(self, x, cos, sin, mask):
        batch, positions, width = x.shape
        shape = self.shape

        def split(rows, heads):
            return rows.view(batch, positions, heads, shape.head_width).transpose(1, 2)

        q = rotate(split(self.q(x), shape.heads), cos, sin)
        k = rotate(split(self.k(x), shape.kv_heads), cos, sin)
        v = split(self.v(x), shape.kv_heads)
        group = shape.heads // shape.kv_heads
        k, v = k.repeat_interleave(group, dim=1), v.repeat_interleave(group, dim=1)
        scale = shape.head_width**-0.5
        mixed = CausalAttention.apply((q * scale).to(v.dtype), k.to(v.dtype), v, mask.to(v.dtype))
        return self.output(mixed.transpose(1, 2).reshape(batch, positions, width))


class SwiGLU(torch.autograd.Function):
    """silu(gate) * up. Written out because PyTorch's own silu gradient is slow in bfloat16."""

    @staticmethod
    def forward(context, gate, up):
        context.save_for_backward(gate, up)
        return gate * gate.sigmoid() * up

    @staticmethod
    def backward(context, d_out):
        gate, up = context.saved_tensors
        slope = gate.sigmoid()
        silu = gate * slope
        d_gate = (slope - silu * slope).add_(silu).mul_(up).mul_(d_out)
        return d_gate, silu.mul_(d_out)


class FeedForward(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.gate = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.up = nn.Linear(shape.width, shape.feed_forward, bias=False)
        self.down = nn.Linear(shape.feed_forward, shape.width, bias=False)

    def forward(self, x):
        return self.down(SwiGLU.apply(self.gate(x), self.up(x)))


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.attention_norm = RMSNorm(shape.width, shape.norm_epsilon)
        self.attention = Attention(shape)
        self.feed_forward_norm = RMSNorm(shape.width, shape.norm_epsilon)
        self.feed_forward = FeedForward(shape)

    def forward(self, x, cos, sin, mask):
        x = x + self.attention(self.attention_norm(x), cos, sin, mask)
        return x + self.feed_forward(self.feed_forward_norm(x))


class Transformer(nn.Module):
    """Tokens [batch, positions] to logits [batch, positions, vocabulary].

    The embedding is also the output matrix.
    """

    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = RMSNorm(shape.width, shape.norm_epsilon)
        cos, sin = rope_table(shape)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        mask = torch.full((shape.context, shape.context), float("-inf")).triu(1)
        self.register_buffer("mask", mask, persistent=False)
        self.apply(self._initialise)
        for block in self.blocks:
            for last in (block.attention.output, block.feed_forward.down):
                nn.init.normal_(last.weight, std=0.02 / (2 * shape.layers) ** 0.5)

    @staticmethod
    def _initialise(module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, tokens):
        positions = tokens.shape[1]
        cos, sin = self.cos[:positions], self.sin[:positions]
        mask = self.mask[:positions, :positions]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, cos, sin, mask)
        return functional.linear(self.output_norm(x), self.embedding.weight)
