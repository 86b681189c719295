// The vocabulary of a directory, as the keys of a GGUF file.
//
// tokenizer.json says how it cuts text in expressions; a GGUF file says it by a name. So the keys
// are found by trying: each name that circulating models use, in a fixed order, is written to a
// file in memory, read again, and asked for the tokens of texts that tell the names apart
// (model/probe_texts.h). The first that gives the directory's own tokens is taken.
#pragma once

#include <map>
#include <string>

#include "base/result.h"
#include "format/checkpoint.h"
#include "format/gguf_writer.h"

namespace millrace {

struct GgufVocabulary {
  // All that a file needs beside the metadata that the directory's checkpoint has: kind, pieces
  // (one for each row of token_embd.weight), types, scores or merges, pre-tokenizer, ids, switches.
  std::map<std::string, GgufValue> keys;
  // GGUF has no words for some habits of control and user-defined tokens, as that of swallowing the
  // space next to them. If that shows in a text, one line that says where; else empty.
  std::string difference;
};

// `checkpoint` is of a directory. What no key can say is left out without a word: Unicode's normal
// forms, and what happens to texts that are not in form C.
//
// kUnsupported, with the nearest name and a text that it cuts otherwise, if nothing gives the same
// tokens; and for WordPiece, and for other tokens around a text than bos and eos. Else the errors
// of VocabularyOf (model/tokenizer_of_checkpoint.h).
Result<GgufVocabulary> VocabularyToGguf(const Checkpoint& checkpoint);

}  // namespace millrace
