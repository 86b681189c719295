// The tokenizer of a GGUF file: its keys tokenizer.ggml.* as a Vocabulary, and the Tokenizer built
// from it.
#pragma once

#include "base/result.h"
#include "format/checkpoint.h"
#include "text/tokenizer.h"
#include "text/vocabulary.h"

namespace millrace {

// text/vocabulary.h says which key is which field. Copies what the file says and checks types only:
// the checks of meaning are Tokenizer::Build()'s. kNotFound if there is no vocabulary, kUnsupported
// if it is of another kind than "llama", "gpt2", "bert" and "t5". Every message names the file and
// the key.
Result<Vocabulary> VocabularyFromGguf(const Checkpoint& checkpoint);

// The same, built. Errors of Tokenizer::Build() with the name of the file in front.
Result<Tokenizer> TokenizerFromGguf(const Checkpoint& checkpoint);

}  // namespace millrace
