// What GGUF stores otherwise than safetensors, as far as several architectures share it.
#pragma once

#include "format/hf_conversion.h"

namespace millrace {

// The type of a tensor; kUnsupported if it is not F32, F16 or BF16.
Result<DType> FloatType(const HfConversion& conversion, const SafetensorsTensor& tensor);

// kInvalid if the tensor has another number of dimensions.
Result<void> CheckDimensions(const HfConversion& conversion, const SafetensorsTensor& tensor,
                             std::size_t dimensions);

// As it is.
Result<void> Keep(HfConversion& conversion, const HfSource& source);

// Left out: nothing of it is needed to compute.
Result<void> Skip(HfConversion& conversion, const HfSource& source);

// Plus one: norms that multiply by 1 + weight.
Result<void> AddOne(HfConversion& conversion, const HfSource& source);

// Rows of queries and of keys, so that the two numbers of a rotated pair, which lie half a head
// apart in safetensors, are neighbours.
Result<void> PairQueryRows(HfConversion& conversion, const HfSource& source);
Result<void> PairKeyRows(HfConversion& conversion, const HfSource& source);

// The matrices of all experts one after the other, as one tensor.
Result<void> StackExperts(HfConversion& conversion, const HfSource& source);

// [experts, 2 * rows, columns]: the gates of an expert before its ups.
Result<void> SplitGateUp(HfConversion& conversion, const HfSource& source);

}  // namespace millrace
