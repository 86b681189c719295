// millrace logits: how anybody checks the bits.
#include <fmt/format.h>

#include <cstdio>
#include <memory>
#include <numeric>

#include "cli/options.h"
#include "cli/sha256.h"

namespace millrace {
namespace {

struct LogitsOptions {
  std::string model, output;
  std::vector<std::int32_t> tokens;
  std::int32_t chunk = 512;
  BackendOptions backend;
};

Result<void> CheckTokens(const LogitsOptions& options, const ExecutorLimits& limits) {
  if (options.tokens.size() > static_cast<std::size_t>(limits.context)) {
    return Exhausted("--tokens: {} tokens, the context has room for {}", options.tokens.size(),
                     limits.context);
  }
  for (const std::int32_t token : options.tokens) {
    if (token < 0 || token >= limits.vocabulary) {
      return Invalid("--tokens: {} is not in the vocabulary of {}", token, limits.vocabulary);
    }
  }
  return {};
}

// Writes the logits of all tokens, chunk by chunk, to `file` if there is one; returns the digest of
// their bytes.
Result<std::string> Compute(Executor& executor, const LogitsOptions& options, std::FILE* file) {
  std::vector<TokenId> tokens;
  for (const std::int32_t token : options.tokens) tokens.push_back(TokenId{token});
  std::vector<std::int32_t> blocks(static_cast<std::size_t>(executor.limits().kv_blocks));
  std::iota(blocks.begin(), blocks.end(), 0);
  Sha256 digest;
  for (std::size_t at = 0; at < tokens.size(); at += static_cast<std::size_t>(options.chunk)) {
    const std::size_t count = std::min(static_cast<std::size_t>(options.chunk), tokens.size() - at);
    const StepSequence step{std::span(tokens).subspan(at, count), static_cast<std::int32_t>(at),
                            blocks, LogitsWanted::kAll};
    executor.Step({&step, 1});
    for (std::size_t row = 0; row < count; ++row) {
      const auto bytes = std::as_bytes(executor.logits(row));
      digest.Add(bytes);
      if (file != nullptr && std::fwrite(bytes.data(), 1, bytes.size(), file) != bytes.size()) {
        return IoError("{}: cannot be written", options.output);
      }
    }
  }
  return digest.Finish();
}

Result<std::string> RunLogits(LogitsOptions& options) {
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  MILLRACE_TRY(const Model model, Model::Load(path));
  options.chunk = std::min(options.chunk, static_cast<std::int32_t>(options.tokens.size()));
  options.backend.max_tokens = options.backend.max_logit_rows = options.chunk;
  if (options.backend.context ==
      0) {  // as much as the tokens need, up to what the model was trained for
    options.backend.context = static_cast<std::int32_t>(std::min<std::int64_t>(
        model.config().context_length, static_cast<std::int64_t>(options.tokens.size())));
  }
  MILLRACE_TRY(const Backend backend, MakeBackend(model, options.backend));
  MILLRACE_TRY_VOID(CheckTokens(options, backend.executor->limits()));
  if (options.output.empty()) return Compute(*backend.executor, options, nullptr);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(
      std::fopen(options.output.c_str(), "wb"), std::fclose);
  if (file == nullptr) return IoError("{}: cannot be opened for writing", options.output);
  return Compute(*backend.executor, options, file.get());
}

}  // namespace

int Logits(const Arguments& arguments) {
  LogitsOptions options;
  CLI::App app(
      "The logits of every token as little-endian float32 [tokens, vocabulary], and their SHA-256",
      "logits");
  AddModelOption(app, options.model);
  app.add_option("--tokens", options.tokens, "token ids: 1,2,3")->delimiter(',')->required();
  app.add_option("-b,--batch-size", options.chunk, "tokens a step")->check(CLI::Range(1, 65536));
  app.add_option("-c,--ctx-size", options.backend.context, "context")->check(CLI::PositiveNumber);
  app.add_option("-o,--output", options.output,
                 "file for the logits; without it only the SHA-256 is printed");
  AddBackendOptions(app, options.backend);
  if (const auto status = Parse(app, arguments)) return *status;
  const auto digest = RunLogits(options);
  if (!digest.ok()) return Fail(app, digest.error());
  fmt::print("{}\n", *digest);
  return 0;
}

}  // namespace millrace
