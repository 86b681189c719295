// What the directory says of tokens, as GGUF metadata: the ids of special tokens, whether they are
// added, the chat template. The vocabulary itself stays in its files (Checkpoint::directory).
#pragma once

#include <string>

#include "base/result.h"
#include "format/hf_keys.h"
#include "format/hf_object.h"

namespace millrace {

// Reads tokenizer_config.json, generation_config.json and chat_template.jinja, as far as they are
// there, and tokenizer.json for the ids of tokens where nothing else has them. kInvalid for files
// that are damaged.
Result<void> SetTokenizerKeys(const std::string& directory, const HfObject& config, HfKeys& keys);

}  // namespace millrace
