// millrace perplexity: how well a model predicts a text.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/text_input.h"
#include "engine/perplexity.h"

namespace millrace {
namespace {

constexpr std::int32_t kDefaultChunk = 512;         // as llama-perplexity
constexpr std::int64_t kMostLogitBytes = 64 << 20;  // of the rows of one step
constexpr std::int32_t kFewestRows = 16, kMostRows = 256;

struct PerplexityCall {
  std::string model, file, format = "md";
  std::int32_t chunks = -1;
  BackendOptions backend;
};

// The tokens of the text, less a line end at its very end: there llama.cpp's -f has none either.
Result<std::vector<TokenId>> ReadTokens(const PerplexityCall& call, const Tokenizer& tokenizer) {
  MILLRACE_TRY(std::string text, ReadText(call.file));
  if (text.ends_with('\n')) text.pop_back();
  return tokenizer.Encode(text, {.add_special = true, .parse_special = false});
}

Result<Backend> Prepare(const Model& model, PerplexityCall& call) {
  BackendOptions& options = call.backend;
  if (options.context == 0) options.context = kDefaultChunk;
  const std::int64_t rows = kMostLogitBytes / (std::int64_t{4} * model.config().vocabulary);
  options.max_logit_rows =
      static_cast<std::int32_t>(std::clamp<std::int64_t>(rows, kFewestRows, kMostRows));
  options.max_logit_rows = std::min(options.max_logit_rows, options.max_tokens);
  return MakeBackend(model, options);
}

// "[1]23.4567,[2]24.5678," as llama-perplexity writes it, each number as soon as it is known.
Result<PerplexitySums> Stream(Executor& executor, const PerplexityCall& call,
                              const Tokenizer& tokenizer, std::span<const TokenId> tokens) {
  PerplexityOptions options{.context = call.backend.context, .chunks = call.chunks, .bos = {}};
  if (tokenizer.adds_bos()) options.bos = tokenizer.bos();
  const auto chunks = static_cast<std::int64_t>(tokens.size()) / options.context;
  const std::int64_t wanted =
      call.chunks > 0 ? std::min<std::int64_t>(call.chunks, chunks) : chunks;
  std::optional<Progress> progress(fmt::format("measuring chunk 1 of {}", wanted));
  Result<void> written;
  const auto after = [&](const PerplexitySums& sums) {
    if (call.format == "json") {
      progress->Update(fmt::format("measuring chunk {} of {}", sums.chunks + 1, wanted));
      return true;
    }
    progress->Wipe();
    written = Put(fmt::format("[{}]{:.4f},", sums.chunks, sums.value()));
    if (written.ok()) written = FlushOutput();
    return written.ok();
  };
  MILLRACE_TRY(const PerplexitySums sums, MeasurePerplexity(executor, tokens, options, after));
  if (!written.ok()) return written.error();
  return sums;
}

std::string Describe(const PerplexityCall& call, const PerplexitySums& sums) {
  if (call.format == "md")
    return fmt::format("\nPPL = {:.4f} +/- {:.5f}\n", sums.value(), sums.error());
  const nlohmann::ordered_json json = {
      {"perplexity", sums.value()}, {"error", sums.error()}, {"mean_nll", sums.mean_nll()},
      {"tokens", sums.tokens},      {"chunks", sums.chunks}, {"context", call.backend.context}};
  return json.dump(2) + "\n";
}

// What is printed at the end.
Result<std::string> Execute(PerplexityCall& call) {
  MILLRACE_TRY(const std::string path, ModelPath(call.model));
  std::optional<Progress> progress(fmt::format("loading {}", Printable(path)));
  MILLRACE_TRY(const Model model, Model::Load(path));
  if (!model.tokenizer().ok()) return model.tokenizer().error();
  const Tokenizer& tokenizer = *model.tokenizer();
  MILLRACE_TRY(const auto tokens, ReadTokens(call, tokenizer));
  MILLRACE_TRY(Backend backend, Prepare(model, call));
  progress.reset();
  MILLRACE_TRY(const PerplexitySums sums, Stream(*backend.executor, call, tokenizer, tokens));
  return Describe(call, sums);
}

}  // namespace

int Perplexity(const Arguments& arguments) {
  PerplexityCall call;
  VerbApp app("perplexity", "[-m FILE] -f TEXT [options]",
              "How well a model predicts a text: exp of the mean of -log p(token), over the second "
              "half of\neach chunk of -c tokens, as llama-perplexity counts it");
  AddModelOption(app, call.model);
  app.add_option("-f,--file", call.file, "the text")->type_name("TEXT")->required();
  app.add_option("-c,--ctx-size", call.backend.context, "tokens of a chunk; 0: 512")
      ->type_name("N")
      ->check(Whole(0, kMaxContext));
  app.add_option("--chunks", call.chunks, "chunks at most; -1: the whole text")
      ->type_name("N")
      ->check(Whole(-1, 1 << 30));
  app.add_option("-b,--batch-size", call.backend.max_tokens, "tokens a step; changes no bit")
      ->type_name("N")
      ->check(Whole(1, 65536));
  app.add_option("-o,--output", call.format, "md or json")
      ->type_name("FORMAT")
      ->check(OneOf({"md", "json"}));
  AddBackendOptions(app, call.backend);
  if (const auto status = Parse(app, arguments)) return *status;
  if (const auto valid = Validate(call.backend); !valid.ok()) return Misuse(app, valid.error());
  const auto text = Execute(call);
  if (!text.ok()) return Fail(app, text.error());
  const auto written = Put(*text);
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace
