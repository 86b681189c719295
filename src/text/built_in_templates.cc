#include "text/built_in_templates.h"

namespace millrace {
namespace {

struct NamedTemplate {
  std::string_view name, source;
};

constexpr std::string_view kChatMl = R"(
{%- for m in messages -%}
  {{- '<|im_start|>' ~ m.role ~ '\n' ~ m.content ~ '<|im_end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant\n' -}}{%- endif -%}
)";

constexpr std::string_view kLlama2 = R"(
{%- set ns = namespace(open=true) -%}
{{- '[INST] ' -}}
{%- for m in messages -%}
  {%- if not ns.open -%}{{- '[INST] ' -}}{%- set ns.open = true -%}{%- endif -%}
  {%- if m.role == 'system' -%}
    {{- '<<SYS>>\n' ~ m.content ~ '\n<</SYS>>\n\n' -}}
  {%- elif m.role == 'user' -%}
    {{- m.content ~ ' [/INST]' -}}
  {%- else -%}
    {{- m.content ~ '</s>' -}}{%- set ns.open = false -%}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kLlama3 = R"(
{%- for m in messages -%}
  {{- '<|start_header_id|>' ~ m.role ~ '<|end_header_id|>\n\n' ~ m.content | trim ~ '<|eot_id|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}
  {{- '<|start_header_id|>assistant<|end_header_id|>\n\n' -}}
{%- endif -%}
)";

// What the system says goes into the first turn of the user.
constexpr std::string_view kGemma = R"(
{%- set ns = namespace(system='') -%}
{%- for m in messages -%}
  {%- if m.role == 'system' -%}
    {%- set ns.system = ns.system ~ m.content | trim ~ '\n\n' -%}
  {%- else -%}
    {{- '<start_of_turn>' ~ ('model' if m.role == 'assistant' else m.role) ~ '\n' -}}
    {{- ns.system if m.role == 'user' -}}
    {%- if m.role == 'user' -%}{%- set ns.system = '' -%}{%- endif -%}
    {{- m.content | trim ~ '<end_of_turn>\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<start_of_turn>model\n' -}}{%- endif -%}
)";

constexpr std::string_view kPhi3 = R"(
{%- for m in messages -%}
  {{- '<|' ~ m.role ~ '|>\n' ~ m.content ~ '<|end|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\n' -}}{%- endif -%}
)";

constexpr std::string_view kPhi4 = R"(
{%- for m in messages -%}
  {{- '<|im_start|>' ~ m.role ~ '<|im_sep|>' ~ m.content ~ '<|im_end|>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|im_start|>assistant<|im_sep|>' -}}{%- endif -%}
)";

constexpr std::string_view kMistralV1 = R"(
{%- set ns = namespace(open=false) -%}
{%- for m in messages -%}
  {%- if not ns.open -%}{{- ' [INST] ' -}}{%- set ns.open = true -%}{%- endif -%}
  {%- if m.role == 'system' -%}
    {{- m.content ~ '\n\n' -}}
  {%- elif m.role == 'user' -%}
    {{- m.content ~ ' [/INST]' -}}
  {%- else -%}
    {{- ' ' ~ m.content ~ '</s>' -}}{%- set ns.open = false -%}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kMistralV3 = R"(
{%- set ns = namespace(open=false) -%}
{%- for m in messages -%}
  {%- if not ns.open -%}{{- '[INST] ' -}}{%- set ns.open = true -%}{%- endif -%}
  {%- if m.role == 'system' -%}
    {{- m.content ~ '\n\n' -}}
  {%- elif m.role == 'user' -%}
    {{- m.content ~ '[/INST]' -}}
  {%- else -%}
    {{- ' ' ~ m.content | trim ~ '</s>' -}}{%- set ns.open = false -%}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kMistralV3Tekken = R"(
{%- set ns = namespace(open=false) -%}
{%- for m in messages -%}
  {%- if not ns.open -%}{{- '[INST]' -}}{%- set ns.open = true -%}{%- endif -%}
  {%- if m.role == 'system' -%}
    {{- m.content ~ '\n\n' -}}
  {%- elif m.role == 'user' -%}
    {{- m.content ~ '[/INST]' -}}
  {%- else -%}
    {{- m.content ~ '</s>' -}}{%- set ns.open = false -%}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kMistralV7 = R"(
{%- for m in messages -%}
  {%- if m.role == 'system' -%}
    {{- '[SYSTEM_PROMPT] ' ~ m.content ~ '[/SYSTEM_PROMPT]' -}}
  {%- elif m.role == 'user' -%}
    {{- '[INST] ' ~ m.content ~ '[/INST]' -}}
  {%- else -%}
    {{- ' ' ~ m.content ~ '</s>' -}}
  {%- endif -%}
{%- endfor -%}
)";

