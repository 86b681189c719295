// A llama of random weights as a GGUF file: as large and as fast as a real one, and nonsense. Every
// engine that reads llama files runs it.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "llama_shape.h"
#include "numerics/dtype.h"

namespace millrace {

// Writes the model to `path`. All matrices, the embedding too, have `dtype`; norms are F32. Weights
// are nearly normal with a variance of one over the length of a row, so that activations neither
// grow nor vanish, and depend on (seed, tensor, row, column) alone: the same arguments give the
// same file, byte for byte. kInvalid as CheckShape says, kIo if the file cannot be written.
Result<void> WriteRandomLlama(const LlamaShape& shape, DType dtype, std::uint64_t seed,
                              const std::string& path);

}  // namespace millrace
