// The weights of a directory: model.safetensors, or the shards that model.safetensors.index.json
// names (docs/safetensors.md, "Shards").
#pragma once

#include <string>
#include <vector>

#include "base/mapped_file.h"
#include "base/result.h"
#include "format/safetensors.h"

namespace millrace {

struct SafetensorsShards {
  std::vector<MappedFile> files;           // in the order of their names
  std::vector<SafetensorsTensor> tensors;  // of all, file by file; they view the files
};

// kNotFound if there are no weights or a shard is missing, kInvalid if the index and the shards
// contradict each other; else the errors of ParseSafetensors.
Result<SafetensorsShards> LoadSafetensorsShards(const std::string& directory);

}  // namespace millrace
