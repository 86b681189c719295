"""Q8_0: blocks of 32 weights of a row, one float16 scale and 32 signed bytes each."""

import numpy

BLOCK = 32


def quantise(matrix):
    """(scales float16 [rows, blocks], values int8 [rows, blocks, 32])"""
    rows, columns = matrix.shape
    blocks = matrix.astype(numpy.float32).reshape(rows, columns // BLOCK, BLOCK)
    scales = numpy.abs(blocks).max(-1) / numpy.float32(127)
    inverse = numpy.divide(1, scales, out=numpy.zeros_like(scales), where=scales > 0)
    scaled = blocks * inverse[..., None]
    # Halves round away from zero, as C's roundf does.
    values = numpy.copysign(numpy.floor(numpy.abs(scaled) + 0.5), scaled).astype(numpy.int8)
    return scales.astype(numpy.float16), values


def dequantise(scales, values):
    matrix = scales.astype(numpy.float32)[..., None] * values
    return matrix.reshape(matrix.shape[0], -1)


def to_bytes(matrix):
    scales, values = quantise(matrix)
    block = numpy.dtype([("scale", "<f2"), ("values", "i1", BLOCK)])
    packed = numpy.empty(scales.shape, dtype=block)
    packed["scale"], packed["values"] = scales, values
    return packed.tobytes()
