"""Checkpoint and tokenizer to one GGUF file as llama.cpp has it: matrices Q8_0, norms F32."""

import argparse
from pathlib import Path

import numpy
import sentencepiece
import torch

import gguf
import quantise
from gguf import BOOL, FLOAT32, INT32, STRING, UINT32

NAMES = {
    "attention_norm": "attn_norm", "attention.q": "attn_q", "attention.k": "attn_k",
    "attention.v": "attn_v", "attention.output": "attn_output", "feed_forward_norm": "ffn_norm",
    "feed_forward.gate": "ffn_gate", "feed_forward.up": "ffn_up", "feed_forward.down": "ffn_down",
}
NORMAL, UNKNOWN, CONTROL, BYTE = 1, 2, 3, 6  # token types
MOSTLY_Q8_0 = 7


def gguf_name(name):
    name = name.removesuffix(".weight")
    if name.startswith("blocks."):
        _, layer, part = name.split(".", 2)
        return f"blk.{layer}.{NAMES[part]}.weight"
    return {"embedding": "token_embd", "output_norm": "output_norm"}[name] + ".weight"


def tensor(name, values):
    if values.ndim == 1:
        return gguf_name(name), gguf.F32, values.shape, values.astype("<f4").tobytes()
    return gguf_name(name), gguf.Q8_0, values.shape[::-1], quantise.to_bytes(values)


def general_fields(name):
    return [
        ("general.architecture", STRING, "llama"),
        ("general.name", STRING, name),
        ("general.license", STRING, "cc0-1.0"),
        ("general.file_type", UINT32, MOSTLY_Q8_0),
        ("general.quantization_version", UINT32, 2),
        ("general.alignment", UINT32, gguf.ALIGNMENT),
    ]


def model_fields(shape):
    return [
        ("llama.vocab_size", UINT32, shape.vocabulary),
        ("llama.context_length", UINT32, shape.context),
        ("llama.embedding_length", UINT32, shape.width),
        ("llama.block_count", UINT32, shape.layers),
        ("llama.feed_forward_length", UINT32, shape.feed_forward),
        ("llama.attention.head_count", UINT32, shape.heads),
        ("llama.attention.head_count_kv", UINT32, shape.kv_heads),
        ("llama.attention.layer_norm_rms_epsilon", FLOAT32, shape.norm_epsilon),
        ("llama.rope.dimension_count", UINT32, shape.head_width),
        ("llama.rope.freq_base", FLOAT32, shape.rope_base),
    ]


def token_type(tokenizer, token):
    if tokenizer.is_unknown(token):
        return UNKNOWN
    if tokenizer.is_control(token):
        return CONTROL
    return BYTE if tokenizer.is_byte(token) else NORMAL


def tokenizer_fields(tokenizer):
    tokens = range(tokenizer.vocab_size())
    return [
        ("tokenizer.ggml.model", STRING, "llama"),
        ("tokenizer.ggml.pre", STRING, "default"),
        ("tokenizer.ggml.tokens", STRING, [tokenizer.id_to_piece(token) for token in tokens]),
        ("tokenizer.ggml.scores", FLOAT32, [tokenizer.get_score(token) for token in tokens]),
        ("tokenizer.ggml.token_type", INT32, [token_type(tokenizer, token) for token in tokens]),
        ("tokenizer.ggml.bos_token_id", UINT32, tokenizer.bos_id()),
        ("tokenizer.ggml.eos_token_id", UINT32, tokenizer.eos_id()),
        ("tokenizer.ggml.unknown_token_id", UINT32, tokenizer.unk_id()),
        ("tokenizer.ggml.add_bos_token", BOOL, True),
        ("tokenizer.ggml.add_eos_token", BOOL, False),
        ("tokenizer.ggml.add_space_prefix", BOOL, True),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tokenizer", type=Path)
    parser.add_argument("file", type=Path)
    parser.add_argument("--name", default="Millrace Tales")
    arguments = parser.parse_args()
    state = torch.load(arguments.checkpoint, map_location="cpu")
    tokenizer = sentencepiece.SentencePieceProcessor(model_file=str(arguments.tokenizer))
    fields = (general_fields(arguments.name) + model_fields(state["shape"])
              + tokenizer_fields(tokenizer))
    tensors = [tensor(name, values.numpy()) for name, values in state["model"].items()]
    gguf.write(arguments.file, fields, tensors)
    weights = sum(numpy.prod(dimensions) for _, _, dimensions, _ in tensors)
    print(f"{arguments.file}: {len(tensors)} tensors, {weights} weights, step {state['step']}, "
          f"{arguments.file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
