// The time of every single token that llama.cpp decodes: its own bench gives averages only.
//
//     llama_token_times -m FILE [-p 0] [-n 128] [-d 0] [-t 1] [-r 5] [-fa 0|1|auto] [-o json]
//
// The flags and the fields are llama-bench's, so that compare reads both alike; with -n it adds
// token_p50_us, token_p99_us and token_max_us over the tokens of all repetitions. A repetition
// clears the cache, decodes -d tokens unmeasured, then measures -p tokens in one call and -n tokens
// one by one; one repetition goes before, unmeasured. Threads come from a pool that lives as long
// as the context: without one llama.cpp may start new threads for each token.
//
// Not part of the build: it needs an installed llama.cpp (README.md says how to compile it).
#include <ggml-backend.h>
#include <ggml-cpu.h>
#include <llama.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string model;
  int prompt = 0;
  int gen = 128;
  int depth = 0;
  int threads = 1;
  int repetitions = 5;
  llama_flash_attn_type flash_attention = LLAMA_FLASH_ATTN_TYPE_AUTO;
};

struct Samples {
  std::vector<double> repetition_seconds;
  std::vector<double> token_us;  // of all repetitions
};

[[noreturn]] void Fail(int status, const std::string& message) {
  std::fprintf(stderr, "llama_token_times: %s\n", message.c_str());
  std::exit(status);
}

