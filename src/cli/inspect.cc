// millrace inspect: what is in a model, and what a token of it costs on this machine.
#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>

#include "cli/escapes.h"
#include "cli/options.h"
#include "cli/output.h"
#include "cli/progress.h"
#include "cli/shape_text.h"
#include "cli/table.h"
#include "graph/print.h"
#include "model/shape.h"

namespace millrace {
namespace {

struct InspectOptions {
  std::string model, format = "md";
  bool tensors = false, graph = false;
  BackendOptions backend;
};

constexpr std::size_t kTextBytes = 60;  // of a metadata text that is shown

// A number that was stored as binary32 is not shown with the digits of a double.
std::string Describe(double value) {
  const auto single = static_cast<float>(value);
  return static_cast<double>(single) == value ? fmt::format("{}", single)
                                              : fmt::format("{}", value);
}

std::string Describe(const MetadataScalar& scalar) {
  if (const auto* text = std::get_if<std::string_view>(&scalar)) {
    if (text->size() <= kTextBytes) return Printable(*text);
    return fmt::format("{} ({} bytes)", PrintableStart(*text, kTextBytes), text->size());
  }
  if (const auto* number = std::get_if<double>(&scalar)) return Describe(*number);
  return std::visit([](const auto& value) { return fmt::format("{}", value); }, scalar);
}

std::string Describe(const MetadataValue& value) {
  if (const auto* array = std::get_if<MetadataArray>(&value))
    return fmt::format("[{} elements]", array->size());
  return Describe(std::get<MetadataScalar>(value));
}

std::string MetadataText(const Checkpoint& checkpoint) {
  Table table({"key", "value"});
  for (const auto& [key, value] : checkpoint.metadata())
    table.Add({std::string(key), Describe(value)});
  return table.Markdown();
}

std::string EachTensorText(const Checkpoint& checkpoint) {
  Table table({"tensor", "type", "rows", "columns", "bytes"});
  for (const Tensor& tensor : checkpoint.tensors()) {
    table.Add({std::string(tensor.name), std::string(Name(tensor.dtype)),
               fmt::format("{}", tensor.rows()), fmt::format("{}", tensor.columns()),
               fmt::format("{}", tensor.bytes.size())});
  }
  return table.Markdown();
}

std::string TensorText(const Checkpoint& checkpoint) {
  struct Sum {
    std::int64_t tensors = 0, parameters = 0;
    std::size_t bytes = 0;
  };
  std::map<DType, Sum> sums;
  for (const Tensor& tensor : checkpoint.tensors()) {
    Sum& sum = sums[tensor.dtype];
    ++sum.tensors;
    sum.parameters += tensor.rows() * tensor.columns();
    sum.bytes += tensor.bytes.size();
  }
  Table table({"type", "tensors", "parameters", "bytes"});
  for (const auto& [dtype, sum] : sums) {
    table.Add({std::string(Name(dtype)), fmt::format("{}", sum.tensors),
               fmt::format("{}", sum.parameters), fmt::format("{}", sum.bytes)});
  }
  return table.Markdown();
}

std::string MemoryText(const HostPlan& plan) {
  const auto megabytes = [](std::size_t bytes) {
    return fmt::format("{:.2f}", static_cast<double>(bytes) / 1e6);
  };
  Table table({"memory", "MB"});
  table.Add({"packed weights", megabytes(plan.weight_bytes())});
  table.Add({fmt::format("KV cache of {} positions", plan.options().context),
             megabytes(plan.kv_bytes())});
  table.Add({fmt::format("activations of {} tokens, tables", plan.options().max_tokens),
             megabytes(plan.activation_bytes())});
  return table.Markdown();
}

std::string WorkText(const HostPlan& plan) {
  Table table({"a token at position", "bytes read", "multiply-adds", "bytes a multiply-add"});
  const std::int64_t context = plan.options().context;
  for (std::int64_t position = 1;; position = std::min(position * 8, context)) {
    const double bytes = plan.bytes_per_token(position);
    const double work = plan.multiply_adds_per_token(position);
    table.Add({fmt::format("{}", position), fmt::format("{:.0f}", bytes),
               fmt::format("{:.0f}", work), fmt::format("{:.3f}", bytes / work)});
    if (position >= context) return table.Markdown();
  }
}

nlohmann::ordered_json ToJson(const MetadataValue& value) {
  const auto* scalar = std::get_if<MetadataScalar>(&value);
  if (scalar == nullptr) return Describe(value);
  return std::visit([](const auto& plain) { return nlohmann::ordered_json(plain); }, *scalar);
}

nlohmann::ordered_json ToJson(const Model& model, const HostPlan& plan) {
  nlohmann::ordered_json tensors = nlohmann::ordered_json::array();
  for (const Tensor& tensor : model.checkpoint().tensors()) {
    tensors.push_back({{"name", std::string(tensor.name)},
                       {"type", std::string(Name(tensor.dtype))},
                       {"shape", tensor.shape},
                       {"bytes", tensor.bytes.size()}});
  }
  nlohmann::ordered_json metadata = nlohmann::ordered_json::object();
  for (const auto& [key, value] : model.checkpoint().metadata())
    metadata[std::string(key)] = ToJson(value);
  return {{"file", model.checkpoint().name()},
          {"file_bytes", model.checkpoint().file_bytes()},
          {"metadata", metadata},
          {"tensors", tensors},
          {"plan",
           {{"level", std::string(Name(plan.kernels().level))},
            {"threads", plan.options().threads},
            {"context", plan.options().context},
            {"weight_bytes", plan.weight_bytes()},
            {"kv_bytes", plan.kv_bytes()},
            {"activation_bytes", plan.activation_bytes()},
            {"bytes_per_token", plan.bytes_per_token(1)},
            {"multiply_adds_per_token", plan.multiply_adds_per_token(1)}}}};
}

std::string Describe(const Model& model, const HostPlan& plan, bool each_tensor) {
  const Checkpoint& file = model.checkpoint();
  const int threads = plan.options().threads;
  return fmt::format("{}: {} bytes, {} tensors\n\n{}\n{}\n", Printable(file.name()),
                     file.file_bytes(), file.tensors().size(), MetadataText(file),
                     each_tensor ? EachTensorText(file) : TensorText(file)) +
         fmt::format("On this machine: {}, {} {}, KV cache in {}\n\n{}\n{}",
                     Name(plan.kernels().level), threads, threads == 1 ? "thread" : "threads",
                     Name(plan.options().kv_type), MemoryText(plan), WorkText(plan));
}

// What is printed.
Result<std::string> Execute(const InspectOptions& options) {
  if (IsShape(options.model)) {
    MILLRACE_TRY(const Model shape, LoadShape(options.model));
    return options.graph ? Print(shape.graph()) : ShapeText(shape, options.format == "json");
  }
  MILLRACE_TRY(const std::string path, ModelPath(options.model));
  const Progress progress(fmt::format("loading {}", Printable(path)));
  MILLRACE_TRY(const Model model, Model::Load(path));
  if (options.graph) return Print(model.graph());
  BackendOptions as_run_has_it = options.backend;
  as_run_has_it.window_blocks = true;
  MILLRACE_TRY(const Backend backend, MakeBackend(model, as_run_has_it));
  if (options.format == "md") return Describe(model, *backend.plan, options.tensors);
  return ToJson(model, *backend.plan)
             .dump(2, ' ', false, nlohmann::json::error_handler_t::replace) +
         "\n";
}

}  // namespace

int Inspect(const Arguments& arguments) {
  InspectOptions options;
  VerbApp app("inspect", "[FILE] [options]",
              "What is in a model, and what a token of it costs on this machine");
  app.add_option("FILE,-m,--model", options.model,
                 "GGUF file (default: the model of millrace), or a shape: llama-3.1-8b")
      ->type_name("FILE");
  app.add_flag("--tensors", options.tensors, "list every tensor");
  app.add_flag("--graph", options.graph, "print the operations, and nothing else");
  app.add_option("-o,--output", options.format, "md or json")
      ->type_name("FORMAT")
      ->check(OneOf({"md", "json"}));
  AddContextOption(app, options.backend);
  AddBackendOptions(app, options.backend);
  if (const auto status = Parse(app, arguments)) return *status;
  if (const auto valid = Validate(options.backend); !valid.ok()) return Misuse(app, valid.error());
  if (options.backend.on != "host")
    return Misuse(app, Unsupported("--on: only the host has a plan to inspect"));
  const auto text = Execute(options);
  if (!text.ok()) return Fail(app, text.error());
  const auto written = Put(*text);
  return written.ok() ? 0 : Fail(app, written.error());
}

}  // namespace millrace
