// One safetensors file: named tensors of one type each, row-major. docs/safetensors.md describes
// the format and what is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "numerics/dtype.h"

namespace millrace {

struct SafetensorsTensor {
  std::string name;
  std::string_view type;             // as the file says it: "BF16"
  std::optional<DType> dtype;        // the same, if it is F32, F16 or BF16
  std::vector<std::int64_t> shape;   // outermost first; none for a scalar; an extent may be 0
  std::span<const std::byte> bytes;  // little-endian; aligned only as far as the file is
};

// The tensors in the order of their bytes. Everything is checked before: kInvalid if the header is
// no such JSON, if a size, offset or shape contradicts another, if bytes belong to two tensors or
// to none; kUnsupported for a type that the format does not have (the message names the tensor).
// `name` appears in messages. Uses memory in proportion to the header's bytes, whatever it claims.
Result<std::vector<SafetensorsTensor>> ParseSafetensors(std::span<const std::byte> bytes,
                                                        const std::string& name);

}  // namespace millrace
