// GGUF, versions 2 and 3, little-endian. docs/gguf.md describes the format and what is rejected.
#pragma once

#include <span>
#include <string>

#include "base/result.h"
#include "format/checkpoint.h"

namespace millrace {

// See Checkpoint::Parse. Uses memory in proportion to the header's bytes, whatever the header
// claims.
Result<Checkpoint> ParseGguf(std::span<const std::byte> bytes, std::string name);

}  // namespace millrace
