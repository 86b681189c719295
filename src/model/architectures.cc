#include "model/architectures.h"

#include <string>

#include "model/deepseek2.h"
#include "model/gemma2.h"
#include "model/gemma3.h"
#include "model/gpt_oss.h"
#include "model/llama.h"
#include "model/phi3.h"
#include "model/qwen2.h"
#include "model/qwen3.h"
#include "model/qwen3moe.h"

namespace millrace {

std::span<const Architecture> Architectures() {
  static constexpr Architecture kArchitectures[] = {
      {"llama", BuildLlama},       {"qwen2", BuildQwen2},    {"qwen3", BuildQwen3},
      {"qwen3moe", BuildQwen3Moe}, {"gemma2", BuildGemma2},  {"gemma3", BuildGemma3},
      {"phi3", BuildPhi3},         {"gpt-oss", BuildGptOss}, {"deepseek2", BuildDeepseek2}};
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
