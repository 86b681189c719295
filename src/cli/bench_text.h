// The rows of `millrace bench` that say what guessing tokens is worth: on text, because random
// tokens can be guessed by nobody.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/options.h"
#include "engine/text_measurement.h"
#include "text/tokenizer.h"

namespace millrace {

// A prompt with a name.
struct BenchText {
  std::string name;  // "tale": a text that goes on; "echo": one that begins to repeat itself
  std::vector<TokenId> prompt;
};

// From the text of `file`, or from a tale that is built in.
Result<std::vector<BenchText>> BenchTexts(const Tokenizer& tokenizer, const std::string& file);

// Positions that continuing any of the texts takes.
std::int32_t PositionsFor(const std::vector<BenchText>& texts, std::int32_t generated);

struct TextRow {
  std::string test;  // "tg128 echo, lookup"
  int threads = 1;
  TextMeasurement measurement;
};

Result<TextRow> RunText(const Model& model, const Backend& backend, const BackendOptions& options,
                        const ProposerOptions& proposer, const BenchText& text,
                        std::int32_t generated, int repetitions);

}  // namespace millrace
