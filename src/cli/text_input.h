// Text from files and standard input.
#pragma once

#include <cstdio>
#include <string>

#include "base/result.h"

namespace millrace {

// All of a file. kNotFound, kIo, or kExhausted above 32 MiB.
Result<std::string> ReadText(const std::string& path);
Result<std::string> ReadText(std::FILE* file, const std::string& name);

}  // namespace millrace