std::optional<int> ParseCount(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

std::optional<llama_flash_attn_type> ParseFlashAttention(std::string_view text) {
  if (text == "0") return LLAMA_FLASH_ATTN_TYPE_DISABLED;
  if (text == "1") return LLAMA_FLASH_ATTN_TYPE_ENABLED;
  if (text == "auto") return LLAMA_FLASH_ATTN_TYPE_AUTO;
  return std::nullopt;
}

Options ParseOptions(int argc, char** argv) {
  Options options;
  for (int i = 1; i < argc; i += 2) {
    const std::string_view flag = argv[i];
    if (i + 1 == argc) Fail(2, std::string(flag) + " wants a value");
    const std::string_view value = argv[i + 1];
    int* count = flag == "-p"   ? &options.prompt
                 : flag == "-n" ? &options.gen
                 : flag == "-d" ? &options.depth
                 : flag == "-t" ? &options.threads
                 : flag == "-r" ? &options.repetitions
                                : nullptr;
    bool known = true;
    if (count != nullptr) {
      const std::optional<int> parsed = ParseCount(value);
      known = parsed.has_value();
      *count = parsed.value_or(0);
    } else if (flag == "-m") {
      options.model = value;
    } else if (flag == "-fa") {
      const auto parsed = ParseFlashAttention(value);
      known = parsed.has_value();
      options.flash_attention = parsed.value_or(LLAMA_FLASH_ATTN_TYPE_AUTO);
    } else {
      known = flag == "-o" && value == "json";
    }
    if (!known) Fail(2, "cannot take " + std::string(flag) + " " + std::string(value));
  }
  if (options.model.empty()) Fail(2, "wants -m FILE");
  if (options.prompt + options.gen == 0) Fail(2, "wants -p or -n above 0");
  if (options.threads == 0 || options.repetitions == 0) Fail(2, "wants -t and -r above 0");
  return options;
}

struct Free {
  void operator()(llama_model* model) const { llama_model_free(model); }
  void operator()(llama_context* context) const { llama_free(context); }
};

// The functions of the CPU backend, which may be a library loaded at run time.
template <typename Function>
Function* CpuFunction(const char* name) {
  ggml_backend_dev_t device = ggml_backend_dev_by_type(GGML_BACKEND_DEVICE_TYPE_CPU);
  if (device == nullptr) Fail(1, "llama.cpp found no CPU backend beside its libraries");
  void* function = ggml_backend_reg_get_proc_address(ggml_backend_dev_backend_reg(device), name);
  if (function == nullptr) Fail(1, std::string("llama.cpp's CPU backend has no ") + name);
  return reinterpret_cast<Function*>(function);
}

class Decoder {
 public:
  explicit Decoder(const Options& options) {
    llama_model_params model_params = llama_model_default_params();
    model_params.n_gpu_layers = 0;
    model_.reset(llama_model_load_from_file(options.model.c_str(), model_params));
    if (!model_) Fail(1, options.model + ": llama.cpp cannot load it");
    llama_context_params params = llama_context_default_params();
    params.n_ctx = static_cast<uint32_t>(options.prompt + options.gen + options.depth);
    params.n_threads = options.threads;
    params.n_threads_batch = options.threads;
    params.flash_attn_type = options.flash_attention;
    context_.reset(llama_init_from_model(model_.get(), params));
    if (!context_) Fail(1, options.model + ": llama.cpp cannot make a context");
    ggml_threadpool_params pool_params = ggml_threadpool_params_default(options.threads);
    pool_ = CpuFunction<decltype(ggml_threadpool_new)>("ggml_threadpool_new")(&pool_params);
    if (pool_ == nullptr) Fail(1, "llama.cpp cannot start its threads");
    llama_attach_threadpool(context_.get(), pool_, nullptr);
    vocab_size_ = llama_vocab_n_tokens(llama_model_get_vocab(model_.get()));
    batch_tokens_ = static_cast<int>(params.n_batch);
  }

  ~Decoder() {
    context_.reset();
    CpuFunction<decltype(ggml_threadpool_free)>("ggml_threadpool_free")(pool_);
  }

  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  const llama_model* model() const { return model_.get(); }

  void Clear() { llama_memory_clear(llama_get_memory(context_.get()), false); }

  // Appends `count` arbitrary tokens, in as few calls as the context's batch size allows.
  void Decode(int count) {
    while (count > 0) {
      const int size = std::min(count, batch_tokens_);
      tokens_.resize(static_cast<size_t>(size));
      for (llama_token& token : tokens_) token = NextToken();
      if (llama_decode(context_.get(), llama_batch_get_one(tokens_.data(), size)) != 0) {
        Fail(1, "llama_decode failed");
      }
      count -= size;
    }
    llama_synchronize(context_.get());
  }

 private:
  // Any sequence that walks the whole vocabulary, so that no embedding row stays in the cache.
  llama_token NextToken() {
    state_ = state_ * 6364136223846793005u + 1442695040888963407u;
    return static_cast<llama_token>((state_ >> 33) % static_cast<uint64_t>(vocab_size_));
  }

  std::unique_ptr<llama_model, Free> model_;
  std::unique_ptr<llama_context, Free> context_;
  ggml_threadpool* pool_ = nullptr;
  std::vector<llama_token> tokens_;
  int32_t vocab_size_ = 0;
  int batch_tokens_ = 0;
  uint64_t state_ = 1;
};

double SecondsSince(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

void MeasureRepetition(Decoder& decoder, const Options& options, Samples* samples) {
  decoder.Clear();
  decoder.Decode(options.depth);
  const Clock::time_point start = Clock::now();
  decoder.Decode(options.prompt);
  for (int i = 0; i < options.gen; ++i) {
    const Clock::time_point token_start = Clock::now();
    decoder.Decode(1);
    samples->token_us.push_back(1e6 * SecondsSince(token_start));
  }
  samples->repetition_seconds.push_back(SecondsSince(start));
}

Samples Measure(Decoder& decoder, const Options& options) {
  Samples warm_up;
  MeasureRepetition(decoder, options, &warm_up);
  Samples samples;
  samples.token_us.reserve(static_cast<size_t>(options.gen) *
                           static_cast<size_t>(options.repetitions));
  for (int i = 0; i < options.repetitions; ++i) MeasureRepetition(decoder, options, &samples);
  return samples;
}

// The smallest sample that is not below a share `p` of all of them (nearest rank).
double Percentile(const std::vector<double>& sorted, double p) {
  const double rank = std::ceil(p * static_cast<double>(sorted.size()));
  return sorted[static_cast<size_t>(std::max(rank, 1.0)) - 1];
}

std::string Quoted(std::string_view text) {
  std::string quoted = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return quoted + "\"";
}

void Print(const Options& options, const llama_model* model, const Samples& samples) {
  char type[128] = "";
  llama_model_desc(model, type, sizeof(type));
  std::printf("[\n  {\n    \"model_filename\": %s,\n", Quoted(options.model).c_str());
  std::printf("    \"model_type\": %s,\n", Quoted(type).c_str());
  std::printf("    \"model_size\": %llu,\n",
              static_cast<unsigned long long>(llama_model_size(model)));
  std::printf("    \"n_threads\": %d,\n    \"flash_attn\": %d,\n", options.threads,
              static_cast<int>(options.flash_attention));
  std::printf("    \"n_prompt\": %d,\n    \"n_gen\": %d,\n    \"n_depth\": %d,\n", options.prompt,
              options.gen, options.depth);
  double sum = 0;
  std::string list;
  for (const double seconds : samples.repetition_seconds) {
    const double speed = (options.prompt + options.gen) / seconds;
    sum += speed;
    if (!list.empty()) list += ", ";
    list += std::to_string(speed);
  }
  std::printf("    \"avg_ts\": %.6f,\n", sum / static_cast<double>(options.repetitions));
  if (!samples.token_us.empty()) {
    std::vector<double> sorted = samples.token_us;
    std::sort(sorted.begin(), sorted.end());
    std::printf("    \"token_p50_us\": %.3f,\n", Percentile(sorted, 0.50));
    std::printf("    \"token_p99_us\": %.3f,\n", Percentile(sorted, 0.99));
    std::printf("    \"token_max_us\": %.3f,\n", sorted.back());
  }
  std::printf("    \"samples_ts\": [ %s ]\n  }\n]\n", list.c_str());
}

void IgnoreLog(ggml_log_level /*level*/, const char* /*text*/, void* /*data*/) {}

}  // namespace

int main(int argc, char** argv) {
  const Options options = ParseOptions(argc, argv);
  llama_log_set(IgnoreLog, nullptr);
  ggml_backend_load_all();
  llama_backend_init();
  {
    Decoder decoder(options);
    const Samples samples = Measure(decoder, options);
    Print(options, decoder.model(), samples);
  }
  llama_backend_free();
  return 0;
}
