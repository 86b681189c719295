// The Hugging Face architectures that are known.
#pragma once

#include <span>
#include <string_view>

#include "format/hf_conversion.h"

namespace millrace {

// The tensors of nearly all, by their own rules or these.
std::span<const HfRule> SharedRules();

// One file each.
std::span<const HfFamily> LlamaFamilies();      // llama, mistral, mixtral
std::span<const HfFamily> QwenFamilies();       // qwen2, qwen3, qwen3moe
std::span<const HfFamily> GemmaFamilies();      // gemma2, gemma3
std::span<const HfFamily> Phi3Families();       // phi3
std::span<const HfFamily> GptOssFamilies();     // gpt-oss
std::span<const HfFamily> Deepseek2Families();  // deepseek2: V2 and V3

// kUnsupported for a name that is not known, with those that are. `where` begins the message.
Result<const HfFamily*> FindHfFamily(std::string_view name, std::string_view where);

}  // namespace millrace
