// Models as shapes: a graph without the bytes of its weights, from a config.json or by the name of
// one that is part of the program (models/shapes/).
#pragma once

#include <span>
#include <string_view>

#include "base/embedded_file.h"
#include "base/result.h"
#include "model/model.h"

namespace millrace {

// The files of models/shapes/, by name.
std::span<const EmbeddedFile> BuiltInShapeFiles();

// Whether `spec` names a built-in shape or a file of one (*.json): what is no model file.
bool IsShape(std::string_view spec);

// "llama-3.1-8b", or a file that ends in .json. matrices: the type that the weights of matrices are
// taken in, where their columns are whole blocks of it (else Q8_0, else F16). The model's graph has
// no bytes and it has no tokenizer. kNotFound for a name that is not known, with those that are;
// else the errors of ParseHfShape (format/hf_shape.h) and of Model::FromCheckpoint, which also is
// kUnsupported for more than 10^15 bytes.
Result<Model> LoadShape(std::string_view spec, DType matrices = DType::kQ8_0);

// The same from the text of a config.json.
Result<Model> ParseShape(std::string_view config, std::string_view name,
                         DType matrices = DType::kQ8_0);

}  // namespace millrace
