#include "model/architectures.h"

#include <string>

#include "model/llama.h"

namespace millrace {

std::span<const Architecture> Architectures() {
  static constexpr Architecture kArchitectures[] = {{"llama", BuildLlama}};
  return kArchitectures;
}

Result<Architecture> FindArchitecture(const Checkpoint& checkpoint) {
  MILLRACE_TRY(const std::string_view name, checkpoint.GetString("general.architecture"));
  std::string known;
  for (const Architecture& architecture : Architectures()) {
    if (architecture.name == name) return architecture;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", architecture.name);
  }
  return Unsupported("{}: architecture '{}' is not supported; supported: {}", checkpoint.name(),
                     name, known);
}

}  // namespace millrace
