"""Writes a GGUF file, version 3: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md"""

import struct

ALIGNMENT = 32
F32, Q8_0 = 0, 8  # tensor types
UINT32, INT32, FLOAT32, BOOL, STRING, ARRAY = 4, 5, 6, 7, 8, 9  # value types

FORMATS = {UINT32: "<I", INT32: "<i", FLOAT32: "<f", BOOL: "<?"}


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def scalar(kind, value):
    return string(value) if kind == STRING else struct.pack(FORMATS[kind], value)


def field(key, kind, value):
    """One key and its value; a list becomes an array of `kind`."""
    if isinstance(value, list):
        head = struct.pack("<IIQ", ARRAY, kind, len(value))
        return string(key) + head + b"".join(scalar(kind, item) for item in value)
    return string(key) + struct.pack("<I", kind) + scalar(kind, value)


def padding(size):
    return b"\0" * (-size % ALIGNMENT)


def write(path, fields, tensors):
    """fields: (key, kind, value); tensors: (name, type, dimensions, row length first, bytes)."""
    out = bytearray(b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields)))
    for key, kind, value in fields:
        out += field(key, kind, value)
    offset = 0
    for name, kind, dimensions, data in tensors:
        out += string(name) + struct.pack("<I", len(dimensions))
        out += struct.pack(f"<{len(dimensions)}Q", *dimensions)
        out += struct.pack("<IQ", kind, offset)
        offset += len(data) + len(padding(len(data)))
    out += padding(len(out))
    for _, _, _, data in tensors:
        out += data + padding(len(data))
    path.write_bytes(out)
