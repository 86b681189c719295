// Whole numbers as people and other programs write them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace millrace {

// "42" or "-1". kInvalid if `text` is anything else or out of [least, most].
Result<std::int64_t> ParseWhole(std::string_view text, std::int64_t least, std::int64_t most);

// "1,2,3", "1 2 3" or "[1, 2, 3]": any commas, spaces, line ends and brackets between the numbers.
// The bounds must lie within int32_t.
Result<std::vector<std::int32_t>> ParseWholes(std::string_view text, std::int64_t least,
                                              std::int64_t most);

}  // namespace millrace
