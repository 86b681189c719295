// make_model: writes a llama of random weights, to measure speed on.
//
//     make_model --shape 110M --type Q8_0 110M-Q8_0.gguf
//     make_model --dim 512 --layers 4 --heads 8 --kv-heads 2 --ffn 1536 --vocab 4096 --untied
//                --type F16 small.gguf
//
// Exits 0, 1 (the file cannot be written) or 2 (called wrongly).
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdio>
#include <iterator>
#include <optional>
#include <string>

#include "random_llama.h"

namespace millrace {
namespace {

struct Options {
  std::string shape_name, type = "Q8_0", path;
  std::optional<std::int64_t> hidden, layers, heads, kv_heads, ffn, vocabulary, context;
  bool tied = false, untied = false;
  std::uint64_t seed = 0;
};

// "F32, F16, ... or Q3_K".
std::string TypeNames() {
  std::string names;
  for (const DType dtype : kAllDTypes) {
    if (!names.empty()) names += dtype == std::end(kAllDTypes)[-1] ? " or " : ", ";
    names += Name(dtype);
  }
  return names;
}

void Declare(CLI::App& app, Options& options) {
  app.add_option("--shape", options.shape_name,
                 "15M, 15MK (15M for the K types), 110M or 1B; the sizes below change it");
  app.add_option("--dim", options.hidden, "hidden size");
  app.add_option("--layers", options.layers, "number of layers");
  app.add_option("--heads", options.heads, "number of query heads");
  app.add_option("--kv-heads", options.kv_heads, "number of key-value heads [--heads]");
  app.add_option("--ffn", options.ffn, "inner size of the feed-forward network");
  app.add_option("--vocab", options.vocabulary, "number of tokens");
  auto* tied = app.add_flag("--tied", options.tied, "the embedding is the output too [yes]");
  app.add_flag("--untied", options.untied, "a separate output matrix")->excludes(tied);
  app.add_option("--context", options.context, "context length [2048]");
  app.add_option("--type", options.type, "of all matrices: " + TypeNames() + " [Q8_0]");
  app.add_option("--seed", options.seed, "another model of the same shape [0]");
  app.add_option("file", options.path, "the GGUF file to write")->required();
}

// The named shape, if one was named, with the sizes that were given on top.
Result<LlamaShape> Combine(const Options& options) {
  LlamaShape shape;
  shape.name = "a llama";
  if (!options.shape_name.empty()) {
    const auto named = FindShape(options.shape_name);
    if (!named) return Invalid("--shape is '{}', wanted 15M, 15MK, 110M or 1B", options.shape_name);
    shape = *named;
  }
  shape.hidden = options.hidden.value_or(shape.hidden);
  shape.layers = options.layers.value_or(shape.layers);
  const bool one_kv_head_a_head = shape.kv_heads == shape.heads;
  shape.heads = options.heads.value_or(shape.heads);
  shape.kv_heads = options.kv_heads.value_or(one_kv_head_a_head ? shape.heads : shape.kv_heads);
  shape.ffn = options.ffn.value_or(shape.ffn);
  shape.vocabulary = options.vocabulary.value_or(shape.vocabulary);
  shape.context = options.context.value_or(shape.context);
  if (options.tied || options.untied) shape.tied = options.tied;
  return shape;
}

int Fail(const Error& error, int exit_code) {
  fmt::print(stderr, "make_model: {}\n", error.message);
  return exit_code;
}

int Run(const Options& options) {
  const auto dtype = ParseDType(options.type);
  if (!dtype) {
    return Fail(Invalid("--type is '{}', wanted {}", options.type, TypeNames()), 2);
  }
  const auto shape = Combine(options);
  if (!shape.ok()) return Fail(shape.error(), 2);
  if (const auto fits = CheckShape(*shape, *dtype); !fits.ok()) return Fail(fits.error(), 2);
  if (const auto written = WriteRandomLlama(*shape, *dtype, options.seed, options.path);
      !written.ok()) {
    return Fail(written.error(), 1);
  }
  return 0;
}

}  // namespace
}  // namespace millrace

int main(int argc, char** argv) {
  CLI::App app("Writes a llama of random weights as a GGUF file, to measure speed on.");
  millrace::Options options;
  millrace::Declare(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return millrace::Run(options);
}
