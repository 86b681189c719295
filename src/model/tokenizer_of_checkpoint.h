// The tokenizer of a model, wherever it comes from: keys of a GGUF file, or files of a directory.
#pragma once

#include "base/result.h"
#include "format/checkpoint.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace millrace {

// Of a GGUF file its keys (model/vocabulary_from_gguf.h). Of a directory tokenizer.json, else
// tokenizer.model, and tokenizer_config.json; what ends a text or a turn as the checkpoint's keys
// say, where those files do not. kNotFound without any; else the errors of the files' readers,
// which name the file.
Result<Vocabulary> VocabularyOf(const Checkpoint& checkpoint);

// The same, built. Errors of Tokenizer::Build() with the name of the checkpoint in front.
Result<Tokenizer> TokenizerOf(const Checkpoint& checkpoint);

}  // namespace millrace
