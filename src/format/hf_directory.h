// A model's directory as the hub of Hugging Face has it: config.json, *.safetensors, and beside
// them what belongs to the tokenizer. It is read as llama.cpp's converter would write it to GGUF:
// the same keys, the same tensors under the same names, so that an architecture is built once, from
// either. docs/safetensors.md says which architectures, and what is changed in their tensors.
#pragma once

#include <string>

#include "base/result.h"
#include "format/checkpoint.h"

namespace millrace {

// kInvalid without config.json, kNotFound without weights; kUnsupported for an architecture that is
// not known (the message lists those that are), for quantised weights but gpt-oss's, for tensors of
// other types than F32, F16 and BF16 and for tensors that the architecture does not have; kInvalid
// for what is damaged or contradicts itself. Every message names the file or the tensor.
Result<Checkpoint> LoadHfDirectory(const std::string& directory);

}  // namespace millrace
