// A GGUF model in several files, NAME-00001-of-00003.gguf and so on (docs/gguf.md, "Split files").
#pragma once

#include <string>

#include "base/result.h"
#include "format/checkpoint.h"

namespace millrace {

// Maps a GGUF file and, if it says that it is the first part of several, the others beside it: the
// metadata of the first, the tensors of all. The errors are those of ParseGguf, and kInvalid for a
// part that is not the first, for a name that does not say which part it is, for parts that
// contradict the first; kNotFound for one that is missing.
Result<Checkpoint> LoadGgufFiles(const std::string& path);

}  // namespace millrace
