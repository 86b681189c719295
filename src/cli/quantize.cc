// millrace quantize: a model file out of another, in fewer bits.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>
#include <map>

#include "base/team.h"
#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/table.h"
#include "format/quantise_checkpoint.h"
#include "model/vocabulary_to_gguf.h"

namespace millrace {
namespace {

struct QuantizeOptions {
  std::string in, out, type;
  std::int32_t threads = 0;
  bool allow_requantize = false, pure = false, no_vocabulary = false;
};

std::vector<std::string> RecipeNames() {
  std::vector<std::string> names;
  for (const QuantiseRecipe& recipe : QuantiseRecipes()) names.emplace_back(recipe.name);
  return names;
}

// What tensors of one type came to.
struct Sum {
  std::uint64_t tensors = 0, weights = 0, bytes_before = 0, bytes_after = 0;
  double squared_error = 0, squared_weight = 0;

  void Add(const Sum& other) {
    tensors += other.tensors;
    weights += other.weights;
    bytes_before += other.bytes_before;
    bytes_after += other.bytes_after;
    squared_error += other.squared_error;
    squared_weight += other.squared_weight;
  }
};

// The error as it is, and relative to the weights.
void AddRow(Table& table, const std::string& name, const Sum& sum) {
  const bool changed = sum.squared_weight > 0;
  const double rms = std::sqrt(sum.squared_error / static_cast<double>(sum.weights));
  const double relative = std::sqrt(sum.squared_error / sum.squared_weight);
  table.Add({name, fmt::format("{}", sum.tensors), fmt::format("{}", sum.weights),
             fmt::format("{}", sum.bytes_before), fmt::format("{}", sum.bytes_after),
             fmt::format("{:.3f}", 8.0 * static_cast<double>(sum.bytes_after) /
                                       static_cast<double>(sum.weights)),
             changed ? fmt::format("{:.3e}", rms) : "0",
             changed ? fmt::format("{:.3f}", 100 * relative) : "0"});
}

std::string Summary(const std::vector<QuantisedTensor>& tensors) {
  std::map<DType, Sum> sums;
  Sum total;
  for (const QuantisedTensor& tensor : tensors) {
    const Sum sum{1,
                  tensor.weights,
                  tensor.bytes_before,
                  tensor.bytes_after,
                  tensor.squared_error,
                  tensor.squared_weight};
    sums[tensor.to].Add(sum);
    total.Add(sum);
  }
  Table table({"type", "tensors", "weights", "bytes before", "bytes after", "bits a weight",
               "RMS error", "% of the weights"});
  for (const auto& [dtype, sum] : sums) AddRow(table, std::string(Name(dtype)), sum);
  AddRow(table, "all", total);
  return table.Markdown();
}

// A line for each way in which tensors fell back to another type.
std::string Fallbacks(const std::vector<QuantisedTensor>& tensors) {
  std::map<std::pair<DType, DType>, std::vector<std::string_view>> names;
  for (const QuantisedTensor& tensor : tensors) {
    if (tensor.wanted) names[{*tensor.wanted, tensor.to}].push_back(tensor.name);
  }
  std::string text;
  for (const auto& [types, of] : names) {
    text += fmt::format("{} {} {} instead of {}, whose blocks do not divide the rows: {}{}\n",
                        of.size(), of.size() == 1 ? "tensor is" : "tensors are", Name(types.second),
                        Name(types.first), Printable(of.front()), of.size() > 1 ? ", ..." : "");
  }
  return text;
}

// A file has its vocabulary in keys, a directory in files beside the weights.
Result<std::map<std::string, GgufValue>> VocabularyKeys(const Checkpoint& checkpoint) {
  Result<GgufVocabulary> vocabulary = VocabularyToGguf(checkpoint);
  if (!vocabulary.ok()) {
    return Error{vocabulary.error().code,
                 vocabulary.error().message + "; --no-vocabulary writes the weights alone"};
  }
  if (!vocabulary->difference.empty()) {
    Note("A GGUF file cannot say all of this tokenizer's treatment of added tokens: {}\n",
         Printable(vocabulary->difference));
  }
  return std::move(vocabulary->keys);
}

// What is printed.
Result<std::string> Execute(const QuantizeOptions& options) {
  MILLRACE_TRY(const Checkpoint checkpoint, Checkpoint::Load(options.in));
  QuantiseOptions work{.recipe = *FindQuantiseRecipe(options.type),
                       .threads = options.threads == 0 ? AvailableCpus() : options.threads,
                       .allow_requantize = options.allow_requantize,
                       .keys = {},
                       .progress = {}};
  if (options.pure) work.recipe.mixture = Mixture::kPure;
  if (!checkpoint.directory().empty() && !options.no_vocabulary) {
    MILLRACE_TRY(work.keys, VocabularyKeys(checkpoint));
  }
  std::optional<Progress> progress(fmt::format("writing {}", Printable(options.out)));
  work.progress = [&](std::uint64_t done, std::uint64_t total) {
    progress->Update(fmt::format("writing {}: {} % of {} M weights", Printable(options.out),
                                 done * 100 / total, total / 1000000));
  };
  MILLRACE_TRY(const auto tensors, QuantiseCheckpoint(checkpoint, options.out, work));
  progress.reset();
  return Summary(tensors) + Fallbacks(tensors);
}

}  // namespace

int Quantize(const Arguments& arguments) {
  QuantizeOptions options;
  VerbApp app("quantize", "IN OUT TYPE [options]",
              fmt::format("Writes the model IN as the GGUF file OUT with its matrices in another "
                          "type.\nTYPE: {}.\n_M and _S give the tensors that matter most more "
                          "bits, Q4_0 the output; norms and biases\nstay as they are",
                          fmt::join(RecipeNames(), ", ")));
  app.add_option("IN", options.in)->required();
  app.add_option("OUT", options.out)->required();
  app.add_option("TYPE", options.type)->required()->check(OneOf(RecipeNames()));
  app.add_flag("--pure", options.pure, "every matrix in the same type");
  app.add_flag("--no-vocabulary", options.no_vocabulary,
               "of a directory the weights alone, without its tokenizer");
  app.add_flag("--allow-requantize", options.allow_requantize,
               "take matrices that are quantised already: the errors add up");
  app.add_option("-t,--threads", options.threads, "threads; 0: one for each CPU; changes no bit")
      ->type_name("N")
      ->check(Whole(0, kMaxThreads));
  if (const auto status = Parse(app, arguments)) return *status;
  const auto text = Execute(options);
  if (!text.ok()) return Fail(app, text.error());
  const auto written = Put(*text);
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace
