// A model without weights: what a config.json says of its size, as a checkpoint whose tensors the
// architecture makes as it asks for them. Enough to know what a model costs, and when.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "format/checkpoint.h"

namespace millrace {

// `config` is the text of a config.json, with all that the sizes of tensors depend on; `name`
// begins messages. Weights that it says are quantised are taken as `matrices` all the same.
// kInvalid for what is no JSON or contradicts itself, or for more than 4096 layers; kUnsupported
// for an architecture that is not known.
Result<Checkpoint> ParseHfShape(std::string_view config, const std::string& name, DType matrices);

}  // namespace millrace
