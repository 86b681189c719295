// millrace logits: how anybody checks the bits.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <limits>
#include <memory>
#include <numeric>

#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
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

// Takes the rows of logits as they are computed: into the digest, and into a file if there is one.
class LogitsFile {
 public:
  // Without a path only the digest is made.
  static Result<LogitsFile> Create(const std::string& path) {
    if (path.empty()) return LogitsFile(path, nullptr);
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr)
      return IoError("{}: cannot be opened for writing: {}", path, std::strerror(errno));
    return LogitsFile(path, file);
  }

  Result<void> Add(std::span<const std::byte> row) {
    digest_->Add(row);
    if (file_ == nullptr || std::fwrite(row.data(), 1, row.size(), file_.get()) == row.size()) {
      return {};
    }
    return IoError("{}: cannot be written: {}", path_, std::strerror(errno));
  }

  // The digest of all rows, once the file holds them.
  Result<std::string> Finish() {
    if (file_ != nullptr && std::fclose(file_.release()) != 0) {
      return IoError("{}: cannot be written: {}", path_, std::strerror(errno));
    }
    return digest_->Finish();
  }

 private:
  struct Closer {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  LogitsFile(std::string path, std::FILE* file) : path_(std::move(path)), file_(file) {}

  std::string path_;
  std::unique_ptr<std::FILE, Closer> file_;
  std::unique_ptr<Sha256> digest_ = std::make_unique<Sha256>();
};

Result<void> Compute(Executor& executor, const LogitsOptions& options, LogitsFile& file) {
  std::vector<TokenId> tokens;
  for (const std::int32_t token : options.tokens) tokens.push_back(TokenId{token});
  std::vector<std::int32_t> blocks(static_cast<std::size_t>(executor.limits().kv_blocks));
  std::iota(blocks.begin(), blocks.end(), 0);
  Progress progress("computing");
  for (std::size_t at = 0; at < tokens.size(); at += static_cast<std::size_t>(options.chunk)) {
    progress.Update(fmt::format("computing token {} of {}", at, tokens.size()));
    const std::size_t count = std::min(static_cast<std::size_t>(options.chunk), tokens.size() - at);
    const StepSequence step{std::span(tokens).subspan(at, count), static_cast<std::int32_t>(at),
                            blocks, LogitsWanted::kAll};
    executor.Step({&step, 1});
    for (std::size_t row = 0; row < count; ++row)
      MILLRACE_TRY_VOID(file.Add(std::as_bytes(executor.logits(row))));
  }
  return {};
}

Result<Backend> Prepare(const Model& model, LogitsOptions& options) {
  const auto count = static_cast<std::int32_t>(options.tokens.size());
  options.chunk = std::min(options.chunk, count);
  options.backend.max_tokens = options.backend.max_logit_rows = options.chunk;
  // As much context as the tokens need, up to what the model was trained for.
  if (options.backend.context == 0) {
    options.backend.context =
        static_cast<std::int32_t>(std::min<std::int64_t>(model.config().context_length, count));
  }
  MILLRACE_TRY(Backend backend, MakeBackend(model, options.backend));
  MILLRACE_TRY_VOID(CheckTokens(options, backend.executor->limits()));
  return backend;
}

// The digest.
Result<std::string> Execute(LogitsOptions& options) {
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  std::optional<Progress> progress(fmt::format("loading {}", Printable(path)));
  MILLRACE_TRY(const Model model,
               Model::Load(path, options.backend.context == 0
                                     ? static_cast<std::int64_t>(options.tokens.size())
                                     : options.backend.context));
  MILLRACE_TRY(const Backend backend, Prepare(model, options));
  progress.reset();
  MILLRACE_TRY(LogitsFile file, LogitsFile::Create(options.output));
  MILLRACE_TRY_VOID(Compute(*backend.executor, options, file));
  return file.Finish();
}

}  // namespace

int Logits(const Arguments& arguments) {
  LogitsOptions options;
  VerbApp app("logits", "[-m FILE] --tokens 1,2,3 [-o FILE] [options]",
              "The logits of every token as little-endian float32 [tokens, vocabulary], and the "
              "SHA-256\nof those bytes");
  AddModelOption(app, options.model);
  AddNumbers(app, "--tokens", options.tokens, 0, std::numeric_limits<std::int32_t>::max(),
             "the ids of a text");
  app.get_option("--tokens")->required();
  app.add_option("-o,--output", options.output,
                 "file for the logits; without it only the SHA-256 is printed")
      ->type_name("FILE");
  app.add_option("-b,--batch-size", options.chunk, "tokens a step; changes no bit")
      ->type_name("N")
      ->check(Whole(1, 65536));
  AddContextOption(app, options.backend);
  AddBackendOptions(app, options.backend);
  if (const auto status = Parse(app, arguments)) return *status;
  if (const auto valid = Validate(options.backend); !valid.ok()) return Misuse(app, valid.error());
  const auto digest = Execute(options);
  if (!digest.ok()) return Fail(app, digest.error());
  const auto written = Put(*digest + "\n");
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace
