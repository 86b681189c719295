"""Writes the Hugging Face directory that a GGUF model would have been converted from.

    hf_from_gguf.py MODEL.gguf DIRECTORY [--shards N] [--narrow TYPE] [--fused]

The inverse of what src/format/hf_*.cc does, written from the other side and sharing nothing with it: GGUF names to
hub names, rows of queries and keys back to halves, norms minus one, stacks of experts back to single tensors, k_b and
v_b back to kv_b. Only the standard library; F32, F16, BF16, and the MXFP4 experts of gpt-oss (its Q8_0 matrices are
written as F32).

DIRECTORY/expected.gguf is what the directory is the same as: the model, but for what is rounded on the way. (A norm of 0.3
minus one is rounded to a multiple of 2^-24, and a Q8_0 matrix is F32.)

--narrow TYPE  writes norms and biases in that type (F16 or BF16), as trained models have them
--fused        writes experts as one tensor, where the library has that form too
"""

import argparse
import array
import json
import math
import os
import struct
import sys

TYPES = {0: ("F32", 4), 1: ("F16", 2), 30: ("BF16", 2)}
Q8_0, MXFP4 = 8, 39
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, code):
        value, = struct.unpack_from("<" + code, self.data, self.at)
        self.at += struct.calcsize("<" + code)
        return value

    def text(self):
        size = self.take("Q")
        self.at += size
        return self.data[self.at - size:self.at].decode()

    def value(self, kind):
        if kind == 8:
            return self.text()
        if kind == 9:
            element, count = self.take("I"), self.take("Q")
            return [self.value(element) for _ in range(count)]
        return self.take(SCALARS[kind])


class Tensor:
    """shape is outermost first; data are the rows' bytes."""

    def __init__(self, kind, shape, data):
        self.kind, self.shape, self.data = kind, list(shape), data

    def rows(self):
        size = len(self.data) // self.shape[0]
        return [self.data[i * size:(i + 1) * size] for i in range(self.shape[0])]

    def parts(self):
        return [Tensor(self.kind, self.shape[1:], row) for row in self.rows()]


def dequantise_q8_0(data):
    floats = array.array("f")
    for at in range(0, len(data), 34):
        scale, = struct.unpack_from("<e", data, at)
        floats.extend(scale * q for q in struct.unpack_from("<32b", data, at + 2))
    return floats.tobytes()


def read_gguf(path):
    with open(path, "rb") as file:
        reader = Reader(file.read())
    reader.take("I"), reader.take("I")
    tensor_count, key_count = reader.take("Q"), reader.take("Q")
    keys, begin_keys = {}, reader.at
    for _ in range(key_count):
        name = reader.text()
        keys[name] = reader.value(reader.take("I"))
    keys["raw"] = (key_count, reader.data[begin_keys:reader.at])
    entries = []
    for _ in range(tensor_count):
        name, dimensions = reader.text(), reader.take("I")
        shape = [reader.take("Q") for _ in range(dimensions)][::-1]
        entries.append((name, shape, reader.take("I"), reader.take("Q")))
    alignment = keys.get("general.alignment", 32)
    begin = (reader.at + alignment - 1) // alignment * alignment
    tensors = {}
    for name, shape, kind, offset in entries:
        elements = 1
        for extent in shape:
            elements *= extent
        if kind in TYPES:
            size = elements * TYPES[kind][1]
        else:
            size = elements // 32 * {Q8_0: 34, MXFP4: 17}[kind]
        data = reader.data[begin + offset:begin + offset + size]
        if kind == Q8_0:
            kind, data = 0, dequantise_q8_0(data)
        tensors[name] = Tensor("MXFP4" if kind == MXFP4 else TYPES[kind][0], shape, data)
    return keys, tensors


# ---------------------------------------------------------------------------------------------------- changes


def unpair(tensor, heads):
    """Rows x0 y0 x1 y1 ... of a head become x0 x1 ... y0 y1 ..."""
    rows, size = tensor.rows(), tensor.shape[0] // heads
    ordered = []
    for head in range(heads):
        mine = rows[head * size:(head + 1) * size]
        ordered += mine[0::2] + mine[1::2]
    return Tensor(tensor.kind, tensor.shape, b"".join(ordered))


