#include "cli/shape_text.h"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/escapes.h"
#include "cli/table.h"

namespace millrace {
namespace {

struct Sum {
  std::int64_t weights = 0, parameters = 0, bytes = 0;
};

std::map<DType, Sum> SumsByType(const Graph& graph) {
  std::map<DType, Sum> sums;
  for (const Weight& weight : graph.weights) {
    Sum& sum = sums[weight.dtype];
    ++sum.weights;
    sum.parameters += weight.rows * weight.columns;
    sum.bytes += weight.rows * static_cast<std::int64_t>(RowBytes(
                                   weight.dtype, static_cast<std::size_t>(weight.columns)));
  }
  return sums;
}

// Of one position, keys and values in binary16, in all layers.
std::int64_t KvBytes(const Graph& graph) {
  std::int64_t bytes = 0;
  for (const Operation& operation : graph.operations) {
    if (const auto* attention = std::get_if<Attention>(&operation)) {
      bytes += 2 * std::int64_t{attention->kv_heads} * (attention->head_dim + attention->value_dim);
    }
  }
  return bytes;
}

std::string Text(const Model& model, const Sum& all) {
  const ModelConfig& config = model.config();
  std::string text =
      fmt::format("{}: {}, {} layers of {}, {} parameters, {} bytes, without weights\n\n",
                  Printable(model.checkpoint().name()), Printable(config.architecture),
                  config.layers, config.hidden, all.parameters, all.bytes);
  Table table({"type", "tensors", "parameters", "bytes"});
  for (const auto& [dtype, sum] : SumsByType(model.graph())) {
    table.Add({std::string(Name(dtype)), fmt::format("{}", sum.weights),
               fmt::format("{}", sum.parameters), fmt::format("{}", sum.bytes)});
  }
  return text + table.Markdown() +
         fmt::format("\nKV cache in F16: {} bytes a position\n", KvBytes(model.graph()));
}

}  // namespace

std::string ShapeText(const Model& model, bool json) {
  Sum all;
  for (const auto& [dtype, sum] : SumsByType(model.graph())) {
    all.weights += sum.weights;
    all.parameters += sum.parameters;
    all.bytes += sum.bytes;
  }
  if (!json) return Text(model, all);
  const nlohmann::ordered_json shape = {{"shape", model.checkpoint().name()},
                                        {"architecture", model.config().architecture},
                                        {"layers", model.config().layers},
                                        {"hidden", model.config().hidden},
                                        {"parameters", all.parameters},
                                        {"weight_bytes", all.bytes},
                                        {"kv_bytes_per_position", KvBytes(model.graph())}};
  return shape.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace millrace
