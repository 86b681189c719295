#include "cli/bench_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/text_input.h"

namespace millrace {
namespace {

constexpr const char* kTale =
    "A miller had a daughter and a blind old horse, and beside them nothing but his mill. One "
    "autumn "
    "the river fell so low that the wheel stood still. \"Without water there is no flour,\" said "
    "the "
    "miller, \"and without flour there is no bread.\" So the daughter took the horse by the bridle "
    "and "
    "went up the river to see where the water had gone. At the first bend she met a heron. "
    "\"Heron, "
    "who has taken our water?\" \"Ask at the next bend,\" said the heron. At the second bend she "
    "met an "
    "otter. \"Otter, who has taken our water?\" \"Ask at the next bend,\" said the otter. At the "
    "third "
    "bend a great stone lay in the river, and behind the stone there was a lake. The horse could "
    "not "
    "see the stone, so it was not afraid of it, and it pulled until the stone rolled away. Then "
    "the "
    "water ran down the valley, past the otter and past the heron, and in the evening the wheel "
    "turned again.";

std::string Name(const ProposerOptions& proposer) { return proposer.lookup ? "lookup" : "draft"; }

}  // namespace

Result<std::vector<BenchText>> BenchTexts(const Tokenizer& tokenizer, const std::string& file) {
  std::string text = kTale;
  if (!file.empty()) {
    MILLRACE_TRY(text, ReadText(file));
  }
  const std::vector<TokenId> tokens = tokenizer.Encode(text);
  if (tokens.empty()) return Invalid("{}: found no text to continue", file);
  std::vector<BenchText> texts{{.name = "tale", .prompt = tokens}};
  // The whole text, then its first fifth once more.
  BenchText echo{.name = "echo", .prompt = tokens};
  const std::vector<TokenId> again = tokenizer.Encode(text, {.add_special = false});
  echo.prompt.insert(echo.prompt.end(), again.begin(),
                     again.begin() + static_cast<std::ptrdiff_t>((again.size() + 4) / 5));
  texts.push_back(std::move(echo));
  return texts;
}

std::int32_t PositionsFor(const std::vector<BenchText>& texts, std::int32_t generated) {
  std::size_t longest = 0;
  for (const BenchText& text : texts) longest = std::max(longest, text.prompt.size());
  return static_cast<std::int32_t>(longest) + generated;
}

Result<TextRow> RunText(const Model& model, const Backend& backend, const BackendOptions& options,
                        const ProposerOptions& proposer, const BenchText& text,
                        std::int32_t generated, int repetitions) {
  MILLRACE_TRY(const ProposerBackend guesses,
               MakeProposer(model, options, backend.executor->limits(), proposer));
  TextRow row{.test = fmt::format("tg{} {}, {}", generated, text.name, Name(proposer)),
              .threads = backend.threads,
              .measurement = {}};
  MILLRACE_TRY(row.measurement,
               MeasureText(*backend.executor, *guesses.proposer, proposer.speculation, text.prompt,
                           generated, repetitions));
  return row;
}

}  // namespace millrace