def plus(tensor, number):
    values = struct.unpack(f"<{tensor.shape[0]}" + ("f" if tensor.kind == "F32" else "e"), tensor.data)
    data = struct.pack(f"<{tensor.shape[0]}" + ("f" if tensor.kind == "F32" else "e"), *(v + number for v in values))
    return Tensor(tensor.kind, tensor.shape, data)


def transpose(tensor):
    """[count, rows, columns] -> [count, columns, rows]"""
    count, rows, columns = tensor.shape
    code, size = ("I", 4) if tensor.kind == "F32" else ("H", 2)
    values, turned = array.array(code, tensor.data), array.array(code)
    for matrix in range(count):
        base = matrix * rows * columns
        for column in range(columns):
            turned.extend(values[base + column:base + rows * columns:columns])
    assert len(turned) * size == len(tensor.data)
    return Tensor(tensor.kind, [count, columns, rows], turned.tobytes())


def join(first, second, axis):
    """Side by side along an axis, 0 or 1."""
    assert first.kind == second.kind
    if axis == 0:
        return Tensor(first.kind, [first.shape[0] + second.shape[0]] + first.shape[1:], first.data + second.data)
    shape = [first.shape[0], first.shape[1] + second.shape[1]] + first.shape[2:]
    return Tensor(first.kind, shape, b"".join(a + b for a, b in zip(first.rows(), second.rows())))


def interleave(gate, up):
    """[experts, rows, ...] twice -> [experts, 2 * rows, ...], gate and up in turn."""
    experts, rows = gate.shape[0], gate.shape[1]
    size = len(gate.data) // experts // rows
    mixed = bytearray()
    for at in range(0, len(gate.data), size):
        mixed += gate.data[at:at + size] + up.data[at:at + size]
    return Tensor(gate.kind, [experts, 2 * rows] + gate.shape[2:], bytes(mixed))