constexpr std::string_view kDeepSeek2 = R"(
{%- for m in messages -%}
  {%- if m.role == 'system' -%}
    {{- m.content ~ '\n\n' -}}
  {%- elif m.role == 'user' -%}
    {{- 'User: ' ~ m.content ~ '\n\n' -}}
  {%- else -%}
    {{- 'Assistant: ' ~ m.content ~ '<｜end▁of▁sentence｜>' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'Assistant:' -}}{%- endif -%}
)";

constexpr std::string_view kDeepSeek3 = R"(
{%- for m in messages -%}
  {%- if m.role == 'system' -%}
    {{- m.content ~ '\n\n' -}}
  {%- elif m.role == 'user' -%}
    {{- '<｜User｜>' ~ m.content -}}
  {%- else -%}
    {{- '<｜Assistant｜>' ~ m.content ~ '<｜end▁of▁sentence｜>' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<｜Assistant｜>' -}}{%- endif -%}
)";

constexpr std::string_view kZephyr = R"(
{%- for m in messages -%}
  {{- '<|' ~ m.role ~ '|>\n' ~ m.content ~ '<|endoftext|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|assistant|>\n' -}}{%- endif -%}
)";

constexpr std::string_view kVicuna = R"(
{%- for m in messages -%}
  {%- if m.role == 'system' -%}
    {{- m.content ~ '\n\n' -}}
  {%- elif m.role == 'user' -%}
    {{- 'USER: ' ~ m.content ~ '\n' -}}
  {%- else -%}
    {{- 'ASSISTANT: ' ~ m.content ~ '</s>\n' -}}
  {%- endif -%}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}
)";

constexpr std::string_view kGranite = R"(
{%- for m in messages -%}
  {{- '<|start_of_role|>' ~ m.role ~ '<|end_of_role|>' ~ m.content ~ '<|end_of_text|>\n' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- '<|start_of_role|>assistant<|end_of_role|>' -}}{%- endif -%}
)";

constexpr NamedTemplate kTemplates[] = {
    {"chatml", kChatMl},
    {"llama2", kLlama2},
    {"llama3", kLlama3},
    {"gemma", kGemma},
    {"phi3", kPhi3},
    {"phi4", kPhi4},
    {"mistral-v1", kMistralV1},
    {"mistral-v3", kMistralV3},
    {"mistral-v3-tekken", kMistralV3Tekken},
    {"mistral-v7", kMistralV7},
    {"deepseek2", kDeepSeek2},
    {"deepseek3", kDeepSeek3},
    {"zephyr", kZephyr},
    {"vicuna", kVicuna},
    {"granite", kGranite},
};

}  // namespace

std::vector<std::string_view> BuiltInTemplateNames() {
  std::vector<std::string_view> names;
  for (const NamedTemplate& one : kTemplates) names.push_back(one.name);
  return names;
}

std::optional<std::string_view> BuiltInTemplate(std::string_view name) {
  // The families' names stand for their latest form.
  if (name == "mistral") name = "mistral-v3";
  if (name == "deepseek") name = "deepseek3";
  for (const NamedTemplate& one : kTemplates) {
    if (one.name == name) return one.source;
  }
  return std::nullopt;
}

}  // namespace millrace
