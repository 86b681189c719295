// A model file out of another model, with its matrices in the types of a recipe
// (format/quantise_recipe.h): what `millrace quantize` does.
//
//     MILLRACE_TRY(const Checkpoint model, Checkpoint::Load("model-F16.gguf"));
//     const QuantiseOptions options{.recipe = *FindQuantiseRecipe("Q4_K_M"), .threads = 2};
//     MILLRACE_TRY(const auto tensors, QuantiseCheckpoint(model, "model-Q4_K_M.gguf", options));
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "format/checkpoint.h"
#include "format/gguf_writer.h"
#include "format/quantise_recipe.h"

namespace millrace {

struct QuantiseOptions {
  QuantiseRecipe recipe;
  int threads = 1;                        // change nothing but the time
  bool allow_requantize = false;          // take matrices that are quantised already
  std::map<std::string, GgufValue> keys;  // to be added to the model's metadata, or replace them
  // Called about once a megabyte, if there is one, with the weights written so far and in all.
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
};

struct QuantisedTensor {
  std::string name;
  DType from = DType::kF32, to = DType::kF32;
  std::optional<DType> wanted;  // the recipe's type, if the rows do not divide into its blocks
  std::uint64_t weights = 0;
  std::uint64_t bytes_before = 0, bytes_after = 0;
  double squared_error = 0;   // sum of (written - read)^2
  double squared_weight = 0;  // sum of read^2
};

// Writes `path` (whole or not at all: GgufWriter::Write) and says what became of each tensor.
//
// Metadata are copied with their types, but for general.file_type and general.quantization_version,
// which are set, general.alignment, which is the default, and split.*, because it is one file.
// Memory: some megabytes, whatever the size of the model. The bytes are the same for any number of
// threads.
//
// kInvalid if a matrix to be changed is quantised and that is not allowed, or if a weight is no
// finite number or one that its new type cannot hold; kIo if the file cannot be written.
Result<std::vector<QuantisedTensor>> QuantiseCheckpoint(const Checkpoint& checkpoint,
                                                        const std::string& path,
                                                        const QuantiseOptions& options);

}  // namespace millrace