def unpack_mxfp4(tensor):
    """GGUF's blocks -> U8 [..., blocks, 16] with elements in their order, U8 [..., blocks] scales."""
    packed, scales = bytearray(), bytearray()
    for at in range(0, len(tensor.data), 17):
        scales.append(tensor.data[at])
        codes = tensor.data[at + 1:at + 17]
        elements = [c & 15 for c in codes] + [c >> 4 for c in codes]
        packed += bytes(elements[2 * i] | elements[2 * i + 1] << 4 for i in range(16))
    shape = tensor.shape[:-1] + [tensor.shape[-1] // 32]
    return Tensor("U8", shape + [16], bytes(packed)), Tensor("U8", shape, bytes(scales))


def narrow(tensor, kind):
    values = array.array("f", tensor.data)
    if kind is None or len(tensor.shape) > 1:
        return tensor
    if kind == "F16":
        return Tensor(kind, tensor.shape, struct.pack(f"<{len(values)}e", *values))
    bits = struct.unpack(f"<{len(values)}I", tensor.data)
    rounded = [(b + 0x7fff + (b >> 16 & 1)) >> 16 for b in bits]
    return Tensor(kind, tensor.shape, struct.pack(f"<{len(values)}H", *rounded))


def widen(tensor):
    count = len(tensor.data) // 2
    if tensor.kind == "F16":
        values = struct.unpack(f"<{count}e", tensor.data)
        return Tensor("F32", tensor.shape, struct.pack(f"<{count}f", *values))
    bits = struct.unpack(f"<{count}H", tensor.data)
    return Tensor("F32", tensor.shape, struct.pack(f"<{count}I", *(b << 16 for b in bits)))


def single(value):
    """The nearest binary32 number."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def llama3_divisors(base, head_dim, scaling):
    """rope_freqs.weight in the arithmetic of the hub's library, which is binary32; the vector has it more exactly."""
    factor, context = scaling["factor"], scaling["original_max_position_embeddings"]
    low, high = scaling["low_freq_factor"], scaling["high_freq_factor"]
    divisors = []
    for i in range(head_dim // 2):
        frequency = single(1 / single(base ** single(2 * i / head_dim)))
        wavelength = single(single(2 * math.pi) / frequency)
        if wavelength < context / high or wavelength > context / low:
            divisors.append(1.0 if wavelength < context / high else factor)
            continue
        smooth = single(single(single(context / wavelength) - low) / (high - low))
        divisors.append(single(1 / single(single(single(1 - smooth) / factor) + smooth)))
    return Tensor("F32", [len(divisors)], struct.pack(f"<{len(divisors)}f", *divisors))


def rounded(architecture, name, tensor, kind):
    """A tensor of GGUF after it went to the hub in that type and back."""
    is_gemma_norm = architecture.startswith("gemma") and name.endswith("norm.weight")
    if len(tensor.shape) > 1 or name.startswith("rope_f") or not (kind or is_gemma_norm):
        return tensor
    hub = narrow(plus(tensor, -1) if is_gemma_norm else tensor, kind)
    if not is_gemma_norm:
        return widen(hub)
    if kind == "BF16":
        hub = widen(hub)
    back = plus(hub, 1)
    return widen(back) if back.kind == "F16" else back


# ---------------------------------------------------------------------------------------------------- families

ENDS = {"token_embd.weight": "model.embed_tokens.weight", "output_norm.weight": "model.norm.weight",
        "output.weight": "lm_head.weight"}
LAYER = {
    "attn_norm.weight": "input_layernorm.weight", "ffn_norm.weight": "post_attention_layernorm.weight",
    "attn_output.weight": "self_attn.o_proj.weight", "attn_output.bias": "self_attn.o_proj.bias",
    "attn_q_norm.weight": "self_attn.q_norm.weight", "attn_k_norm.weight": "self_attn.k_norm.weight",
    "ffn_gate.weight": "mlp.gate_proj.weight", "ffn_up.weight": "mlp.up_proj.weight",
    "ffn_down.weight": "mlp.down_proj.weight", "ffn_gate_inp.weight": "mlp.gate.weight",
    **{f"attn_{x}.{y}": f"self_attn.{x}_proj.{y}" for x in "qkv" for y in ("weight", "bias")},
}
LAYERS_OF = {
    "llama": {"ffn_gate_inp.weight": "block_sparse_moe.gate.weight"},
    "phi3": {"attn_qkv.weight": "self_attn.qkv_proj.weight", "ffn_up.weight": "mlp.gate_up_proj.weight"},
    "gpt-oss": {"post_attention_norm.weight": "post_attention_layernorm.weight",
                "attn_sinks.weight": "self_attn.sinks", "ffn_gate_inp.weight": "mlp.router.weight",
                "ffn_gate_inp.bias": "mlp.router.bias"},
    "deepseek2": {"attn_q_a.weight": "self_attn.q_a_proj.weight", "attn_q_b.weight": "self_attn.q_b_proj.weight",
                  "attn_q_a_norm.weight": "self_attn.q_a_layernorm.weight",
                  "attn_kv_a_mqa.weight": "self_attn.kv_a_proj_with_mqa.weight",
                  "attn_kv_a_norm.weight": "self_attn.kv_a_layernorm.weight",
                  "exp_probs_b.bias": "mlp.gate.e_score_correction_bias",
                  **{f"ffn_{x}_shexp.weight": f"mlp.shared_experts.{x}_proj.weight" for x in ("gate", "up", "down")}},
}
GEMMA = {"ffn_norm.weight": "pre_feedforward_layernorm.weight",
         "post_attention_norm.weight": "post_attention_layernorm.weight",
         "post_ffw_norm.weight": "post_feedforward_layernorm.weight"}
LAYERS_OF["gemma2"] = LAYERS_OF["gemma3"] = GEMMA


def single_experts(layer, tensors, names):
    for gguf_name, hub_name in names.items():
        for i, part in enumerate(tensors.pop(gguf_name).parts()):
            yield f"{layer}.{hub_name.format(i)}", part


def gpt_oss_experts(layer, tensors):
    prefix = f"{layer}.mlp.experts."
    gate, up, down = (tensors.pop(f"ffn_{x}_exps.weight") for x in ("gate", "up", "down"))
    if gate.kind == "MXFP4":
        gate_up = zip(("blocks", "scales"), map(interleave, unpack_mxfp4(gate), unpack_mxfp4(up)))
        for part, tensor in gate_up:
            yield f"{prefix}gate_up_proj_{part}", tensor
        for part, tensor in zip(("blocks", "scales"), unpack_mxfp4(down)):
            yield f"{prefix}down_proj_{part}", tensor
    else:
        yield prefix + "gate_up_proj", transpose(interleave(gate, up))
        yield prefix + "down_proj", transpose(down)
    biases = [tensors.pop(f"ffn_{x}_exps.bias") for x in ("gate", "up", "down")]
    yield prefix + "gate_up_proj_bias", interleave(*biases[:2])
    yield prefix + "down_proj_bias", biases[2]


def experts(architecture, layer, tensors, fused):
    if "ffn_gate_exps.weight" not in tensors:
        return
    if architecture == "gpt-oss":
        yield from gpt_oss_experts(layer, tensors)
    elif architecture == "llama":
        names = {"gate": "w1", "down": "w2", "up": "w3"}
        yield from single_experts(layer, tensors, {
            f"ffn_{x}_exps.weight": f"block_sparse_moe.experts.{{}}.{w}.weight" for x, w in names.items()})
    elif fused and architecture == "qwen3moe":
        yield f"{layer}.mlp.experts.gate_up_proj", join(
            tensors.pop("ffn_gate_exps.weight"), tensors.pop("ffn_up_exps.weight"), 1)
        yield f"{layer}.mlp.experts.down_proj", tensors.pop("ffn_down_exps.weight")
    else:
        yield from single_experts(layer, tensors, {
            f"ffn_{x}_exps.weight": f"mlp.experts.{{}}.{x}_proj.weight" for x in ("gate", "up", "down")})


def hub_layer(architecture, layer, tensors, sizes, fused):
    yield from experts(architecture, layer, tensors, fused)
    if "attn_k_b.weight" in tensors:
        keys, values = transpose(tensors.pop("attn_k_b.weight")), tensors.pop("attn_v_b.weight")
        both = join(keys, values, 1)
        yield f"{layer}.self_attn.kv_b_proj.weight", Tensor(both.kind, [both.shape[0] * both.shape[1], both.shape[2]],
                                                            both.data)
    names = {**LAYER, **LAYERS_OF.get(architecture, {})}
    for name, tensor in tensors.items():
        if architecture == "llama" and name.startswith(("attn_q.", "attn_k.")):
            tensor = unpair(tensor, sizes["heads" if name.startswith("attn_q.") else "kv_heads"])
        if architecture.startswith("gemma") and name.endswith("norm.weight"):
            tensor = plus(tensor, -1)
        yield f"{layer}.{names[name]}", tensor


def hub_tensors(architecture, tensors, sizes, fused):
    layers = {}
    for name, tensor in tensors.items():
        if name.startswith("blk."):
            _, number, rest = name.split(".", 2)
            layers.setdefault(int(number), {})[rest] = tensor
        elif name in ENDS:
            gemma_norm = architecture.startswith("gemma") and name == "output_norm.weight"
            yield ENDS[name], plus(tensor, -1) if gemma_norm else tensor
        else:
            assert name.startswith("rope_f"), name  # in config.json
    for number, mine in layers.items():
        yield from hub_layer(architecture, f"model.layers.{number}", mine, sizes, fused)


# ---------------------------------------------------------------------------------------------------- config.json


def floats(tensor):
    return list(array.array("f", tensor.data))


def exact(value):
    """The shortest decimal that is this binary32 number."""
    for digits in range(1, 18):
        text = f"{value:.{digits}g}"
        if struct.pack("<f", float(text)) == struct.pack("<f", value):
            return float(text)
    return value


NAMES = {"llama": "LlamaForCausalLM", "qwen2": "Qwen2ForCausalLM", "qwen3": "Qwen3ForCausalLM",
         "qwen3moe": "Qwen3MoeForCausalLM", "gemma2": "Gemma2ForCausalLM", "gemma3": "Gemma3ForCausalLM",
         "phi3": "Phi3ForCausalLM", "gpt-oss": "GptOssForCausalLM", "deepseek2": "DeepseekV2ForCausalLM"}

# config.json's name of a key of GGUF; those of the rotation are below.
KEYS = {
    "vocab_size": "vocab_size", "context_length": "max_position_embeddings", "embedding_length": "hidden_size",
    "block_count": "num_hidden_layers", "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads", "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps", "rope.freq_base": "rope_theta",
    "attention.key_length": "head_dim", "attention.sliding_window": "sliding_window",
    "attn_logit_softcapping": "attn_logit_softcapping", "final_logit_softcapping": "final_logit_softcapping",
    "expert_used_count": "num_experts_per_tok", "expert_feed_forward_length": "moe_intermediate_size",
    "expert_shared_count": "n_shared_experts", "leading_dense_block_count": "first_k_dense_replace",
    "expert_weights_scale": "routed_scaling_factor", "expert_weights_norm": "norm_topk_prob",
    "expert_group_count": "n_group", "expert_group_used_count": "topk_group",
    "attention.q_lora_rank": "q_lora_rank", "attention.kv_lora_rank": "kv_lora_rank",
}
EXPERTS = {"llama": "num_local_experts", "gpt-oss": "num_local_experts", "qwen3moe": "num_experts",
           "deepseek2": "n_routed_experts"}


def rope_scaling(architecture, get, tensors):
    if "rope_freqs.weight" in tensors:  # the numbers of Llama 3.1
        return {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
                "original_max_position_embeddings": 64}
    if "rope_factors_long.weight" in tensors:
        return {"type": "longrope", "long_factor": [exact(f) for f in floats(tensors["rope_factors_long.weight"])],
                "short_factor": [exact(f) for f in floats(tensors["rope_factors_short.weight"])]}
    kind = get("rope.scaling.type")
    if kind is None:
        return None
    scaling = {"rope_type": kind, "factor": get("rope.scaling.factor")}
    if kind == "yarn":
        scaling["original_max_position_embeddings"] = get("rope.scaling.original_context_length")
    if get("rope.scaling.yarn_log_multiplier") is not None:
        scaling["mscale_all_dim"] = exact(get("rope.scaling.yarn_log_multiplier")) * 10
    return scaling


def hub_config(architecture, keys, tensors, kind):
    def get(key):
        return keys.get(f"{architecture}.{key}")

    config = {"architectures": [NAMES[architecture]], "torch_dtype": {"F32": "float32", "F16": "float16"}.get(
        kind, "bfloat16"), "tie_word_embeddings": "output.weight" not in tensors}
    for ours, theirs in KEYS.items():
        value = get(ours)
        if value is not None:
            config[theirs] = exact(value) if isinstance(value, float) else value
    if get("expert_count"):
        config[EXPERTS[architecture]] = get("expert_count")
        if architecture == "llama":
            config["architectures"] = ["MixtralForCausalLM"]
    scaling = rope_scaling(architecture, get, tensors)
    if scaling:
        config["rope_scaling"] = scaling
    if architecture == "phi3":
        if get("rope.scaling.original_context_length"):
            config["original_max_position_embeddings"] = get("rope.scaling.original_context_length")
        share = get("rope.dimension_count") * config["num_attention_heads"] / config["hidden_size"]
        config["partial_rotary_factor"] = share
        config["sliding_window"] = config.get("sliding_window") or None
    if architecture == "gpt-oss":
        del config["moe_intermediate_size"]
        if any(tensor.kind == "MXFP4" for tensor in tensors.values()):
            config["quantization_config"] = {"quant_method": "mxfp4"}
    if architecture == "gemma2":
        config["query_pre_attn_scalar"] = config["head_dim"]
    if architecture == "deepseek2":
        deepseek_config(config, get)
    return config


def deepseek_config(config, get):
    rotated = get("rope.dimension_count")
    del config["head_dim"]
    config.update(qk_rope_head_dim=rotated, qk_nope_head_dim=get("attention.key_length_mla") - rotated,
                  v_head_dim=get("attention.value_length_mla"), num_key_value_heads=config["num_attention_heads"],
                  q_lora_rank=get("attention.q_lora_rank") or None)
    if get("expert_gating_func"):
        config["architectures"] = ["DeepseekV3ForCausalLM"]
        config["scoring_func"] = {1: "softmax", 2: "sigmoid"}[get("expert_gating_func")]


# ---------------------------------------------------------------------------------------------------- files


def varint(value):
    out = bytearray()
    while value >= 128:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, payload):
    """A protobuf field: bytes, a float or a whole number."""
    if isinstance(payload, float):
        return varint(number << 3 | 5) + struct.pack("<f", payload)
    if isinstance(payload, int):
        return varint(number << 3) + varint(payload)
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def write_tokenizer(keys, folder):
    """tokenizer.model, which GGUF's "llama" vocabularies come from, and tokenizer_config.json."""
    pieces, scores, kinds = (keys["tokenizer.ggml." + x] for x in ("tokens", "scores", "token_type"))
    model = b"".join(field(1, field(1, piece.encode()) + field(2, float(score)) + field(3, kind))
                     for piece, score, kind in zip(pieces, scores, kinds))
    model += field(2, field(3, 2) + field(4, len(pieces)) + field(35, 1) + field(40, 0) + field(41, 1) + field(42, 2))
    model += field(3, field(1, b"identity") + field(3, 1) + field(4, 0) + field(5, 1))
    with open(os.path.join(folder, "tokenizer.model"), "wb") as file:
        file.write(model)
    special = {"bos_token": "bos_token_id", "eos_token": "eos_token_id", "unk_token": "unknown_token_id"}
    ids = {name: keys["tokenizer.ggml." + key] for name, key in special.items()}
    config = {"added_tokens_decoder": {str(i): {"content": pieces[i], "special": True} for i in ids.values()}}
    config.update({name: pieces[i] for name, i in ids.items()}, tokenizer_class="LlamaTokenizer")
    write_json(config, os.path.join(folder, "tokenizer_config.json"))


def write_json(value, path):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=1)


