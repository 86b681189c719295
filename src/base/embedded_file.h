// A text file that is part of the program: cmake/embed.cmake.
#pragma once

#include <span>
#include <string_view>

namespace millrace {

struct EmbeddedFile {
  std::string_view name;  // without folders
  std::string_view text;
};

}  // namespace millrace
