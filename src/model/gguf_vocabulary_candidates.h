// The ways in which a GGUF file might say what a vocabulary says.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "format/gguf_writer.h"
#include "text/vocabulary.h"

namespace millrace {

using GgufKeys = std::map<std::string, GgufValue>;

struct GgufCandidate {
  std::string label;  // as messages name it
  GgufKeys changes;   // of the common keys
};

struct GgufCandidates {
  GgufKeys common;
  std::vector<GgufCandidate> candidates;  // the likelier first
};

// `given` as its files say it, `complete` the same with what Tokenizer::Build() filled in, which
// puts nothing but bos and eos around a text. `rows`: of the embedding; pieces beyond the
// vocabulary are called [PADi], as converters call them. Nothing for a kind that GGUF files of
// decoders do not hold.
GgufCandidates CandidatesFor(const Vocabulary& given, const Vocabulary& complete, std::size_t rows);

}  // namespace millrace