def write_safetensors(tensors, path):
    header, at = {"__metadata__": {"format": "pt"}}, 0
    for name, tensor in tensors:
        header[name] = {"dtype": tensor.kind, "shape": tensor.shape, "data_offsets": [at, at + len(tensor.data)]}
        at += len(tensor.data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for _, tensor in tensors:
            file.write(tensor.data)


def write_gguf(keys, tensors, path):
    key_count, raw_keys = keys["raw"]
    numbers = {"MXFP4": MXFP4, **{name: number for number, (name, _) in TYPES.items()}}
    header, at = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), key_count) + raw_keys, 0
    for name, tensor in tensors.items():
        header += struct.pack("<Q", len(name)) + name.encode() + struct.pack("<I", len(tensor.shape))
        header += struct.pack(f"<{len(tensor.shape)}Q", *tensor.shape[::-1])
        header += struct.pack("<IQ", numbers[tensor.kind], at)
        at += len(tensor.data) + -len(tensor.data) % 32
    with open(path, "wb") as file:
        file.write(header + bytes(-len(header) % 32))
        for tensor in tensors.values():
            file.write(tensor.data + bytes(-len(tensor.data) % 32))


def write_weights(tensors, folder, shards):
    if shards == 1:
        write_safetensors(tensors, os.path.join(folder, "model.safetensors"))
        return
    weight_map = {}
    for i in range(shards):
        mine = tensors[i::shards]
        name = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        write_safetensors(mine, os.path.join(folder, name))
        weight_map.update({tensor: name for tensor, _ in mine})
    total = sum(len(tensor.data) for _, tensor in tensors)
    write_json({"metadata": {"total_size": total}, "weight_map": weight_map},
               os.path.join(folder, "model.safetensors.index.json"))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("gguf")
    parser.add_argument("folder")
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--narrow", choices=("F16", "BF16"))
    parser.add_argument("--fused", action="store_true")
    options = parser.parse_args()
    if sys.byteorder != "little":
        sys.exit("hf_from_gguf.py: wanted a little-endian machine")

    keys, tensors = read_gguf(options.gguf)
    architecture = keys["general.architecture"]
    kind = tensors["token_embd.weight"].kind
    config = hub_config(architecture, keys, tensors, kind)
    sizes = {"heads": config["num_attention_heads"], "kv_heads": config["num_key_value_heads"]}
    os.makedirs(options.folder, exist_ok=True)
    hub = sorted(hub_tensors(architecture, tensors, sizes, options.fused), key=lambda entry: entry[0])
    hub = [(name, narrow(tensor, options.narrow)) for name, tensor in hub]
    write_json(config, os.path.join(options.folder, "config.json"))
    write_tokenizer(keys, options.folder)
    write_weights(hub, options.folder, options.shards)
    expected = {name: rounded(architecture, name, tensor, options.narrow) for name, tensor in tensors.items()}
    if "rope_freqs.weight" in expected:
        expected["rope_freqs.weight"] = llama3_divisors(
            config["rope_theta"], config["hidden_size"] // config["num_attention_heads"], config["rope_scaling"])
    write_gguf(keys, expected, os.path.join(options.folder, "expected.gguf"))


main()
