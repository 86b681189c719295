// What is known of special tokens by their spelling alone.
//
// Files often do not say which tokens end a turn, or declare <|im_end|> to be an ordinary piece.
// The spellings that model families use are few and public, and llama.cpp treats them the same way,
// so a user may expect it.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "base/typed_index.h"
#include "text/vocabulary.h"

namespace millrace {

// Makes pieces control tokens that are spelled like ends of generation or fill-in-the-middle marks,
// and user-defined the visible marks of the harmony format. `vocabulary.kinds` must have as many
// elements as pieces.
void CorrectKindsBySpelling(Vocabulary& vocabulary);

// The ids at which generation ends, ascending: eos, eot and eom of the file, and the pieces spelled
// like one.
std::vector<TokenId> EndOfGenerationTokens(const Vocabulary& vocabulary);

// The first piece, in the order of the list of usual spellings, that ends a turn.
std::optional<TokenId> FindEndOfTurn(const Vocabulary& vocabulary);

}  // namespace millrace
