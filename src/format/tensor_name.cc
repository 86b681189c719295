#include "format/tensor_name.h"

#include <fmt/format.h>

#include <algorithm>

#include "format/gguf_types.h"

namespace millrace {

bool IsTensorName(std::string_view name) {
  return !name.empty() && name.size() <= gguf::kMaxTensorNameBytes &&
         std::none_of(name.begin(), name.end(), gguf::IsControl);
}

std::string Shown(std::string_view name) {
  constexpr std::size_t kMaxShown = 100;
  std::string shown;
  for (const char c : name.substr(0, kMaxShown)) {
    const bool plain = c >= ' ' && c <= '~';
    shown += plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  }
  return name.size() > kMaxShown ? shown + "..." : shown;
}

}  // namespace millrace
